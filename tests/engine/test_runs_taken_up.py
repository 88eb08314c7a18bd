"""Runs over a folder: what one process leaves, by its will or by a crash, the next one goes on with."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.poison import CLEAN, CRASHES
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.sqlite_journal import SqliteJournal
from bluev_actors.engine.store.store_writer import StoreWriter
from bluev_actors.errors import (
    NodeError,
    RefusedError,
    RunFailedError,
    RunNotFoundError,
    RunStoppedError,
    StorageUnavailableError,
)
from bluev_actors.faultpoints import armed
from bluev_actors.workflows.kinds import Param
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.run_events import NodeStarted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.engine.store.batch import Batch
    from bluev_actors.workflows.control import ControlOutcome
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import Disk, OpenHouse, PullThePlug, TellStory

EPOCH: Final = 1_800_000_000.0
SECONDS = [Param("seconds", "number", required=False, default=10)]


def sleep(workflow_id: str = "w", seconds: float = 10) -> JsonObject:
    """A workflow that takes some seconds."""
    return example(workflow_id, {"a": step("delay", {"seconds": seconds})})


def one(type_: str, params: JsonObject | None = None, **rest: Json) -> JsonObject:
    """A workflow of one node, `a`."""
    return example("w", {"a": step(type_, params, **rest)})


@node(params=SECONDS)
async def solid(ctx: NodeContext, **_inputs: Json) -> float:
    """Takes its time and is not pausable."""
    await trio.sleep(ctx.params["seconds"])
    return trio.current_time()


@node(params=[Param("steps", "int", required=False, default=4)], pausable=True)
async def counting(ctx: NodeContext, **_inputs: Json) -> list[int]:
    """Does a step a second, and keeps which it has done."""
    done: list[int] = list(ctx.resume_state or [])
    while len(done) < ctx.params["steps"]:
        await trio.sleep(1)
        done.append(len(done))
        await ctx.checkpoint(list(done))
    return done


def the_run(runtime: Runtime) -> RunHandle:
    """The one run that is held."""
    (run,) = runtime.list_runs()
    return run


# --- a drain ----------------------------------------------------------------------------------------------


async def test_a_run_goes_on_where_it_was(house: OpenHouse, story: TellStory) -> None:
    """No event tells of the process that went; the node runs again under its number, from its checkpoint."""
    async with house(counting) as runtime:
        run = await runtime.start(one("counting"), run_id="run-1")
        await trio.sleep(2.5)
    await trio.sleep(1000)
    async with house(counting) as runtime:
        run = runtime.find(run_id="run-1")
        assert run.status == "running"
        assert await run.result() == {"a": {"value": [0, 1, 2, 3]}}
        assert trio.current_time() == pytest.approx(1004.5)
        assert story(run) == ["run started", "a started", "a started again", "a completed", "run completed"]
        assert run.state.attempts == 1


async def test_every_state_is_taken_up(house: OpenHouse, story: TellStory) -> None:
    """Running, paused, queued, waiting and retrying ones go on, each as it was; those that have ended stay so."""

    @node
    async def broken(ctx: NodeContext) -> int:
        if ctx.attempt == 1:
            raise NodeError("not yet")
        return ctx.attempt

    limits = RuntimeLimits(active_runs=4)
    docs = {
        "running": sleep("running"),
        "paused": sleep("paused"),
        "waiting": example("waiting", {"a": step("wait_signal", {"timeout": 50})}),
        "retrying": example(
            "retrying", {"a": step("broken", retry={"max_attempts": 2, "initial": 20, "backoff": "fixed"})}
        ),
        "queued": sleep("queued"),
    }
    async with house(broken, limits=limits) as runtime:
        await (await runtime.start(sleep("over", 0), run_id="over")).result()
        for name, doc in docs.items():
            await runtime.start(doc, run_id=name)
        await trio.sleep(4)
        await runtime.find(run_id="paused").pause()
        await trio.sleep(1)
        before = {run.run_id: run.status for run in runtime.list_runs()}
    assert before == {
        "over": "completed", "running": "running", "paused": "paused",
        "waiting": "running", "retrying": "running", "queued": "queued",
    }  # fmt: skip
    async with house(broken, limits=limits) as runtime:
        await wait_all_tasks_blocked()
        assert {run.run_id: run.status for run in runtime.list_runs()} == before
        runs = {run.run_id: run for run in runtime.list_runs()}
        assert runs["waiting"].state.node("a").status == "waiting"
        assert runs["retrying"].state.node("a").next_at == EPOCH + 20
        await runs["running"].result()
        assert trio.current_time() == pytest.approx(10)
        await runs["queued"].result()
        assert trio.current_time() == pytest.approx(20)
        assert await runs["retrying"].result() == {"a": {"value": 2}}
        assert trio.current_time() == pytest.approx(20)
        await runs["waiting"].signal("a", "here")
        await runs["waiting"].result()
        await runs["paused"].resume()
        await runs["paused"].result()
        assert trio.current_time() == pytest.approx(26)
        assert len(story(runs["over"])) == 4
        assert await runs["over"].result() == {"a": {"out": None}}


async def test_a_queued_run_has_its_turn_though_nobody_ends(house: OpenHouse) -> None:
    """The place it waited for may be free when the next process comes."""
    async with house(limits=RuntimeLimits(active_runs=1)) as runtime:
        await runtime.start(sleep("first", 100), run_id="first")
        await runtime.start(sleep("second"), run_id="second")
    async with house(limits=RuntimeLimits(active_runs=2)) as runtime:
        await runtime.find(run_id="second").result()
        assert trio.current_time() == 10


async def test_a_queue_keeps_its_order(house: OpenHouse) -> None:
    """By priority, then by who came first, over as many processes as it takes."""
    limits = RuntimeLimits(active_runs=1)
    names = {"first": 0, "low": -1, "b": 0, "c": 0, "high": 5}
    async with house(limits=limits) as runtime:
        for name, priority in names.items():
            await runtime.start(sleep(name), options=RunOptions(priority=priority), run_id=name)
        await trio.sleep(5)
    for _ in range(2):
        async with house(limits=limits) as runtime:
            await trio.sleep(10)
    async with house(limits=limits) as runtime:
        runs = {name: runtime.find(run_id=name) for name in names}
        for run in runs.values():
            await run.result()
        assert sorted(names, key=lambda it: runs[it].state.finished_at or 0) == ["first", "high", "b", "c", "low"]
        assert trio.current_time() == pytest.approx(50)


async def test_nobody_new_comes_in_while_it_drains(house: OpenHouse, story: TellStory) -> None:
    """A node that no pause would cancel may finish in its time; nothing starts after it until the next process."""
    doc = example("w", {"a": step("solid", {"seconds": 5}), "b": step("solid", {"seconds": 1})}, "a.done -> b.after")
    async with house(solid) as runtime:
        run = await runtime.start(doc, run_id="run-1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.drain, 30)
            await trio.sleep(1)
            with pytest.raises(RefusedError) as caught:
                await runtime.start(sleep("other"))
            assert caught.value.code == "draining"
        assert trio.current_time() == 5
        assert run.state.node("a").status == "completed"
        assert run.state.node("b").status == "pending"
    async with house(solid) as runtime:
        await the_run(runtime).result()
        assert story(the_run(runtime)) == [
            "run started", "a started", "a completed", "b started", "b completed", "run completed",
        ]  # fmt: skip


async def test_who_takes_too_long_to_drain_is_cancelled(house: OpenHouse, story: TellStory) -> None:
    """With no event of it: the node is in flight, as after a crash, and runs again."""
    async with house(solid) as runtime:
        run = await runtime.start(one("solid"), run_id="run-1")
        await runtime.drain(3)
        assert trio.current_time() == 3
        assert story(run) == ["run started", "a started"]
        assert runtime.journal.notes("run-1")[CLEAN] == 2
    async with house(solid) as runtime:
        await the_run(runtime).result()
        assert story(the_run(runtime))[1:4] == ["a started", "a started again", "a completed"]


async def test_a_drain_lets_nodes_tidy_up(house: OpenHouse) -> None:
    """For as long as the run's grace, and no longer; who comes last, ends it."""
    tidied: list[float] = []

    @node(params=SECONDS)
    async def tidy(ctx: NodeContext) -> None:
        try:
            await trio.sleep(1000)
        finally:
            with ctx.shielded(ctx.params["seconds"]):
                await trio.sleep(ctx.params["seconds"] - 0.5)
                tidied.append(trio.current_time())

    async with house(tidy) as runtime:
        await runtime.start({**one("tidy", {"seconds": 3}), "settings": {"grace": 5}})
        await trio.sleep(1)
        await runtime.drain(0)
    assert (tidied, trio.current_time()) == ([3.5], 3.5)


async def test_a_run_that_ends_in_the_drain_has_ended(house: OpenHouse) -> None:
    """Its results are there for the next process."""
    async with house(solid) as runtime:
        await runtime.start(one("solid", {"seconds": 5}))
        await runtime.drain(60)
        assert trio.current_time() == 5
    async with house(solid) as runtime:
        assert the_run(runtime).status == "completed"
        assert await the_run(runtime).result() == {"a": {"value": 5}}


async def test_what_stands_still_is_ended_by_a_drain(house: OpenHouse) -> None:
    """It cannot outlive its process; the next one begins it again at the resume."""
    done: list[str] = []

    @node
    async def machine(ctx: NodeContext) -> str:
        done.append("begin")
        with ctx.standstill(lambda: done.append("halt"), lambda: done.append("go on")):
            try:
                await trio.sleep(50)
            finally:
                done.append("gone")
        return "done"

    async with house(machine) as runtime:
        run = await runtime.start(one("machine"), run_id="run-1")
        await trio.sleep(1)
        await run.pause()
        await runtime.drain(30)
        assert (done, trio.current_time()) == (["begin", "halt", "gone"], 1)
    async with house(machine) as runtime:
        run = the_run(runtime)
        assert run.status == "paused"
        await run.resume()
        assert await run.result() == {"a": {"value": "done"}}
        assert done == ["begin", "halt", "gone", "begin", "gone"]


# --- the clocks of the next process -----------------------------------------------------------------------


@pytest.mark.parametrize(("until", "timeout", "end", "at"), [(50, None, "completed", 59), (None, 20, "stopped", 21)])
async def test_a_pause_ends_in_the_next_process(
    house: OpenHouse, until: float | None, timeout: float | None, end: str, at: float
) -> None:
    """At the time that is on record; if that was in between, at once."""
    for away in (5, 1000):
        began = trio.current_time()
        async with house() as runtime:
            run = await runtime.start(sleep(), run_id=f"run-{away}", options=RunOptions(concurrent=True))
            await trio.sleep(1)
            await run.pause(until=None if until is None else EPOCH + began + until, timeout=timeout)
        await trio.sleep(away)
        async with house() as runtime:
            run = runtime.find(run_id=f"run-{away}")
            assert run.state.pause_until == (None if until is None else EPOCH + began + until)
            await run.when_ended()
            assert run.status == end
            late = began + 1 + away + (9 if end == "completed" else 0)
            assert trio.current_time() == pytest.approx(max(began + at, late), abs=0.01)


async def test_times_go_on_with_what_is_left(house: OpenHouse) -> None:
    """Of an attempt, of all of them, of a wait and of the whole run: the time between two processes counts."""
    async with house(solid) as runtime:
        await runtime.start(one("wait_signal", {"timeout": 30, "default": "late"}), run_id="wait")
        await runtime.start({**sleep("run", 1000), "settings": {"timeout": 40}}, run_id="run")
        await trio.sleep(4)
    await trio.sleep(10)
    async with house(solid) as runtime:
        assert await runtime.find(run_id="wait").result() == {"a": {"payload": "late"}}
        assert trio.current_time() == pytest.approx(30)
        with pytest.raises(RunFailedError, match="longer than its timeout"):
            await runtime.find(run_id="run").result()
        assert trio.current_time() == pytest.approx(40)


@pytest.mark.parametrize(("limit", "code"), [("timeout", "timeout"), ("total_timeout", "total_timeout")])
async def test_an_attempt_goes_on_with_its_time(house: OpenHouse, limit: str, code: str) -> None:
    """It has what it had left by the last thing that is on record; what the daemon was down counts for nothing."""
    doc = example("w", {"a": step("solid", {"seconds": 1000}, **{limit: 30}), "b": step("delay", {"seconds": 6})})
    async with house(solid) as runtime:
        await runtime.start(doc)
        await trio.sleep(8)
    await trio.sleep(500)
    async with house(solid) as runtime:
        run = the_run(runtime)
        await run.when_ended()
        error = run.state.node("a").error
        assert error is not None
        assert error.code == code
        assert trio.current_time() == pytest.approx(508 + 30 - 6)


async def test_a_retry_that_is_overdue_comes_at_once(house: OpenHouse) -> None:
    """Its wall time came while the daemon was down."""
    begun: list[float] = []

    @node
    async def broken() -> None:
        begun.append(trio.current_time())
        raise NodeError("not yet")

    async with house(broken) as runtime:
        await runtime.start(one("broken", retry={"max_attempts": 2, "initial": 20, "backoff": "fixed"}))
        await trio.sleep(1)
    await trio.sleep(500)
    async with house(broken) as runtime:
        await the_run(runtime).when_ended()
    assert begun == [0, pytest.approx(501)]


async def test_a_signal_is_kept_for_the_next_process(house: OpenHouse) -> None:
    """What was acknowledged is not lost."""
    async with house() as runtime:
        run = await runtime.start(one("wait_signal"), run_id="run-1")
        await run.pause()
        await run.signal("a", {"ok": True})
    async with house() as runtime:
        run = the_run(runtime)
        await run.resume()
        assert await run.result() == {"a": {"payload": {"ok": True}}}


# --- crashes of the process -------------------------------------------------------------------------------


async def test_after_a_crash_it_goes_on_too(house: OpenHouse, pull_the_plug: PullThePlug, story: TellStory) -> None:
    """At whatever moment the process was killed, the run comes to the results it would have come to."""
    doc = example(
        "w",
        {
            "a": step("counting", {"steps": 2}),
            "b": step("delay", {"seconds": 1.5}),
            "c": step("constant", {"value": 3}),
        },
        "a.done -> b.after",
    )
    folders: list[Path] = []
    async with house(counting) as runtime:
        run = await runtime.start(doc, run_id="run-1")
        while not run.ended:
            folders.append(pull_the_plug())
            await trio.sleep(0.4)
        expected = await run.result()
    assert len(folders) > 6
    for folder in folders:
        async with house(counting, folder=folder) as runtime:
            run = the_run(runtime)
            assert await run.result() == expected
            assert run.state.attempts == 3
            story(run)


async def test_what_is_inside_goes_on_too(house: OpenHouse, pull_the_plug: PullThePlug, story: TellStory) -> None:
    """In a map, a loop and a workflow in a workflow: what had completed there is not run again, what was at work is."""
    body = {"nodes": [{"id": "x", "type": "solid", "params": {"seconds": 4}}], "connections": []}
    doc = example(
        "w",
        {
            "map": step("map", {"items": [1, 2, 3], "workflow": body, "max_concurrency": 1}),
            "loop": step("loop", {"count": 2, "workflow": body}),
            "sub": step("sub_workflow", {"workflow": body}),
        },
    )
    async with house(solid) as runtime:
        await runtime.start(doc)
        await trio.sleep(6)
        folder = pull_the_plug()
        await the_run(runtime).stop()
    async with house(solid, folder=folder) as runtime:
        run = the_run(runtime)
        await run.result()
        told = story(run)
    again = sorted(line for line in told if line.endswith("started again"))
    assert again == ["loop started again", "loop[1]/x started again", "map started again", "map[1]/x started again"]
    inside = ["loop[0]/x", "loop[1]/x", "map[0]/x", "map[1]/x", "map[2]/x", "sub/x"]
    assert sorted(line.split()[0] for line in told if "/x completed" in line) == inside


async def test_a_run_keeps_its_workflow(house: OpenHouse) -> None:
    """Whatever becomes of the stored ones it was made of."""

    def stored(value: int) -> JsonObject:
        nodes = {"wait": step("delay", {"seconds": 5}), "v": step("constant", {"value": value})}
        return {**example("part", nodes, "wait.done -> v.after"), "outputs": {"v": {"node": "v", "output": "value"}}}

    async with house() as runtime:
        await runtime.documents.put("part", stored(1))
        await runtime.start(one("sub_workflow", {"workflow": "part"}))
        await trio.sleep(1)
        await runtime.documents.put("part", stored(2))
    async with house() as runtime:
        assert await the_run(runtime).result() == {"a": {"v": 1}}
        assert await (await runtime.start(one("sub_workflow", {"workflow": "part"}))).result() == {"a": {"v": 2}}


@pytest.mark.usefixtures("running_clock")
async def test_a_copy_goes_on_from_its_own_time(house: OpenHouse, tmp_path: Path) -> None:
    """A node that completed after the copy was made runs again there, under the same key; documents are in it, too."""
    keys, begun = list[str](), trio.Event()

    @node
    async def pays(ctx: NodeContext) -> None:
        keys.append(ctx.idempotency_key)
        begun.set()
        await trio.sleep(0.2)

    async with house(pays) as runtime:
        await runtime.documents.put("kept", sleep("kept"))
        run = await runtime.start(one("pays"), run_id="run-1")
        await begun.wait()
        journal = runtime.journal
        assert isinstance(journal, SqliteJournal)
        await journal.backup(tmp_path / "copy" / JOURNAL)
        await run.result()
    async with house(pays, folder=tmp_path / "copy") as runtime:
        await runtime.find(run_id="run-1").result()
        assert runtime.documents.workflow("kept")["id"] == "kept"
    assert len(keys) == 2
    assert len({*keys}) == 1


async def test_at_most_once(house: OpenHouse, pull_the_plug: PullThePlug) -> None:
    """A node that must not run twice has failed with `interrupted` when a crash cut it off, and is not tried again."""
    calls: list[int] = []

    @node(at_most_once=True)
    async def pays() -> None:
        calls.append(1)
        await trio.sleep(10)

    async with house(pays) as runtime:
        run = await runtime.start(one("pays", retry={"max_attempts": 3}))
        await trio.sleep(1)
        folder = pull_the_plug()
        await run.stop()
        await run.when_ended()
    async with house(pays, folder=folder) as runtime:
        await the_run(runtime).when_ended()
        error = the_run(runtime).state.node("a").error
        assert error is not None
        assert (error.code, error.retryable, len(calls)) == ("interrupted", False, 1)


async def test_who_takes_the_process_down_is_found(house: OpenHouse, pull_the_plug: PullThePlug) -> None:
    """One node in flight at three crashes with nothing new between them has failed with `poison`."""
    async with house(solid) as runtime:
        await runtime.start(one("solid", {"seconds": 1000}), run_id="run-1")
        await trio.sleep(1)
        folder = pull_the_plug()
        await runtime.find(run_id="run-1").stop()
    for number in range(1, CRASHES + 1):
        async with house(solid, folder=folder) as runtime:
            run = the_run(runtime)
            await wait_all_tasks_blocked()
            if number == CRASHES:
                await run.when_ended()
                error = run.state.node("a").error
                assert error is not None
                assert (error.code, error.retryable) == ("poison", False)
            else:
                assert run.state.node("a").status == "running"
                await runtime.journal.stored()
                folder = pull_the_plug(folder)
                await run.stop()


async def test_a_polite_end_is_no_crash(house: OpenHouse) -> None:
    """However often a process is ended in good order with a node in flight, nobody is suspected."""
    async with house(solid) as runtime:
        await runtime.start(one("solid", {"seconds": 10}))
        await trio.sleep(1)
    for _ in range(CRASHES + 2):
        async with house(solid) as runtime:
            await trio.sleep(1)
            assert the_run(runtime).state.node("a").status == "running"
    async with house(solid) as runtime:
        await the_run(runtime).result()


async def test_of_several_suspects_each_runs_alone(
    house: OpenHouse, pull_the_plug: PullThePlug, story: TellStory
) -> None:
    """After three crashes the nodes that were in flight start one by one, and nothing else before them."""
    nodes = {"a": step("solid"), "b": step("solid", {"seconds": 5}), "c": step("solid", {"seconds": 1})}
    async with house(solid) as runtime:
        await runtime.start(example("w", nodes, "b.done -> c.after"))
        await trio.sleep(1)
        folder = pull_the_plug()
        await the_run(runtime).stop()
    for _ in range(CRASHES - 1):
        async with house(solid, folder=folder) as runtime:
            await wait_all_tasks_blocked()
            assert len(the_run(runtime).state.in_flight) == 2
            await runtime.journal.stored()
            folder = pull_the_plug(folder)
            await the_run(runtime).stop()
    async with house(solid, folder=folder) as runtime:
        run, began = the_run(runtime), trio.current_time()
        await run.result()
        assert trio.current_time() == pytest.approx(began + 16)
        assert story(run)[-7:] == [
            "a started again", "a completed", "b started again", "b completed",
            "c started", "c completed", "run completed",
        ]  # fmt: skip


async def test_who_does_not_obey_a_drain_is_no_suspect(house: OpenHouse) -> None:
    """A process that was ended in good order has not crashed, even if a node did not end when it was told to."""

    @node
    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(20)

    for _ in range(CRASHES + 2):
        async with house(stubborn) as runtime:
            if not runtime.list_runs():
                await runtime.start({**one("stubborn"), "settings": {"grace": 1}})
            await trio.sleep(1)
            assert the_run(runtime).state.node("a").status == "running"


# --- what cannot go on ------------------------------------------------------------------------------------


async def test_a_type_that_is_gone(house: OpenHouse, story: TellStory) -> None:
    """The run has failed with `recovery_failed`, is held, and can be looked at like any other."""
    async with house(solid) as runtime:
        await runtime.start(one("solid"), run_id="run-1")
        await runtime.start(sleep("other"), run_id="run-2")
        await trio.sleep(1)
    async with house() as runtime:
        run = runtime.find(run_id="run-1")
        with pytest.raises(RunFailedError, match='not accepted any more: there is no node type "solid"'):
            await run.result()
        assert run.state.error is not None
        assert run.state.error.code == "recovery_failed"
        assert story(run)[-2:] == ["a cancelled", "run failed"]
        for control in (run.pause, run.resume, run.stop):
            assert (await control()).code == "run_finished"
        assert (await run.signal("a")).code == "run_finished"
        await runtime.find(run_id="run-2").result()
        runtime.forget("run-1")
    async with house(solid) as runtime:
        assert [it.run_id for it in runtime.list_runs()] == ["run-2"]


async def test_a_run_that_cannot_be_started_again(house: OpenHouse) -> None:
    """A bug that keeps its actor from coming up fails it, is no reason not to start, and deletes nothing."""

    def trap(point: str, key: str) -> None:
        if point == "actor.start" and key == "/runs/run-1":
            raise RuntimeError("a bug")

    async with house() as runtime:
        await runtime.start(sleep("one"), run_id="run-1")
        await runtime.start(sleep("two"), run_id="run-2")
    with armed(trap):
        async with house() as runtime:
            with pytest.raises(RunFailedError, match="a bug"):
                await runtime.find(run_id="run-1").result()
            await runtime.find(run_id="run-2").result()
    async with house() as runtime:
        assert {it.run_id: it.status for it in runtime.list_runs()} == {"run-1": "failed", "run-2": "completed"}


# --- ended runs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "error"), [("ok", None), ("bad", RunFailedError), ("slow", RunStoppedError)])
async def test_an_ended_run_is_all_there(house: OpenHouse, end: str, error: type[Exception] | None) -> None:
    """Results, summary, events, and who steered it; it takes no control, before and after somebody has looked."""
    nodes = {"ok": step("constant", {"value": 1}), "bad": step("fail"), "slow": step("delay", {"seconds": 9})}
    async with house() as runtime:
        run = await runtime.start(example("w", {"a": nodes[end]}), session_id="s", principal="anna", run_id="run-1")
        if end == "slow":
            await run.stop(by="bob")
        await run.when_ended()
        summary, history = run.summary(), list(run.history())
    async with house() as runtime:
        run = the_run(runtime)
        assert (run.session_id, run.principal, run.accepted_at) == ("s", "anna", EPOCH)
        assert (await run.pause()).code == "run_finished"
        assert list(run.history()) == history
        assert run.summary() == summary
        for _ in range(2):
            if error is None:
                assert await run.result() == {"a": {"value": 1}}
            else:
                with pytest.raises(error):
                    await run.result()
        assert (await run.pause()).code == "run_finished"
        assert (await run.signal("a", 1)).code == "run_finished"
        assert (await run.stop()).accepted is (end == "slow")
        assert [it async for it in run.events()] == history
        assert [it.by for it in run.state.controls] == (["bob"] if end == "slow" else [])


async def test_details_of_ended_runs_are_put_away(house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many stay in memory; the others are loaded when somebody looks, and put away again; but not for a status."""
    monkeypatch.setattr("bluev_actors.engine.runs.SHELF", 2)
    async with house() as runtime:
        runs = [await runtime.start(sleep(f"w{number}", 0)) for number in range(5)]
        for run in runs:
            await run.result()
        await wait_all_tasks_blocked()
        loads: list[str] = []
        record = runtime.journal.record

        def counted(run_id: str) -> object:
            loads.append(run_id)
            return record(run_id)

        monkeypatch.setattr(runtime.journal, "record", counted)
        assert {run.status for run in runs} == {"completed"}
        assert loads == []
        for _ in range(2):
            assert runs[0].state.node("a").status == "completed"
            assert runs[0].workflow.id == "w0"
        assert loads == [runs[0].run_id]
        for run in runs[1:4]:
            assert run.state.results == {"a": {"out": None}}
        assert runs[0].summary()["state"] == "completed"
        assert loads.count(runs[0].run_id) == 2


async def test_old_runs_go_from_the_disk(house: OpenHouse) -> None:
    """Those beyond so many, and those that ended too long ago: at the start, and at the end of another run."""
    limits = RuntimeLimits(kept_runs=2, kept_for=100_000)
    async with house() as runtime:
        for number in range(4):
            await (await runtime.start(sleep(f"w{number}", 1), run_id=f"run-{number}")).result()
    async with house(limits=limits) as runtime:
        assert sorted(it.run_id for it in runtime.list_runs()) == ["run-2", "run-3"]
        await trio.sleep_until(trio.current_time() + 99_999)
        await (await runtime.start(sleep("new", 10), run_id="new")).result()
        assert [it.run_id for it in runtime.list_runs()] == ["new"]
        with pytest.raises(RunNotFoundError):
            runtime.find(run_id="run-3")
    async with house() as runtime:
        assert [it.run_id for it in runtime.list_runs()] == ["new"]


# --- the disk comes first ---------------------------------------------------------------------------------


async def test_only_what_is_stored_is_shown(house: OpenHouse, disk: Disk) -> None:
    """The handle knows what the run is; what it shows in detail is what a crash would leave."""
    async with house() as runtime:
        doc = example("w", {"a": step("delay", {"seconds": 10}), "b": step("delay", {"seconds": 10})}, "a.out -> b.in")
        run = await runtime.start(doc)
        await trio.sleep(5)
        disk.seconds = 3
        await trio.sleep_until(11)
        assert run.state.node("a").status == "running"
        assert len(run.history()) == run.state.seq == 2
        assert run.summary()["nodes"].get("completed", 0) == 0
        await trio.sleep_until(14)
        assert run.state.node("a").status == "completed"
        disk.seconds = 0
        await run.result()


async def test_a_node_with_effects_waits_for_the_disk(house: OpenHouse, disk: Disk) -> None:
    """It is launched when its start is stored; one that is pure goes ahead, once the run itself is on record."""
    began: dict[str, float] = {}

    def noting(name: str, *, pure: bool) -> Callable[..., object]:
        async def function(**_inputs: Json) -> str:
            began[name] = trio.current_time()
            return name

        return node(name, pure=pure)(function)  # type: ignore[return-value] # a node type

    chain = {"p1": step("thinks"), "p2": step("thinks2"), "e": step("acts")}
    types = noting("thinks", pure=True), noting("thinks2", pure=True), noting("acts", pure=False)
    async with house(*types) as runtime:  # type: ignore[arg-type] # node types
        disk.seconds = 2
        run = await runtime.start(example("w", chain, "p1.done -> p2.after", "p2.done -> e.after"))
        await run.result()
        assert began["thinks"] == began["thinks2"] > 0
        assert began["acts"] >= began["thinks"] + 2
        started = next(it for it in run.history() if it.event == NodeStarted("e"))
        assert began["acts"] >= started.at - EPOCH + 2


async def test_a_callback_is_called_when_it_is_on_the_disk(house: OpenHouse, disk: Disk) -> None:
    """What it is told of cannot be taken back."""
    heard: dict[str, float] = {}

    def hears(name: str) -> Callable[..., None]:
        return lambda *_, **__: heard.update({name: trio.current_time()})

    names = {"NodeStarted": "node_start", "NodeCompleted": "node_complete", "RunCompleted": "workflow_complete"}
    async with house() as runtime:
        disk.seconds = 2
        run = await runtime.start(sleep(seconds=1), callbacks={name: hears(name) for name in names.values()})
        await run.result()
        await wait_all_tasks_blocked()
        at = {names.get(type(it.event).__name__): it.at - EPOCH for it in run.history()}
    assert {*heard} == {*names.values()}
    assert all(heard[name] >= at[name] + 2 for name in heard)


async def test_an_answer_is_on_the_disk(house: OpenHouse, disk: Disk, pull_the_plug: PullThePlug) -> None:
    """When a start, a control or a signal returns, the process may die; and what `heard` kept is stored with it."""
    async with house() as runtime:
        disk.seconds = 1
        run = await runtime.start(one("wait_signal"), run_id="run-1")
        assert trio.current_time() >= 1

        def heard(outcome: ControlOutcome) -> None:
            runtime.journal.note("run-1", "answer", outcome.seq)

        outcome = await run.pause(heard=heard, by="anna")
        await run.signal("a", "kept")
        folder = pull_the_plug()
        disk.seconds = 0
        await run.stop()
    async with house(folder=folder) as runtime:
        run = the_run(runtime)
        assert runtime.journal.notes("run-1")["answer"] == outcome.seq
        assert [it.by for it in run.state.controls] == ["anna"]
        await run.resume()
        assert await run.result() == {"a": {"payload": "kept"}}


# --- trouble of the store ---------------------------------------------------------------------------------


class Full:
    """A disk without space, while it is `full`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._commit = StoreWriter.commit
        patch.setattr(StoreWriter, "commit", self._stand_in())

    def _stand_in(self) -> Callable[[StoreWriter, Batch], None]:
        def commit(writer: StoreWriter, batch: Batch) -> None:
            self.commit(writer, batch)

        return commit

    def commit(self, writer: StoreWriter, batch: Batch) -> None:
        """Commit, or fail as SQLite does."""
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        self._commit(writer, batch)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Full:
    """A disk that can be full."""
    return Full(monkeypatch)


def in_trouble(runtime: Runtime) -> bool:
    """Whether the journal says that it cannot be written."""
    return runtime.journal.trouble is not None


async def test_nothing_is_accepted_that_cannot_be_stored(house: OpenHouse, full: Full) -> None:
    """Starts, controls and signals are refused by name; nothing more is shown; when there is room all goes on."""
    async with house() as runtime:
        doc = example("w", {"a": step("delay", {"seconds": 10}), "b": step("wait_signal")})
        run = await runtime.start(doc)
        await trio.sleep(1)
        full.full = True
        before = len(run.history())
        with pytest.raises(StorageUnavailableError):
            await run.pause()
        assert in_trouble(runtime)
        for act in (lambda: runtime.start(sleep("new")), run.resume, run.stop, lambda: run.signal("b", 1)):
            with pytest.raises(StorageUnavailableError):
                await act()
        assert len(run.history()) == before
        assert run.state.status == "running"
        await trio.sleep(100)
        assert len(run.history()) == before
        full.full = False
        await trio.sleep(5)
        assert not in_trouble(runtime)
        assert (await run.resume()).accepted
        assert [it.mode for it in run.state.pauses] == ["checkpoint"]
        await run.signal("b")
        await run.result()


async def test_a_start_that_could_not_be_stored_is_withdrawn(house: OpenHouse, full: Full) -> None:
    """Whoever asked was refused, so nothing of it runs, also when there is room again."""
    began: list[str] = []

    @node
    async def acts() -> None:
        began.append("it did")

    async with house(acts) as runtime:
        full.full = True
        with pytest.raises(StorageUnavailableError):
            await runtime.start(one("acts"), run_id="run-1")
        full.full = False
        await trio.sleep(10)
        run = runtime.find(run_id="run-1")
        assert (run.status, run.state.status, began) == ("stopped", "stopped", [])
        await (await runtime.start(one("acts"))).result()
        assert began == ["it did"]


async def test_work_goes_on_in_memory_and_nothing_is_lost(house: OpenHouse, full: Full, story: TellStory) -> None:
    """A node that was at work when the trouble began is not hurt; its end is stored when that is possible again."""
    async with house(solid) as runtime:
        doc = example("w", {"a": step("solid", {"seconds": 5}), "b": step("noop")}, "a.done -> b.after")
        run = await runtime.start(doc)
        full.full = True
        await trio.sleep(50)
        assert story(run) == ["run started", "a started"]
        assert runtime.journal.pending > 0
        full.full = False
        await run.result()
        assert run.state.node("a").outputs == {"value": 5}


@pytest.mark.parametrize(
    "damage",
    ["UPDATE events SET body = x'00ff' WHERE seq = 2 AND run = ?", "DELETE FROM events WHERE seq = 1 AND run = ?"],
)
async def test_a_run_that_cannot_be_read_is_left_where_it_is(
    house: OpenHouse, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others go on; nothing of it is thrown away, and the log names it."""
    async with house() as runtime:
        await runtime.start(example("torn", {"a": step("delay", {"seconds": 100})}), run_id="torn")
        await runtime.start(example("whole", {"a": step("delay", {"seconds": 100})}), run_id="whole")
    connection = sqlite3.connect(tmp_path / "house" / JOURNAL)
    with connection:
        (number,) = connection.execute("SELECT number FROM runs WHERE run_id = 'torn'").fetchone()
        connection.execute(damage, (number,))
    connection.close()
    async with house() as runtime:
        assert [it.run_id for it in runtime.list_runs()] == ["whole"]
        assert await runtime.find(run_id="whole").result()
    assert "run 'torn' does not go on" in caplog.text


async def test_a_run_that_was_paused_in_the_queue_keeps_its_place(house: OpenHouse, pull_the_plug: PullThePlug) -> None:
    """It is not active: those behind it go past, and it begins when it is resumed."""
    document = example("w", {"a": step("delay", {"seconds": 5})})
    queue = RunOptions(if_running="queue")
    async with house() as runtime:
        for run_id in "abcd":
            await runtime.start(document, run_id=run_id, options=queue)
        await runtime.find(run_id="b").pause()
        folder = pull_the_plug()
    async with house(folder=folder) as runtime:
        assert [runtime.find(run_id=it).status for it in "abcd"] == ["running", "paused", "queued", "queued"]
        for run_id in "acd":
            await runtime.find(run_id=run_id).result()
        await runtime.find(run_id="b").resume()
        await runtime.find(run_id="b").result()
