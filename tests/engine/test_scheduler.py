"""Runs that are started by the clock: on time, once, and whatever happens meanwhile."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, field

from bluev_actors.actors import child
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.engine.scheduler import Scheduler, run_id_of
from bluev_actors.engine.schedules import FAMILY, LONGEST_NAP, SECOND_TRY, Schedules
from bluev_actors.errors import RefusedError, RunNotFoundError, StorageUnavailableError
from bluev_actors.testing.documents import chain, step, workflow
from bluev_actors.workflows.times import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.values import JsonObject

MIDNIGHT = 1_767_225_600.0
"""The first of January 2026, when Trio's clock reads 0."""
MINUTELY = {"workflow_id": "quick", "interval": 60}
QUICK = chain("quick", step("a", "noop"))
SLOW = chain("slow", step("a", "delay", seconds=150))


@define
class World:
    """A runtime with its schedules, and a wall clock that can be set."""

    offset: list[float]
    runtime: Runtime
    schedules: Schedules = field(init=False)
    numbers: int = 0

    def __attrs_post_init__(self) -> None:
        self.schedules = self.load()

    def load(self) -> Schedules:
        """The schedules as the journal has them."""
        return Schedules(self.runtime)

    async def store(self, *documents: JsonObject) -> None:
        """Store workflows."""
        for document in documents:
            await self.runtime.documents.put(document["id"], document)

    @asynccontextmanager
    async def scheduler(self) -> AsyncGenerator[None]:
        """Let the scheduler live, for the block."""
        self.numbers += 1
        spec = child(f"schedules-{self.numbers}", lambda: Scheduler(self.runtime, self.schedules), kind="schedules")
        ref = await self.runtime.system.start(spec)
        yield
        ref.stop("the test is over")
        await ref.stopped()

    def runs(self) -> list[float]:
        """When runs were accepted, the oldest first, in seconds since midnight."""
        return [run.desk.record.accepted_at - MIDNIGHT for run in reversed(self.runtime.list_runs())]


@asynccontextmanager
async def open_world() -> AsyncGenerator[World]:
    """Open it, with the workflows stored."""
    offset = [MIDNIGHT]
    async with open_runtime(now=lambda: trio.current_time() + offset[0]) as runtime:
        world = World(offset, runtime)
        await world.store(QUICK, SLOW)
        yield world


# --- on time ----------------------------------------------------------------------------------------------


async def test_an_interval() -> None:
    """One interval after it was put, and then beat by beat; the last run is told."""
    async with open_world() as world, world.scheduler():
        planned = await world.schedules.put("beat", MINUTELY)
        assert planned.next_at == MIDNIGHT + 60
        await trio.sleep(200)
        assert world.runs() == [60, 120, 180]
        assert planned.next_at == MIDNIGHT + 240
        assert planned.last_run is not None
        assert planned.last_run["run_id"] == run_id_of("beat", MIDNIGHT + 180) == world.runtime.list_runs()[0].run_id
        assert from_rfc3339(planned.last_run["due_at"]) == from_rfc3339(planned.last_run["started_at"])
        assert planned.last_error is None


async def test_cron_with_inputs() -> None:
    """By the clock on the wall, with what the schedule gives along."""
    document = workflow("greet", step("a", "constant", value=1), inputs={"name": {"type": "string"}})
    async with open_world() as world, world.scheduler():
        await world.store(document)
        body = {"workflow_id": "greet", "cron": "30 6 * * *", "timezone": "Asia/Tokyo", "inputs": {"name": "you"}}
        await world.schedules.put("morning", body)
        await trio.sleep(86_400)
        assert world.runs() == [21.5 * 3600]
        assert world.runtime.list_runs()[0].desk.record.inputs == {"name": "you"}


async def test_many_at_once() -> None:
    """Each starts its own, and one that waits for a run to be replaced holds up no other."""
    stubborn = workflow("stubborn", step("a", "delay", seconds=1e6), settings={"grace": 1})
    async with open_world() as world, world.scheduler():
        await world.store(stubborn)
        first = await world.runtime.start(stubborn)
        await world.schedules.put("a", {"workflow_id": "stubborn", "interval": 60, "if_running": "replace"})
        await world.schedules.put("b", MINUTELY)
        await trio.sleep(61)
        assert first.state.status == "stopped"
        assert sorted(run.workflow_id for run in world.runtime.list_runs()) == ["quick", "stubborn", "stubborn"]


async def test_one_that_is_switched_off() -> None:
    """It starts nothing, and what it missed is not made up for when it is switched on again."""
    async with open_world() as world, world.scheduler():
        planned = await world.schedules.put("beat", {**MINUTELY, "enabled": False})
        assert planned.next_at == math.inf
        await trio.sleep(200)
        assert world.runs() == []
        await world.schedules.put("beat", MINUTELY)
        await trio.sleep(60)
        assert world.runs() == [240]


async def test_one_that_is_dropped() -> None:
    """It starts nothing more, and is gone."""
    async with open_world() as world, world.scheduler():
        await world.schedules.put("beat", MINUTELY)
        await trio.sleep(61)
        await world.schedules.drop("beat")
        await trio.sleep(200)
        assert world.runs() == [60]
        assert world.runtime.journal.documents(FAMILY) == {}
        assert "beat" not in world.schedules
        with pytest.raises(RunNotFoundError, match="there is no schedule 'beat'"):
            world.schedules.find("beat")
        with pytest.raises(RunNotFoundError):
            await world.schedules.drop("beat")


async def test_putting_what_is_there_changes_nothing() -> None:
    """Whoever deploys every half minute still gets a run a minute; another workflow keeps the beat too."""
    async with open_world() as world, world.scheduler():
        for _ in range(5):
            await world.schedules.put("beat", MINUTELY)
            await trio.sleep(31)
        await world.schedules.put("beat", {**MINUTELY, "workflow_id": "slow"})
        await trio.sleep(30)
        assert world.runs() == [60, 120, 180]
        planned = await world.schedules.put("beat", {**MINUTELY, "interval": 10})
        assert planned.next_at == MIDNIGHT + 185 + 10
        assert (planned.created_at, planned.updated_at) == (MIDNIGHT, MIDNIGHT + 185)


async def test_a_wall_clock_that_is_set_forward() -> None:
    """It is noticed soon, and what was passed over is made up for once."""
    async with open_world() as world, world.scheduler():
        await world.schedules.put("beat", {"workflow_id": "quick", "interval": 3600})
        await trio.sleep(10)
        world.offset[0] += 3 * 3600
        await trio.sleep(LONGEST_NAP)
        assert len(world.runs()) == 1
        assert world.schedules.find("beat").next_at == MIDNIGHT + 4 * 3600


async def test_a_wall_clock_that_was_ahead() -> None:
    """When it is set right, the schedule does not keep silent until the time that it believed in."""
    async with open_world() as world, world.scheduler():
        await world.schedules.put("beat", MINUTELY)
        world.offset[0] += 1e6
        await trio.sleep(61)
        world.offset[0] -= 1e6
        await trio.sleep(180)
        assert [at for at in world.runs() if at < 1e6] == [120, 180, 240]


# --- once, over crashes -----------------------------------------------------------------------------------


async def test_what_was_missed_runs_once() -> None:
    """A daemon that was away for an hour does not start sixty runs, and is on the beat again."""
    async with open_world() as world:
        await world.schedules.put("beat", MINUTELY)
        await trio.sleep(3601)
        world.schedules = world.load()
        async with world.scheduler():
            await trio.sleep(1)
            assert world.runs() == [3601]
            await trio.sleep(60)
            assert world.runs() == [3601, 3660]


async def test_a_crash_between_start_and_note() -> None:
    """The run is found to be there already, and the schedule goes on from it."""
    async with open_world() as world:
        planned = await world.schedules.put("beat", MINUTELY)
        await trio.sleep(61)
        run_id = run_id_of("beat", planned.next_at)
        await world.runtime.start(QUICK, run_id=run_id)
        world.schedules = world.load()
        async with world.scheduler():
            await trio.sleep(1)
            found = world.schedules.find("beat")
            assert len(world.runs()) == 1
            assert found.last_run is not None
            assert (found.last_run["run_id"], found.next_at) == (run_id, MIDNIGHT + 120)


@pytest.mark.parametrize("policy", ["reject", "replace", "queue"])
async def test_a_crash_between_start_and_note_of_a_long_run(policy: str) -> None:
    """The run that was started is not taken for one that is in the way."""
    async with open_world() as world:
        planned = await world.schedules.put("beat", {"workflow_id": "slow", "interval": 60, "if_running": policy})
        await trio.sleep(61)
        run = await world.runtime.start(SLOW, run_id=run_id_of("beat", planned.next_at))
        world.schedules = world.load()
        async with world.scheduler():
            await trio.sleep(1)
            assert (run.status, world.runs()) == ("running", [61])
            assert world.schedules.find("beat").last_error is None


async def test_a_crash_of_the_scheduler() -> None:
    """What it was starting is started by the next one, and once."""
    async with open_world() as world:
        planned = await world.schedules.put("beat", MINUTELY)
        await trio.sleep(61)
        assert world.schedules.take_due() == [planned]
        assert world.schedules.take_due() == []
        async with world.scheduler():
            await trio.sleep(1)
            assert world.runs() == [61]


# --- what stands in the way -------------------------------------------------------------------------------


async def test_a_workflow_that_still_runs() -> None:
    """Nothing is started, which is told until something is started again."""
    async with open_world() as world, world.scheduler():
        planned = await world.schedules.put("beat", {"workflow_id": "slow", "interval": 60})
        await trio.sleep(121)
        assert world.runs() == [60]
        assert planned.last_error is not None
        assert planned.last_error["code"] == "workflow_already_running"
        assert planned.last_run is not None
        assert planned.last_run["run_id"] == run_id_of("beat", MIDNIGHT + 60)
        await trio.sleep(120)
        assert world.runs() == [60, 240]
        assert planned.last_error is None


async def test_a_workflow_that_is_gone() -> None:
    """It is told, and works again when the workflow is back."""
    async with open_world() as world, world.scheduler():
        planned = await world.schedules.put("beat", MINUTELY)
        await world.runtime.documents.drop("quick")
        await trio.sleep(61)
        assert planned.last_error is not None
        assert planned.last_error["code"] == "workflow_not_found"
        await world.store(QUICK)
        await trio.sleep(60)
        assert world.runs() == [120]


@pytest.mark.parametrize("error", [StorageUnavailableError("disk full"), RefusedError("draining", "going down")])
async def test_what_only_the_daemon_stands_in_the_way_of(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, for the same time, and is no error of the schedule's."""
    async with open_world() as world, world.scheduler():
        planned = await world.schedules.put("beat", MINUTELY)

        async def fail(*_args: object, **_options: object) -> None:
            raise error

        monkeypatch.setattr(type(world.runtime), "start", fail)
        await trio.sleep(61)
        assert planned.last_error is None
        monkeypatch.undo()
        await trio.sleep(SECOND_TRY)
        assert world.runs() == [60 + SECOND_TRY]
        assert world.runtime.list_runs()[0].run_id == run_id_of("beat", MIDNIGHT + 60)
        assert planned.next_at == MIDNIGHT + 120


async def test_a_bug_stops_nobody_else(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody thought of is an error of that schedule, and the log has more."""
    async with open_world() as world, world.scheduler():

        async def fail(*_args: object, **_options: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(type(world.runtime), "start", fail)
        planned = await world.schedules.put("beat", MINUTELY)
        await trio.sleep(61)
        assert planned.last_error is not None
        assert planned.last_error["code"] == "internal_error"
        assert "ZeroDivisionError" in caplog.text
        monkeypatch.undo()
        await trio.sleep(60)
        assert world.runs() == [120]


def test_run_ids() -> None:
    """They look like any other, and differ by schedule and time."""
    ids = {run_id_of(name, due) for name in ("a", "b", "\ud800") for due in (0.0, 1.0, 1.5)}
    assert len(ids) == 9
    assert all(len(run_id) == len("run-") + 32 for run_id in ids)
