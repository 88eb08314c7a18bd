from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import LookUp
from bluev_actors.engine.admission import Admission
from bluev_actors.engine.cache import OutputCache
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.requests import Answered
from bluev_actors.engine.runs import Runs, new_run_id
from bluev_actors.errors import RefusedError, RunFailedError, RunNotFoundError, RunStoppedError
from bluev_actors.faultpoints import armed
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.validation import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.engine.journal import Entry
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.faultpoints import Trap
    from bluev_actors.workflows.options import IfRunning
    from bluev_actors.workflows.values import JsonObject
    from tests.engine.conftest import OpenBench, TellStory


def sleep(workflow_id: str = "w", seconds: float = 10) -> JsonObject:
    """A workflow that takes some seconds."""
    return example(workflow_id, {"a": step("delay", {"seconds": seconds})})


def if_running(policy: IfRunning) -> RunOptions:
    """Options that say what to do when the workflow runs already."""
    return RunOptions(if_running=policy)


def states(runtime: Runtime) -> list[str]:
    """The states of all runs, oldest first."""
    return [it.state.status for it in reversed(runtime.list_runs())]


# --- when the workflow runs already -----------------------------------------------------------------------


async def test_reject(bench: OpenBench) -> None:
    """One live run of a workflow at a time, unless it is said otherwise; paused and queued ones live."""
    async with bench() as runtime:
        run = await runtime.start(sleep())
        for _ in range(2):
            with pytest.raises(RefusedError, match=run.run_id) as caught:
                await runtime.start(sleep())
            assert caught.value.code == "workflow_already_running"
            await run.pause()
        await run.stop()
        await run.when_ended()
        await (await runtime.start(sleep())).result()


@pytest.mark.parametrize("options", [RunOptions(if_running="concurrent"), RunOptions(concurrent=True)])
async def test_concurrent(bench: OpenBench, options: RunOptions) -> None:
    """As many as one likes, side by side; the workflow's id names none of them then."""
    async with bench() as runtime:
        runs = [await runtime.start(sleep(), options=options) for _ in range(3)]
        assert states(runtime) == ["running"] * 3
        with pytest.raises(RefusedError) as caught:
            runtime.find(workflow_id="w")
        assert caught.value.code == "ambiguous_run"
        await runs[0].stop()
        await runs[1].stop()
        await trio.sleep(1)
        assert runtime.find(workflow_id="w") is runs[2]
        await runs[2].result()
        assert trio.current_time() == 10


async def test_queue(bench: OpenBench) -> None:
    """One after the other, each when the one before has ended, however it ended."""
    async with bench() as runtime:
        first = await runtime.start(sleep())
        second = await runtime.start(sleep(), options=if_running("queue"))
        third = await runtime.start(sleep(), options=if_running("queue"))
        other = await runtime.start(sleep("other"))
        assert states(runtime) == ["running", "queued", "queued", "running"]
        await first.result()
        await wait_all_tasks_blocked()
        assert [second.state.status, third.state.status] == ["running", "queued"]
        await second.stop()
        await third.result()
        assert trio.current_time() == 20
        assert other.state.finished_at == first.state.finished_at


async def test_queue_with_nothing_to_wait_for(bench: OpenBench) -> None:
    """Then it runs at once."""
    async with bench() as runtime:
        run = await runtime.start(sleep(), options=if_running("queue"))
        assert run.state.status == "running"
        await run.result()


async def test_replace(bench: OpenBench, story: TellStory) -> None:
    """All live runs of the workflow are stopped first, paused and queued ones too."""
    async with bench() as runtime:
        old = [await runtime.start(sleep(), options=RunOptions(concurrent=True)) for _ in range(2)]
        old.append(await runtime.start(sleep(), options=if_running("queue")))
        await old[0].pause()
        new = await runtime.start(sleep(), options=if_running("replace"))
        assert [it.state.status for it in old] == ["stopped"] * 3
        await new.result()
        assert trio.current_time() == 10
        assert story(old[2]) == ["run started", "run stopping", "a cancelled", "run stopped"]


async def test_many_replace_each_other(bench: OpenBench) -> None:
    """Whoever comes in last stays; never do two of them run at a time."""
    async with bench() as runtime:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(lambda: runtime.start(sleep(), options=if_running("replace")))
        assert sorted(states(runtime)) == ["running"] + ["stopped"] * 9
        await runtime.find(workflow_id="w").result()


# --- the queue --------------------------------------------------------------------------------------------


async def test_more_than_may_run_are_queued(bench: OpenBench) -> None:
    """They are let in by priority, then by who came first."""
    async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
        runs: dict[str, RunHandle] = {}
        for name, priority in (("first", 0), ("low", -1), ("b", 0), ("c", 0), ("high", 5)):
            options = RunOptions(priority=priority)
            runs[name] = await runtime.start(sleep(name), options=options)
        assert states(runtime) == ["running"] + ["queued"] * 4
        assert runtime.runs.active == 5
        for run in runs.values():
            await run.result()
        assert sorted(runs, key=lambda it: runs[it].state.finished_at or 0) == ["first", "high", "b", "c", "low"]
        assert trio.current_time() == 50
        assert runtime.runs.active == 0


async def test_a_queue_has_an_end(bench: OpenBench) -> None:
    """At the limit a run is queued, one past it is refused, and nothing is left of that."""
    async with bench(limits=RuntimeLimits(active_runs=1, queued_runs=2)) as runtime:
        for number in range(3):
            await runtime.start(sleep(f"w{number}", 1))
        with pytest.raises(RefusedError) as caught:
            await runtime.start(sleep("w3", 1))
        assert caught.value.code == "too_many_runs"
        assert len(runtime.list_runs()) == 3
        await runtime.find(workflow_id="w0").result()
        await wait_all_tasks_blocked()
        await (await runtime.start(sleep("w3", 1))).result()


async def test_a_place_in_the_queue_can_be_given_up(bench: OpenBench) -> None:
    """A queued run that is stopped leaves its place to the next."""
    async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
        runs = [await runtime.start(sleep(f"w{number}")) for number in range(3)]
        await runs[1].stop()
        assert runs[1].state.status == "stopped"
        await runs[2].result()
        assert trio.current_time() == 20


@pytest.mark.parametrize("ticks", range(12))
async def test_nobody_is_forgotten_in_the_queue(bench: OpenBench, ticks: int) -> None:
    """A run whose turn comes while it is still being started gets it all the same."""
    async with bench(limits=RuntimeLimits(active_runs=1)) as runtime, trio.open_nursery() as nursery:
        first = await runtime.start(sleep("first", 1e6))
        nursery.start_soon(first.stop)
        for _ in range(ticks):
            await trio.lowlevel.checkpoint()
        second = await runtime.start(sleep("second"))
        await second.result()
        assert trio.current_time() == 10


async def test_a_crash_in_the_queue(bench: OpenBench, story: TellStory) -> None:
    """A queued run whose actor crashes keeps its place."""
    async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
        await runtime.start(sleep("first"))
        second = await runtime.start(sleep("second"))
        third = await runtime.start(sleep("third"))
        assert second.ref is not None
        second.ref.tell(object())  # type: ignore[arg-type] # a message that no run knows, so it crashes
        await trio.sleep(1)
        assert (second.ref.incarnation, second.state.status) == (2, "queued")
        await third.result()
        assert trio.current_time() == 30
        assert story(second)[-1] == "run completed"


async def test_a_crash_at_its_turn(bench: OpenBench, story: TellStory) -> None:
    """A run that crashes when its turn comes gets another."""

    def trap(point: str, key: str) -> None:
        if point == "actor.receive" and key == "/runs/run-2" and not sprung:
            sprung.append(key)
            raise RuntimeError("crash")

    sprung: list[str] = []
    with armed(trap):
        async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
            await runtime.start(sleep("first"))
            second = await runtime.start(sleep("second"), run_id="run-2")
            await second.result()
            assert sprung
            assert trio.current_time() == 20
            assert story(second)[:3] == ["run started", "run running", "a started"]


# --- finding and forgetting -------------------------------------------------------------------------------


async def test_finding(bench: OpenBench) -> None:
    """By its id, or by its workflow's: the live one, else the latest."""
    async with bench() as runtime:
        with pytest.raises(RunNotFoundError):
            runtime.find(run_id="run-1")
        with pytest.raises(RunNotFoundError):
            runtime.find(workflow_id="w")
        with pytest.raises(RunNotFoundError):
            runtime.find()
        first = await runtime.start(sleep(), run_id="run-1")
        assert runtime.find(run_id="run-1") is first is runtime.find(workflow_id="w")
        await first.result()
        second = await runtime.start(sleep())
        assert runtime.find(workflow_id="w") is second
        await second.result()
        assert runtime.find(workflow_id="w") is second
        assert runtime.list_runs() == [second, first]
        assert new_run_id() != new_run_id()


async def test_an_id_is_given_once(bench: OpenBench) -> None:
    """A run id that is held is not given to another run."""
    async with bench() as runtime:
        await runtime.start(sleep("v"), run_id="run-1")
        with pytest.raises(RefusedError) as caught:
            await runtime.start(sleep("w"), run_id="run-1")
        assert caught.value.code == "run_id_taken"
        assert len(runtime.list_runs()) == 1
        await runtime.find(run_id="run-1").result()


async def test_forgetting(bench: OpenBench) -> None:
    """An ended run can be forgotten, with what was asked about it; a live one cannot."""
    async with bench() as runtime:
        run = await runtime.start(sleep())
        runtime.journal.remember_request("session", "request", Answered(b"", {}, run.run_id))
        with pytest.raises(RefusedError) as caught:
            runtime.forget(run.run_id)
        assert caught.value.code == "run_is_live"
        await run.result()
        runtime.forget(run.run_id)
        with pytest.raises(RunNotFoundError):
            runtime.forget(run.run_id)
        with pytest.raises(RunNotFoundError):
            runtime.find(workflow_id="w")
        assert runtime.journal.find_request("session", "request") is None
        one, other = await runtime.start(sleep()), await runtime.start(sleep(), options=if_running("concurrent"))
        await one.result()
        await other.result()
        runtime.forget(other.run_id)
        assert runtime.find(workflow_id="w") is one


async def test_old_runs_go(bench: OpenBench) -> None:
    """So many ended runs are held, and the oldest go first; live ones stay."""
    async with bench(limits=RuntimeLimits(kept_runs=3)) as runtime:
        live = await runtime.start(sleep("live", 1000))
        for number in range(7):
            await (await runtime.start(sleep(f"w{number}", 1))).result()
        assert [it.workflow_id for it in runtime.list_runs()] == ["w6", "w5", "w4", "live"]
        runtime.forget(runtime.find(workflow_id="w5").run_id)
        await (await runtime.start(sleep("w7", 1))).result()
        assert [it.workflow_id for it in runtime.list_runs()] == ["w7", "w6", "w4", "live"]
        await live.stop()


# --- what goes wrong --------------------------------------------------------------------------------------


async def test_a_start_with_a_slip_leaves_nothing(bench: OpenBench) -> None:
    """A callback that is none is told before there is a run."""
    async with bench() as runtime:
        with pytest.raises(ValueError, match="there is no callback"):
            await runtime.start(sleep(), callbacks={"no_such": print})
        assert runtime.list_runs() == []
        await (await runtime.start(sleep())).result()


@pytest.mark.parametrize("ticks", range(12))
async def test_a_start_that_is_cancelled(bench: OpenBench, ticks: int) -> None:
    """At whatever moment: either there is no run, or one that lives and can be reached."""
    async with bench() as runtime:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(runtime.start, sleep())
                for _ in range(ticks):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        await wait_all_tasks_blocked()
        for run in runtime.list_runs():
            assert run.state.status == "running"
            assert (await run.stop()).accepted
            await run.when_ended()
        await (await runtime.start(sleep())).result()


async def test_a_crash_of_their_supervisor(bench: OpenBench, story: TellStory) -> None:
    """All runs go on: those in flight, those paused, and those in the queue; those that have ended stay as they are."""
    async with bench(limits=RuntimeLimits(active_runs=2)) as runtime:
        over = await runtime.start(sleep("over", 0))
        await over.result()
        running = await runtime.start(sleep("running"))
        paused = await runtime.start(sleep("paused"))
        queued = await runtime.start(sleep("queued"))
        await trio.sleep(4)
        await paused.pause()
        await trio.sleep(1)
        supervisor = await runtime.system.root.ask(LookUp("runs"))
        assert supervisor is not None
        supervisor.tell(object())
        await trio.sleep(1)
        assert supervisor.incarnation == 2
        assert [it.state.status for it in (running, paused, queued)] == ["running", "paused", "queued"]
        await running.result()
        assert trio.current_time() == pytest.approx(10)
        assert story(running) == ["run started", "a started", "a started again", "a completed", "run completed"]
        await queued.result()
        await paused.resume()
        await paused.result()
        assert trio.current_time() == pytest.approx(26)
        assert len(story(over)) == 4


async def test_a_run_that_cannot_be_kept_alive(bench: OpenBench) -> None:
    """It has failed; its place is free, and the workflow may be started again."""
    with armed(_raise_for("/runs/run-1")):
        async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
            run = await runtime.start(
                example("w", {"a": step("noop"), "b": step("delay", {"seconds": 5})}), run_id="run-1"
            )
            queued = await runtime.start(sleep("queued"))
            with pytest.raises(RunFailedError, match="message of no luck"):
                await run.result()
            await queued.result()
            await (await runtime.start(sleep())).result()


def _raise_for(path: str) -> Trap:
    def trap(point: str, key: str) -> None:
        if point == "actor.receive" and key == path:
            raise RuntimeError("message of no luck")

    return trap


async def test_a_run_that_was_given_up_before_it_began(bench: OpenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, also when its end has pushed it out already."""
    async with bench(limits=RuntimeLimits(kept_runs=0)) as runtime:
        append = runtime.journal.append

        def broken(run_id: str, entries: Sequence[Entry], _then: object = None) -> int:
            append(run_id, entries)
            monkeypatch.undo()
            raise OSError("no space left on device")

        monkeypatch.setattr(runtime.journal, "append", broken)
        with pytest.raises(RefusedError, match="could not be started"):
            await runtime.start(sleep())
        await wait_all_tasks_blocked()
        assert runtime.list_runs() == []
        await (await runtime.start(sleep())).result()


async def test_a_start_that_crashes_is_no_concern_of_others(bench: OpenBench, story: TellStory) -> None:
    """It is refused; the others go on as if nothing had been, and so does their supervisor."""

    def trap(point: str, key: str) -> None:
        if point == "actor.start" and key == "/runs/bad":
            raise RuntimeError("a bug")

    with armed(trap):
        async with bench() as runtime:
            other = await runtime.start(sleep("other"))
            await trio.sleep(1)
            with pytest.raises(RefusedError, match="could not be started"):
                await runtime.start(sleep("bad"), run_id="bad")
            await wait_all_tasks_blocked()
            supervisor = await runtime.system.root.ask(LookUp("runs"))
            assert supervisor is not None
            assert supervisor.incarnation == 1
            await other.result()
            assert story(other) == ["run started", "a started", "a completed", "run completed"]


async def test_nothing_starts_without_a_supervisor() -> None:
    """Runs that are not attached to a system refuse what comes."""
    journal = MemoryJournal()
    runs = Runs(
        journal=journal,
        catalogue=Catalogue(BUILT_INS),
        limits=RuntimeLimits(),
        now=lambda: 0.0,
        show_progress=print,
        check=lambda _record: Verdict(None),
        admission=Admission(lambda: 0.0),
        cache=OutputCache(journal, lambda: 0.0, None),
    )
    record = RunRecord("r", Workflow("w", (Node("a", "noop"),)), {}, 0.0)
    with pytest.raises(RefusedError) as caught:
        await runs.start(record, {}, {}, {})
    assert caught.value.code == "unavailable"


async def test_draining(bench: OpenBench) -> None:
    """Nothing new starts; who ends in time has ended, the rest is stopped, queued and paused ones too."""
    async with bench(limits=RuntimeLimits(active_runs=3)) as runtime, trio.open_nursery() as nursery:
        quick = await runtime.start(sleep("quick", 3))
        slow = await runtime.start(sleep("slow", 300))
        paused = await runtime.start(sleep("paused"))
        queued = await runtime.start(sleep("queued"))
        await paused.pause()
        nursery.start_soon(runtime.drain, 5)
        await trio.sleep(1)
        with pytest.raises(RefusedError) as caught:
            await runtime.start(sleep())
        assert caught.value.code == "draining"
        await quick.result()
        for run in (slow, paused, queued):
            with pytest.raises(RunStoppedError):
                await run.result()
        assert trio.current_time() == 5
        assert queued.state.begun
