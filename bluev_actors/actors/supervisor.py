"""The actor that starts, restarts and stops others."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from bluev_actors.actors.actor import Actor
from bluev_actors.actors.call import Envelope, is_call
from bluev_actors.actors.cell import Cell, ChildExited  # noqa: TC001 - handlers are found by their annotations
from bluev_actors.actors.children import Children, failed_to_restart
from bluev_actors.actors.commands import (
    ChangeChildSpec,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    LookUp,
    RestartChild,
    StartChild,
    StopChild,
    SupervisorCommand,
    WhichChildren,
)
from bluev_actors.actors.dispatch import handles
from bluev_actors.actors.lifecycle import ALIVE, State
from bluev_actors.actors.ref import Ref, Rejected
from bluev_actors.actors.restart import RestartWindow
from bluev_actors.actors.specs import AUTO_SHUTDOWNS, STRATEGIES, AutoShutdown, ChildSpec, RestartBudget, Strategy
from bluev_actors.errors import ActorError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Sequence

    from bluev_actors.actors.call import Call
    from bluev_actors.actors.exits import Exit

M = TypeVar("M")


class _RestartDue(Envelope):
    """The delay of a child's restart is over, or that of a group's."""

    __slots__ = ("cell",)

    def __init__(self, cell: Cell[Any] | None) -> None:
        self.cell = cell


class Supervisor(Actor[M | SupervisorCommand], Generic[M]):
    """Starts its children in order, restarts them by their contracts, and stops them in reverse order.

    Subclasses may take messages of their own. The rules are those of OTP's `supervisor`.

    Args:
        children: the contracts of those it starts with, after its own `on_start`.
        strategy: who is restarted together.
        intensity: how many restarts it allows within `period`; one more and it stops all children and exits.
        period: the length of that window, in seconds.
        auto_shutdown: whether it ends when a significant child has ended by itself.
        max_children: how many contracts it may have; None: as many as you like.

    Raises:
        ValueError: a value is wrong; the text says which.
    """

    _children: Children

    def __init__(
        self,
        children: Sequence[ChildSpec] = (),
        *,
        strategy: Strategy = "one_for_one",
        intensity: int = 1,
        period: float = 5.0,
        auto_shutdown: AutoShutdown = "never",
        max_children: int | None = None,
    ) -> None:
        _check("strategy", strategy, STRATEGIES)
        _check("auto_shutdown", auto_shutdown, AUTO_SHUTDOWNS)
        self._first_children = tuple(children)
        self._strategy: Strategy = strategy
        self._restart_budget = RestartBudget(intensity, period)
        self._auto_shutdown: AutoShutdown = auto_shutdown
        self._max_children = max_children

    # --- for subclasses, from the supervisor's own task ---

    @property
    def children(self) -> tuple[str, ...]:
        """The ids of its children, in start order."""
        return tuple(cell.spec.id for cell in self._children)

    def child(self, id: str) -> Ref[Any]:
        """The ref of a child; raises `ChildNotFoundError` if there is none of this id."""
        return Ref(self._children.known(id))

    def start_child(self, spec: ChildSpec) -> Ref[Any]:
        """Start a child without waiting for its `on_start`; a plain call, from `on_start` on.

        If it does not start, that is an exit as any other: its policy says whether it is tried again.

        Raises:
            ChildIdTakenError: there is a child of this id.
            BadChildSpecError: its contract does not go with this supervisor.
            ChildStartError: there are `max_children` already, or the supervisor is stopping.
        """
        cell = self._children.add(spec)
        self._children.spawn(cell)
        return Ref(cell)

    def cancel_child(self, id: str, reason: str = "") -> None:
        """Cancel the incarnation of a child now, without waiting; its exit arrives like every other.

        Raises:
            ChildNotFoundError: there is no child of this id.
        """
        self._children.known(id).kill(reason)

    def has_ended(self, id: str) -> bool:
        """Whether a child will not come back by itself: it is gone for good, or there is none of this id."""
        cell = self._children.find(id)
        return cell is None or cell.state is State.STOPPED

    def forget_child(self, id: str) -> None:
        """Give up the place of a child that is gone; a plain call.

        Raises:
            ChildNotFoundError: there is no child of this id.
            ActorError: it is not stopped.
        """
        self._children.forget(self._children.stopped(id))

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Do something about an exit, after the child was restarted or given up.

        The exits of siblings that were ended to be restarted with a child do not come here.

        Args:
            spec: the contract of the child.
            exit: how its incarnation ended.
        """

    # --- commands ---

    @handles
    def _on_start_child(self, command: StartChild) -> None:
        self.start_for_asker(command.spec)

    def start_for_asker(self, spec: ChildSpec) -> None:
        """Start a child for whoever sent the request at hand, who is answered when it has started."""
        try:
            cell = self._children.add(spec)
        except ActorError as error:
            raise Rejected(error) from None
        cell.starter = self.__asker()
        self._children.spawn(cell)

    @handles
    def _on_stop_child(self, command: StopChild) -> None:
        with _rejecting():
            cell = self._children.known(command.id)
        if asker := self.__asker():
            cell.when_stopped(lambda _: asker.answer(None))
        cell.request_stop("its supervisor was told to stop it")

    @handles
    def _on_restart_child(self, command: RestartChild) -> None:
        with _rejecting():
            cell = self._children.renew(self._children.stopped(command.id))
        cell.starter = self.__asker()
        self._children.spawn(cell)

    def __asker(self) -> Call[Any] | None:
        """The call to answer when the command is carried out; None if it was told and nobody waits for that."""
        return self.defer() if is_call(self._cell.handling) else None

    @handles
    def _on_delete_child(self, command: DeleteChild) -> None:
        with _rejecting():
            self._children.forget(self._children.stopped(command.id))

    @handles
    def _on_get_child_spec(self, command: GetChildSpec) -> ChildSpec:
        with _rejecting():
            return self._children.known(command.id).spec

    @handles
    def _on_change_child_spec(self, command: ChangeChildSpec) -> None:
        with _rejecting():
            self._children.change(command.spec)

    @handles
    def _on_which_children(self, _: WhichChildren) -> tuple[ChildInfo, ...]:
        return tuple(
            ChildInfo(cell.spec.id, cell.kind, cell.state, cell.spec.restart, cell.incarnation)
            for cell in self._children
        )

    @handles
    def _on_count_children(self, _: CountChildren) -> ChildCounts:
        cells = tuple(self._children)
        active = sum(cell.state in ALIVE for cell in cells)
        supervisors = sum(cell.supervises for cell in cells)
        return ChildCounts(len(cells), active, supervisors, len(cells) - supervisors)

    @handles
    def _on_look_up(self, command: LookUp) -> Ref[Any] | None:
        cell = self._children.find(command.id)
        return None if cell is None or cell.state is State.STOPPED else Ref(cell)

    # --- exits ---

    @handles
    def _on_child_exited(self, signal: ChildExited) -> object:
        """A plain call in the common case, a restart of a single child: a tree may see thousands of them a second."""
        cell = signal.cell
        if not self._children.is_news(signal):
            return None
        if not cell.started and not cell.queued and failed_to_restart(cell):
            self.__queue(signal)
            return None
        left = self._children.settle(signal)
        if left is None and type(self).on_child_exit is _NOTHING_TO_DO:
            return None
        return self.__follow_up(left, signal)

    async def __follow_up(self, left: Coroutine[Any, Any, None] | None, signal: ChildExited) -> None:
        if left is not None:
            await left
        await self.on_child_exit(signal.cell.spec, signal.exit)

    def __queue(self, signal: ChildExited) -> None:
        """Settle a failed restart behind what waits, so that commands are served between one attempt and the next."""
        signal.cell.queued = True
        mailbox = self._cell.mailbox
        if mailbox.paused or mailbox.drops_oldest:
            mailbox.put_control(signal)
        else:
            mailbox.put_last(signal)

    @handles
    def _on_restart_due(self, due: _RestartDue) -> object:
        return self._children.start_delayed(due.cell)

    async def _wait(self) -> None:
        retries = self._children.retries
        if retries is None:
            await super()._wait()
            return
        with trio.move_on_at(retries.next_at):
            await super()._wait()
        for cell in retries.due(trio.current_time()):
            self._cell.mailbox.put_control(_RestartDue(cell))

    # --- the runtime's side ---

    @property
    def only_receives(self) -> bool:
        """It has children to end."""
        return False

    def embody(self, cell: Cell[M | SupervisorCommand]) -> None:
        """Become the incarnation of a cell, which is known as a supervisor's from now on."""
        super().embody(cell)
        cell.supervises = True

    async def live(self) -> object:
        """Live as every actor does, around it a nursery, and at the end the ends of the children."""
        failure: BaseException
        try:
            async with trio.open_nursery() as nursery:
                self._children = self._cell.children = self.__found(nursery)
                try:
                    return await super().live()
                finally:
                    await self.__end_children()
        except BaseExceptionGroup as group:
            failure = unwrap(group)
        # Raised out here, so that the nursery's group does not become its context.
        raise failure

    def __found(self, nursery: trio.Nursery) -> Children:
        window = RestartWindow(self._restart_budget)
        return Children(self._cell, nursery, self._strategy, window, self._auto_shutdown, self._max_children)

    async def _start_children(self) -> None:
        self._children.check(self._first_children)
        for spec in self._first_children:
            await self._children.start(spec)

    async def __end_children(self) -> None:
        cell = self._cell
        cell.stopping()
        cell.refuse_calls()
        # One that was asked to stop before it took messages is cancelled; its children end in their order even so.
        shield = cell.stops_politely
        until = trio.current_time() + cell.grace if shield else float("inf")
        with trio.CancelScope(shield=shield, deadline=until) as cell.farewell:
            await self._children.end()


_NOTHING_TO_DO = Supervisor[Any].on_child_exit


@contextmanager
def _rejecting() -> Generator[None]:
    """Answer the request at hand with the error that its command meets."""
    try:
        yield
    except ActorError as error:
        raise Rejected(error) from None


def _check(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


def unwrap(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a nursery wrapped, so that what went wrong inside keeps its type outside.

    That is the one exception in the group, or, beside errors that followed from it, the one that is to end the
    program, such as a `KeyboardInterrupt`. If there is no such one, it is the group.
    """
    # One exception may come twice: from a task, and from whoever asked how that task ended.
    errors = list({id(error): error for error in group.exceptions}.values())
    sole = [error for error in errors if not isinstance(error, (Exception, trio.Cancelled))] or errors
    return sole[0] if len(sole) == 1 else group
