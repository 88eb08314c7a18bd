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
from bluev_actors.errors import ActorError, ActorStoppedError, ChildIdTakenError, ChildStartError, RestartIntensityError

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


SupervisorCommand = StartChild | StopChild | RestartChild | DeleteChild | WhichChildren | CountChildren | LookUp


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

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:  # noqa: A002 - the standard term
        """Do something about an exit, after the child was restarted or given up.

        Args:
            spec: the contract of the child.
            exit: how its incarnation ended.
        """

    # --- commands ---

    @handles
    def _on_start_child(self, command: StartChild) -> None:
        self._start_for(self._add_or_reject(command.spec))

    @handles
    def _on_restart_child(self, command: RestartChild) -> None:
        old = self._stopped_or_reject(command.id)
        cell = self._cells[command.id] = self._cell_for(old.spec, old.incarnation)
        self._start_for(cell)

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
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    return await super()._live()
                finally:
                    await self._end_children()
        except BaseExceptionGroup as group:
            raise sole_error(group) from None

    async def _set_up(self) -> None:
        ...
