"""The children of one incarnation of a supervisor: who they are, who is due to start, and how they end.

What follows from an exit is decided in `restart.py`; here it is carried out. A child's task lets nothing out but
its exit, so no child can end the nursery they all live in.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.actors.cell import Cell, ChildExited
from bluev_actors.actors.incarnation import ExitAs, live
from bluev_actors.actors.lifecycle import ALIVE, State
from bluev_actors.actors.restart import (
    ChildSpec,
    Decision,
    Exit,
    ExitKind,
    RestartWindow,
    Strategy,
    Verdict,
    decide,
    retire,
)
from bluev_actors.errors import ActorError, ChildIdTakenError, ChildStartError, RestartIntensityError

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


class Children:
    """The table of children, and the nursery they live in.

    Args:
        parent: the supervisor's own cell.
        nursery: where their tasks run.
        strategy: who is restarted together.
        window: where restarts are counted.
        limit: how many there may be; None: as many as you like.
    """

    __slots__ = ("_cells", "_due", "_limit", "_nursery", "_parent", "_strategy", "window")

    def __init__(
        self,
        parent: Cell[Any],
        nursery: trio.Nursery,
        strategy: Strategy,
        window: RestartWindow,
        limit: int | None,
    ) -> None:
        self._parent = parent
        self._nursery = nursery
        self._strategy: Strategy = strategy
        self._limit = limit
        self.window = window
        self._cells: dict[str, Cell[Any]] = {}
        self._due: list[Cell[Any]] = []

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell[Any]]:
        """All of them in start order, those included that are stopped but have kept their place."""
        return iter(tuple(self._cells.values()))

    def find(self, id: str) -> Cell[Any] | None:
        """The child of this id, if there is one."""
        return self._cells.get(id)

    def stopped(self, id: str) -> Cell[Any]:
        """A child that is gone but has kept its place.

        Raises:
            ActorError: there is no child of this id, or it is not stopped.
        """
        cell = self.known(id)
        if cell.state is not State.STOPPED:
            raise ActorError(f"{cell.path}: is not stopped but {cell.state.value}")
        return cell

    def known(self, id: str) -> Cell[Any]:
        """The child of this id; raises `ActorError` if there is none."""
        cell = self._cells.get(id)
        if cell is None:
            raise ActorError(f"{self._parent.path}: there is no child {id!r}")
        return cell

    # --- starting ---

    def add(self, spec: ChildSpec) -> Cell[Any]:
        """Take a child on, without starting it.

        Raises:
            ChildIdTakenError: there is one of this id.
            ChildStartError: there are too many, or the supervisor is stopping.
        """
        if spec.id in self._cells:
            raise ChildIdTakenError(f"{self._parent.path}: there is a child {spec.id!r} already")
        if self._limit is not None and len(self._cells) >= self._limit:
            raise ChildStartError(f"{self._parent.path}: there are {self._limit} children already")
        if self._parent.state is State.STOPPING:
            raise ChildStartError(f"{self._parent.path}: is stopping and starts no child")
        return self._place(spec, 0)

    def renew(self, cell: Cell[Any]) -> Cell[Any]:
        """Give a child that is gone a new cell in its old place."""
        return self._place(cell.spec, cell.incarnation)

    def spawn(self, cell: Cell[Any]) -> None:
        """Start the next incarnation of a child, without waiting for it."""
        cell.begin()
        self._nursery.start_soon(live, cell, name=cell.path)

    async def start(self, spec: ChildSpec) -> None:
        """Take a child on, start it and wait for that; raises `ChildStartError` if it fails."""
        cell = self.add(spec)
        self.spawn(cell)
        if not await cell.start_settled():
            raise _start_error(cell)

    # --- exits ---

    async def settle(self, signal: ChildExited) -> bool:
        """Do what follows from an exit; returns whether anything did.

        Raises:
            ExitAs: the supervisor has to give up.
        """
        if not self._is_news(signal):
            return False
        await self._apply(self._decide(signal.cell, signal.exit), signal.cell)
        await self._start_due()
        return True

    def forget(self, cell: Cell[Any]) -> None:
        """Give a child up and its place with it."""
        cell.finish()
        del self._cells[cell.spec.id]

    def _is_news(self, signal: ChildExited) -> bool:
        """Whether the exit is of a child of ours and was not dealt with together with a sibling's."""
        cell = signal.cell
        return (
            cell.incarnation == signal.incarnation
            and cell.state is State.EXITED
            and self._cells.get(cell.spec.id) is cell
            and cell not in self._due
        )

    def _decide(self, cell: Cell[Any], exit: Exit) -> Decision:
        if cell.starter is not None:
            cell.starter.fail(_start_error(cell))
            return Decision(Verdict.FORGET if cell.incarnation == 1 else Verdict.KEEP_PLACE)
        if cell.stop_reason is not None:
            return retire(cell.spec)
        # With one_for_one nobody else is concerned, and there may be thousands of others.
        siblings = (cell.spec,) if self._strategy == "one_for_one" else tuple(each.spec for each in self)
        window = cell.window or self.window
        return decide(cell.spec, exit, self._strategy, siblings, window, trio.current_time())

    async def _apply(self, decision: Decision, cell: Cell[Any]) -> None:
        match decision.verdict:
            case Verdict.FORGET:
                self.forget(cell)
            case Verdict.KEEP_PLACE:
                cell.finish()
            case Verdict.GIVE_UP:
                raise ExitAs(self._resignation(cell))
            case _:
                await self._end_group(decision)

    async def _end_group(self, decision: Decision) -> None:
        """End a group in reverse order, forget its temporary members, and note the others as due."""
        group = [self._cells[id_] for id_ in decision.group]
        for cell in reversed(group):
            if cell.state in ALIVE:
                cell.leave("restarted with its siblings")
                await cell.over()
        due = set(self._due)
        for cell in group:
            if cell.spec.id not in decision.start:
                self.forget(cell)
            else:
                due.add(self.renew(cell) if cell.state is State.STOPPED else cell)
        self._due = list(due) if len(due) == 1 else [cell for cell in self if cell in due]

    async def _start_due(self) -> None:
        """Start who is due, in order; a group waits for each of them, and breaks off where one fails.

        The exit of the one that failed is the next signal, and decides how it goes on.
        """
        while self._due:
            cell = self._due.pop(0)
            if cell.stop_reason is not None:
                await self._apply(retire(cell.spec), cell)
                continue
            self.spawn(cell)
            if self._strategy != "one_for_one" and not await cell.start_settled():
                return

    def _resignation(self, cell: Cell[Any]) -> Exit:
        budget = self.window.budget
        allowed = f"more than {budget.intensity} restarts within {budget.period:g} s"
        error = RestartIntensityError(f"{self._parent.path}: {allowed}, the last one wanted by {cell.path}")
        _log.error("%s; gives up", error)
        error.__cause__ = None if cell.exit is None else cell.exit.error
        return Exit(ExitKind.SHUTDOWN, error, reason=str(error))

    # --- the end ---

    async def end(self) -> None:
        """End all in reverse order, each in its own time; if that is cut short, all at once."""
        try:
            for cell in reversed(tuple(self)):
                cell.request_stop("its supervisor stops")
                await cell.over()
                cell.finish()
        finally:
            with trio.CancelScope(shield=True):
                await self._kill()

    async def _kill(self) -> None:
        left = [cell for cell in reversed(tuple(self)) if cell.state is not State.STOPPED]
        for cell in left:
            cell.kill("its supervisor was cancelled")
        for cell in left:
            await cell.over()
            cell.finish()

    def _place(self, spec: ChildSpec, incarnation: int) -> Cell[Any]:
        parent = self._parent
        path = f"{parent.path}{spec.id}" if parent.path == "/" else f"{parent.path}/{spec.id}"
        cell: Cell[Any] = Cell(spec, path, parent.system, parent, incarnation)
        self._cells[spec.id] = cell
        return cell


def _start_error(cell: Cell[Any]) -> ChildStartError:
    error = ChildStartError(f"{cell.path}: did not start: {cell.exit}")
    error.__cause__ = None if cell.exit is None else cell.exit.error
    return error
