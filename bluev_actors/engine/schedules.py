"""The schedules of a daemon. What was missed while no daemon lived is made up for by one run."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.engine.planned import Planned
from bluev_actors.engine.schedule import parse_schedule
from bluev_actors.errors import InvalidScheduleError, RefusedError, RunNotFoundError
from bluev_actors.workflows.problems import GraphProblem

if TYPE_CHECKING:
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.engine.schedule import Schedule
    from bluev_actors.workflows.values import Json, JsonObject

_log = logging.getLogger(__name__)

FAMILY: Final = "schedule"
"""What the journal calls documents of this kind."""
MOST: Final = 1_000
"""Schedules that there may be."""
LONGEST_NAP: Final = 30.0
"""Seconds after which the wall clock is looked at again: it may have been set, or the machine may have slept."""
SECOND_TRY: Final = 5.0
"""Seconds after which a start is tried again that the daemon, and not the workflow, stood in the way of."""


class Schedules:
    """All schedules. Plain calls over plain data; the `Scheduler` lives by them.

    Args:
        runtime: where runs are started.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._journal = runtime.journal
        self._changed = trio.Event()
        self._planned: dict[str, Planned] = {}
        for name, body in self._journal.documents(FAMILY).items():
            self._take_up(name, body)

    def _take_up(self, name: str, body: JsonObject) -> None:
        try:
            rest = {key: value for key, value in body.items() if key != "schedule"}
            planned = Planned(name, parse_schedule(body["schedule"]), **rest)
            planned.plan()
        except (ValueError, TypeError, KeyError, InvalidScheduleError):
            _log.exception("the schedule %r cannot be read and is left out", name)
        else:
            self._planned[name] = planned

    # --- for operators ------------------------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        return name in self._planned

    def list_all(self) -> list[Planned]:
        """All of them, by their names."""
        return [self._planned[name] for name in sorted(self._planned)]

    def find(self, name: str) -> Planned:
        """The schedule of this name.

        Raises:
            RunNotFoundError: there is none.
        """
        try:
            return self._planned[name]
        except KeyError:
            raise RunNotFoundError(f"there is no schedule {name!r}") from None

    async def put(self, name: str, body: Json) -> Planned:
        """Keep a schedule, in place of one of this name; it is kept for good when this returns.

        Whoever puts what is there already changes nothing, not even when it is due next.

        Raises:
            InvalidScheduleError: it is wrong; it says everything that is.
            RefusedError: `too_many_documents`.
            StorageUnavailableError: the store does not work now.
        """
        schedule = parse_schedule(body)
        await self._check(schedule)
        planned = self._put(name, schedule)
        await self._journal.stored()
        return planned

    def _put(self, name: str, schedule: Schedule) -> Planned:
        planned, now = self._planned.get(name), self._runtime.now()
        if planned is None:
            if len(self._planned) >= MOST:
                raise RefusedError("too_many_documents", f"There are {MOST} schedules, which is as many as may be.")
            planned = self._planned[name] = Planned(name, schedule, now, now, now, now)
            planned.plan()
        elif planned.schedule != schedule:
            planned.change(schedule, now)
        self._keep(planned)
        return planned

    async def _check(self, schedule: Schedule) -> None:
        """Find what the stored workflow has against the schedule."""
        try:
            document = self._runtime.documents.workflow(schedule.workflow_id)
        except RefusedError as error:
            raise InvalidScheduleError([GraphProblem(error.code, str(error), "workflow_id")]) from None
        verdict = await self._runtime.validate(document, schedule.inputs)
        problems = [problem for problem in verdict.errors if problem.path.startswith("inputs")]
        if problems:
            raise InvalidScheduleError(problems)

    async def drop(self, name: str) -> None:
        """Forget a schedule; the runs it started stay what they are.

        Raises:
            RunNotFoundError: there is none.
            StorageUnavailableError: the store does not work now.
        """
        self.find(name)
        del self._planned[name]
        self._journal.drop_document(FAMILY, name)
        self._ring()
        await self._journal.stored()

    # --- for the scheduler --------------------------------------------------------------------------------------

    def take_due(self) -> list[Planned]:
        """What has to be started now; it comes again when it is settled, postponed or put back."""
        now = self._runtime.now()
        for planned in self._planned.values():
            planned.correct(now)
        due = sorted((it for it in self._planned.values() if it.wake_at <= now), key=lambda it: it.next_at)
        for planned in due:
            planned.wake_at = math.inf
        return due

    async def wait(self) -> None:
        """Return when something may be due."""
        changed = self._changed
        seconds = min((it.wake_at for it in self._planned.values()), default=math.inf) - self._runtime.now()
        with trio.move_on_after(seconds if seconds == math.inf else max(0.0, min(seconds, LONGEST_NAP))):
            await changed.wait()

    def put_back(self) -> None:
        """Have everything due again that was taken and has not been seen to."""
        for planned in self._planned.values():
            planned.wake_at = planned.next_at

    def postpone(self, planned: Planned) -> None:
        """Have it come again soon, for the same time."""
        planned.wake_at = self._runtime.now() + SECOND_TRY
        self._ring()

    def settle(self, planned: Planned, due: float, run: JsonObject | None, error: JsonObject | None) -> None:
        """Note what became of a start. One that was dropped meanwhile does not come back by it.

        Args:
            planned: whose start it was.
            due: when it was due.
            run: the run, if there is one.
            error: or why there is none.
        """
        if self._planned.get(planned.name) is planned:
            planned.settle(max(due, self._runtime.now()), run, error)
            self._keep(planned)

    def _keep(self, planned: Planned) -> None:
        self._journal.put_document(FAMILY, planned.name, planned.as_json())
        self._ring()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
