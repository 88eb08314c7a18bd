"""The only thing others hold of an actor: an address that survives its crashes."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_origin, overload

import trio

from bluev_actors.actors.call import Askable, Call
from bluev_actors.errors import AskCycleError, AskTimeoutError, BluevError, ChildNotFoundError, UndeliveredError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.actor import Actor
    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.exits import Exit
    from bluev_actors.actors.lifecycle import State
    from bluev_actors.actors.mailbox import MailboxStatistics

M_contra = TypeVar("M_contra", contravariant=True)
M = TypeVar("M")
R = TypeVar("R")

own_cell: ContextVar[Cell[Any] | None] = ContextVar("bluev_actors_own_cell", default=None)
"""The actor whose task, or whose task's child, is running: it is shown as waiting while it asks."""


class Rejected(Exception):  # noqa: N818 - it says what a handler does: `raise Rejected(error)`
    """Raised by the handler of a request to answer with an error instead of crashing.

    Args:
        error: what the asker's `ask` raises.
    """

    def __init__(self, error: BluevError) -> None:
        super().__init__(str(error))
        self.error = error


class Ref(Generic[M_contra]):
    """The address of one actor, through all its incarnations."""

    __slots__ = ("_cell", "_mailbox")

    def __init__(self, cell: Cell[Any]) -> None:
        self._cell = cell
        self._mailbox = cell.mailbox

    def __repr__(self) -> str:
        return f"<Ref {self.path} {self.state.value}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self._cell is other._cell

    def __hash__(self) -> int:
        return hash(self._cell)

    @property
    def id(self) -> str:
        """Its name among its siblings."""
        return self._cell.spec.id

    @property
    def path(self) -> str:
        """Its place in the tree, such as `/runs/run-1`; the root's is `/`."""
        return self._cell.path

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._cell.state

    @property
    def incarnation(self) -> int:
        """Which of its lives this is, counted from 1."""
        return self._cell.incarnation

    @property
    def mailbox(self) -> MailboxStatistics:
        """The figures of its mailbox."""
        return self._mailbox.statistics()

    @property
    def busy(self) -> bool:
        """Whether it has a message at hand."""
        return self._cell.handling is not None

    @overload
    def child(self, id: str) -> Ref[Any]: ...

    @overload
    def child(self, id: str, actor_class: type[Actor[M]]) -> Ref[M]: ...

    def child(self, id: str, actor_class: type[Actor[Any]] | None = None) -> Ref[Any]:
        """The ref of a child that it has now, if it is a supervisor; nobody is asked, so nobody waits.

        Args:
            id: the child's name.
            actor_class: what the child is, so that type checkers know what its ref takes.

        Raises:
            ChildNotFoundError: it has no child of this id.
            TypeError: the child is of another class.
        """
        children = self._cell.children
        cell = None if children is None else children.find(id)
        if cell is None:
            raise ChildNotFoundError(f"{self.path}: there is no child {id!r}")
        wanted = get_origin(actor_class) or actor_class or object
        if cell.actor is not None and not isinstance(cell.actor, wanted):
            raise TypeError(f"{cell.path} is no {wanted.__name__} but a {type(cell.actor).__name__}")
        return Ref(cell)

    # --- messages ---

    def tell(self, message: M_contra, *, urgent: bool = False) -> None:
        """Put a message in its mailbox, without waiting and without a checkpoint.

        Args:
            message: what to tell.
            urgent: whether it goes before all messages that are not; urgent messages always find room.

        Raises:
            MailboxFullError: there is no room, and its overflow policy drops nothing; the message is inside.
            ActorStoppedError: it is gone for good, or drains; the message is inside.
        """
        if urgent:
            self._mailbox.put_urgent(message)
        else:
            self._mailbox.put_nowait(message)

    async def send(self, message: M_contra) -> None:
        """Put a message in its mailbox, waiting for room as long as it takes if that is its overflow policy.

        Raises:
            MailboxFullError: it is full and either the sender's own, so nobody would ever make room, or its policy is
                not to wait; the message is inside.
            ActorStoppedError: it is gone for good, or drains; the message is inside.
        """
        if self._mailbox.must_wait and self._is_own():
            self._mailbox.put_nowait(message)
        await self._mailbox.put(message)

    async def ask(self, message: Askable[M_contra, R], *, timeout: float = 5.0, urgent: bool = False) -> R:
        """Send a request and wait for its answer.

        Type checkers know from the class of the request both whether this actor takes it and what the answer is.

        Args:
            message: the request.
            timeout: seconds to wait for room in the mailbox and for the answer together.
            urgent: whether it goes before all messages that are not.

        Raises:
            ValueError: the time-out is NaN.
            AskTimeoutError: no answer came in time; the request may still be worked on.
            ActorStoppedError: it is gone for good, or went before it answered.
            ActorRestartingError: it crashed while it worked on this request, is on its way out, or waits for a delayed
                restart.
            MailboxFullError: it has no room, and its overflow policy is not to wait.
            AskCycleError: it waits, directly or through others, for an answer of the asker, or as a supervisor for its
                start or end, so no answer would ever come.
            BluevError: whatever its handler rejected the request with.
        """
        cell = self._cell
        call = Call(message, cell)
        asker = own_cell.get()
        if asker is None:
            return await self._answer_to(call, timeout, urgent)
        call.blocking = asker.task is trio.lowlevel.current_task()
        waits = cell is asker or cell.waiting is not None or cell.waits_for is not None
        if waits and call.blocking and not cell.unanswering:
            _refuse_cycle(asker, cell)
        before = asker.waiting
        if call.blocking or before is None or before.done:
            asker.waiting = call
        try:
            return await self._answer_to(call, timeout, urgent)
        finally:
            if asker.waiting is call:
                asker.waiting = None if before is None or before.done else before

    async def _answer_to(self, call: Call[R], timeout: float, urgent: bool) -> R:
        cell = self._cell
        spent = 0.0
        if math.isnan(timeout):
            raise ValueError("timeout must be a number of seconds, not NaN")
        if cell.unanswering:
            raise cell.refusal(call.message)
        try:
            if urgent:
                self._mailbox.put_urgent(call)
            elif self._mailbox.must_wait:
                spent = await self._wait_for_room(call, timeout)
            else:
                self._mailbox.put_nowait(call)
        except UndeliveredError as error:
            if call.done:  # it was turned away while it waited for room, with an error of its own
                return await call.wait()
            error.undelivered = call.message
            raise
        if timeout != math.inf:
            cell.system.deadlines.add(call, timeout, spent)
        return await call.wait()

    async def _wait_for_room(self, call: Call[Any], timeout: float) -> float:
        """Put a call in a full mailbox as soon as it is its turn; returns the seconds that took."""
        began = trio.current_time()
        with trio.move_on_after(max(0.0, timeout)):
            await self._mailbox.wait_for_room(call)
            return trio.current_time() - began
        name = type(call.message).__name__
        raise AskTimeoutError(f"{self.path}: no room for {name} within {timeout:g} s")

    def _is_own(self) -> bool:
        """Whether the running task is the very one that takes this mailbox's messages."""
        return own_cell.get() is self._cell and self._cell.task is trio.lowlevel.current_task()

    # --- its life ---

    def stop(self, reason: str = "") -> None:
        """Ask it to end for good, whatever its restart policy; it does so before it takes another message.

        One that is still busy after the `shutdown` seconds of its contract is cancelled; one that takes no
        messages is cancelled at once. Does not wait: `stopped` does.
        """
        self._cell.request_stop(reason)

    def drain(self, reason: str = "", *, within: float = math.inf) -> None:
        """Ask it to end for good when it has handled all that waits; it takes nothing new.

        A supervisor drains its children in reverse order, and then ends; one that crashes meanwhile is not started
        again, and what waited for it becomes dead letters. `stop` cuts a drain short. Does not wait: `stopped` does.

        Args:
            reason: why, for those who are refused meanwhile and for the exit.
            within: seconds after which it is cancelled.
        """
        self._cell.request_drain(reason, within)

    def pause(self) -> None:
        """Have it take no message but urgent ones, until `resume`; the one at hand is finished.

        Messages still find room in the mailbox; to stop it, and to supervise it, works as ever. Its timers wait too. A
        pause outlives a crash. One that drains is not paused.
        """
        self._cell.pause()

    def resume(self) -> None:
        """Have it take messages again."""
        self._mailbox.resume()

    async def stopped(self) -> Exit:
        """Wait until it is gone for good, which a restart is not; returns how it ended."""
        return await self._cell.gone()

    def when_stopped(self, callback: Callable[[Exit], None]) -> Callable[[], None]:
        """Have a plain function called when it is gone for good, at once if it is; it must not raise.

        Returns:
            The function that undoes that.
        """
        return self._cell.when_stopped(callback)

    def when_exited(self, callback: Callable[[Exit], None]) -> Callable[[], None]:
        """Have a plain function called whenever an incarnation of it is over; it must not raise.

        Returns:
            The function that undoes that.
        """
        return self._cell.when_exited(callback)


def cell_behind(ref: Ref[Any]) -> Cell[Any]:
    """What stands behind a ref; for the runtime itself."""
    return ref._cell  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - for the ref's own floor, which users do not see


def _refuse_cycle(asker: Cell[Any], asked: Cell[Any]) -> None:
    """Raise `AskCycleError` if the one who is asked waits for the asker, perhaps through others.

    Only who can do nothing else until then counts as waiting, and only for an answer that is not left for later, so
    whatever is refused here could never have ended well.
    """
    cycle = [asker.path, asked.path]
    while asked is not asker:
        following = _waits_for(asked)
        if following is None:
            return
        asked = following
        cycle.append(asked.path)
    raise AskCycleError(cycle)


def _waits_for(cell: Cell[Any]) -> Cell[Any] | None:
    """Whom it needs to go on: the child that it starts or ends, or whoever it has asked."""
    call = cell.waiting
    if call is None or not call.blocking or call.done or call.deferred:
        return cell.waits_for
    return call.target
