from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.journal import MemoryJournal
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue, node
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.runtime import LARGE, open_runtime
from bluev_actors.errors import InvalidWorkflowError, NodeError, NodeTypeError, RefusedError, RunStoppedError
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.run_events import RunStarted

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.run_events import NodeProgress
    from bluev_actors.workflows.values import JsonObject
    from tests.engine.conftest import OpenBench, TellStory

HELLO: JsonObject = example("hello", {"a": step("constant", {"value": "hello"})})


@node
async def shout(text: str) -> str:
    """Says it louder."""
    return text.upper()


async def test_the_first_hour() -> None:
    """A user's own node type, a workflow, its result; and the wall clock when no other is given."""
    before = time.time()
    async with open_runtime([shout]) as runtime:
        doc = example("w", {"a": step("shout", {"text": "${inputs.name}"})}, inputs={"name": {"type": "string"}})
        run = await runtime.start(doc, {"name": "anna"})
        assert await run.result() == {"a": {"value": "ANNA"}}
        assert before <= run.state.started_at <= time.time()


async def test_a_wrong_document_is_told_in_full(bench: OpenBench) -> None:
    """All that is wrong with it, and nothing is started."""
    doc = example("w", {"a": step("no_such"), "b": step("delay", {"seconds": -1})}, "a.out -> c.in")
    async with bench() as runtime:
        with pytest.raises(InvalidWorkflowError) as caught:
            await runtime.start(doc)
        assert {it.code for it in caught.value.problems} >= {"unknown_node_type", "unknown_to_node"}
        assert runtime.list_runs() == []
        verdict = await runtime.validate(doc)
        assert verdict.errors == caught.value.problems
        assert verdict.workflow is None


@pytest.mark.parametrize("document", [None, 7, "x", [], {}, {"nodes": "x"}, {"nodes": [], "connections": {}}])
async def test_what_is_no_workflow_is_refused(bench: OpenBench, document: object) -> None:
    """Any JSON may come."""
    async with bench() as runtime:
        with pytest.raises(InvalidWorkflowError):
            await runtime.start(document)


async def test_a_workflow_without_an_id_gets_one(bench: OpenBench) -> None:
    """It is told with the run, and two of them are two workflows."""
    doc = {"nodes": [{"id": "a", "type": "noop"}], "connections": []}
    async with bench() as runtime:
        run, other = await runtime.start(doc), await runtime.start(doc)
        assert run.workflow_id.startswith("workflow-")
        assert run.workflow_id != other.workflow_id
        assert runtime.find(workflow_id=run.workflow_id) is run
        await other.result()


async def test_a_run_keeps_what_was_checked(bench: OpenBench) -> None:
    """What the caller does afterwards with the document and the inputs it gave is no concern of the run."""
    nodes = {
        "a": step("delay", {"seconds": 1}),
        "b": step("constant", {"value": [1]}),
        "c": step("echo", {"value": "${inputs.x}"}),
    }
    doc = example("w", nodes, "a.done -> b.after", "a.done -> c.after", inputs={"x": {}})
    inputs = {"x": [1]}
    async with bench() as runtime:
        run = await runtime.start(doc, inputs)
        doc["nodes"][1]["params"]["value"].append(2)
        doc["connections"].clear()
        inputs["x"].append(2)
        assert await run.result() == {"b": {"value": [1]}, "c": {"value": [1]}}
        assert len(run.workflow.document["connections"]) == 2


@pytest.mark.parametrize("value", [float("nan"), object(), 2**70, {1: 2}, "\ud800"])
async def test_inputs_are_json(bench: OpenBench, value: object) -> None:
    """What is none is told before anything starts."""
    doc = example("w", {"a": step("echo", {"value": "${inputs.x}"})}, inputs={"x": {}})
    async with bench() as runtime:
        with pytest.raises(InvalidWorkflowError):
            await runtime.start(doc, {"x": value})


async def test_the_first_event_is_there_when_start_returns(bench: OpenBench) -> None:
    """With what the document deserves a second look for."""
    async with bench() as runtime:
        doc = example("w", {"a": step("noop", disabled=True), "b": step("noop")}, "a.out -> b.in")
        run = await runtime.start(doc, run_id=runtime.new_run_id())
        first = run.history()[0].event
        assert isinstance(first, RunStarted)
        assert [warning["code"] for warning in first.warnings] == ["disabled_dependency"]
        await run.result()


async def test_there_is_no_run_to_run_again(bench: OpenBench) -> None:
    """Who names one that is not held is told so, and nothing starts."""
    async with bench() as runtime:
        with pytest.raises(RefusedError) as caught:
            await runtime.start(HELLO, options=RunOptions(rerun=Rerun(from_run="run-1")))
        assert caught.value.code == "rerun_not_found"
        assert runtime.list_runs() == []


async def test_what_failed_runs_again(bench: OpenBench, story: TellStory) -> None:
    """What an earlier run has done is taken over, and the new run says whose child it is."""
    failed: list[str] = []

    @node
    async def once_broken() -> str:
        if not failed:
            failed.append("yes")
            raise NodeError("not the first time")
        return "done"

    doc = example("w", {"a": step("constant", {"value": 1}), "b": step("once_broken")}, "a.done -> b.after")
    async with bench(once_broken) as runtime:
        old = await runtime.start(doc)
        await old.when_ended()
        assert old.status == "failed"
        new = await runtime.start(doc, options=RunOptions(rerun=Rerun(from_run=old.run_id)))
        assert await new.result() == {"b": {"value": "done"}}
        assert story(new) == ["run started", "a completed", "b started", "b completed", "run completed"]
        assert (new.state.parent_run_id, new.state.nodes["a"].cached) == (old.run_id, True)


async def test_what_is_pure_may_be_taken_from_the_cache(bench: OpenBench) -> None:
    """When the run says so; a second run that does not, works."""
    doc = example("w", {"a": step("template", {"text": "hello"})})
    async with bench() as runtime:
        cached: list[bool] = []
        for use_cache in (True, True, False):
            run = await runtime.start(doc, options=RunOptions(use_cache=use_cache))
            assert await run.result() == {"a": {"text": "hello"}}
            cached.append(run.state.nodes["a"].cached)
        assert cached == [False, True, False]


async def test_a_large_document_is_checked_in_a_thread(bench: OpenBench, running_clock: MockClock) -> None:
    """So that nobody waits for it; the verdict is the same."""
    nodes = {f"n{number}": step("noop") for number in range(LARGE + 1)}
    async with bench() as runtime:
        threads = trio.to_thread.current_default_thread_limiter().statistics
        assert threads().borrowed_tokens == 0
        verdict = await runtime.validate(example("w", nodes))
        assert verdict.workflow is not None
        assert len(verdict.workflow.nodes) == LARGE + 1
        assert running_clock.rate == 1


async def test_limits_of_a_document(bench: OpenBench) -> None:
    """At the limit it runs, one past it is refused."""
    async with bench(limits=RuntimeLimits(nodes=2, connections=1)) as runtime:
        two = {"a": step("noop"), "b": step("noop")}
        await (await runtime.start(example("w", two, "a.out -> b.in"))).result()
        with pytest.raises(InvalidWorkflowError) as caught:
            await runtime.start(example("w", {**two, "c": step("noop")}, "a.out -> b.in", "a.out -> c.in"))
        assert {it.code for it in caught.value.problems} == {"too_many_nodes", "too_many_connections"}


async def test_node_types(bench: OpenBench) -> None:
    """One's own come beside those built in; a name is given once, and an allowance is for something."""
    async with bench(shout) as runtime:
        assert "shout" in runtime.catalogue
        assert "noop" in runtime.catalogue
    with pytest.raises(NodeTypeError, match="taken"):
        async with bench(node("noop")(shout.function)):
            pass
    with pytest.raises(NodeTypeError, match="no node type 'pyhton'"):
        async with open_runtime(allow=["pyhton"]):
            pass
    async with open_runtime(catalogue=Catalogue([shout])) as runtime:
        assert [it.kind.name for it in runtime.catalogue] == ["shout"]


async def test_what_touches_the_outside_is_off() -> None:
    """Until it is allowed by name."""
    doc = example("w", {"a": step("python", {"call": "math:sqrt", "x": 4})})
    async with open_runtime() as runtime:
        verdict = await runtime.validate(doc)
        assert "node_type_disabled" in [it.code for it in verdict.errors]
    async with open_runtime(allow=["python"]) as runtime:
        verdict = await runtime.validate(doc)
        assert "node_type_disabled" not in [it.code for it in verdict.errors]


async def test_progress_has_listeners(bench: OpenBench) -> None:
    """Each hears whose progress it is and when it was, until it has heard enough."""
    heard: list[tuple[Any, ...]] = []

    @node
    async def it(ctx: NodeContext) -> None:
        ctx.progress(0.5, message="half")
        await trio.sleep(1)
        ctx.progress(1)

    def listener(run_id: str, workflow_id: str, progress: NodeProgress, at: float) -> None:
        heard.append((run_id, workflow_id, progress.node_id, progress.fraction, at - runtime.now()))
        unsubscribe()

    async with bench(it) as runtime:
        unsubscribe = runtime.on_progress(listener)
        await (await runtime.start(example("w", {"a": step("it")}), run_id="run-1")).result()
    assert heard == [("run-1", "w", "a", 0.5, 0)]


@pytest.mark.parametrize("how", ["left", "cancelled", "broken"])
async def test_leaving_stops_every_run(how: str) -> None:
    """Each gets its terminal event, so that nobody waits for ever; in whatever way the block is left."""
    runs: list[RunHandle] = []

    async def use_it() -> None:
        async with open_runtime() as runtime:
            runs.append(await runtime.start(example("w", {"a": step("delay", {"seconds": 100})})))
            runs.append(await runtime.start(example("v", {"a": step("delay", {"seconds": 100})})))
            await runs[1].pause()
            if how == "broken":
                raise LookupError("broken")
            if how == "cancelled":
                await trio.sleep(50)

    with trio.move_on_after(10):
        if how == "broken":
            with pytest.raises(LookupError):
                await use_it()
        else:
            await use_it()
    assert trio.current_time() == (10 if how == "cancelled" else 0)
    for run in runs:
        with pytest.raises(RunStoppedError):
            await run.result()


async def test_draining_an_idle_runtime_takes_no_time(bench: OpenBench) -> None:
    """There is nobody to wait for."""
    async with bench() as runtime:
        await (await runtime.start(HELLO)).result()
        await runtime.drain(60)
        assert trio.current_time() == 0
        assert runtime.runs.draining


async def test_draining_gives_up_on_the_disobedient(bench: OpenBench) -> None:
    """After the grace of its run, whoever is still there is left behind."""

    @node
    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    async with bench(stubborn) as runtime:
        run = await runtime.start({**example("w", {"a": step("stubborn")}), "settings": {"grace": 2}})
        await runtime.drain(3)
        assert trio.current_time() == 5
        assert run.state.status == "stopping"


async def test_a_runtime_says_what_it_is(bench: OpenBench) -> None:
    """Its parts can be looked at."""
    limits = RuntimeLimits(log_lines=5)
    async with bench(limits=limits) as runtime:
        assert runtime.limits is limits
        assert isinstance(runtime.journal, MemoryJournal)
        assert len(list(runtime.catalogue)) == len(BUILT_INS)
        assert [it.path for it in runtime.system.tree().walk()] == ["/", "/runs"]
