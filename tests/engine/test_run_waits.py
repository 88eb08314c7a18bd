"""Nodes that wait for a signal, and the signals, through a run and over both journals."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outcome import Waits
from bluev_actors.errors import RunFailedError, RunStoppedError
from bluev_actors.workflows.kinds import Port
from bluev_actors.workflows.run_events import NodeWaiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.journal import Entry
    from bluev_actors.engine.run_commands import RunCommand
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.control import SignalOutcome
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench, TellStory

EPOCH = 1_800_000_000.0
YES: JsonObject = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@pytest.fixture(scope="module")
def bench(each_bench: OpenBench) -> OpenBench:
    """Over both journals."""
    return each_bench


def waiting(**params: Json) -> JsonObject:
    """A workflow of one node, `a`, which waits for a signal."""
    return example("w", {"a": step("wait_signal", params)})


def given(payload: Json) -> JsonObject:
    """The results of that workflow."""
    return {"a": {"payload": payload}}


def is_waiting(run: RunHandle, node_id: str = "a") -> bool:
    """Whether a node waits."""
    return run.state.node(node_id).status == "waiting"


def crash(run: RunHandle) -> None:
    """Make the run's actor crash at its next message."""
    assert run.ref is not None
    run.ref.tell(cast("RunCommand", object()), urgent=True)


# --- giving one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [None, 0, "yes", [1, {"x": None}], {"ok": True}])
async def test_a_signal_ends_the_wait(bench: OpenBench, payload: Json, story: TellStory) -> None:
    """The node waits without a task, for as long as it takes; what the signal brings is its output."""
    async with bench() as runtime:
        run = await runtime.start(waiting())
        await trio.sleep(10_000)
        assert is_waiting(run)
        assert [it.kind for it in runtime.system.tree().walk() if it.kind in ("node", "timer")] == []
        outcome = await run.signal("a", payload)
        assert (outcome.accepted, outcome.run_id, outcome.node_id) == (True, run.run_id, "a")
        assert await run.result() == given(payload)
        assert story(run)[1:4] == ["a started", "a waiting", "a completed"]
        assert trio.current_time() == 10_000


async def test_a_signal_that_comes_early_is_kept(bench: OpenBench) -> None:
    """Before its node waits, and before it has so much as started; the oldest is taken, and the others are not."""
    doc = example("w", {"first": step("delay", {"seconds": 5}), "a": step("wait_signal")}, "first.out -> a.after")
    async with bench() as runtime:
        run = await runtime.start(doc)
        assert (await run.signal("a", "early")).accepted
        assert (await run.signal("a", "later")).accepted
        assert await run.result() == given("early")
        assert trio.current_time() == 5
        assert runtime.journal.signals(run.run_id) == {}


@pytest.mark.parametrize(
    ("node_id", "payload", "code"),
    [
        ("nobody", 1, "not_found"),
        ("a/inside", 1, "not_found"),
        ("a[0]/inside", 1, "not_found"),
        ("a", float("nan"), "invalid_payload"),
        ("a", object(), "invalid_payload"),
        ("a", {"ok": "perhaps"}, "invalid_payload"),
        ("done", 1, "node_finished"),
    ],
)
async def test_a_signal_that_nobody_can_take(bench: OpenBench, node_id: str, payload: Json, code: str) -> None:
    """It is refused, with a code and a sentence, and the node waits on."""
    nodes = {"a": step("wait_signal", {"schema": YES}), "done": step("noop")}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes))
        await wait_all_tasks_blocked()
        heard: list[SignalOutcome] = []
        outcome = await run.signal(node_id, payload, heard=heard.append)
        assert (outcome.accepted, outcome.code, outcome.node_id) == (False, code, node_id)
        assert outcome.message
        assert heard == []
        assert is_waiting(run)
        await run.signal("a", {"ok": True})
        await run.result()


async def test_a_signal_after_the_end(bench: OpenBench) -> None:
    """A run that has ended takes none, nor does one that is stopping."""

    @node
    async def slow_to_go() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)

    async with bench(slow_to_go) as runtime:
        run = await runtime.start(example("w", {"a": step("wait_signal"), "b": step("slow_to_go")}))
        await trio.sleep(1)
        await run.stop()
        assert (await run.signal("a")).code == "invalid_state"
        await run.when_ended()
        for _ in range(2):
            outcome = await run.signal("a")
            assert (outcome.accepted, outcome.code) == (False, "run_finished")
            await wait_all_tasks_blocked()


async def test_what_was_acknowledged_early_may_not_fit(bench: OpenBench) -> None:
    """Before the node waits nobody knows what it takes; what does not fit is dropped then, the next one is taken."""
    nodes = {"first": step("delay", {"seconds": 5}), "a": step("wait_signal", {"schema": YES})}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, "first.out -> a.after"))
        for payload in ("nonsense", {"ok": 1}, {"ok": False}):
            assert (await run.signal("a", payload)).accepted
        assert await run.result() == given({"ok": False})


async def test_there_is_an_end_to_what_is_kept(bench: OpenBench) -> None:
    """A thousand for one node; the next is refused, one for another node is not."""
    nodes = {"first": step("delay", {"seconds": 5}), "a": step("wait_signal"), "b": step("wait_signal")}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, "first.out -> a.after", "first.out -> b.after"))
        for number in range(1_000):
            runtime.journal.keep_signal(run.run_id, "a", number)
        assert (await run.signal("a", 1_000)).code == "too_many_signals"
        assert (await run.signal("b", "b")).accepted
        assert await run.result() == {"a": {"payload": 0}, "b": {"payload": "b"}}


async def test_two_at_once(bench: OpenBench) -> None:
    """One of them is what the node gets; the other comes too late or is kept for nobody."""
    async with bench() as runtime:
        run = await runtime.start(waiting())
        await wait_all_tasks_blocked()
        outcomes: list[SignalOutcome] = []

        async def give(payload: Json) -> None:
            outcomes.append(await run.signal("a", payload))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(give, 1)
            nursery.start_soon(give, 2)
        assert await run.result() in (given(1), given(2))
        assert sorted(str(it.code) for it in outcomes) in (["None", "node_finished"], ["None", "run_finished"])


async def test_who_asked_hears_it_at_once(bench: OpenBench) -> None:
    """What is kept with the outcome goes to the disk with the signal, so nobody is told of one without the other."""
    async with bench() as runtime:
        run = await runtime.start(waiting())
        await wait_all_tasks_blocked()
        seen: list[tuple[bool, int]] = []

        def heard(outcome: SignalOutcome) -> None:
            runtime.journal.note(run.run_id, "heard", "yes")
            seen.append((outcome.accepted, len(runtime.journal.history(run.run_id))))

        before = len(run.history())
        await run.signal("a", 1, heard=heard)
        assert seen == [(True, before)]
        assert runtime.journal.pending == 0 or not is_waiting(run)
        await run.result()


# --- waiting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("default", [None, False, {"ok": False}])
async def test_who_waits_in_vain_has_the_default(bench: OpenBench, default: Json) -> None:
    """After so many seconds; null is a default like any other."""
    async with bench() as runtime:
        run = await runtime.start(waiting(timeout=60, default=default))
        await wait_all_tasks_blocked()
        assert run.state.node("a").next_at == EPOCH + 60
        assert await run.result() == given(default)
        assert trio.current_time() == 60


async def test_who_waits_in_vain_without_a_default_has_failed(bench: OpenBench) -> None:
    """With a code of its own."""
    async with bench() as runtime:
        run = await runtime.start(waiting(timeout=60))
        with pytest.raises(RunFailedError, match="no signal came in time"):
            await run.result()
        error = run.state.node("a").error
        assert error is not None
        assert (error.code, trio.current_time()) == ("timeout", 60)


async def test_the_next_attempt_waits_anew(bench: OpenBench, story: TellStory) -> None:
    """A wait that timed out is tried again like any failure."""
    doc = example("w", {"a": step("wait_signal", {"timeout": 10}, retry={"max_attempts": 2, "initial": 5})})
    async with bench() as runtime:
        run = await runtime.start(doc)
        await trio.sleep(20)
        assert is_waiting(run)
        await run.signal("a", "the second time")
        assert await run.result() == {"a": {"payload": "the second time"}}
        assert story(run)[1:7] == ["a started", "a waiting", "a retrying", "a started 2", "a waiting", "a completed"]


async def test_a_signal_in_time_disarms_the_clock(bench: OpenBench) -> None:
    """Nothing goes off later, not even while the run goes on."""
    nodes = {"a": step("wait_signal", {"timeout": 10}), "b": step("delay", {"seconds": 100})}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, "a.done -> b.after"))
        await trio.sleep(9)
        await run.signal("a")
        await run.result()
        assert run.state.node("a").status == "completed"
        assert trio.current_time() == 109


async def test_a_node_of_ones_own_may_wait(bench: OpenBench) -> None:
    """Any function may return that it waits, with its own word for what for."""

    @node(outputs=[Port("payload")])
    async def asks(ctx: NodeContext) -> Waits:
        ctx.log("anybody?")
        return Waits(5, default="nobody", reason="approval")

    async with bench(asks) as runtime:
        run = await runtime.start(example("w", {"a": step("asks")}))
        assert await run.result() == {"a": {"payload": "nobody"}}
        assert [it.event.reason for it in run.history() if isinstance(it.event, NodeWaiting)] == ["approval"]


async def test_others_go_on_meanwhile(bench: OpenBench) -> None:
    """A node that waits takes no place among those that may run at a time."""
    nodes = {"a": step("wait_signal"), "b": step("delay", {"seconds": 1}), "c": step("delay", {"seconds": 1})}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, settings={"max_concurrency": 1}))
        await trio.sleep(2.5)
        assert [run.state.node(it).status for it in "abc"] == ["waiting", "completed", "completed"]
        await run.signal("a")
        await run.result()


async def test_inside_a_body(bench: OpenBench) -> None:
    """Each item waits for its own signal; one that comes before its item has begun is kept."""
    body: JsonObject = {"nodes": [{"id": "ask", "type": "wait_signal"}], "connections": [], "inputs": {"item": {}}}
    doc = example("w", {"each": step("map", {"items": [1, 2, 3], "workflow": body, "max_concurrency": 1})})
    async with bench() as runtime:
        run = await runtime.start(doc)
        await trio.sleep(1)
        assert is_waiting(run, "each[0]/ask")
        for number in (2, 1, 0):
            assert (await run.signal(f"each[{number}]/ask", number)).accepted
        assert await run.result() == {"each": {"results": [{"ask": {"payload": number}} for number in range(3)]}}


# --- pauses and stops -------------------------------------------------------------------------------------


async def test_a_signal_for_a_paused_run_is_kept(bench: OpenBench, story: TellStory) -> None:
    """It is acknowledged, and delivered with the resume."""
    async with bench() as runtime:
        run = await runtime.start(waiting())
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(1)
        assert run.state.status == "paused"
        assert (await run.signal("a", "kept")).accepted
        await trio.sleep(10)
        assert is_waiting(run)
        await run.resume()
        assert await run.result() == given("kept")
        assert story(run)[2:7] == ["a waiting", "run pausing", "run paused", "run running", "a completed"]


async def test_the_clock_of_a_wait_stands_still(bench: OpenBench) -> None:
    """A pause takes nothing of its time; when it is over is told anew."""
    async with bench() as runtime:
        run = await runtime.start(waiting(timeout=10, default="late"))
        await trio.sleep(4)
        await run.pause()
        await trio.sleep(100)
        assert run.state.seconds_left("a", EPOCH + 104) == 6
        await run.resume()
        assert run.state.node("a").next_at == EPOCH + 110
        assert await run.result() == given("late")
        assert trio.current_time() == 110


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_wait_that_begins_in_a_pause_has_all_its_time(bench: OpenBench, crashes: bool) -> None:
    """Also after a crash, when only what is on record is known."""

    @node(outputs=[Port("payload")])
    async def asks() -> Waits:
        await trio.sleep(5)
        return Waits(10, default="nobody")

    async with bench(asks) as runtime:
        run = await runtime.start(example("w", {"a": step("asks")}))
        await run.pause("drain")
        await trio.sleep(105)
        assert is_waiting(run)
        if crashes:
            crash(run)
            await trio.lowlevel.checkpoint()
        await run.resume()
        assert await run.result() == {"a": {"payload": "nobody"}}
        assert trio.current_time() == pytest.approx(115, abs=0.05)


async def test_a_stop_ends_a_wait(bench: OpenBench) -> None:
    """The node is cancelled, and no clock is left."""
    async with bench() as runtime:
        run = await runtime.start(waiting(timeout=60))
        await trio.sleep(1)
        await run.stop()
        with pytest.raises(RunStoppedError):
            await run.result()
        assert run.state.node("a").status == "cancelled"
        assert trio.current_time() == 1


async def test_a_failure_elsewhere_ends_a_wait(bench: OpenBench) -> None:
    """Nobody waits on in a run that has failed."""
    nodes = {"a": step("wait_signal"), "b": step("delay", {"seconds": 1}), "c": step("fail")}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, "b.out -> c.value"))
        await run.when_ended()
        assert (run.state.status, run.state.node("a").status) == ("failed", "cancelled")


# --- crashes ----------------------------------------------------------------------------------------------


async def test_a_wait_outlives_a_crash(bench: OpenBench, story: TellStory) -> None:
    """With what is left of its time, with what it takes, and with its default; it is not begun again."""
    async with bench() as runtime:
        run = await runtime.start(waiting(timeout=10, default={"ok": False}, schema=YES))
        await trio.sleep(4)
        crash(run)
        await trio.sleep(1)
        assert (await run.signal("a", "nonsense")).code == "invalid_payload"
        assert await run.result() == given({"ok": False})
        assert trio.current_time() == pytest.approx(10)
        assert story(run).count("a waiting") == story(run).count("a started") == 1


@pytest.mark.parametrize("paused", [False, True])
async def test_a_signal_outlives_a_crash(bench: OpenBench, paused: bool) -> None:
    """What was acknowledged before it is delivered after it: to a node not begun, and to one in a paused run."""
    doc = example("w", {"first": step("delay", {"seconds": 5}), "a": step("wait_signal")}, "first.out -> a.after")
    async with bench() as runtime:
        run = await runtime.start(doc)
        await trio.sleep(6 if paused else 1)
        if paused:
            await run.pause()
        assert (await run.signal("a", "kept")).accepted
        crash(run)
        await trio.sleep(1)
        assert run.ref is not None
        assert run.ref.incarnation == 2
        await run.resume()
        assert await run.result() == given("kept")


@pytest.mark.parametrize("stored", [False, True])
async def test_no_crash_at_a_commit_loses_a_signal(
    bench: OpenBench, stored: bool, story: TellStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever commit fails, before or after its events are stored: what was acknowledged reaches its node once."""
    doc = example("w", {"a": step("wait_signal"), "b": step("wait_signal")}, "a.payload -> b.after")
    async with bench() as runtime:
        append, left = runtime.journal.append, 0

        def breaking(run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
            nonlocal left
            left -= 1
            if left != 0:
                return append(run_id, entries, then)
            if stored:
                append(run_id, entries)
            raise OSError("no space left on device")

        monkeypatch.setattr(runtime.journal, "append", breaking)
        number = 2
        while left <= 0:
            left = number
            run = await runtime.start(doc)
            # One whose answer was lost in the crash is asked for again; it may be told that its own had been taken.
            assert (await run.signal("b", "second")).accepted
            assert (await run.signal("a", "first")).code in (None, "node_finished", "run_finished")
            with trio.fail_after(100):
                assert await run.result() == {"b": {"payload": "second"}}
            assert run.state.node("a").outputs == {"payload": "first"}
            story(run)
            number += 1
        assert number > 4
