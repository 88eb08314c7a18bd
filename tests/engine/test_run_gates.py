"""Nodes that share a key: so many at a time and so many in a while, over all runs of a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.run_commands import RunCommand
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench

BESIDE = RunOptions(concurrent=True)


@pytest.fixture(scope="module")
def bench(each_bench: OpenBench) -> OpenBench:
    """Over both journals."""
    return each_bench


def keyed(count: int = 1, seconds: float = 10, **settings: Json) -> JsonObject:
    """A workflow of some nodes with the key `db`."""
    nodes = {f"n{number}": step("delay", {"seconds": seconds}, concurrency_key="db") for number in range(count)}
    return example("w", nodes, settings=settings)


def running(*runs: RunHandle) -> list[int]:
    """How many nodes each run has in flight."""
    return [len(run.state.in_flight) for run in runs]


def crash(run: RunHandle) -> None:
    """Make the run's actor crash at its next message."""
    assert run.ref is not None
    run.ref.tell(cast("RunCommand", object()), urgent=True)


async def start(runtime: Runtime, doc: JsonObject, **names: str) -> RunHandle:
    """Start a run beside the others of its workflow."""
    return await runtime.start(doc, options=BESIDE, run_id=names.get("run_id"))


async def test_one_at_a_time_over_two_runs(bench: OpenBench) -> None:
    """Without more, a key has one slot; a run that waits for it is running, and its other nodes pass by."""
    doc = keyed()
    doc["nodes"].append({"id": "free", "type": "delay", "params": {"seconds": 1}})
    async with bench() as runtime:
        first, second = await start(runtime, doc), await start(runtime, doc)
        await trio.sleep(5)
        assert running(first, second) == [1, 0]
        assert (second.state.status, second.state.node("free").status) == ("running", "completed")
        await second.result()
        assert trio.current_time() == 20


async def test_as_many_as_the_settings_say(bench: OpenBench) -> None:
    """Within a run and over all of them."""
    doc = keyed(3, concurrency={"db": 2})
    async with bench() as runtime:
        first, second = await start(runtime, doc), await start(runtime, doc)
        for _ in range(3):
            await trio.sleep(5)
            assert sum(running(first, second)) == 2
            await trio.sleep(5)
        await first.result()
        await second.result()
        assert trio.current_time() == 30


async def test_as_many_in_a_while(bench: OpenBench) -> None:
    """Two starts in ten seconds, however short they are."""
    doc = keyed(5, 0, rates={"db": {"limit": 2, "period": 10}})
    async with bench() as runtime:
        run = await start(runtime, doc)
        await run.result()
        assert trio.current_time() == pytest.approx(20)
        began = sorted(node.started_at or 0 for node in run.state.nodes.values())
        assert [round(at - began[0]) for at in began] == [0, 0, 10, 10, 20]


@pytest.mark.parametrize("how", ["pause", "stop"])
async def test_who_does_not_go_on_holds_nobody_up(bench: OpenBench, how: str) -> None:
    """A run that is paused or stopped gives back its slots, and its place in the line."""
    async with bench() as runtime:
        first, second, third = [await start(runtime, keyed()) for _ in range(3)]
        await trio.sleep(1)
        await getattr(second, how)()
        await trio.sleep(1)
        await getattr(first, how)()
        await wait_all_tasks_blocked()
        assert running(first, second, third) == [0, 0, 1]
        await third.result()
        assert trio.current_time() == 12
        if how == "pause":
            await second.resume()
            await second.result()
            await first.resume()
            await first.result()
            assert trio.current_time() == pytest.approx(30)


async def test_a_crash_keeps_the_slot(bench: OpenBench) -> None:
    """What was in flight goes on inside; who waited, and who comes later, waits for it."""
    async with bench() as runtime:
        first = await start(runtime, keyed())
        await trio.sleep(4)
        crash(first)
        await trio.sleep(1)
        second, third = await start(runtime, keyed()), await start(runtime, keyed())
        await trio.sleep(1)
        crash(second)
        await trio.sleep(1)
        assert running(first, second, third) == [1, 0, 0]
        for run in (first, second, third):
            await run.result()
        assert trio.current_time() == pytest.approx(30)


async def test_a_retry_leaves_the_slot_to_others(bench: OpenBench) -> None:
    """While it waits for its next attempt it holds nothing."""

    @node
    async def flaky(ctx: NodeContext) -> None:
        await trio.sleep(1)
        if ctx.attempt == 1:
            raise LookupError("not yet")

    retry = {"max_attempts": 2, "initial": 50, "backoff": "fixed"}
    doc = example("w", {"a": step("flaky", retry=retry, concurrency_key="db")})
    async with bench(flaky) as runtime:
        first, second = await start(runtime, doc), await start(runtime, keyed(seconds=5))
        await second.result()
        assert trio.current_time() == 6
        await first.result()
        assert trio.current_time() == 52


async def test_inside_a_body_the_slot_is_shared(bench: OpenBench) -> None:
    """A node inside of one that holds the same key does not wait for it."""
    body: JsonObject = {
        "nodes": [{"id": "x", "type": "delay", "params": {"seconds": 1}, "concurrency_key": "db"}],
        "connections": [],
        "inputs": {"item": {}},
    }
    doc = example("w", {"each": step("map", {"items": [1, 2], "workflow": body}, concurrency_key="db")})
    async with bench() as runtime:
        await (await start(runtime, doc)).result()
        assert trio.current_time() <= 2
        assert runtime.runs.admission.inside("db") == 0
