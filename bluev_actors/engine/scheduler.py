"""The actor that starts what is due.

The id of a run follows from its schedule and the time it was due, so that a crash between the start and the note of it
does not start it twice.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final, Never, TypeAlias

import trio

from bluev_actors.actors import Actor
from bluev_actors.errors import BluevError, RunNotFoundError
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from bluev_actors.engine.planned import Planned
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.engine.schedule import Schedule
    from bluev_actors.engine.schedules import Schedules
    from bluev_actors.workflows.values import JsonObject

_log = logging.getLogger(__name__)

_NOT_NOW: Final = frozenset({"draining", "storage_unavailable"})
"""Why a start is tried again: the daemon, and not the workflow, stands in its way."""

Fate: TypeAlias = tuple["JsonObject | None", "JsonObject | None"]
"""The run that was started, or the error."""


class Scheduler(Actor[Never]):
    """Starts what is due when it is due. What it is starting when it crashes is started by the next one.

    Args:
        runtime: where runs are started.
        schedules: what says when.
    """

    def __init__(self, runtime: Runtime, schedules: Schedules) -> None:
        self._runtime = runtime
        self._schedules = schedules

    async def on_start(self) -> None:
        """Take back what an earlier incarnation was about to start."""
        self._schedules.put_back()

    async def run(self) -> None:
        """Go on until stopped. One start may take long, when it replaces a run, and the others do not wait for it."""
        async with trio.open_nursery() as nursery:
            while True:
                for planned in self._schedules.take_due():
                    nursery.start_soon(self._start, planned, planned.next_at)
                await self._schedules.wait()

    async def _start(self, planned: Planned, due: float) -> None:
        """Start what is due, and have it noted what became of it."""
        fate = await self._try(planned.name, planned.schedule, due)
        if fate is None:
            self._schedules.postpone(planned)
        else:
            self._schedules.settle(planned, due, *fate)

    async def _try(self, name: str, schedule: Schedule, due: float) -> Fate | None:
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


def run_id_of(name: str, due: float) -> str:
    """The id of the run that a schedule starts for a time, in seconds since 1970."""
    digest = hashlib.blake2b(f"{due!r} {name}".encode(errors="surrogatepass"), digest_size=16)
    return f"run-{digest.hexdigest()}"
