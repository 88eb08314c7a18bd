"""How the nodes of a run are ended, left behind or made to stand still, over both journals."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import pytest
import trio
from attrs import define, field
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import NodeError, RunFailedError, RunStoppedError
from bluev_actors.workflows.kinds import Param

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.engine.run_commands import RunCommand
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.control import ControlOutcome
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench, TellStory


@pytest.fixture(scope="module")
def bench(each_bench: OpenBench) -> OpenBench:
    """Over both journals."""
    return each_bench


def one(type_: str, params: JsonObject | None = None, **rest: Json) -> JsonObject:
    """A workflow of one node, `a`."""
    return example("w", {"a": step(type_, params, **rest)})


def at_work(runtime: Runtime) -> int:
    """How many nodes have a task."""
    return sum(1 for it in runtime.system.tree().walk() if it.kind == "node")


def crash(run: RunHandle) -> None:
    """Make the run's actor crash at its next message."""
    assert run.ref is not None
    run.ref.tell(cast("RunCommand", object()), urgent=True)


async def status(run: RunHandle, *wanted: str) -> None:
    """Wait until the run is `wanted`."""
    while run.state.status not in wanted:
        await run.desk.journal.changed(run.run_id)


# --- cancelling many --------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["stop", "pause"])
async def test_the_answer_goes_before_the_cancelling(bench: OpenBench, control: str) -> None:
    """When a control is decided all nodes are still there, and who asked does not wait for all of them to go."""
    nodes = {f"n{number}": step("delay", {"seconds": 1000}) for number in range(1000)}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes))
        await trio.sleep(1)
        seen: list[tuple[bool, int]] = []

        def heard(outcome: ControlOutcome) -> None:
            seen.append((outcome.accepted, at_work(runtime)))

        await getattr(run, control)(heard=heard)
        assert seen == [(True, 1000)]
        if not runtime.journal.durable:
            assert at_work(runtime) > 500
        await status(run, "paused", "stopped")
        await run.stop()
        await run.when_ended()
        assert trio.current_time() == 1
        assert at_work(runtime) == 0


async def test_others_have_their_turn_while_many_are_cancelled(bench: OpenBench) -> None:
    """A control of another run, and one of the same, are answered in between."""
    nodes = {f"n{number}": step("delay", {"seconds": 1000}) for number in range(1000)}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes))
        await trio.sleep(1)
        await run.pause()
        left = at_work(runtime)
        outcome = await run.stop()
        assert outcome.status == "stopping"
        assert runtime.journal.durable or 0 < at_work(runtime) <= left
        with pytest.raises(RunStoppedError):
            await run.result()


async def test_who_was_told_twice_is_cancelled_once(bench: OpenBench, story: TellStory) -> None:
    """A stop after a pause finds nodes that are on their way already."""
    nodes = {f"n{number}": step("delay", {"seconds": 1000}) for number in range(300)}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes))
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.pause)
            nursery.start_soon(run.stop)
        await run.when_ended()
        cancelled = [line for line in story(run) if line.endswith(" cancelled")]
        assert len(cancelled) == len(set(cancelled)) == 300


# --- threads ----------------------------------------------------------------------------------------------


async def test_a_kill_leaves_a_thread_behind(bench: OpenBench, running_clock: MockClock) -> None:
    """Nothing can end it, so the run ends without it; what it says and gives later is nobody's."""
    go_on, began = threading.Event(), trio.Event()
    said: list[str] = []

    @node
    def blocks(ctx: NodeContext) -> str:
        trio.from_thread.run_sync(began.set)
        go_on.wait(30)
        try:
            ctx.save("too late")
        except BaseException as error:
            said.append(type(error).__name__)
            raise
        return "too late"

    async with bench(blocks) as runtime:
        run = await runtime.start(one("blocks"))
        await began.wait()
        await run.stop()
        assert not run.ended
        assert (await run.stop("kill")).accepted
        with trio.fail_after(5):
            await run.when_ended()
        assert run.state.node("a").status == "cancelled"
        assert run.state.results == {}
        go_on.set()
        await trio.sleep(0.05)
        assert run.state.results == {}
        assert running_clock.rate == 1


async def test_after_a_kill_no_thread_is_waited_for(bench: OpenBench, running_clock: MockClock) -> None:
    """A kill at once, without a stop before it, is one too."""
    go_on, began = threading.Event(), trio.Event()

    @node
    def blocks() -> None:
        trio.from_thread.run_sync(began.set)
        go_on.wait(30)

    async with bench(blocks) as runtime:
        run = await runtime.start(one("blocks", retry={"max_attempts": 3}))
        await began.wait()
        await run.stop("kill")
        with trio.fail_after(5):
            await run.when_ended()
        assert (run.state.status, run.state.node("a").status) == ("stopped", "cancelled")
        assert run.state.attempts == 1
        go_on.set()
        assert running_clock.rate == 1


# --- what may be cut --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("of_kind", "of_function", "cut"), [(False, True, True), (True, False, False)])
async def test_a_node_knows_better_than_its_kind(
    bench: OpenBench, of_kind: bool, of_function: bool, cut: bool, story: TellStory
) -> None:
    """Whether a pause may cancel an attempt is what its function has said last."""

    @node(pausable=of_kind)
    async def it(ctx: NodeContext) -> None:
        ctx.pausable = of_function
        await trio.sleep(10)

    async with bench(it) as runtime:
        run = await runtime.start(one("it"))
        await trio.sleep(4)
        await run.pause()
        await status(run, "paused", "completed")
        assert trio.current_time() == (4 if cut else 10)
        await run.resume()
        await run.result()
        assert story(run).count("a started") == 1 + cut


# --- time limits over a crash -----------------------------------------------------------------------------


async def test_a_paused_node_keeps_its_time_over_a_crash(bench: OpenBench) -> None:
    """What an attempt had used before the pause, it has used."""
    async with bench() as runtime:
        run = await runtime.start(one("delay", {"seconds": 100}, timeout=6))
        await trio.sleep(4)
        await run.pause()
        await trio.sleep(10)
        crash(run)
        await trio.sleep(10)
        await run.resume()
        with pytest.raises(RunFailedError, match="longer than its timeout"):
            await run.result()
        assert trio.current_time() == pytest.approx(26)


async def test_a_total_time_outlives_a_crash_between_attempts(bench: OpenBench) -> None:
    """All attempts and the waits between them share it."""

    @node
    async def fails() -> None:
        await trio.sleep(3)
        raise NodeError("no")

    retry = {"max_attempts": 9, "backoff": "fixed", "initial": 2}
    async with bench(fails) as runtime:
        run = await runtime.start(one("fails", total_timeout=9, retry=retry))
        await trio.sleep(4)
        crash(run)
        with pytest.raises(RunFailedError, match="total timeout"):
            await run.result()
        assert trio.current_time() == pytest.approx(9, abs=1.1)


# --- standing still ---------------------------------------------------------------------------------------


@define
class Machine:
    """Something outside, which works a second at a time and can be halted; and the node that waits for it."""

    seconds: int = 8
    calls: int = 0
    done: list[str] = field(factory=list[str])
    running: trio.Event = field(factory=trio.Event)
    broken: trio.Event = field(factory=trio.Event)
    ends: trio.Event = field(factory=trio.Event)

    def halt(self) -> None:
        """It stands still."""
        self.done.append("halt")
        self.running = trio.Event()

    def go_on(self) -> None:
        """It goes on."""
        self.done.append("go on")
        self.running.set()

    async def work(self) -> None:
        """Work for so many seconds in all, without those in which it stood still."""
        for _ in range(self.seconds):
            await self.running.wait()
            await trio.sleep(1)
        self.ends.set()

    async def wait_for(self) -> None:
        """Wait until it has ended or is broken."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.work)
            nursery.start_soon(self._break)
            await self.ends.wait()
            nursery.cancel_scope.cancel()
        if self.broken.is_set():
            self.ends = trio.Event()
            raise NodeError("the machine is broken")

    async def _break(self) -> None:
        await self.broken.wait()
        self.ends.set()

    def node(self) -> NodeType:
        """A node type, `machine`, that starts it and waits for it."""

        @node(params=[Param("x", required=False)], free_inputs=True)
        async def machine(ctx: NodeContext, **_inputs: Json) -> int:
            self.calls += 1
            self.running.set()
            try:
                with ctx.standstill(self.halt, self.go_on):
                    await self.wait_for()
            finally:
                self.done.append("gone")
            return self.calls

        return machine


@pytest.fixture
def machine() -> Machine:
    """A machine of eight seconds."""
    return Machine()


async def test_a_node_stands_still(bench: OpenBench, machine: Machine, story: TellStory) -> None:
    """It is shown as paused, and goes on where it was: the same attempt, the same task."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await trio.sleep(4)
        await run.pause()
        await status(run, "paused")
        assert trio.current_time() == 4
        assert (run.state.node("a").status, at_work(runtime)) == ("paused", 1)
        await trio.sleep(100)
        assert machine.done == ["halt"]
        await run.resume()
        assert run.state.node("a").status == "running"
        assert await run.result() == {"a": {"value": 1}}
        assert trio.current_time() == pytest.approx(108, abs=1)
        assert machine.done == ["halt", "go on", "gone"]
        assert story(run)[1:7] == ["a started", "run pausing", "a paused", "run paused", "run running", "a started"]
        assert run.state.attempts == 1


@pytest.mark.parametrize(("timeout", "fails"), [(6.5, True), (7.5, False)])
async def test_its_time_limit_stands_still_too(bench: OpenBench, machine: Machine, timeout: float, fails: bool) -> None:
    """What it has left when it is halted, it has when it goes on; however often."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine", timeout=timeout))
        for _ in range(2):
            await trio.sleep(2.5)
            await run.pause()
            await trio.sleep(100)
            await run.resume()
        await run.when_ended()
        assert run.state.status == ("failed" if fails else "completed")
        assert trio.current_time() == pytest.approx(206.5 if fails else 207, abs=0.05)


async def test_it_is_halted_by_a_checkpoint_pause_alone(bench: OpenBench, machine: Machine) -> None:
    """A `drain` lets it finish; a `hard` pause cancels it, and it begins again."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await trio.sleep(1)
        await run.pause("drain")
        await trio.sleep(1)
        assert machine.done == []
        await run.pause("hard")
        await status(run, "paused")
        assert (machine.done, at_work(runtime)) == (["gone"], 0)
        await run.resume()
        assert await run.result() == {"a": {"value": 2}}


async def test_a_stricter_pause_halts_it(bench: OpenBench, machine: Machine) -> None:
    """A `checkpoint` after a `drain` that still waits for it."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await run.pause("drain")
        await trio.sleep(1)
        await run.pause("checkpoint")
        await status(run, "paused")
        assert machine.done == ["halt"]
        await run.resume()
        await run.result()
        assert machine.calls == 1


async def test_a_pause_that_is_withdrawn(bench: OpenBench, machine: Machine) -> None:
    """While others still finish, a resume lets it go on at once."""

    @node
    async def solid() -> None:
        await trio.sleep(50)

    async with bench(machine.node(), solid) as runtime:
        run = await runtime.start(example("w", {"a": step("machine"), "b": step("solid")}))
        await trio.sleep(2)
        await run.pause()
        await trio.sleep(10)
        assert (run.state.status, run.state.node("a").status) == ("pausing", "paused")
        await run.resume()
        await run.result()
        assert (machine.calls, machine.done) == (1, ["halt", "go on", "gone"])
        assert trio.current_time() == 50


@pytest.mark.parametrize("mode", ["graceful", "kill"])
async def test_a_stop_ends_what_stands_still(bench: OpenBench, machine: Machine, mode: str, story: TellStory) -> None:
    """It does not have to go on first; nothing is left of it."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        await run.stop(mode)  # type: ignore[arg-type] # one of the two
        await run.when_ended()
        assert story(run)[-2:] == ["a cancelled", "run stopped"]
        await wait_all_tasks_blocked()
        assert machine.done == ["halt", "gone"]
        assert trio.current_time() == 2


async def test_what_ends_while_it_stands_still_has_ended(bench: OpenBench, machine: Machine) -> None:
    """Completion wins: the outcome counts, and a run that has nothing else to do is over."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        machine.ends.set()
        assert await run.result() == {"a": {"value": 1}}
        assert run.state.status == "completed"


async def test_what_fails_while_it_stands_still_is_tried_again_later(bench: OpenBench, machine: Machine) -> None:
    """Somebody may break it meanwhile; the next attempt is after the resume."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine", retry={"max_attempts": 2, "initial": 1}))
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        machine.broken.set()
        await trio.sleep(50)
        assert (run.state.status, run.state.node("a").status) == ("paused", "retrying")
        machine.broken = trio.Event()
        await run.resume()
        assert await run.result() == {"a": {"value": 2}}


async def test_what_fails_for_good_while_it_stands_still(bench: OpenBench, machine: Machine) -> None:
    """Fails its run at once."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        machine.broken.set()
        with pytest.raises(RunFailedError, match="the machine is broken"):
            await run.result()


async def test_a_crash_ends_what_stands_still(bench: OpenBench, machine: Machine, story: TellStory) -> None:
    """Its task does not outlive the run's actor; after the resume it begins again."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(one("machine"))
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        crash(run)
        await trio.sleep(1)
        assert machine.done == ["halt", "gone"]
        assert run.state.status == "paused"
        await run.resume()
        assert await run.result() == {"a": {"value": 2}}
        assert story(run).count("a started") == 2


def in_a_body(**params: Json) -> JsonObject:
    """A workflow whose one node runs the machine in its body."""
    body: JsonObject = {"nodes": [{"id": "x", "type": "machine"}], "connections": [], "inputs": {"item": {}}}
    return example("w", {"each": step("map", {"items": [1], "workflow": body, **params})})


async def test_inside_a_body(bench: OpenBench, machine: Machine) -> None:
    """It is found again although its item begins anew."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(in_a_body())
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        assert run.state.node("each[0]/x").status == "paused"
        await trio.sleep(100)
        await run.resume()
        assert await run.result() == {"each": {"results": [{"x": {"value": 1}}]}}
        assert machine.done == ["halt", "go on", "gone"]


@pytest.mark.parametrize("how", ["ends", "broken"])
async def test_inside_a_body_it_may_end_while_it_stands_still(bench: OpenBench, machine: Machine, how: str) -> None:
    """Its item is not there then; what it came to is on record, and is taken up with the resume."""
    async with bench(machine.node()) as runtime:
        run = await runtime.start(in_a_body(on_item_error="drop"))
        await trio.sleep(2)
        await run.pause()
        await status(run, "paused")
        getattr(machine, how).set()
        await trio.sleep(1)
        assert run.ref is not None
        assert run.ref.incarnation == 1
        await run.resume()
        results = [{"x": {"value": 1}}] if how == "ends" else []
        assert await run.result() == {"each": {"results": results}}
        assert machine.calls == 1
