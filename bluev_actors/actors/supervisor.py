"""The actor that starts, restarts and stops others.

A supervisor owns the nursery its children live in. A child's task lets nothing out but its exit, which arrives in the
supervisor's urgent lane; what follows from it, `decide` in `restart.py` says. Children are shielded from cancellation
from outside, so that they end only in the order in which their supervisor ends them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio
from attrs import frozen

from bluev_actors.actors.actor import Actor, ExitAs, handles, live
from bluev_actors.actors.call import Call, Request
from bluev_actors.actors.cell import Cell, ChildExited, Signal
from bluev_actors.actors.lifecycle import ALIVE, State
from bluev_actors.actors.ref import Ref, Rejected
from bluev_actors.actors.restart import (
    ChildSpec,
    Decision,
    Exit,
    ExitKind,
    Restart,
    RestartBudget,
    RestartWindow,
    Strategy,
    Verdict,
    decide,
    retire,
)
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    ChildIdTakenError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

M = TypeVar("M")


@frozen
class ChildInfo:
    """A line of `WhichChildren`."""

    id: str
    kind: str
    state: State
    restart: Restart
    incarnation: int


@frozen
class ChildCounts:
    """The answer to `CountChildren`."""

    specs: int
    """Children it has a contract with, living or not."""
    active: int
    """Those of which an incarnation lives."""
    supervisors: int
    """Those that are supervisors themselves and live."""
    workers: int
    """The other living ones."""


@frozen
class StartChild(Request[Ref[Any]]):
    """Start a child; answered when its `on_start` has ended.

    Rejected with `ChildIdTakenError`, or with `ChildStartError`, whose cause is what went wrong; a child that fails to
    start is forgotten.
    """

    spec: ChildSpec


@frozen
class StopChild(Request[None]):
    """Stop a child for good; answered when it is gone. Its contract stays unless it is temporary."""

    id: str


@frozen
class RestartChild(Request[Ref[Any]]):
    """Start a stopped child again by its contract, which makes a new ref; answered when its `on_start` has ended."""

    id: str


@frozen
class DeleteChild(Request[None]):
    """Forget the contract of a stopped child."""

    id: str


@frozen
class WhichChildren(Request[tuple[ChildInfo, ...]]):
    """List the children in start order."""


@frozen
class CountChildren(Request[ChildCounts]):
    """Count the children."""


@frozen
class LookUp(Request["Ref[Any] | None"]):
    """Find the ref of a child; None if there is no such child or it is stopped."""

    id: str


SupervisorCommand = (
    StartChild | StopChild | RestartChild | DeleteChild | WhichChildren | CountChildren | LookUp
)


class Supervisor(Actor[M | SupervisorCommand], Generic[M]):
    """Starts its children in order, restarts them by their contracts, and stops them in reverse order.

    Subclasses may handle messages of their own.

    Args:
        children: the contracts of those it starts with, after its own `on_start`.
        strategy: who is restarted together.
        intensity: how many restarts it allows within `period`; one more and it stops all children and exits.
        period: the length of that window, in seconds.
        max_children: how many contracts it may have.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec] = (),
        *,
        strategy: Strategy = "one_for_one",
        intensity: int = 1,
        period: float = 5.0,
        max_children: int | None = None,
    ) -> None:
        self._specs = tuple(children)
        self._strategy: Strategy = strategy
        self._window = RestartWindow(RestartBudget(intensity, period))
        self._max_children = max_children
        self._cells: dict[str, Cell[Any]] = {}
        self._due: list[Cell[Any]] = []
        self._nursery: trio.Nursery | None = None

    # --- for subclasses, from the supervisor's own task ---

    @property
    def children(self) -> tuple[str, ...]:
        """The ids of its children, in start order."""
        return tuple(self._cells)

    def child(self, id: str) -> Ref[Any]:  # noqa: A002 - as in ChildSpec
        """The ref of a child; raises `KeyError` if there is none of this id."""
        return Ref(self._cells[id])

    def start_child(self, spec: ChildSpec) -> Ref[Any]:
        """Start a child without waiting for its `on_start`; a plain call.

        Raises:
            ChildIdTakenError: there is a child of this id.
            ChildStartError: there are `max_children` already, or the supervisor is stopping.
        """
        cell = self._add(spec)
        self._spawn(cell)
        return Ref(cell)

    def cancel_child(self, id: str, reason: str = "") -> None:  # noqa: A002 - as in ChildSpec
        """Cancel the incarnation of a child now, without waiting; its exit arrives as every exit does."""
        self._cells[id].kill(reason)

    def has_ended(self, id: str) -> bool:  # noqa: A002 - as in ChildSpec
        """Whether a child will not come back by itself: it stopped for good, or there is none of this id."""
        cell = self._cells.get(id)
        return cell is None or cell.state is State.STOPPED

    def forget_child(self, id: str) -> None:  # noqa: A002 - as in ChildSpec
        """Forget the contract of a child that has stopped for good; a plain call.

        Raises:
            ActorError: it has not.
        """
        if not self.has_ended(id):
            raise ActorError(f"{self._cells[id].path}: is not stopped but {self._cells[id].state.value}")
        self._cells.pop(id, None)

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:  # noqa: A002 - the standard term
        """Do something about an exit, after the child was restarted or given up.

        Args:
            spec: the contract of the child.
            exit: how its incarnation ended.
        """

    # --- for introspection ---

    @property
    def cells(self) -> tuple[Cell[Any], ...]:
        """What stands behind its children, in start order."""
        return tuple(self._cells.values())

    @property
    def window(self) -> RestartWindow:
        """Where its restarts are counted."""
        return self._window

    # --- commands ---

    @handles
    def _on_start_child(self, command: StartChild) -> None:
        try:
            cell = self._add(command.spec)
        except ActorError as error:
            raise Rejected(error) from None
        self._start_for(cell)

    @handles
    def _on_restart_child(self, command: RestartChild) -> None:
        self._stopped_or_reject(command.id)
        self._start_for(self._renew(command.id))

    @handles
    def _on_stop_child(self, command: StopChild) -> None:
        cell = self._cells.get(command.id)
        if cell is None:
            raise Rejected(ActorError(f"{self._cell.path}: there is no child {command.id!r}"))
        call = self.defer()
        cell.when_stopped(lambda _: call.answer(None))
        cell.request_stop("stopped by its supervisor")

    @handles
    def _on_delete_child(self, command: DeleteChild) -> None:
        self._stopped_or_reject(command.id)
        del self._cells[command.id]

    @handles
    def _on_which_children(self, _: WhichChildren) -> tuple[ChildInfo, ...]:
        return tuple(
            ChildInfo(cell.spec.id, cell.kind, cell.state, cell.spec.restart, cell.incarnation)
            for cell in self._cells.values()
        )

    @handles
    def _on_count_children(self, _: CountChildren) -> ChildCounts:
        active = [cell for cell in self._cells.values() if cell.state in ALIVE]
        supervisors = sum(isinstance(cell.actor, Supervisor) for cell in active)
        return ChildCounts(len(self._cells), len(active), supervisors, len(active) - supervisors)

    @handles
    def _on_look_up(self, command: LookUp) -> Ref[Any] | None:
        cell = self._cells.get(command.id)
        return None if cell is None or cell.state is State.STOPPED else Ref(cell)

    # --- its life ---

    async def _live(self) -> object:
        failure: BaseException
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    return await super()._live()
                finally:
                    await self._end_children()
        except BaseExceptionGroup as group:
            failure = sole_error(group)
        # Raised out here, so that the nursery's group does not become its context.
        raise failure

    async def _set_up(self) -> None:
        await super()._set_up()
        for spec in self._specs:
            cell = self._add(spec)
            self._spawn(cell)
            if not await cell.start_settled():
                raise _start_error(cell)

    async def _end_children(self) -> None:
        """End all children in reverse order; when there is no more time for that, all at once."""
        self._cell.stopping()
        self._cell.refuse_calls()
        try:
            for cell in reversed(self._cells.values()):
                await _end(cell, "its supervisor stops")
                _finish(cell)
        finally:
            with trio.CancelScope(shield=True):
                await self._kill_children()

    async def _kill_children(self) -> None:
        left = [cell for cell in reversed(self._cells.values()) if cell.state is not State.STOPPED]
        for cell in left:
            cell.kill("its supervisor was cancelled")
        for cell in left:
            await cell.over()
            _finish(cell)

    # --- exits ---

    async def _on_signal(self, signal: Signal) -> None:
        if isinstance(signal, ChildExited) and self._is_news(signal):
            await self._apply(self._decide(signal.cell, signal.exit), signal.cell)
            await self._start_due()
            await self.on_child_exit(signal.cell.spec, signal.exit)

    def _is_news(self, signal: ChildExited) -> bool:
        """Whether the exit has not been dealt with already, with that of a sibling."""
        cell = signal.cell
        return (
            self._cells.get(cell.spec.id) is cell
            and cell.state is State.EXITED
            and cell.incarnation == signal.incarnation
            and cell not in self._due
        )

    def _decide(self, cell: Cell[Any], exit: Exit) -> Decision:  # noqa: A002 - the standard term
        if cell.starter is not None and not cell.started:
            cell.starter.fail(_start_error(cell))
            return Decision(Verdict.FORGET if cell.incarnation == 1 else Verdict.KEEP_PLACE)
        if cell.stop_reason is not None:
            return retire(cell.spec)
        alone = self._strategy == "one_for_one"
        siblings = (cell.spec,) if alone else tuple(each.spec for each in self._cells.values())
        return decide(
            cell.spec, exit, self._strategy, siblings, cell.window or self._window, trio.current_time()
        )

    async def _apply(self, decision: Decision, cell: Cell[Any]) -> None:
        match decision.verdict:
            case Verdict.FORGET:
                self._forget(cell)
            case Verdict.KEEP_PLACE:
                cell.finish()
            case Verdict.RESTART:
                await self._end_group(decision)
            case Verdict.GIVE_UP:
                raise ExitAs(self._resignation(cell))

    async def _end_group(self, decision: Decision) -> None:
        """End a group in reverse order, forget its temporary members, and mark the others as due."""
        for id_ in reversed(decision.group):
            await _end(self._cells[id_], "restarted with its siblings")
        for id_ in decision.group:
            if id_ not in decision.start:
                self._forget(self._cells[id_])
        for id_ in decision.start:
            if self._cells[id_].state is State.STOPPED:
                self._renew(id_)
        self._mark_due(decision.start)

    def _mark_due(self, ids: Sequence[str]) -> None:
        if not self._due and len(ids) == 1:
            self._due = [self._cells[ids[0]]]
            return
        due = {*ids, *(cell.spec.id for cell in self._due)}
        self._due = [cell for id_, cell in self._cells.items() if id_ in due]

    async def _start_due(self) -> None:
        """Start who is due, in order; a group waits for each `on_start`, and breaks off where one fails.

        The exit of the one that failed arrives next and decides how it goes on.
        """
        while self._due:
            cell = self._due.pop(0)
            if cell.stop_reason is not None:
                await self._apply(retire(cell.spec), cell)
                continue
            self._spawn(cell)
            if self._strategy != "one_for_one" and not await cell.start_settled():
                return

    def _resignation(self, cell: Cell[Any]) -> Exit:
        budget = self._window.budget
        text = f"{self._cell.path}: more than {budget.intensity} restart(s) within {budget.period:g} s, the last of {cell.path}"
        error = RestartIntensityError(text)
        error.__cause__ = None if cell.exit is None else cell.exit.error
        return Exit(ExitKind.SHUTDOWN, error, reason=text)

    # --- the table of children ---

    def _add(self, spec: ChildSpec) -> Cell[Any]:
        if spec.id in self._cells:
            raise ChildIdTakenError(f"{self._cell.path}: there is a child {spec.id!r} already")
        if self._max_children is not None and len(self._cells) >= self._max_children:
            raise ChildStartError(f"{self._cell.path}: there are {self._max_children} children already")
        cell = self._cells[spec.id] = self._cell_for(spec)
        return cell

    def _cell_for(self, spec: ChildSpec, incarnation: int = 0) -> Cell[Any]:
        parent = self._cell
        path = f"{parent.path.rstrip('/')}/{spec.id}"
        return Cell(spec, path, self.system, parent, incarnation)

    def _renew(self, id_: str) -> Cell[Any]:
        """Give a stopped child a new cell in its old place."""
        old = self._cells[id_]
        cell = self._cells[id_] = self._cell_for(old.spec, old.incarnation)
        return cell

    def _spawn(self, cell: Cell[Any]) -> None:
        if self._nursery is None or self._cell.state is State.STOPPING:
            raise ChildStartError(f"{self._cell.path}: is stopping and starts no child")
        cell.begin()
        self._nursery.start_soon(live, cell, name=cell.path)

    def _forget(self, cell: Cell[Any]) -> None:
        _finish(cell)
        del self._cells[cell.spec.id]

    def _start_for(self, cell: Cell[Any]) -> None:
        """Start a child for somebody who waits for it."""
        if isinstance(self._cell.handling, Call):
            cell.starter = self.defer()
        self._spawn(cell)

    def _stopped_or_reject(self, id_: str) -> Cell[Any]:
        cell = self._cells.get(id_)
        if cell is None:
            raise Rejected(ActorError(f"{self._cell.path}: there is no child {id_!r}"))
        if cell.state is not State.STOPPED:
            raise Rejected(ActorError(f"{cell.path}: is not stopped but {cell.state.value}"))
        return cell


async def _end(cell: Cell[Any], reason: str) -> None:
    if cell.state in ALIVE:
        cell.leave(reason)
        await cell.over()


def _finish(cell: Cell[Any]) -> None:
    if cell.state is not State.STOPPED:
        cell.finish()


def _start_error(cell: Cell[Any]) -> ChildStartError:
    error = ChildStartError(f"{cell.path}: did not start: {cell.exit}")
    error.__cause__ = None if cell.exit is None else cell.exit.error
    return error


def sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a nursery wrapped, if it was one exception only: what went wrong inside keeps its type outside."""
    return group.exceptions[0] if len(group.exceptions) == 1 else group
