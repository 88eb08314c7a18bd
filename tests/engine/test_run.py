"""The actor of a run, through `open_runtime` and in virtual time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import LookUp
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.run_commands import Begin
from bluev_actors.errors import NodeError, Permanent, RefusedError, RetryAfter, RunFailedError, RunStoppedError
from bluev_actors.faultpoints import armed
from bluev_actors.workflows.kinds import Param
from bluev_actors.workflows.run_events import NodeLog, NodePaused, NodeStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.journal import Entry, Journal
    from bluev_actors.engine.run_commands import RunCommand
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench, TellStory

EPOCH = 1_800_000_000.0
SECONDS = [Param("seconds", "number", required=False, default=10)]


@node(params=SECONDS)
async def solid(ctx: NodeContext, **_inputs: Json) -> float:
    """Takes its time and is not pausable; tells when it began."""
    began = trio.current_time()
    await trio.sleep(ctx.params["seconds"])
    return began


@node(params=[Param("steps", "int", required=False, default=4)], pausable=True)
async def counting(ctx: NodeContext, **_inputs: Json) -> list[int]:
    """Does a step a second, and keeps which it has done."""
    done: list[int] = list(ctx.resume_state or [])
    while len(done) < ctx.params["steps"]:
        await trio.sleep(1)
        done.append(len(done))
        await ctx.checkpoint(list(done))
    return done


@node(params=SECONDS)
async def stubborn(ctx: NodeContext, **_inputs: Json) -> str:
    """Cannot be cancelled."""
    with trio.CancelScope(shield=True):
        await trio.sleep(ctx.params["seconds"])
    await trio.lowlevel.checkpoint()
    return "done"


@node(params=SECONDS)
async def tidy(ctx: NodeContext, **_inputs: Json) -> str:
    """Sleeps for long, and tidies up for some seconds when it is cancelled."""
    try:
        await trio.sleep(1000)
    finally:
        with ctx.shielded(ctx.params["seconds"] + 1):
            await trio.sleep(ctx.params["seconds"])
            ctx.log("tidied up")
    return "done"


def flaky(*errors: Exception) -> Callable[..., Any]:
    """The function of a node that raises these one after another, and then gives a value."""
    left = list(errors)

    async def flaky(**_inputs: Json) -> str:
        if left:
            raise left.pop(0)
        return "at last"

    return flaky


@pytest.fixture(scope="module")
def bench(each_bench: OpenBench) -> OpenBench:
    """Whatever a run does, it does over both journals."""
    return each_bench


def one(type_: str, params: JsonObject | None = None, **rest: Json) -> JsonObject:
    """A workflow of one node, `a`."""
    return example("w", {"a": step(type_, params, **rest)})


async def status(run: RunHandle, *wanted: str) -> None:
    """Wait until the run is `wanted`."""
    while run.state.status not in wanted:
        await run.desk.journal.changed(run.run_id)


# --- pause and resume -------------------------------------------------------------------------------------


async def test_a_delay_keeps_exactly_what_is_left(bench: OpenBench, story: TellStory) -> None:
    """A delay that is paused after 4 of 10 seconds takes 6 more when it is resumed, whenever that is."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 10}))
        await trio.sleep(4)
        outcome = await run.pause()
        assert (outcome.accepted, outcome.status) == (True, "pausing")
        await status(run, "paused")
        assert trio.current_time() == 4
        await trio.sleep(1000)
        outcome = await run.resume()
        assert (outcome.accepted, outcome.status) == (True, "running")
        await run.result()
        assert trio.current_time() == pytest.approx(1010)
        assert story(run) == [
            "run started",
            "a started",
            "run pausing",
            "a paused",
            "run paused",
            "run running",
            "a started",
            "a completed",
            "run completed",
        ]
        assert run.summary()["paused_for"] == 1000
        assert run.state.nodes["a"].attempt == run.state.attempts == 1


async def test_nothing_starts_above_the_seq_of_a_pause(bench: OpenBench) -> None:
    """The answer's `seq` is that of the pause; no node starts above it until the resume."""
    nodes = {f"n{i}": step("delay", {"seconds": 1}) for i in range(10)}
    arrows = [f"n{i}.out -> n{i + 1}.in" for i in range(9)]
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, *arrows))
        for pause_at in (0.5, 2.0, 3.7):
            await trio.sleep_until(trio.current_time() + pause_at)
            outcome = await run.pause()
            await trio.sleep(100)
            started = [it.seq for it in run.history() if isinstance(it.event, NodeStarted)]
            assert max(started) < outcome.seq
            await run.resume()
        await run.result()
        assert trio.current_time() == pytest.approx(310)


async def test_a_drain_lets_nodes_finish(bench: OpenBench, story: TellStory) -> None:
    """In a `drain` what runs goes on to its end, though it could be paused, and nothing more starts."""
    doc = example("w", {"a": step("delay", {"seconds": 5}), "b": step("noop")}, "a.out -> b.in")
    async with bench() as runtime:
        run = await runtime.start(doc)
        await run.pause("drain")
        await status(run, "paused")
        assert trio.current_time() == 5
        await run.resume()
        await run.result()
        assert story(run)[2:6] == ["run pausing", "a completed", "run paused", "run running"]


async def test_a_drain_may_end_the_run(bench: OpenBench) -> None:
    """When the last nodes end during a pause, the run is completed."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 5}))
        await run.pause("drain")
        await run.result()
        assert run.state.status == "completed"
        assert (await run.resume()).code == "run_finished"


async def test_a_checkpoint_pause_waits_for_what_cannot_be_paused(bench: OpenBench, story: TellStory) -> None:
    """A node that is not pausable finishes first; its outcome counts."""
    doc = example("w", {"a": step("solid"), "b": step("counting"), "c": step("noop")}, "a.value -> c.in")
    async with bench(solid, counting) as runtime:
        run = await runtime.start(doc)
        await trio.sleep(2.5)
        await run.pause()
        await status(run, "paused")
        assert trio.current_time() == 10
        assert {it: run.state.node(it).status for it in "abc"} == {"a": "completed", "b": "paused", "c": "pending"}
        await run.resume()
        assert (await run.result())["b"] == {"value": [0, 1, 2, 3]}
        assert trio.current_time() == 12
        assert story(run)[-1] == "run completed"


async def test_a_hard_pause_cuts_everything(bench: OpenBench, story: TellStory) -> None:
    """In `hard` mode a node that is not pausable is ended too, and runs again from its checkpoint or the top."""
    doc = example("w", {"a": step("solid"), "b": step("counting")})
    async with bench(solid, counting) as runtime:
        run = await runtime.start(doc)
        await trio.sleep(2.5)
        await run.pause("hard")
        await status(run, "paused")
        assert trio.current_time() == 2.5
        await trio.sleep(97.5)
        await run.resume()
        results = await run.result()
        assert results == {"a": {"value": 100}, "b": {"value": [0, 1, 2, 3]}}
        assert trio.current_time() == 110
        assert story(run).count("a started") == 2


async def test_a_pause_is_withdrawn(bench: OpenBench, story: TellStory) -> None:
    """A resume while the run is still pausing lets it go on at once; what was cancelled already starts again."""
    doc = example("w", {"a": step("solid"), "b": step("delay", {"seconds": 10}), "c": step("noop")}, "a.value -> c.in")
    async with bench(solid) as runtime:
        run = await runtime.start(doc)
        await trio.sleep(3)
        await run.pause()
        await trio.sleep(2)
        assert run.state.status == "pausing"
        await run.resume()
        await run.result()
        assert "run paused" not in story(run)
        assert trio.current_time() == pytest.approx(12)


async def test_pause_and_resume_at_once(bench: OpenBench, story: TellStory) -> None:
    """A resume before a cancelled node is gone starts it again, exactly once."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 10}))
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(run.pause)
                nursery.start_soon(run.resume)
        await run.resume()
        await run.result()
        assert trio.current_time() == pytest.approx(10)
        assert story(run)[-1] == "run completed"


async def test_a_stricter_pause_upgrades(bench: OpenBench, story: TellStory) -> None:
    """`hard` after `drain` ends what the drain waited for; a milder one changes nothing."""
    async with bench(solid) as runtime:
        run = await runtime.start(one("solid"))
        await run.pause("drain")
        before = run.state.seq
        assert (await run.pause("drain")).seq == before
        outcome = await run.pause("hard")
        assert (outcome.accepted, outcome.status, outcome.seq) == (True, "pausing", before + 1)
        await status(run, "paused")
        assert trio.current_time() == 0
        assert (await run.pause("hard")).status == "paused"
        await run.resume()
        await run.result()
        assert story(run).count("run pausing") == 2


async def test_the_workflow_says_how_it_is_paused(bench: OpenBench) -> None:
    """`settings.pause_mode` holds when a pause names no mode."""
    async with bench(solid) as runtime:
        run = await runtime.start({**one("solid"), "settings": {"pause_mode": "hard"}})
        await run.pause()
        await status(run, "paused")
        assert trio.current_time() == 0
        await run.stop()


async def test_a_pause_until(bench: OpenBench, story: TellStory) -> None:
    """A pause may name the wall time at which it ends by itself."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 10}))
        await trio.sleep(1)
        await run.pause(until=EPOCH + 50)
        await run.result()
        assert trio.current_time() == pytest.approx(59)
        assert "run paused" in story(run)


async def test_a_pause_with_a_timeout(bench: OpenBench, story: TellStory) -> None:
    """A pause may name the seconds after which the run is stopped."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 10}))
        await trio.sleep(1)
        await run.pause(timeout=20)
        with pytest.raises(RunStoppedError):
            await run.result()
        assert trio.current_time() == pytest.approx(21)
        assert story(run)[-3:] == ["run stopping", "a cancelled", "run stopped"]


async def test_the_clocks_of_a_pause_end_with_it(bench: OpenBench) -> None:
    """After a resume neither `until` nor `timeout` do anything."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 100}))
        await run.pause(until=EPOCH + 50, timeout=60)
        await run.resume()
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(500)
        assert run.state.status == "paused"
        await run.resume()
        await run.result()


async def test_a_queued_run_keeps_its_place_over_a_pause(bench: OpenBench, story: TellStory) -> None:
    """Paused in the queue, others go before it; resumed, it is first again."""
    async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
        first = await runtime.start({**one("delay", {"seconds": 10}), "id": "first"})
        second = await runtime.start({**one("noop"), "id": "second"})
        third = await runtime.start({**one("delay", {"seconds": 10}), "id": "third"})
        fourth = await runtime.start({**one("noop"), "id": "fourth"})
        assert second.state.status == "queued"
        assert (await second.pause()).status == "paused"
        await first.result()
        await trio.sleep(1)
        assert third.state.status == "running"
        assert (await second.resume()).status == "queued"
        await fourth.result()
        assert second.state.finished_at is not None
        assert fourth.state.finished_at is not None
        assert second.state.finished_at <= fourth.state.finished_at
        assert story(second) == [
            "run started",
            "run paused",
            "run queued",
            "run running",
            "a started",
            "a completed",
            "run completed",
        ]


async def test_a_turn_comes_once(bench: OpenBench, story: TellStory) -> None:
    """A run that has begun is told in vain that its turn has come."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 1}))
        assert run.ref is not None
        run.ref.tell(Begin())
        await run.result()
        assert story(run) == ["run started", "a started", "a completed", "run completed"]


async def test_pausing_changes_no_result(bench: OpenBench) -> None:
    """However often a run is paused, its results are those of a run that was not."""
    nodes = {f"n{i}": step("counting", {"steps": 1 + i % 3}) for i in range(9)}
    arrows = [f"n{i}.value -> n{i + d}.after" for i in range(7) for d in (1, 2)]
    doc = example("w", nodes, *arrows)
    async with bench(counting) as runtime:
        plain = await (await runtime.start(doc)).result()
        modes: list[PauseMode] = ["checkpoint", "drain", "hard"]
        for number in range(6):
            run = await runtime.start(doc)
            for _ in range(8):
                await trio.sleep(0.4 + number / 7)
                await run.pause(modes[number % 3])
                await trio.sleep(number)
                await run.resume()
            assert await run.result() == plain


# --- stop -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["queued", "running", "pausing", "paused", "stopping"])
async def test_stop_from_every_live_state(bench: OpenBench, state: str, story: TellStory) -> None:
    """A stop is legal in each live state and ends the run with exactly one terminal event."""
    async with bench(tidy, limits=RuntimeLimits(active_runs=1)) as runtime:
        if state == "queued":
            await runtime.start({**one("delay", {"seconds": 5}), "id": "other"})
        run = await runtime.start(one("tidy", {"seconds": 2}))
        if state in ("pausing", "paused"):
            await run.pause("hard")
        if state == "paused":
            await status(run, "paused")
        if state == "stopping":
            await run.stop()
        assert run.state.status == state
        outcome = await run.stop()
        assert (outcome.accepted, outcome.status) == (True, "stopping")
        with pytest.raises(RunStoppedError):
            await run.result()
        assert story(run)[-1] == "run stopped"
        assert (await run.stop()).accepted
        assert (await run.pause()).code == "run_finished"


async def test_two_hundred_delays_are_gone_at_once(bench: OpenBench) -> None:
    """A stop takes no time, and leaves no task behind."""
    nodes = {f"n{i}": step("delay", {"seconds": 1000}) for i in range(200)}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes))
        await trio.sleep(1)
        assert len(run.state.in_flight) == 200
        assert sum(1 for it in runtime.system.tree().walk() if it.kind == "node") == 200
        await run.stop()
        with pytest.raises(RunStoppedError):
            await run.result()
        assert trio.current_time() == 1
        assert {it.status for it in run.state.nodes.values()} == {"cancelled"}


async def test_a_stopped_run_keeps_what_it_had(bench: OpenBench) -> None:
    """The results of a stopped run are those of the nodes that completed."""
    doc = example("w", {"a": step("constant", {"value": 7}), "b": step("delay", {"seconds": 9})})
    async with bench() as runtime:
        run = await runtime.start(doc)
        await trio.sleep(1)
        await run.stop()
        await run.when_ended()
        assert run.state.results == {"a": {"value": 7}}


async def test_a_stop_waits_for_a_clean_up(bench: OpenBench, story: TellStory) -> None:
    """A shielded clean-up has its seconds, up to the grace of the run."""
    async with bench(tidy) as runtime:
        run = await runtime.start(one("tidy", {"seconds": 2}))
        await trio.sleep(1)
        await run.stop()
        await run.when_ended()
        assert trio.current_time() == 3
        assert "a says tidied up" in story(run)
        run = await runtime.start({**one("tidy", {"seconds": 60}), "settings": {"grace": 4}})
        await trio.sleep(1)
        await run.stop()
        await run.when_ended()
        assert trio.current_time() == 8
        assert "a says tidied up" not in story(run)


async def test_a_kill_does_not_wait(bench: OpenBench, story: TellStory) -> None:
    """`kill` cuts a shielded clean-up short, also one that a stop has let begin."""
    async with bench(tidy) as runtime:
        run = await runtime.start(one("tidy", {"seconds": 3}))
        await trio.sleep(1)
        await run.stop("kill")
        await run.when_ended()
        assert trio.current_time() == 1
        run = await runtime.start(one("tidy", {"seconds": 3}))
        await trio.sleep(1)
        await run.stop()
        await trio.sleep(1)
        assert (await run.stop("kill")).accepted
        await run.when_ended()
        assert trio.current_time() == 3
        assert "a says tidied up" not in story(run)


@pytest.mark.parametrize("controls", [["stop"], ["pause", "stop"], ["pause", "resume", "pause", "stop"]])
async def test_a_node_that_does_not_obey_is_named_once(bench: OpenBench, controls: list[str], story: TellStory) -> None:
    """A node that is still there when its grace is over is named; the run waits for it."""
    async with bench(stubborn) as runtime:
        doc = {**one("stubborn", {"seconds": 60}), "settings": {"pause_mode": "hard", "grace": 5}}
        run = await runtime.start(doc)
        for control in controls:
            await trio.sleep(6)
            await getattr(run, control)()
        await run.when_ended()
        assert trio.current_time() == 60
        assert story(run).count("a says node_ignored_cancel") == 1
        lines = [it for it in run.history() if isinstance(it.event, NodeLog)]
        assert lines[0].at == pytest.approx(EPOCH + 6 + 5.1)


async def test_an_obedient_node_is_not_named(bench: OpenBench, story: TellStory) -> None:
    """Whoever ends within the grace has obeyed; the timer goes with the last of them."""
    nodes = {"a": step("tidy", {"seconds": 3}), "b": step("delay", {"seconds": 50}), "c": step("stubborn")}
    async with bench(tidy, stubborn) as runtime:
        run = await runtime.start(example("w", nodes))
        await trio.sleep(1)
        await run.stop()
        await run.when_ended()
        assert [line for line in story(run) if "ignored" in line] == ["c says node_ignored_cancel"]


async def test_even_a_noisy_node_is_named(bench: OpenBench, story: TellStory) -> None:
    """The limit of lines is the node's own; what is said about it does not count."""

    @node
    async def noisy(ctx: NodeContext) -> str:
        for number in range(5):
            ctx.log(f"line {number}")
        with trio.CancelScope(shield=True):
            await trio.sleep(60)
        return "done"

    async with bench(noisy, limits=RuntimeLimits(log_lines=2)) as runtime:
        run = await runtime.start(one("noisy"))
        await trio.sleep(1)
        await run.stop()
        await run.when_ended()
        said = [line for line in story(run) if " says " in line]
        assert said == ["a says line 0", "a says line 1", "a says log_limit", "a says node_ignored_cancel"]


# --- timeouts ---------------------------------------------------------------------------------------------


async def test_an_attempt_that_takes_too_long(bench: OpenBench) -> None:
    """The timeout of a node ends its attempt, with a code of its own."""
    async with bench(solid) as runtime:
        run = await runtime.start(one("solid", timeout=3))
        with pytest.raises(RunFailedError, match="node a failed: took longer than its timeout"):
            await run.result()
        assert trio.current_time() == 3
        error = run.state.nodes["a"].error
        assert error is not None
        assert (error.code, error.retryable) == ("timeout", True)


async def test_the_clock_of_an_attempt_stands_still(bench: OpenBench) -> None:
    """A pause does not count; what an attempt has used before it does."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 10}, timeout=6))
        await trio.sleep(4)
        await run.pause()
        await trio.sleep(100)
        await run.resume()
        with pytest.raises(RunFailedError):
            await run.result()
        assert trio.current_time() == pytest.approx(106)


async def test_the_total_timeout_holds_over_attempts(bench: OpenBench) -> None:
    """All attempts and the waits between them share it; when it is over, nothing is tried again."""
    retry = {"max_attempts": 9, "backoff": "fixed", "initial": 2}
    async with bench(solid) as runtime:
        run = await runtime.start(one("solid", timeout=3, total_timeout=12, retry=retry))
        with pytest.raises(RunFailedError, match="total timeout"):
            await run.result()
        assert trio.current_time() == 12
        assert run.state.nodes["a"].attempt == 3


async def test_the_total_stands_still_while_paused(bench: OpenBench) -> None:
    """Neither an attempt that is cut short nor a wait uses any of it during a pause."""
    retry = {"max_attempts": 9, "backoff": "fixed", "initial": 4}
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 100}, timeout=3, total_timeout=9, retry=retry))
        for at in (2.0, 105.0):
            await trio.sleep_until(at)
            await run.pause()
            await trio.sleep(100)
            await run.resume()
        with pytest.raises(RunFailedError, match="total timeout"):
            await run.result()
        assert trio.current_time() == pytest.approx(209)
        assert run.state.nodes["a"].attempt == 2


async def test_a_run_that_takes_too_long(bench: OpenBench, story: TellStory) -> None:
    """The timeout of a run fails it, whatever its nodes do; its clock stands still while it is paused."""
    async with bench() as runtime:
        run = await runtime.start({**one("delay", {"seconds": 100}), "settings": {"timeout": 20}})
        await trio.sleep(5)
        await run.pause()
        await trio.sleep(1000)
        await run.resume()
        with pytest.raises(RunFailedError, match="longer than its timeout"):
            await run.result()
        assert trio.current_time() == pytest.approx(1020)
        assert run.state.error is not None
        assert run.state.error.code == "run_timeout"
        assert story(run)[-2:] == ["a cancelled", "run failed"]


async def test_a_run_may_time_out_between_attempts(bench: OpenBench) -> None:
    """Nothing is in flight then, and the run fails all the same."""

    @node
    async def broken() -> None:
        raise NodeError("no")

    retry = {"max_attempts": 9, "backoff": "fixed", "initial": 50}
    async with bench(broken) as runtime:
        run = await runtime.start({**one("broken", retry=retry), "settings": {"timeout": 20}})
        await run.when_ended()
        assert trio.current_time() == 20
        assert run.state.nodes["a"].status == "cancelled"


async def test_the_queue_is_not_on_the_clock(bench: OpenBench) -> None:
    """The timeout of a run counts from the moment its turn has come."""
    async with bench(limits=RuntimeLimits(active_runs=1)) as runtime:
        await runtime.start({**one("delay", {"seconds": 30}), "id": "other"})
        run = await runtime.start({**one("delay", {"seconds": 5}), "settings": {"timeout": 10}})
        await run.result()
        assert trio.current_time() == 35


# --- retries ----------------------------------------------------------------------------------------------


async def test_the_back_off_grows(bench: OpenBench, story: TellStory) -> None:
    """Attempts that fail wait 1, 2 and 4 seconds here; the last of them is the node's outcome."""
    again = node("flaky")(flaky(ValueError("1"), ValueError("2"), ValueError("3")))
    async with bench(again) as runtime:
        run = await runtime.start(one("flaky", retry={"max_attempts": 4}))
        assert await run.result() == {"a": {"value": "at last"}}
        assert trio.current_time() == 7
        assert [line for line in story(run) if line.startswith("a ")] == [
            "a started",
            "a retrying",
            "a started 2",
            "a retrying",
            "a started 3",
            "a retrying",
            "a started 4",
            "a completed",
        ]


@pytest.mark.parametrize(
    ("error", "retry", "attempts", "seconds"),
    [
        (Permanent("never"), {"max_attempts": 3}, 1, 0),
        (RetryAfter(30), {"max_attempts": 2}, 2, 30),
        (RetryAfter(-1), {"max_attempts": 2}, 2, 1),
        (RetryAfter(float("nan")), {"max_attempts": 2}, 2, 1),
        (RetryAfter(float("inf")), {"max_attempts": 2}, 2, 1),
        (RetryAfter("soon"), {"max_attempts": 2}, 2, 1),  # type: ignore[arg-type] # what a node may do all the same
        (KeyError("k"), {"max_attempts": 2, "retry_on": ["LookupError"]}, 2, 1),
        (KeyError("k"), {"max_attempts": 2, "retry_on": ["OSError"]}, 1, 0),
        (KeyError("k"), {"max_attempts": 2, "never_on": ["KeyError"]}, 1, 0),
        (NodeError("busy", code="http_503"), {"max_attempts": 2, "retry_on": ["http_5xx"]}, 2, 1),
        (NodeError("no", retryable=False), {"max_attempts": 2}, 1, 0),
        (NodeError("late"), {"max_attempts": 9, "initial": 10, "max_elapsed": 5}, 1, 0),
    ],
)
async def test_what_is_tried_again(
    bench: OpenBench, error: Exception, retry: JsonObject, attempts: int, seconds: float
) -> None:
    """The policy and the error together decide whether there is another attempt, and when."""
    async with bench(node("flaky")(flaky(error))) as runtime:
        run = await runtime.start(one("flaky", retry=retry))
        await run.when_ended()
        assert run.state.nodes["a"].attempt == attempts
        assert run.state.status == ("completed" if attempts == 2 else "failed")
        assert trio.current_time() == seconds


async def test_a_back_off_stands_still_while_paused(bench: OpenBench, story: TellStory) -> None:
    """What is left of a wait is left after the pause; an attempt that fails during a pause waits in full."""
    again = node("flaky")(flaky(ValueError("1")))
    retry = {"max_attempts": 2, "backoff": "fixed", "initial": 10}
    async with bench(again) as runtime:
        run = await runtime.start(one("flaky", retry=retry))
        await trio.sleep(4)
        outcome = await run.pause()
        assert (outcome.status, outcome.seq) == ("pausing", run.state.seq - 1)
        assert run.state.status == "paused"
        await trio.sleep(100)
        assert run.state.nodes["a"].status == "retrying"
        await run.resume()
        await run.result()
        assert trio.current_time() == 110
        assert story(run)[3:6] == ["run pausing", "run paused", "run running"]


async def test_an_attempt_that_fails_while_pausing(bench: OpenBench) -> None:
    """Its wait begins with the resume."""

    @node
    async def late(ctx: NodeContext) -> str:
        await trio.sleep(5)
        if ctx.attempt == 1:
            raise NodeError("not yet")
        return "now"

    async with bench(late) as runtime:
        run = await runtime.start(one("late", retry={"max_attempts": 2, "backoff": "fixed", "initial": 10}))
        await trio.sleep(1)
        await run.pause()
        await status(run, "paused")
        await trio.sleep(95)
        await run.resume()
        assert await run.result() == {"a": {"value": "now"}}
        assert trio.current_time() == 115


# --- crashes ----------------------------------------------------------------------------------------------


class Trap:
    """Makes actors crash when they take a message.

    Args:
        path: how the path of the victims ends.
        numbers: which of their messages, counted from 1, it springs at.
    """

    def __init__(self, path: str, *numbers: int) -> None:
        self.path = path
        self.numbers = set(numbers)
        self.count = 0
        self.sprung = 0

    def __call__(self, point: str, key: str) -> None:
        """Count, and raise when it is time."""
        if point == "actor.receive" and key.endswith(self.path):
            self.count += 1
            if self.count in self.numbers:
                self.sprung += 1
                raise RuntimeError(f"message {self.count} of {key}")


BUSY = example(
    "w",
    {
        "a": step("counting", {"steps": 2}),
        "b": step("flaky_once", retry={"max_attempts": 2}),
        "c": step("constant", {"value": 3}),
        "d": step("branch", {"condition": "value > 2"}),
        "e": step("template", {"text": "{{ value }}!"}),
        "f": step("noop"),
        "g": step("delay", {"seconds": 1}),
        "h": step("merge", {"mode": "list"}),
    },
    "c.value -> d.value",
    "d.true -> e.value",
    "d.false -> f.in",
    "a.done -> g.after",
    "e.text -> h.in",
    "f.out -> h.in",
    "b.value -> h.in",
)


@node
async def flaky_once(ctx: NodeContext) -> int:
    """Fails at its first attempt."""
    await trio.sleep(0.5)
    if ctx.attempt == 1:
        raise NodeError("not yet")
    return ctx.attempt


async def test_a_crash_at_any_message_changes_no_result(
    bench: OpenBench, story: TellStory, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever message of a run's actor crashes it, the run goes on and comes to the same results."""
    trap = Trap("/runs/run-1")
    with armed(trap):
        async with bench(counting, flaky_once) as runtime:
            expected = await (await runtime.start(BUSY, run_id="run-1")).result()
            messages, recoveries, sprung = trap.count, 0, 0
            assert messages > 8
            for number in range(1, messages + 1):
                runtime.forget("run-1")
                trap.count, trap.sprung, trap.numbers = 0, 0, {number}
                run = await runtime.start(BUSY, run_id="run-1")
                assert await run.result() == expected
                sprung += trap.sprung
                recoveries += sum("again" in line for line in story(run))
    # Exits that wait are taken in one step, so that a run may need a message or two less than the one before.
    assert sprung >= messages - 3
    assert recoveries > 8
    assert "message 1 of /runs/run-1" in caplog.text


async def test_what_was_in_flight_runs_again(bench: OpenBench, story: TellStory) -> None:
    """After a crash a node goes on from its checkpoint, under the number its attempt had."""
    nodes = {"a": step("counting"), "b": step("delay", {"seconds": 2.5}), "c": step("noop")}
    async with bench(counting) as runtime:
        run = await runtime.start(example("w", nodes, "b.out -> c.in"))
        await trio.sleep(2.4)
        crash(run)
        assert await run.result() == {"a": {"value": [0, 1, 2, 3]}, "c": {"out": None}}
        assert story(run)[1:6] == ["a started", "b started", "a started again", "b started again", "b completed"]
        assert trio.current_time() == pytest.approx(4.4)
        assert run.state.attempts == 3
        assert run.summary()["nodes"]["completed"] == 3


async def test_other_runs_never_notice(bench: OpenBench, story: TellStory) -> None:
    """A run whose actor crashes too often has failed; what others do is what they would have done."""
    with armed(Trap("/runs/run-1", *range(1, 99))):
        async with bench() as runtime:
            other = await runtime.start({**one("delay", {"seconds": 3}), "id": "other"})
            run = await runtime.start(
                example("w", {"a": step("noop"), "b": step("delay", {"seconds": 9})}), run_id="run-1"
            )
            with pytest.raises(RunFailedError, match="could not be kept alive"):
                await run.result()
            assert run.state.error is not None
            assert run.state.error.code == "recovery_failed"
            assert story(run)[-1] == "run failed"
            assert (await run.stop()).code == "run_finished"
            await other.result()
            assert story(other) == ["run started", "a started", "a completed", "run completed"]


def crash(run: RunHandle) -> None:
    """Make the run's actor crash at its next message."""
    assert run.ref is not None
    run.ref.tell(cast("RunCommand", object()), urgent=True)


class BadJournal:
    """Makes a commit of a run's events raise, once.

    Args:
        journal: the journal to break.
        stored: whether the events are stored before it raises.
        left: commits up to and with the one that raises; 0 for none.
    """

    def __init__(self, journal: Journal, *, stored: bool, left: int = 0) -> None:
        self.left = left
        self._append = journal.append
        self.stored = stored

    def append(self, run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
        """Store events, or raise."""
        self.left -= 1
        if self.left != 0:
            return self._append(run_id, entries, then)
        if self.stored:
            self._append(run_id, entries)
        raise OSError("no space left on device")


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
@pytest.mark.parametrize("moment", ["before", "at work", "committed"])
async def test_a_control_outlives_a_crash(
    bench: OpenBench, action: str, moment: str, story: TellStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control waits for the replay, whether the actor crashed before it, at work on it, or after its commit."""
    async with bench(tidy) as runtime:
        run = await runtime.start(one("tidy", {"seconds": 2}))
        await trio.sleep(1)
        if action == "resume":
            await run.pause("drain")
        bad = BadJournal(runtime.journal, stored=moment == "committed")
        monkeypatch.setattr(runtime.journal, "append", bad.append)
        if moment == "before":
            crash(run)
        else:
            bad.left = 1
        outcome = await getattr(run, action)()
        assert outcome.accepted
        assert run.ref is not None
        assert run.ref.incarnation == 2 or run.state.ended
        if action == "resume":
            assert run.state.status == "running"
        await run.stop()
        await run.when_ended()
        assert story(run)[-1] == "run stopped"


@pytest.mark.parametrize(
    ("until", "timeout", "end", "at"), [(EPOCH + 50, None, "completed", 59), (None, 20, "stopped", 21)]
)
async def test_the_clocks_of_a_pause_outlive_a_crash(
    bench: OpenBench, until: float | None, timeout: float | None, end: str, at: float
) -> None:
    """A pause that ends by itself does so although the run's actor has crashed meanwhile."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 10}))
        await trio.sleep(1)
        await run.pause(until=until, timeout=timeout)
        await trio.sleep(1)
        crash(run)
        await run.when_ended()
        assert run.state.status == end
        assert trio.current_time() == pytest.approx(at)


async def test_a_retry_outlives_a_crash(bench: OpenBench, story: TellStory) -> None:
    """What was left of a wait is left after the crash."""
    async with bench(flaky_once) as runtime:
        run = await runtime.start(one("flaky_once", retry={"max_attempts": 2, "initial": 10, "backoff": "fixed"}))
        await trio.sleep(3)
        crash(run)
        assert await run.result() == {"a": {"value": 2}}
        assert trio.current_time() == pytest.approx(11)
        assert story(run)[1:5] == ["a started", "a retrying", "a started 2", "a completed"]


@pytest.mark.parametrize("stored", [False, True])
async def test_a_crash_at_any_commit_changes_no_result(
    bench: OpenBench, stored: bool, story: TellStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever commit fails, before or after its events are stored, the run comes to the same results."""
    async with bench(counting, flaky_once) as runtime:
        expected = await (await runtime.start(BUSY)).result()
        bad = BadJournal(runtime.journal, stored=stored)
        monkeypatch.setattr(runtime.journal, "append", bad.append)
        number = 2
        while bad.left <= 0:
            bad.left = number
            run = await runtime.start(BUSY)
            assert await run.result() == expected
            story(run)
            number += 1
        assert number > 10


@pytest.mark.parametrize("stored", [False, True])
async def test_a_crash_at_the_first_commit(bench: OpenBench, stored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that does not come to life is refused; if somebody was told of it, they are told of its end too."""
    async with bench() as runtime:
        bad = BadJournal(runtime.journal, stored=stored)
        monkeypatch.setattr(runtime.journal, "append", bad.append)
        bad.left = 1
        with pytest.raises(RefusedError, match="could not be started"):
            await runtime.start(one("noop"))
        assert runtime.list_runs() == []
        events = [type(it.event).__name__ for it in runtime.journal.read_all(0)]
        assert events == (["RunStarted", "NodeStarted", "NodeCancelled", "RunFailed"] if stored else [])
        run = await runtime.start(one("noop"))
        assert await run.result() == {"a": {"out": None}}


@pytest.mark.parametrize("control", ["stop", "pause", "crash"])
async def test_a_start_that_is_not_on_record_yet(
    bench: OpenBench, control: str, story: TellStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node is launched when its start is stored; a control that comes first overtakes it, and a crash undoes it."""
    async with bench() as runtime, trio.open_nursery() as nursery:
        append = runtime.journal.append

        async def later(then: Callable[[], None]) -> None:
            await trio.sleep(1)
            then()

        def slow(run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
            cursor = append(run_id, entries)
            if then is not None:
                nursery.start_soon(later, then)
            return cursor

        monkeypatch.setattr(runtime.journal, "append", slow)
        run = await runtime.start(example("w", {"a": step("delay", {"seconds": 5})}))
        await trio.sleep(0.5)
        assert run.state.nodes["a"].status == "running"
        if control == "crash":
            crash(run)
            await run.result()
            assert trio.current_time() == 5
            assert story(run)[1:4] == ["a started", "a started again", "a completed"]
        elif control == "stop":
            await run.stop()
            await run.when_ended()
            assert trio.current_time() == 1
            assert story(run)[-2:] == ["a cancelled", "run stopped"]
        else:
            await run.pause()
            await status(run, "paused")
            assert trio.current_time() == 1
            await run.resume()
            await run.result()
            assert trio.current_time() == 6
            assert story(run)[2:6] == ["run pausing", "a paused", "run paused", "run running"]


async def test_an_executor_with_a_bug(bench: OpenBench, story: TellStory, caplog: pytest.LogCaptureFixture) -> None:
    """A bug of ours costs the node no attempt, and the same attempt runs again."""

    def trap(point: str, key: str) -> None:
        if point == "actor.start" and key.endswith("/run-1/a") and len(crashed) < 3:
            crashed.append(key)
            raise RuntimeError("a bug")

    crashed: list[str] = []
    with armed(trap):
        async with bench() as runtime:
            run = await runtime.start(one("delay", {"seconds": 0}), run_id="run-1")
            await run.result()
            assert story(run)[1:6] == ["a started", *["a started again"] * 3, "a completed"]
            assert run.state.attempts == 1
    assert "the executor of 'run-1/a' crashed" in caplog.text


async def test_executors_that_crash_too_often(bench: OpenBench, story: TellStory) -> None:
    """The fourth crash within 5 seconds fails the run."""

    def trap(point: str, key: str) -> None:
        if point == "actor.start" and key.endswith("/run-1/a"):
            raise RuntimeError("a bug")

    with armed(trap):
        async with bench() as runtime:
            nodes = {"a": step("delay", {"seconds": 1}), "b": step("delay", {"seconds": 9})}
            run = await runtime.start(example("w", nodes), run_id="run-1")
            await run.when_ended()
            assert run.state.error is not None
            assert run.state.error.code == "executor_crashed"
            started = ["a started", *["a started again"] * 3]
            assert [line for line in story(run) if line.startswith("a ")] == [*started, "a failed"]


# --- nodes without a task of their own --------------------------------------------------------------------


async def test_quick_nodes_make_way(bench: OpenBench) -> None:
    """A long chain of nodes that need no task leaves room for others, and stops where it is told to."""
    names = [f"n{number}" for number in range(500)]
    chain = example("w", dict.fromkeys(names, step("noop")), *(f"{a}.out -> {b}.in" for a, b in pairwise(names)))
    async with bench() as runtime:
        run = await runtime.start(chain)
        assert run.state.status == "running"
        outcome = await run.stop()
        await run.when_ended()
        assert outcome.accepted
        ended = [node.status for node in run.state.nodes.values()]
        assert "completed" in ended
        assert set(ended) == {"completed", "cancelled"}
        assert len(ended) == len(names)


async def test_quick_nodes_outlive_a_crash(bench: OpenBench, story: TellStory) -> None:
    """What the crashed incarnation had on its list, the next one runs; a word it had sent itself means nothing then."""
    nodes = {"slow": step("delay", {"seconds": 1}), **{f"n{number}": step("noop") for number in range(100)}}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes))
        crash(run)
        assert len(await run.result()) == 101
        assert run.ref is not None
        assert run.ref.incarnation == 2
        assert any(line.endswith("again") for line in story(run))


async def test_quick_nodes_are_paused_and_go_on(bench: OpenBench) -> None:
    """A pause between two of them keeps all that was started and not run for later."""
    wide = example("w", {f"n{number}": step("noop") for number in range(300)})
    async with bench() as runtime:
        run = await runtime.start(wide)
        outcome = await run.pause()
        await wait_all_tasks_blocked()
        seen = [it.event for it in run.history(outcome.seq)]
        assert not any(isinstance(event, NodeStarted) for event in seen)
        assert run.state.status == "paused"
        assert any(isinstance(event, NodePaused) for event in seen)
        await run.resume()
        assert len(await run.result()) == 300


# --- whatever happens -------------------------------------------------------------------------------------

STEPS: dict[str, JsonObject] = {
    "noop": step("noop"),
    "constant": step("constant", {"value": 1}),
    "delay": step("delay", {"seconds": 1.5}),
    "counting": step("counting", {"steps": 2}),
    "solid": step("quiet", {"seconds": 2}),
    "flaky": step("flaky_once", retry={"max_attempts": 2, "initial": 3}),
    "fails": step("fail", on_error="continue", retry={"max_attempts": 2, "initial": 1}),
}
DEEDS = ("pause", "drain", "hard", "resume", "crash", "crash at commit", "crash after commit", "crash of all")


@node(params=SECONDS)
async def quiet(ctx: NodeContext, **_inputs: Json) -> str:
    """Takes its time, is not pausable, and gives the same whenever it runs."""
    await trio.sleep(ctx.params["seconds"])
    return "done"


@st.composite
def graphs(draw: st.DrawFn) -> JsonObject:
    """Any graph of some nodes that end."""
    names = draw(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6))
    pairs = [(a, b) for b in range(len(names)) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    settings = {"max_concurrency": limit} if (limit := draw(st.none() | st.integers(1, 3))) else {}
    nodes = {f"n{number}": STEPS[name] for number, name in enumerate(names)}
    return example("w", nodes, *(f"n{a}.done -> n{b}.after" for a, b in chosen), settings=settings)


@given(graphs(), st.lists(st.tuples(st.floats(0, 3), st.sampled_from(DEEDS)), max_size=8))
def test_whatever_happens_to_a_run(
    bench: OpenBench, story: TellStory, doc: JsonObject, deeds: list[tuple[float, str]]
) -> None:
    """Paused, resumed and crashed at any moment, a run comes to the results it would have come to undisturbed."""

    async def play() -> None:
        async with bench(counting, flaky_once, quiet) as runtime:
            plain = await runtime.start(doc)
            expected = await plain.result()
            bad = BadJournal(runtime.journal, stored=False)
            runtime.journal.append = bad.append  # type: ignore[method-assign] # a journal that breaks when told to
            run = await runtime.start(doc)
            for wait, deed in deeds:
                await trio.sleep(wait)
                await do(deed, runtime, run, bad)
                # No more than 3 crashes in 5 seconds, for one more is too many.
                await trio.sleep(2.6 if "crash" in deed else 0)
            bad.left = 0
            while not run.state.ended:
                await run.resume()
                await trio.sleep(1)
            assert await run.result() == expected
            ends = [{it: state.status for it, state in each.state.nodes.items()} for each in (plain, run)]
            assert ends[0] == ends[1]
            story(run)

    trio.run(play, clock=MockClock(autojump_threshold=0))


async def do(deed: str, runtime: Runtime, run: RunHandle, bad: BadJournal) -> None:
    """Do something to a run."""
    if deed == "crash of all":
        supervisor = await runtime.system.root.ask(LookUp("runs"))
        assert supervisor is not None
        supervisor.tell(object())
    elif deed == "crash":
        if not run.state.ended:
            crash(run)
    elif deed.endswith("commit"):
        bad.stored = deed == "crash after commit"
        bad.left = 1
    elif deed == "resume":
        await run.resume()
    else:
        modes: dict[str, PauseMode] = {"pause": "checkpoint", "drain": "drain", "hard": "hard"}
        await run.pause(modes[deed])


# --- size -------------------------------------------------------------------------------------------------


async def test_a_chain_of_a_thousand(bench: OpenBench, story: TellStory) -> None:
    """A thousand nodes in a row end in their order."""
    nodes = {f"n{i}": step("noop") for i in range(1000)}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, *[f"n{i}.out -> n{i + 1}.in" for i in range(999)]))
        assert await run.result() == {"n999": {"out": None}}
        completed = [line.split()[0] for line in story(run) if line.endswith("completed")]
        assert completed == [*nodes, "run"]
        assert run.state.max_parallel == 1


@pytest.mark.parametrize("limit", [None, 7])
async def test_a_fan_of_a_thousand(
    bench: OpenBench, limit: int | None, story: TellStory, running_clock: MockClock
) -> None:
    """A thousand nodes side by side, all at once or some at a time."""
    nodes = {"start": step("noop"), **{f"n{i}": step("noop") for i in range(1000)}, "end": step("noop")}
    arrows = [*(f"start.out -> n{i}.in" for i in range(1000)), *(f"n{i}.out -> end.in" for i in range(1000))]
    settings = {"max_concurrency": limit} if limit else {}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, *arrows, settings=settings))
        assert await run.result() == {"end": {"out": None}}
        assert run.state.max_parallel == (limit or 1000)
        assert running_clock.rate == 1
        assert len(story(run)) == 2 + 2 * 1002
