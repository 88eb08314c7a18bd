"""Nodes with a body, through a run and over both journals: rounds, clocks, pauses, crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import NodeError, RunFailedError, RunStoppedError
from bluev_actors.workflows.kinds import Param
from bluev_actors.workflows.run_events import NodeStarted

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.run_commands import RunCommand
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.run_events import NodeProgress
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench, TellStory


@pytest.fixture(scope="module")
def bench(each_bench: OpenBench) -> OpenBench:
    """Over both journals."""
    return each_bench


@node(params=[Param("seconds", "number", required=False, default=1)], pausable=True)
async def work(ctx: NodeContext, **_inputs: Json) -> str:
    """Takes a second, unless told otherwise, and says who it was."""
    await trio.sleep(ctx.params["seconds"])
    return ctx.node_id


def body(type_: str = "work", **params: Json) -> JsonObject:
    """A graph of one node, `x`."""
    return {"nodes": [{"id": "x", "type": type_, "params": params}], "connections": [], "inputs": {"item": {}}}


def each(items: int, inner: JsonObject | None = None, *, then: JsonObject | None = None, **params: Json) -> JsonObject:
    """A workflow whose one node, `each`, runs a body for so many items."""
    given = {"items": list(range(items)), "workflow": inner or body(), **params}
    return example("w", {"each": step("map", given, **(then or {}))})


def results(items: int) -> JsonObject:
    """What comes out of that."""
    return {"each": {"results": [{"x": {"value": f"each[{number}]/x"}} for number in range(items)]}}


def crash(run: RunHandle) -> None:
    """Make the run's actor crash at its next message."""
    assert run.ref is not None
    run.ref.tell(cast("RunCommand", object()), urgent=True)


def started(run: RunHandle) -> list[str]:
    """The nodes that were started, in their order; a recovered one as often as it was."""
    return [it.event.node_id for it in run.history() if isinstance(it.event, NodeStarted)]


async def test_the_body_runs_for_every_item(bench: OpenBench, story: TellStory) -> None:
    """Side by side, under ids of their own; the node itself has no task and does not count."""
    async with bench(work) as runtime:
        run = await runtime.start(each(3))
        await trio.sleep(0.5)
        assert (list(run.state.open), len(run.state.in_flight)) == (["each"], 3)
        assert await run.result() == results(3)
        assert trio.current_time() == 1
        assert run.state.max_parallel == 3
        assert started(run) == ["each", "each[0]/x", "each[1]/x", "each[2]/x"]
        story(run)


async def test_none_at_all(bench: OpenBench) -> None:
    """No item is a round of none, and takes no time."""
    async with bench(work) as runtime:
        assert await (await runtime.start(each(0))).result() == {"each": {"results": []}}
        assert trio.current_time() == 0


async def test_so_many_at_a_time(bench: OpenBench) -> None:
    """By the node's own limit, and by that of the run."""
    async with bench(work) as runtime:
        assert await (await runtime.start(each(6, max_concurrency=2))).result() == results(6)
        assert trio.current_time() == 3
        run = await runtime.start({**each(6), "settings": {"max_concurrency": 3}})
        assert await run.result() == results(6)
        assert trio.current_time() == 5


async def test_progress_tells_how_many_items_have_ended(bench: OpenBench) -> None:
    """Of how many."""
    async with bench(work) as runtime:
        shown: list[str] = []

        def listener(_run_id: str, _workflow_id: str, progress: NodeProgress, _at: float) -> None:
            shown.append(f"{progress.node_id}: {progress.done} of {progress.total}")

        runtime.on_progress(listener)
        await (await runtime.start(each(3, max_concurrency=1))).result()
        assert shown[0] == "each: 1 of 3"
        assert set(shown) <= {f"each: {done} of 3" for done in (1, 2, 3)}


async def test_a_pause_runs_nothing_twice(bench: OpenBench, story: TellStory) -> None:
    """What had completed inside stays; what was cut short begins again, the others begin when it is their turn."""
    async with bench(work) as runtime:
        run = await runtime.start(each(5, max_concurrency=2))
        await trio.sleep(1.5)
        await run.pause()
        await trio.sleep(100)
        assert (run.state.status, run.state.node("each").status) == ("paused", "paused")
        assert not run.state.open
        await run.resume()
        assert await run.result() == results(5)
        inside = [it for it in started(run) if "/" in it]
        assert sorted(inside) == sorted([*(f"each[{number}]/x" for number in range(5)), "each[2]/x", "each[3]/x"])
        assert run.state.node("each").attempt == 1
        story(run)


async def test_a_crash_runs_nothing_twice(bench: OpenBench, story: TellStory) -> None:
    """Only what was in flight runs again."""
    async with bench(work) as runtime:
        run = await runtime.start(each(5, max_concurrency=2))
        await trio.sleep(1.5)
        crash(run)
        assert await run.result() == results(5)
        again = [line for line in story(run) if line.endswith("again")]
        assert again == ["each started again", "each[2]/x started again", "each[3]/x started again"]


async def test_an_attempt_of_all_items_has_a_time(bench: OpenBench) -> None:
    """When it is over, what is under way inside is cancelled, and the node is tried again or has failed."""
    retry = {"timeout": 2.5, "retry": {"max_attempts": 2, "initial": 1, "backoff": "fixed"}}
    async with bench(work) as runtime:
        run = await runtime.start(each(4, max_concurrency=1, then=retry))
        assert await run.result() == results(4)
        assert trio.current_time() == pytest.approx(2.5 + 1 + 2)
        assert (run.state.node("each").attempt, started(run).count("each[2]/x")) == (2, 2)
        assert started(run).count("each[0]/x") == 1
        run = await runtime.start(each(4, max_concurrency=1, then={"timeout": 2.5}))
        with pytest.raises(RunFailedError, match="took longer than its timeout"):
            await run.result()
        assert run.state.node("each[2]/x").status == "cancelled"


async def test_its_clock_goes_on_after_a_crash(bench: OpenBench) -> None:
    """An attempt that was under way has what it had left by the last thing that is on record."""
    async with bench(work) as runtime:
        run = await runtime.start(each(3, max_concurrency=1, then={"timeout": 2.5}))
        await trio.sleep(1.5)
        crash(run)
        with pytest.raises(RunFailedError, match="took longer than its timeout"):
            await run.result()
        assert 2.5 <= trio.current_time() <= 3.0


@pytest.mark.parametrize("crashes", [False, True])
async def test_its_clock_stands_still_in_a_pause(bench: OpenBench, crashes: bool) -> None:
    """What it has used by then is used, by the record too."""
    async with bench(work) as runtime:
        run = await runtime.start(each(2, body(seconds=4), max_concurrency=1, then={"timeout": 6}))
        await trio.sleep(3)
        await run.pause("drain")
        await trio.sleep(100)
        assert run.state.status == "paused"
        if crashes:
            crash(run)
            await trio.sleep(1)
        await run.resume()
        with pytest.raises(RunFailedError, match="took longer than its timeout"):
            await run.result()
        used_after_the_pause = trio.current_time() - 103 - crashes
        assert 2 - 0.02 <= used_after_the_pause <= 3 + 0.02


async def test_a_pause_that_is_withdrawn_took_nothing_of_its_time(bench: OpenBench) -> None:
    """While what is inside still finishes, the node stays open, its clock stands still, and a resume lets it run."""
    async with bench(work) as runtime:
        run = await runtime.start(each(2, body(seconds=6), max_concurrency=1, then={"timeout": 8}))
        await trio.sleep(1)
        await run.pause("drain")
        await trio.sleep(3)
        assert (run.state.status, list(run.state.open)) == ("pausing", ["each"])
        await run.resume()
        with pytest.raises(RunFailedError, match="took longer than its timeout"):
            await run.result()
        assert trio.current_time() == pytest.approx(8 + 3)


async def test_a_failure_inside_is_one_of_the_node(bench: OpenBench) -> None:
    """The others are cancelled, and the error says which item it was."""

    @node
    async def picky(item: int) -> int:
        await trio.sleep(item)
        if item == 1:
            raise NodeError("not this one")
        return item

    picked: JsonObject = {"id": "x", "type": "picky", "params": {"item": "${inputs.item}"}}
    inner: JsonObject = {"nodes": [picked], "connections": [], "inputs": {"item": {}}}
    async with bench(picky) as runtime:
        run = await runtime.start(each(3, inner))
        with pytest.raises(RunFailedError, match="item 1: node x failed: not this one"):
            await run.result()
        assert trio.current_time() == 1
        assert [run.state.node(f"each[{number}]/x").status for number in range(3)] == [
            "completed", "failed", "cancelled",
        ]  # fmt: skip


async def test_a_stop_ends_everything_inside(bench: OpenBench, story: TellStory) -> None:
    """Every node has its end, also those of items that were under way."""
    async with bench(work) as runtime:
        run = await runtime.start(each(3, body(seconds=50)))
        await trio.sleep(1)
        await run.stop()
        with pytest.raises(RunStoppedError):
            await run.result()
        assert {it.status for it in run.state.nodes.values()} == {"cancelled"}
        story(run)


@pytest.mark.parametrize("control", ["", "pause", "crash"])
async def test_a_loop_waits_between_its_rounds(bench: OpenBench, control: str) -> None:
    """So many seconds from the end of one to the beginning of the next; a pause counts for nothing in it."""
    inner: JsonObject = {
        "nodes": [{"id": "x", "type": "work"}],
        "connections": [],
        "inputs": {"state": {}, "iteration": {}},
        "outputs": {"state": {"node": "x", "output": "value"}},
    }
    doc = example("w", {"loop": step("loop", {"workflow": inner, "count": 3, "delay": 10})})
    async with bench(work) as runtime:
        run = await runtime.start(doc)
        await trio.sleep(5)
        if control == "pause":
            await run.pause()
            await trio.sleep(100)
            await run.resume()
        if control == "crash":
            crash(run)
        assert (await run.result())["loop"]["iterations"] == 3
        assert trio.current_time() == pytest.approx(123 if control == "pause" else 23, abs=0.05)
        assert started(run).count("loop[0]/x") == 1


async def test_a_workflow_in_a_workflow(bench: OpenBench, story: TellStory) -> None:
    """Its nodes are told by their way, without a number."""
    inner: JsonObject = {**body(), "outputs": {"who": {"node": "x", "output": "value"}}}
    async with bench(work) as runtime:
        run = await runtime.start(example("w", {"sub": step("sub_workflow", {"workflow": inner, "item": 1})}))
        found = await run.result()
        assert "sub/x" in str(found)
        assert started(run) == ["sub", "sub/x"]
        story(run)
