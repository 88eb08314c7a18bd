"""Equal workers behind one handle, which gives each message to the one that is least busy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Generic, TypedDict, TypeVar

from bluev_actors.actors.commands import StartChild
from bluev_actors.actors.lifecycle import State
from bluev_actors.actors.ref import Ref, cell_behind, own_cell
from bluev_actors.actors.specs import child
from bluev_actors.actors.supervisor import Supervisor
from bluev_actors.errors import ActorStoppedError, AskCycleError, MailboxFullError, UndeliveredError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from bluev_actors.actors.actor import Actor
    from bluev_actors.actors.call import Askable
    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.commands import SupervisorCommand
    from bluev_actors.actors.exits import Exit
    from bluev_actors.actors.specs import Backoff, ChildSpec, Overflow, Restart, RestartBudget
    from bluev_actors.actors.system import System

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")


_FULL: Final = 1 << 40
"""More than any mailbox holds."""

_UNABLE: Final = 1 << 60
"""More than that by far."""


class MemberOptions(TypedDict, total=False):
    """What the contracts of all members of a team may say; the meaning of each is that of `ChildSpec`."""

    restart: Restart
    shutdown: float | None
    mailbox: int
    kind: str
    budget: RestartBudget | None
    overflow: Overflow
    backoff: Backoff | None


class Pool(Generic[M_contra]):
    """The handle of a pool, which anybody may hold, as a ref.

    A message goes straight to the mailbox of the member that has least to do: that is, where the fewest messages wait,
    the one at hand included. Among equals the members take turns. One that is not running, is paused or on its way out
    gets a message only when there is no other. Each member handles its messages one after another, but what two of them
    do has no order, so send here what may happen in any order.

    Args:
        supervisor: the supervisor whose children are the members, now and after each of its own restarts.
    """

    __slots__ = ("_supervisor", "_turn", "ref")

    ref: Ref[SupervisorCommand]
    """The supervisor of the members."""

    def __init__(self, supervisor: Ref[Any]) -> None:
        self.ref = supervisor
        self._supervisor = cell_behind(supervisor)
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Pool {self.ref.path} of {len(self.refs)}>"

    @property
    def refs(self) -> tuple[Ref[M_contra], ...]:
        """The members that are not gone for good."""
        return tuple(Ref(cell) for cell in self._members())

    # --- messages ---

    def tell(self, message: M_contra) -> None:
        """Put a message in the mailbox of the least busy member that takes it, without waiting.

        Raises:
            MailboxFullError: all members are full, and their overflow policy drops nothing; the message is inside.
            ActorStoppedError: there is no member that takes messages; the message is inside.
        """
        full = False
        left = self._members()
        while left:
            member = self._take_least_busy(left)
            try:
                return member.tell(message)
            except UndeliveredError as error:
                full = full or isinstance(error, MailboxFullError)
        raise self._refusal(message, full=full)

    async def send(self, message: M_contra) -> None:
        """Put a message in the mailbox of the least busy member, waiting for room there if all are full.

        Raises:
            MailboxFullError: all are full, and their overflow policy is not to wait; the message is inside.
            ActorStoppedError: there is no member that takes messages; the message is inside.
        """
        full = False
        left = self._members()
        while left:
            member = self._take_least_busy(left)
            try:
                return await member.send(message)
            except UndeliveredError as error:
                full = full or isinstance(error, MailboxFullError)
        raise self._refusal(message, full=full)

    async def ask(self, message: Askable[M_contra, R], *, timeout: float = 5.0) -> R:
        """Send a request to the least busy member and wait for its answer.

        A member that asks its own pool is answered by another one, and so is whoever a member waits for.

        Args:
            message: the request.
            timeout: seconds to wait for room in the mailbox and for the answer together.

        Raises:
            MailboxFullError: all are full, and their overflow policy is not to wait; the request is inside.
            ActorStoppedError: there is no member, or the one that was asked went before it answered.
            AskCycleError: each member waits, directly or through others, for an answer of the asker.
            ActorError: as `Ref.ask`.
            BluevError: whatever its handler rejected the request with.
        """
        full = False
        circle: AskCycleError | None = None
        left = self._members_beside(own_cell.get())
        while left:
            member = self._take_least_busy(left)
            try:
                return await member.ask(message, timeout=timeout)
            except MailboxFullError as error:
                if error.undelivered is not message:
                    raise
                full = True
            except AskCycleError as error:
                # Only a circle that begins with our own step to the member says that it never got the request.
                if error.cycle[1] != member.path or error.cycle[0] == member.path:
                    raise
                circle = error
        raise (None if full else circle) or self._refusal(message, full=full)

    # --- its life ---

    def stop(self, reason: str = "") -> None:
        """Ask all members, at once, to end for good after the message at hand; then their supervisor."""
        for member in self.refs:
            member.stop(reason)
        self.ref.stop(reason)

    def drain(self, reason: str = "", *, within: float = math.inf) -> None:
        """Ask all members, at once, to handle what waits for them, take nothing new and end; then their supervisor.

        Args:
            reason: why, for those who are refused meanwhile and for the exits.
            within: seconds after which who is not done is cancelled.
        """
        for member in self.refs:
            member.drain(reason, within=within)
        self.ref.drain(reason, within=within)

    async def stopped(self) -> Exit:
        """Wait until all are gone for good; returns how their supervisor ended."""
        return await self.ref.stopped()

    # --- within ---

    def _members(self) -> list[Cell[Any]]:
        children = self._supervisor.children
        return [] if children is None else [cell for cell in children if cell.state is not State.STOPPED]

    def _members_beside(self, asker: Cell[Any] | None) -> list[Cell[Any]]:
        """The members without the one that asks, unless that is the only one."""
        members = self._members()
        return [cell for cell in members if cell is not asker] or members

    def _take_least_busy(self, members: list[Cell[Any]]) -> Ref[M_contra]:
        """Take the one to try next out of a list of members; among equals it is the next one's turn."""
        least, chosen = math.inf, 0
        for step in range(self._turn, self._turn + len(members)):
            place = step % len(members)
            burden = _burden(members[place])
            if burden < least:
                least, chosen = burden, place
            if not burden:
                break
        self._turn = chosen + 1
        return Ref(members.pop(chosen))

    def _refusal(self, message: object, *, full: bool) -> UndeliveredError:
        if full:
            return MailboxFullError(self.ref.path, message, "the mailboxes of all its members are full")
        return ActorStoppedError(self.ref.path, message, "has no member that takes messages")


def _burden(cell: Cell[Any]) -> int:
    """What a member has to do: the messages that wait, and the one at hand.

    One where senders have to wait for room counts as busier than all that have room, and one that does not work, or is
    about to stop, as busier than all who do.
    """
    mailbox = cell.mailbox
    load = len(mailbox) + (cell.handling is not None)
    if mailbox.must_wait:
        load += _FULL + mailbox.statistics().waiting
    able = cell.state is State.RUNNING and not (cell.leaving or cell.draining or mailbox.paused)
    return load if able else load + _UNABLE


async def start_pool(
    parent: System | Ref[StartChild],
    id: str,
    worker: Callable[[], Actor[M]],
    *,
    size: int = 4,
    intensity: int = 3,
    period: float = 5.0,
    **options: Unpack[MemberOptions],
) -> Pool[M]:
    """Start equal workers under a supervisor of their own, and wait for all of them.

    Args:
        parent: the system, or the supervisor, to start that supervisor under.
        id: its name there; the members are called "1", "2" and so on.
        worker: makes a member, once for each incarnation.
        size: how many there are.
        intensity: how many restarts of members their supervisor allows within `period`.
        period: in seconds.
        **options: the contract of each member.

    Raises:
        ValueError: `size` is less than 1, or an option is wrong.
        ChildIdTakenError: the parent has a child of this id.
        ChildStartError: a member did not start; the cause says why.
    """
    if size < 1:
        raise ValueError(f"a pool needs at least one member, not {size}")
    specs = [child(str(number), worker, **options) for number in range(1, size + 1)]
    return Pool(await start_team(parent, id, specs, "Pool", intensity, period))


async def start_team(
    parent: System | Ref[StartChild], id: str, specs: Sequence[ChildSpec], kind: str, intensity: int, period: float
) -> Ref[SupervisorCommand]:
    """Start a supervisor with these children, which has as long to stop as they need."""
    team = child(id, lambda: Supervisor[Any](specs, intensity=intensity, period=period), kind=kind)
    supervisor = parent if isinstance(parent, Ref) else parent.root
    return await supervisor.ask(StartChild(team), timeout=math.inf)
