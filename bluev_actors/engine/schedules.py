"""The schedules of a daemon, and the actor that starts what is due.

What was missed while no daemon lived is made up for by one run. The id of a run follows from its schedule and the time
it was due, so that a crash between the start and the note of it does not start it twice.
"""

from __future__ import annotations

import hashlib
import logging
import math
from typing import TYPE_CHECKING, Final, Never, TypeAlias

import trio
from attrs import define, field

from bluev_actors.actors import Actor
from bluev_actors.engine.schedule import Schedule, parse_schedule
from bluev_actors.errors import BluevError, InvalidScheduleError, RefusedError, RunNotFoundError
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from bluev_actors.engine.runtime import Runtime
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
_NOT_NOW: Final = frozenset({"draining", "storage_unavailable"})


@define(eq=False)
class Planned:
    """A schedule and how far it has come. Times are seconds since 1970.

    Attributes:
        name: what it is called.
        schedule: what it says.
        created_at: when it was put for the first time.
        updated_at: when it was changed the last time.
        anchor: what its interval counts from.
        settled: what was due up to here has been seen to.
        last_run: the run it started last: `run_id`, `due_at`, `started_at`.
        last_error: why nothing was started the last time: `code`, `message`, `due_at`.
        next_at: when it is due next; inf when it is not enabled.
    """

    name: str
    schedule: Schedule
    created_at: float
    updated_at: float
    anchor: float
    settled: float
    last_run: JsonObject | None = None
    last_error: JsonObject | None = None
    next_at: float = field(default=math.inf, init=False)
    wake_at: float = field(default=math.inf, init=False)

    def plan(self) -> None:
        """Find out when it is due next."""
        next_at = self.schedule.next_due(self.settled, self.anchor) if self.schedule.enabled else math.inf
        self.next_at = self.wake_at = next_at

    def correct(self, now: float) -> None:
        """Find out anew when it is due if the wall clock was ahead once: what it passed over then is still to come."""
        if self.settled > now + LONGEST_NAP and self.wake_at < math.inf:
            self.settled = now
            self.plan()

    def change(self, schedule: Schedule, now: float) -> None:
        """Let it say something else from now on; what was due before is not made up for."""
        if schedule.interval != self.schedule.interval:
            self.anchor = now
        self.schedule, self.updated_at, self.settled = schedule, now, now
        self.plan()

    def as_json(self) -> JsonObject:
        """What is kept of it."""
        return {
            "schedule": self.schedule.as_json(),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "anchor": self.anchor,
            "settled": self.settled,
            "last_run": self.last_run,
            "last_error": self.last_error,
        }


Fate: TypeAlias = tuple["JsonObject | None", "JsonObject | None"]
"""The run that was started, or the error."""


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
        """What has to be started now; it does not come again before `start` is through with it."""
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

    async def start(self, planned: Planned) -> None:
        """Start what is due, and note what became of it."""
        due, schedule = planned.next_at, planned.schedule
        fate = await self._start(planned.name, schedule, due)
        if self._planned.get(planned.name) is not planned:
            return  # it was dropped meanwhile
        if fate is None:
            planned.wake_at = self._runtime.now() + SECOND_TRY
        else:
            self._note(planned, due, *fate)
        self._ring()

    async def _start(self, name: str, schedule: Schedule, due: float) -> Fate | None:
        """What became of a start; None when it has to be tried again."""
        run_id = run_id_of(name, due)
        try:
            if not self._is_there(run_id):
                document = self._runtime.documents.workflow(schedule.workflow_id)
                options = RunOptions(if_running=schedule.if_running)
                await self._runtime.start(document, schedule.inputs, options=options, run_id=run_id)
        except BluevError as error:
            if error.code in _NOT_NOW:
                return None
            _log.warning("the schedule %r has started nothing: %s", name, error)
            return None, {"code": error.code, "message": str(error), "due_at": rfc3339(due)}
        except Exception:  # noqa: BLE001 - one that cannot be started must not keep the others from it
            _log.exception("the schedule %r has started nothing", name)
            return None, {"code": BluevError.code, "message": "the log has more", "due_at": rfc3339(due)}
        return {"run_id": run_id, "due_at": rfc3339(due), "started_at": rfc3339(self._runtime.now())}, None

    def _is_there(self, run_id: str) -> bool:
        """Whether the run was started before a crash, so that only the note of it is missing."""
        try:
            self._runtime.find(run_id=run_id)
        except RunNotFoundError:
            return False
        return True

    def _note(self, planned: Planned, due: float, run: JsonObject | None, error: JsonObject | None) -> None:
        planned.last_run, planned.last_error = run or planned.last_run, error
        planned.settled = max(planned.settled, due, self._runtime.now())
        planned.plan()
        self._keep(planned)

    def _keep(self, planned: Planned) -> None:
        self._journal.put_document(FAMILY, planned.name, planned.as_json())
        self._ring()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Scheduler(Actor[Never]):
    """Starts what is due when it is due. What it is starting when it crashes is started by the next one."""

    def __init__(self, schedules: Schedules) -> None:
        self._schedules = schedules

    async def on_start(self) -> None:
        """Take back what an earlier incarnation was about to start."""
        for planned in self._schedules.list_all():
            planned.wake_at = planned.next_at

    async def run(self) -> None:
        """Go on until stopped. One start may take long, when it replaces a run, and the others do not wait for it."""
        async with trio.open_nursery() as nursery:
            while True:
                for planned in self._schedules.take_due():
                    nursery.start_soon(self._schedules.start, planned)
                await self._schedules.wait()


def run_id_of(name: str, due: float) -> str:
    """The id of the run that a schedule starts for a time, in seconds since 1970."""
    digest = hashlib.blake2b(f"{due!r} {name}".encode(errors="surrogatepass"), digest_size=16)
    return f"run-{digest.hexdigest()}"
