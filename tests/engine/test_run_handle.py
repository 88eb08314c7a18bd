from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import State
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.run_handle import CONTROL_TIMEOUT, RunHandle
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.engine.store.records import line_of
from bluev_actors.errors import (
    ActorRestartingError,
    HistoryExpiredError,
    RunFailedError,
    RunNotFoundError,
    RunStoppedError,
    StorageUnavailableError,
)
from bluev_actors.workflows.run_events import RunStatusChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.control import ControlOutcome
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import JsonObject
    from tests.engine.conftest import OpenBench

SLEEP: JsonObject = example("w", {"a": step("delay", {"seconds": 10}), "b": step("noop")}, "a.out -> b.in")


def handle_of(desk: RunDesk) -> RunHandle:
    """A handle that no runtime knows."""

    def load(_handle: RunHandle) -> RunDesk:
        return desk

    return RunHandle(line_of(desk.record), load, lambda _after: trio.Event(), desk)


async def test_what_it_knows(bench: OpenBench) -> None:
    """Whose run it is, what it runs, and how far it is."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP, session_id="session", principal="anna", run_id="run-1")
        assert (run.run_id, run.workflow_id, run.session_id, run.principal) == ("run-1", "w", "session", "anna")
        assert run.workflow.document == SLEEP
        assert repr(run) == "<run run-1 of 'w': running>"
        await trio.sleep(4)
        assert run.summary()["duration"] == 4
        assert run.summary()["state"] == run.context.get_execution_summary()["state"] == "running"
        await run.result()
        assert run.summary()["duration"] == 10
        await trio.sleep(50)
        assert run.summary() == run.state.summary == run.context.get_execution_summary()


async def test_a_run_without_an_actor(bench: OpenBench) -> None:
    """Before the first incarnation it is queued, and there is nothing to sum up; a control says that it never began."""
    async with bench() as runtime:
        desk = (await runtime.start(SLEEP)).desk
        run = handle_of(evolve(desk, writer=None))
        assert (run.status, run.state.status, run.ended) == ("queued", "queued", False)
        assert run.summary()["state"] == "queued"
        run.begin(None)
        with pytest.raises(RunNotFoundError, match="never began"):
            await run.stop()
        nobody = handle_of(evolve(desk, writer=None, record=evolve(desk.record, run_id="nobody")))
        with pytest.raises(RunNotFoundError, match="nobody"):
            await nobody.result()


async def test_a_control_waits_for_the_first_incarnation(bench: OpenBench) -> None:
    """Who hears of a run before `start` has returned may steer it."""
    async with bench() as runtime, trio.open_nursery() as nursery:

        async def stop_it() -> None:
            await runtime.find(run_id="run-1").stop()

        def once(_batch: Sequence[Recorded]) -> None:
            unsubscribe()
            nursery.start_soon(stop_it)

        unsubscribe = runtime.journal.subscribe(once)
        run = await runtime.start(SLEEP, run_id="run-1")
        await run.when_ended()
        assert run.state.status == "stopped"


@pytest.mark.parametrize(("node_id", "error"), [("ok", None), ("bad", RunFailedError), ("slow", RunStoppedError)])
async def test_how_a_run_ends(bench: OpenBench, node_id: str, error: type[Exception] | None) -> None:
    """The results, or an error with the summary; as often as it is asked for."""
    nodes = {"ok": step("constant", {"value": 1}), "bad": step("fail"), "slow": step("delay", {"seconds": 9})}
    async with bench() as runtime:
        run = await runtime.start(example("w", {node_id: nodes[node_id]}))
        if node_id == "slow":
            await run.stop()
        for _ in range(2):
            if error is None:
                assert await run.result() == {"ok": {"value": 1}}
            else:
                with pytest.raises(error) as caught:
                    await run.result()
                assert getattr(caught.value, "summary", None) == run.state.summary


async def test_to_cancel_the_waiting_stops_nothing(bench: OpenBench) -> None:
    """A run goes on without those who wait for it."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        with trio.move_on_after(3):
            await run.result()
        assert run.state.status == "running"
        await run.result()
        assert trio.current_time() == 10


async def test_events_are_followed(bench: OpenBench) -> None:
    """From the start or from any place on, up to and with the terminal event, during the run and after it."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        followed = [recorded async for recorded in run.events()]
        assert followed == list(run.history())
        assert [recorded.seq async for recorded in run.events(4)] == [5, 6]
        assert [recorded async for recorded in run.events(6)] == []


async def test_history_is_bounded(bench: OpenBench) -> None:
    """Old events of an ended run go, and who asks for them is told; its state and its results stay."""
    async with bench(limits=RuntimeLimits(history=10)) as runtime:
        run = await runtime.start(SLEEP)
        results = await run.result()
        other = await runtime.start({**SLEEP, "id": "other"})
        await other.result()
        with pytest.raises(HistoryExpiredError):
            run.history()
        with pytest.raises(HistoryExpiredError):
            await anext(run.events())
        assert len(other.history()) == 6
        assert await run.result() == results
        assert run.history(6) == []


async def test_the_results_of_a_forgotten_run(bench: OpenBench) -> None:
    """Who holds a run has its results, also when so many others have ended that it is not held any more."""
    async with bench(limits=RuntimeLimits(kept_runs=0)) as runtime:
        run = await runtime.start(SLEEP)
        assert await run.result() == {"b": {"out": None}}
        assert runtime.list_runs() == []
        assert [recorded async for recorded in run.events()] == []
        with pytest.raises(RunNotFoundError):
            run.history()
        with pytest.raises(RunNotFoundError):
            run.context.add_callback("node_start", print)
        assert (await run.pause()).code == "run_finished"
        assert (await run.stop()).code == "run_finished"


async def test_controls_in_effect_already(bench: OpenBench) -> None:
    """To repeat one is no error, and changes nothing."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        assert (await run.resume()).accepted
        await run.pause("drain")
        await run.pause("drain")
        await run.resume()
        await run.resume()
        changes = [it.event.status for it in run.history() if isinstance(it.event, RunStatusChanged)]
        assert changes == ["pausing", "running"]
        await run.stop()
        await run.stop()
        await run.when_ended()
        assert (await run.stop()).accepted


@pytest.mark.parametrize("end", ["completed", "failed", "stopped"])
async def test_a_run_that_has_ended_takes_no_control(bench: OpenBench, end: str) -> None:
    """At once and later; but to stop what is stopped is no error."""
    nodes = {"completed": step("noop"), "failed": step("fail"), "stopped": step("delay", {"seconds": 9})}
    async with bench() as runtime:
        run = await runtime.start(example("w", {"a": nodes[end]}))
        if end == "stopped":
            await run.stop()
        await run.when_ended()
        for _ in range(2):
            for control in (run.pause, run.resume, run.stop):
                outcome = await control()
                if control == run.stop and end == "stopped":
                    assert outcome.accepted
                else:
                    assert (outcome.accepted, outcome.code) == (False, "run_finished")
                    assert outcome.message
                assert (outcome.status, outcome.seq) == (end, run.state.seq)
            await wait_all_tasks_blocked()
        assert trio.current_time() == 0


async def test_no_control_races_the_end(bench: OpenBench) -> None:
    """At whatever moment of its life a run is stopped, the answer is right."""
    chain = example("w", {"a": step("delay", {"seconds": 0}), "b": step("delay", {"seconds": 0})}, "a.out -> b.in")
    answers = set[bool]()
    async with bench() as runtime:
        for ticks in range(40):
            run = await runtime.start(chain)
            for _ in range(ticks):
                await trio.lowlevel.checkpoint()
            outcome = await run.stop()
            await run.when_ended()
            assert outcome.accepted == (run.state.status == "stopped")
            answers.add(outcome.accepted)
    assert answers == {True, False}


async def test_two_resumes_race(bench: OpenBench) -> None:
    """Both are acknowledged, one of them acts."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.resume)
            nursery.start_soon(run.resume)
        await run.result()
        assert sum(it.event == RunStatusChanged("running", by="") for it in run.history()) == 1


async def test_a_run_that_never_comes_back(bench: OpenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience of a control has an end."""
    async with bench() as runtime:
        run = await runtime.start(example("w", {"a": step("delay", {"seconds": 1000})}))
        assert run.ref is not None

        async def ask(*_args: object, **_options: object) -> None:
            await trio.lowlevel.checkpoint()
            raise ActorRestartingError("still")

        monkeypatch.setattr(type(run.ref), "ask", ask)
        with pytest.raises(ActorRestartingError):
            await run.pause()
        assert trio.current_time() == pytest.approx(CONTROL_TIMEOUT, abs=0.1)
        monkeypatch.undo()


async def test_a_run_of_a_runtime_that_is_closed() -> None:
    """It was stopped, and takes no control any more."""
    async with open_runtime() as runtime:
        run = await runtime.start(SLEEP)
    assert run.state.status == "stopped"
    assert (await run.pause()).code == "run_finished"
    with pytest.raises(RunStoppedError):
        await run.result()


async def test_a_run_whose_actor_was_taken_away(bench: OpenBench) -> None:
    """While the system goes down a run that has not ended cannot be steered, and the answer says so."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        assert run.ref is not None
        run.ref.stop("taken away")
        await run.ref.stopped()
        assert run.ref.state is State.STOPPED
        await _let_the_rest_end(runtime)
        assert run.state.status == "failed"


async def _let_the_rest_end(runtime: Runtime) -> None:
    await wait_all_tasks_blocked()
    assert all(it.state.ended for it in runtime.list_runs())


async def test_a_node_may_steer_its_own_run(bench: OpenBench) -> None:
    """A run awaits nothing but its mailbox, so not even its own nodes can block it."""
    handles: list[RunHandle] = []

    @node
    async def it(ctx: NodeContext) -> str:
        await trio.sleep(0.5)
        outcome = await handles[0].pause("drain")
        return f"{ctx.node_id} {outcome.status}"

    async with bench(it) as runtime:
        handles.append(await runtime.start(example("w", {"a": step("it"), "b": step("noop")}, "a.value -> b.in")))
        await trio.sleep(1)
        assert handles[0].state.status == "paused"
        assert handles[0].state.nodes["a"].outputs == {"value": "a pausing"}
        await handles[0].resume()
        await handles[0].result()


async def test_it_tells_what_it_is_and_what_is_on_record(bench: OpenBench) -> None:
    """In memory they are the same; who has ended has so at once, also for those who wait."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP, run_id="run-1", session_id="session", principal="anna")
        assert (run.status, run.ended, run.accepted_at) == ("running", False, runtime.now())
        await run.pause("drain", by="anna")
        assert run.status == run.state.status == "pausing"
        assert [(it.action, it.by) for it in run.state.controls] == [("pause", "anna")]
        await run.resume(by="bob")
        with trio.move_on_after(1):
            await run.when_ended()
        assert not run.ended
        await run.when_ended()
        assert (run.status, run.ended) == ("completed", True)
        await run.when_ended()
        assert [(it.action, it.by) for it in run.state.controls] == [("pause", "anna"), ("resume", "bob")]


async def test_who_asks_hears_what_was_decided(bench: OpenBench) -> None:
    """Before the call returns, and once for each call; what is refused because the run has ended is heard by nobody."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        heard: list[ControlOutcome] = []
        answers = [
            await run.pause(heard=heard.append),
            await run.pause(heard=heard.append),
            await run.resume(heard=heard.append),
            await run.stop(heard=heard.append),
        ]
        assert heard == answers
        assert [it.action for it in heard] == ["pause", "pause", "resume", "stop"]
        await run.when_ended()
        await wait_all_tasks_blocked()
        heard.clear()
        assert (await run.pause(heard=heard.append)).code == "run_finished"
        assert heard == []
        assert (await run.stop(heard=heard.append)).accepted
        assert len(heard) == 1


async def test_a_run_is_put_away_only_when_it_has_ended(bench: OpenBench) -> None:
    """What a live run works with stays; what an ended one had is loaded again when somebody looks."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        desk = run.desk
        run.put_away()
        assert run.desk is desk
        await run.result()
        await wait_all_tasks_blocked()
        run.put_away()
        run.put_away()
        assert (run.status, run.ended) == ("completed", True)
        assert (await run.resume()).code == "run_finished"
        assert run.desk is not desk
        assert await run.result() == {"b": {"out": None}}
        assert run.summary()["state"] == "completed"


async def test_no_control_is_taken_that_cannot_be_stored(bench: OpenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before the run hears of it."""
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        with monkeypatch.context() as patch:
            patch.setattr(runtime.journal, "trouble", "the disk is full")
            for control in (run.pause, run.resume, run.stop):
                with pytest.raises(StorageUnavailableError, match="the disk is full"):
                    await control()
        assert run.status == "running"
        await run.result()
