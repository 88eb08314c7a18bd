"""The children of one incarnation of a supervisor: who they are, who is due to start, and how they end.

What follows from an exit is decided in `restart.py`; here it is carried out. A child's task lets nothing out but
its exit, so no child can end the nursery they all live in.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any, Final

import trio

from bluev_actors.actors.cell import Cell, ChildExited
from bluev_actors.actors.events import Offender, ReportContext, SupervisorReport
from bluev_actors.actors.exits import Exit, ExitAs, ExitKind
from bluev_actors.actors.incarnation import live
from bluev_actors.actors.lifecycle import ALIVE, EXITED, STARTING, STOPPED, STOPPING
from bluev_actors.actors.restart import (
    ALONE,
    FORGET,
    KEEP_PLACE,
    RESTART_ALONE,
    Decision,
    RestartWindow,
    Verdict,
    decide,
    ended_as_asked,
    ends_supervisor,
    retire,
)
from bluev_actors.actors.specs import Backoff
from bluev_actors.actors.timers import Timers
from bluev_actors.errors import (
    ActorError,
    AskCycleError,
    BadChildSpecError,
    ChildIdTakenError,
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

    from bluev_actors.actors.specs import AutoShutdown, ChildSpec, Strategy

_log = logging.getLogger(__name__)

_GROUP: Final = "the group that is due"
"""The name of its timer: one group waits at a time, and a larger one that swallows it waits anew."""


class Children:
    """The table of children, and the nursery they live in.

    Args:
        parent: the supervisor's own cell.
        nursery: where their tasks run.
        strategy: who is restarted together.
        window: where restarts are counted.
        auto_shutdown: whose end ends the supervisor.
        limit: how many there may be; None: as many as you like.
    """

    __slots__ = (
        "_auto_shutdown",
        "_broken_off",
        "_cells",
        "_due",
        "_limit",
        "_nursery",
        "_parent",
        "_strategy",
        "retries",
        "window",
    )

    def __init__(
        self,
        parent: Cell[Any],
        nursery: trio.Nursery,
        strategy: Strategy,
        window: RestartWindow,
        auto_shutdown: AutoShutdown,
        limit: int | None,
    ) -> None:
        self._parent = parent
        self._nursery = nursery
        self._strategy: Strategy = strategy
        self._auto_shutdown: AutoShutdown = auto_shutdown
        self._limit = limit
        self.window = window
        self.retries: Timers[Cell[Any] | None] | None = None
        """Children that are started again later, and None for the group that is due; there from the first on."""
        self._cells: dict[str, Cell[Any]] = {}
        self._due: list[Cell[Any]] = []
        self._broken_off: Cell[Any] | None = None

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell[Any]]:
        """All of them in start order, those included that are stopped but have kept their place."""
        return iter(tuple(self._cells.values()))

    def find(self, id: str) -> Cell[Any] | None:
        """The child of this id, if there is one."""
        return self._cells.get(id)

    def known(self, id: str) -> Cell[Any]:
        """The child of this id; raises `ChildNotFoundError` if there is none."""
        cell = self._cells.get(id)
        if cell is None:
            raise ChildNotFoundError(f"{self._parent.path}: there is no child {id!r}")
        return cell

    def stopped(self, id: str) -> Cell[Any]:
        """A child that is gone but has kept its place.

        Raises:
            ChildNotFoundError: there is no child of this id.
            ChildRunningError: it is alive.
            ChildRestartingError: it is not, but will be started again.
            ActorError: the children of this supervisor have no places.
        """
        if self._strategy == "dynamic":
            raise ActorError(f"{self._parent.path}: is dynamic, so its children have no places to be kept")
        cell = self.known(id)
        restarts = cell.state is STARTING and cell.incarnation > 1 and cell.starter is None
        if restarts or cell.state is EXITED:
            raise ChildRestartingError(f"{cell.path}: is about to be started again")
        if cell.state is not STOPPED:
            raise ChildRunningError(f"{cell.path}: is not stopped but {cell.state.value}")
        return cell

    # --- contracts ---

    def check(self, specs: Iterable[ChildSpec]) -> None:
        """Check contracts that are to be taken on together, before any of them is.

        Raises:
            ChildIdTakenError: an id comes twice.
            BadChildSpecError: a contract does not go with this supervisor.
        """
        seen = set(self._cells)
        for spec in specs:
            if spec.id in seen:
                raise self._taken(spec)
            seen.add(spec.id)
            self._check_significant(spec)

    def add(self, spec: ChildSpec) -> Cell[Any]:
        """Take a child on, without starting it.

        Raises:
            ChildIdTakenError: there is one of this id.
            BadChildSpecError: its contract does not go with this supervisor.
            ChildStartError: there are too many, or the supervisor is stopping.
        """
        if spec.significant:
            self._check_significant(spec)
        if spec.id in self._cells:
            raise self._taken(spec)
        if self._limit is not None and len(self._cells) >= self._limit:
            raise ChildStartError(f"{self._parent.path}: there are {self._limit} children already")
        if self._parent.state is STOPPING:
            raise ChildStartError(f"{self._parent.path}: is stopping and starts no child")
        return self._place(spec, 0)

    def change(self, spec: ChildSpec) -> None:
        """Give the child of this id another contract; its factory counts from the next start on, all else at once.

        Raises:
            ChildNotFoundError: there is no child of this id.
            BadChildSpecError: the contract does not go with this supervisor.
        """
        cell = self.known(spec.id)
        self._check_significant(spec)
        cell.change(spec)

    def _taken(self, spec: ChildSpec) -> ChildIdTakenError:
        return ChildIdTakenError(f"{self._parent.path}: there is a child {spec.id!r} already")

    def _check_significant(self, spec: ChildSpec) -> None:
        if spec.significant and self._auto_shutdown == "never":
            where = f"{self._parent.path}: {spec.id!r}"
            raise BadChildSpecError(f"{where}: is significant, which means nothing while auto_shutdown is 'never'")

    # --- starting ---

    def renew(self, cell: Cell[Any]) -> Cell[Any]:
        """Give a child that is gone a new cell in its old place."""
        fresh = self._place(cell.spec, cell.incarnation)
        fresh.supervises = cell.supervises
        fresh.established = True
        fresh.exit = cell.exit
        return fresh

    def spawn(self, cell: Cell[Any]) -> None:
        """Start the next incarnation of a child, without waiting for it."""
        cell.begin()
        self._nursery.start_soon(live, cell, name=cell.path)

    async def start(self, spec: ChildSpec) -> None:
        """Take a child on, start it and wait for that; raises `ChildStartError` if it fails."""
        cell = self.add(spec)
        self.spawn(cell)
        if await self._started(cell):
            return
        if not _ignored(cell):
            self._report("start_error", cell)
            raise cell.start_error()
        self._retire(cell, retire(cell.spec, self._strategy))

    async def _started(self, cell: Cell[Any]) -> bool:
        """Wait until a child has started, or failed to; returns which."""
        self._parent.waits_for = cell
        try:
            return await cell.start_settled()
        finally:
            self._parent.waits_for = None

    # --- exits ---

    def is_news(self, signal: ChildExited) -> bool:
        """Whether the exit was not dealt with yet, or else the child waits for a restart that nobody wants any more."""
        cell = signal.cell
        return cell.exit is signal.exit and cell.state is EXITED and (not cell.settled or cell.stop_reason is not None)

    def settle(self, signal: ChildExited) -> Coroutine[Any, Any, None] | None:
        """Do what follows from an exit that is news; returns what is left to be awaited, if anything is.

        Raises:
            ExitAs: the supervisor has to end.
        """
        cell = signal.cell
        cell.settled = True
        decision = self._decide(cell, signal.exit)
        if decision is RESTART_ALONE and cell.spec.backoff is None:
            self.spawn(cell)
            return None
        if decision.verdict is Verdict.GIVE_UP:
            raise ExitAs(self._resignation(cell))
        if decision.group:
            return self._restart_group(decision, cell)
        if decision is RESTART_ALONE:
            self._restart_later(cell)
        else:
            self._retire(cell, decision)
        if self._broken_off is cell and cell.state is STOPPED:
            # It will not be tried again, so those behind it wait for nothing.
            return self._start_due()
        return None

    def forget(self, cell: Cell[Any]) -> None:
        """Give a child up and its place with it."""
        cell.finish()
        del self._cells[cell.spec.id]

    def _decide(self, cell: Cell[Any], exit: Exit) -> Decision:
        if cell.starter is not None:
            return self._decide_first_start(cell)
        if cell.stop_reason is not None:
            if cell.started and cell.restart_at is None and not ended_as_asked(cell.spec, exit):
                self._report("shutdown_error", cell)
            return retire(cell.spec, self._strategy)
        if not cell.started and _ignored(cell):
            return retire(cell.spec, self._strategy)
        alone = self._strategy in ALONE
        failed_restart = not cell.started and failed_to_restart(cell)
        if self._parent.system.reports.watched:
            self._report_exit(cell, exit, alone=alone)
        siblings = () if alone else tuple(each.spec for each in self)
        window = cell.window or self.window
        now = self._parent.system.now()
        decision = decide(cell.spec, exit, self._strategy, siblings, window, now, failed_restart=failed_restart)
        if cell.spec.significant and decision.verdict not in {Verdict.RESTART, Verdict.GIVE_UP}:
            self._end_with(cell, decision)
        return decision

    def _decide_first_start(self, cell: Cell[Any]) -> Decision:
        """A child that somebody waits for ended before it had started: that is no restart, and only they hear of it."""
        if _ignored(cell):
            return retire(cell.spec, self._strategy)
        return KEEP_PLACE if cell.established and self._strategy != "dynamic" else FORGET

    def _end_with(self, cell: Cell[Any], decision: Decision) -> None:
        """End the supervisor if it is to end with this significant child.

        Raises:
            ExitAs: it is.
        """
        others = [each.spec for each in self if each is not cell and each.state is not STOPPED]
        if self._strategy == "dynamic" and others:
            # The children of a dynamic supervisor are all of a kind, so all of them count.
            others = [cell.spec]
        if ends_supervisor(self._auto_shutdown, cell.spec, others):
            self._retire(cell, decision)
            raise ExitAs(Exit(ExitKind.SHUTDOWN, reason=f"{self._auto_shutdown}: {cell.path} ended"))

    def _retire(self, cell: Cell[Any], decision: Decision) -> None:
        """Give a child up, with its place or without it."""
        if self.retries is not None:
            self.retries.cancel(cell)
        if cell in self._due:
            self._due.remove(cell)
        if decision.verdict is Verdict.FORGET:
            self.forget(cell)
        else:
            cell.finish()

    def _resignation(self, cell: Cell[Any]) -> Exit:
        budget = self.window.budget
        allowed = f"more than {budget.intensity} restarts within {budget.period:g} s"
        error = RestartIntensityError(f"{self._parent.path}: {allowed}, the last one wanted by {cell.path}")
        _log.error("%s; gives up", error)
        self._report("shutdown", cell)
        error.__cause__ = None if cell.exit is None else cell.exit.error
        return Exit(ExitKind.SHUTDOWN, error, reason=str(error))

    # --- restarting a group ---

    async def _restart_group(self, decision: Decision, cell: Cell[Any]) -> None:
        await self._end_group(decision)
        if cell.spec.backoff is not None and self._due:
            self._timers().start(self._delay(self._due, cell), None, key=_GROUP)
        else:
            await self._start_due()

    async def _end_group(self, decision: Decision) -> None:
        """End a group in reverse order, forget its temporary members, and note the others as due."""
        group = [self._cells[id_] for id_ in decision.group]
        for cell in group:
            if cell.state is EXITED:
                cell.hold()
        for cell in reversed(group):
            if cell.state in ALIVE:
                cell.leave("restarted with its siblings")
            await self._over(cell)
            if cell.state is EXITED:
                cell.hold()
        due = set(self._due)
        for cell in group:
            if cell.spec.id not in decision.start:
                self.forget(cell)
            else:
                due.add(self.renew(cell) if cell.state is STOPPED else cell)
        self._due = [cell for cell in self if cell in due]

    async def _start_due(self) -> None:
        """Start who is due, in order, waiting for each of them, and break off where one fails.

        The exit of the one that failed decides how it goes on; those behind it are due until then.
        """
        self._broken_off = None
        while self._due:
            cell = self._due.pop(0)
            if cell.stop_reason is None:
                self.spawn(cell)
                if await self._started(cell):
                    continue
                if not _ignored(cell):
                    self._report("start_error", cell)
                    self._broken_off = cell
                    return
            self._retire(cell, retire(cell.spec, self._strategy))

    # --- restarting later ---

    def _restart_later(self, cell: Cell[Any]) -> None:
        """Start a child when the time that its backoff says is over; one that drains has no time for that."""
        if cell.draining:
            self.spawn(cell)
        else:
            self._timers().start(self._delay([cell], cell), cell, key=cell)

    def _delay(self, cells: Iterable[Cell[Any]], failed: Cell[Any]) -> float:
        """Note that children are started later, as the backoff of the one that failed says; returns when."""
        backoff = failed.spec.backoff or Backoff()
        now = trio.current_time()
        sound = failed.started and backoff.is_sound(now - failed.started_at)
        failed.failures = 1 if sound else failed.failures + 1
        until = now + backoff.delay(failed.failures, random.random())  # noqa: S311 - it spreads load and hides nothing
        for cell in cells:
            cell.delay(until)
        return until

    def _timers(self) -> Timers[Cell[Any] | None]:
        if self.retries is None:
            self.retries = Timers()
        self._parent.has_timers = True
        return self.retries

    def start_delayed(self, cell: Cell[Any] | None) -> Coroutine[Any, Any, None] | None:
        """Start a child whose delay is over, or the group that is due; returns what is left to be awaited."""
        if cell is None:
            return self._start_due()
        if cell.state is EXITED and cell.restart_at is not None:
            self.spawn(cell)
        return None

    # --- the end ---

    async def end(self) -> None:
        """End all in reverse order, each in its own time; if that is cut short, all at once.

        The children of a dynamic supervisor have no order and end together.
        """
        left = tuple(reversed(tuple(self)))
        try:
            if self._strategy == "dynamic":
                for cell in left:
                    self._ask_to_end(cell)
            for cell in left:
                self._ask_to_end(cell)
                await self._over(cell)
                cell.finish()
        finally:
            with trio.CancelScope(shield=True):
                await self._kill()

    def _ask_to_end(self, cell: Cell[Any]) -> None:
        reason = "its supervisor stops"
        if self._parent.drain_by is None:
            cell.request_stop(reason)
        else:
            cell.request_drain(reason, self._parent.drain_by - trio.current_time())

    async def _over(self, cell: Cell[Any]) -> None:
        """Wait for the end of a child that was asked to, and report one that did not end as it was asked to.

        One that had ended by itself just before, and whose exit nobody has settled yet, is among those.
        """
        if cell.settled and cell.state not in ALIVE:
            return
        cell.settled = True
        self._break_circle(cell)
        self._parent.waits_for = cell
        try:
            await cell.over()
        finally:
            self._parent.waits_for = None
        if cell.started and cell.exit is not None and not ended_as_asked(cell.spec, cell.exit):
            self._report("shutdown_error", cell)

    def _break_circle(self, cell: Cell[Any]) -> None:
        """Fail what a child that is to end has asked its supervisor, which waits for that end and answers nothing."""
        call = cell.waiting
        if call is not None and call.blocking and call.target is self._parent:
            call.fail(AskCycleError((cell.path, self._parent.path, cell.path)))

    async def _kill(self) -> None:
        left = [cell for cell in reversed(tuple(self)) if cell.state is not STOPPED]
        for cell in left:
            cell.kill("its supervisor was cancelled")
        for cell in left:
            await cell.over()
            cell.finish()

    # --- within ---

    def _place(self, spec: ChildSpec, incarnation: int) -> Cell[Any]:
        parent = self._parent
        path = f"{parent.path}{spec.id}" if parent.path == "/" else f"{parent.path}/{spec.id}"
        cell: Cell[Any] = Cell(spec, path, parent.system, parent, incarnation)
        self._cells[spec.id] = cell
        return cell

    def _report_exit(self, cell: Cell[Any], exit: Exit, *, alone: bool) -> None:
        """Report an exit that calls for a restart or was not as it should be; a group reports failed starts itself."""
        if failed_to_restart(cell):
            if alone:
                self._report("start_error", cell)
        elif cell.spec.restart == "permanent" or not exit.expected:
            self._report("child_terminated", cell)

    def _report(self, context: ReportContext, cell: Cell[Any]) -> None:
        parent, exit = self._parent, cell.exit
        if not parent.system.reports.watched or exit is None:
            return
        spec = cell.spec
        offender = Offender(spec.id, cell.path, cell.kind, cell.incarnation, spec.restart, spec.shutdown)
        parent.system.reports.emit(SupervisorReport(parent.path, trio.current_time(), context, exit, offender))


def failed_to_restart(cell: Cell[Any]) -> bool:
    """Whether an incarnation that its supervisor wanted is over before it had started."""
    return not cell.started and cell.incarnation > 1 and cell.starter is None and not _ignored(cell)


def _ignored(cell: Cell[Any]) -> bool:
    return cell.exit is not None and cell.exit.kind is ExitKind.IGNORED
