"""The schedules of a daemon: what is kept, what is refused, and what is due when."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.engine import schedules as module
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.engine.schedules import FAMILY, LONGEST_NAP, SECOND_TRY, Schedules
from bluev_actors.errors import InvalidScheduleError, RefusedError, RunNotFoundError, StorageUnavailableError
from bluev_actors.testing.documents import chain, step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.values import Json, JsonObject

MINUTELY = {"workflow_id": "quick", "interval": 60}


@asynccontextmanager
async def open_world() -> AsyncGenerator[tuple[Runtime, Schedules]]:
    """A runtime whose wall clock begins at 0, with the workflow `quick`, and its schedules."""
    began = trio.current_time()
    async with open_runtime(now=lambda: trio.current_time() - began) as runtime:
        await runtime.documents.put("quick", chain("quick", step("a", "noop")))
        yield runtime, Schedules(runtime)


# --- for operators --------------------------------------------------------------------------------------------


async def test_what_is_put_is_there() -> None:
    """By its name, in order, and for the next daemon."""
    async with open_world() as (runtime, schedules):
        for name in ("b", "a"):
            await schedules.put(name, MINUTELY)
        assert [it.name for it in schedules.list_all()] == ["a", "b"]
        assert "a" in schedules
        assert schedules.find("a").next_at == 60
        again = Schedules(runtime)
        assert [it.as_json() for it in again.list_all()] == [it.as_json() for it in schedules.list_all()]
        assert again.find("a").next_at == 60


async def test_what_is_dropped_is_gone() -> None:
    """And can be dropped once."""
    async with open_world() as (runtime, schedules):
        await schedules.put("a", MINUTELY)
        await schedules.drop("a")
        assert "a" not in schedules
        assert runtime.journal.documents(FAMILY) == {}
        with pytest.raises(RunNotFoundError, match="there is no schedule 'a'"):
            schedules.find("a")
        with pytest.raises(RunNotFoundError):
            await schedules.drop("a")


async def test_putting_what_is_there_changes_nothing() -> None:
    """But something else does, from now on."""
    async with open_world() as (_, schedules):
        await schedules.put("a", MINUTELY)
        await trio.sleep(31)
        assert (await schedules.put("a", MINUTELY)).updated_at == 0
        changed = await schedules.put("a", {**MINUTELY, "if_running": "queue"})
        assert (changed.created_at, changed.updated_at, changed.next_at) == (0, 31, 60)


@pytest.mark.parametrize("body", [{}, {"schedule": {}}, {"schedule": MINUTELY, "unknown": 1}])
async def test_what_cannot_be_read_is_left_out(body: JsonObject, caplog: pytest.LogCaptureFixture) -> None:
    """It stays where it is, and the daemon comes up without it."""
    async with open_world() as (runtime, _):
        runtime.journal.put_document(FAMILY, "broken", body)
        assert Schedules(runtime).list_all() == []
        assert "'broken' cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"workflow_id": "lost", "interval": 60}, "workflow_not_found", "workflow_id"),
        ({**MINUTELY, "inputs": {"x": 1}}, "unknown_workflow_input", "inputs.x"),
        ({**MINUTELY, "interval": 0}, "invalid_interval", "interval"),
        (3, "not_an_object", ""),
    ],
)
async def test_what_is_wrong(body: Json, code: str, path: str) -> None:
    """Nothing is kept of it."""
    async with open_world() as (_, schedules):
        with pytest.raises(InvalidScheduleError) as error:
            await schedules.put("a", body)
        assert [(problem.code, problem.path) for problem in error.value.problems] == [(code, path)]
        assert schedules.list_all() == []


async def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit one can still be changed, and one past it is refused."""
    monkeypatch.setattr(module, "MOST", 2)
    async with open_world() as (_, schedules):
        for name in ("b", "a", "b"):
            await schedules.put(name, MINUTELY)
        with pytest.raises(RefusedError) as error:
            await schedules.put("c", MINUTELY)
        assert error.value.code == "too_many_documents"
        assert [it.name for it in schedules.list_all()] == ["a", "b"]


async def test_a_store_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that a schedule is kept before it is."""
    async with open_world() as (runtime, schedules):

        async def fail(_cursor: int | None = None) -> None:
            raise StorageUnavailableError("the disk is full")

        monkeypatch.setattr(runtime.journal, "stored", fail)
        with pytest.raises(StorageUnavailableError):
            await schedules.put("a", MINUTELY)
        with pytest.raises(StorageUnavailableError):
            await schedules.drop("a")


# --- for the scheduler ----------------------------------------------------------------------------------------


async def test_what_is_due_is_taken_once() -> None:
    """The earliest first; and again when it is put back, postponed, or due again."""
    async with open_world() as (_, schedules):
        late, early = await schedules.put("a", MINUTELY), await schedules.put("b", {**MINUTELY, "interval": 50})
        assert schedules.take_due() == []
        await trio.sleep(61)
        assert schedules.take_due() == [early, late]
        assert schedules.take_due() == []
        schedules.put_back()
        assert schedules.take_due() == [early, late]
        schedules.postpone(late)
        schedules.settle(early, early.next_at, {"run_id": "x"}, None)
        await trio.sleep(SECOND_TRY)
        assert schedules.take_due() == [late]
        assert (late.next_at, early.next_at, early.last_run) == (60, 100, {"run_id": "x"})


async def test_what_was_dropped_is_not_settled() -> None:
    """Nor does it come back by that."""
    async with open_world() as (runtime, schedules):
        planned = await schedules.put("a", MINUTELY)
        await schedules.drop("a")
        schedules.settle(planned, 60.0, {"run_id": "x"}, None)
        assert runtime.journal.documents(FAMILY) == {}


async def test_waiting() -> None:
    """Until something is due, something has changed, or the wall clock wants to be looked at; else without end."""
    async with open_world() as (_, schedules):
        with trio.move_on_after(1e6) as scope:
            await schedules.wait()
        assert scope.cancelled_caught
        await schedules.put("a", {**MINUTELY, "interval": 40})
        began = trio.current_time()
        for seconds in (LONGEST_NAP, 40, 40):
            await schedules.wait()
            assert trio.current_time() - began == seconds
        async with trio.open_nursery() as nursery:
            nursery.start_soon(schedules.wait)
            await schedules.put("a", MINUTELY)


async def test_a_wall_clock_that_was_ahead() -> None:
    """What it passed over then is due after all."""
    async with open_world() as (_, schedules):
        planned = await schedules.put("a", MINUTELY)
        planned.settle(1e6, None, None)
        assert schedules.take_due() == []
        assert planned.next_at < 1e6
        assert planned.next_at != math.inf
