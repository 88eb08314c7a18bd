from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import Factory, define

from bluev_actors.engine.context import MAX_CHECKPOINT, NodeContext
from bluev_actors.errors import Permanent
from bluev_actors.workflows.graph import Node
from bluev_actors.workflows.inputs import Gathered
from bluev_actors.workflows.kinds import NodeKind, Param
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.run_events import NodeEmitted, NodeLog, NodeProgress

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.workflows.values import Json


@define
class NotedPort:
    """A run that notes what its node says."""

    said: list[NodeLog | NodeEmitted] = Factory(list[NodeLog | NodeEmitted])
    shown: list[NodeProgress] = Factory(list[NodeProgress])
    saved: list[Any] = Factory(list[Any])
    remarks: list[NodeLog] = Factory(list[NodeLog])
    disk: float = 0.0

    def say(self, event: NodeLog | NodeEmitted) -> None:
        """Note a line or a named event."""
        self.said.append(event)

    def show_progress(self, progress: NodeProgress) -> None:
        """Note how far the node is."""
        self.shown.append(progress)

    def save(self, node_id: str, state: Json) -> None:
        """Note a checkpoint."""
        assert node_id == "a"
        self.saved.append(state)

    def remark(self, line: NodeLog) -> None:
        """Note a line about the node."""
        self.remarks.append(line)

    def mask(self, text: str) -> str:
        """Cover one word."""
        return text.replace("secret", "***")

    async def stored(self) -> None:
        """Wait for a disk that takes its time."""
        await trio.lowlevel.checkpoint()
        await trio.sleep(self.disk)

    def now(self) -> float:
        """A time."""
        return 42.0


@pytest.fixture
def port() -> NotedPort:
    """A run that notes what its node says."""
    return NotedPort()


@pytest.fixture
def ctx(port: NotedPort) -> NodeContext:
    """The second attempt of node `a`."""
    return NodeContext(
        node=Node("a", "noop"),
        node_id="a",
        run_id="run",
        workflow_id="workflow",
        attempt=2,
        started_at=40.0,
        grace=5.0,
        connected_outputs=("out",),
        resume_state=None,
        port=port,
    )


def test_who_it_is(ctx: NodeContext) -> None:
    """A node knows its name; its key is the same for each attempt."""
    assert (ctx.node_id, ctx.idempotency_key, ctx.now()) == ("a", "run/a", 42.0)
    assert (ctx.round, ctx.finished, ctx.fingerprint, ctx.pausable) == (0, (), None, False)


def test_what_it_is_given(ctx: NodeContext) -> None:
    """Inputs come with the nodes they are from; what is computed sees the inputs before the scope of the run."""
    kind = NodeKind("noop", params=(Param("expr", "string", syntax="expression"),), free_inputs=True)
    compiled = NodeParams.compile({"expr": "x + size(run.id)"}, kind)
    ctx.give(compiled, {"run": {"id": "r"}, "x": 100}, {"p": [1]}, Gathered({"x": 2}, {"in": ["b", "c"]}))
    assert (ctx.params, ctx.inputs) == ({"p": [1]}, {"x": 2})
    assert ctx.sources("in") == ["b", "c"]
    assert ctx.sources("other") == []
    assert ctx.evaluate("expr") == 3


def test_what_it_owns_is_a_copy(ctx: NodeContext) -> None:
    """A function may change what it was given without changing what is on record."""
    params, inputs = {"list": [1]}, {"x": {"y": [1]}}
    ctx.give(NodeParams(), {}, params, Gathered(inputs, {}))
    ctx.own()
    ctx.params["list"].append(2)
    ctx.inputs["x"]["y"].append(2)
    assert (params, inputs) == ({"list": [1]}, {"x": {"y": [1]}})


async def test_a_line_is_said(ctx: NodeContext, port: NotedPort) -> None:
    """It has the node, the attempt and the level; what cannot be encoded is escaped."""
    ctx.log("hello")
    ctx.log("half \ud800", "error")
    assert port.said == [NodeLog("a", 2, "info", "hello"), NodeLog("a", 2, "error", "half \\ud800")]


def test_a_line_has_one_of_four_levels(ctx: NodeContext) -> None:
    """Front ends colour lines by their level."""
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        ctx.log("hello", "fatal")  # type: ignore[arg-type] # what a node may do all the same


async def test_an_event_is_a_copy(ctx: NodeContext, port: NotedPort) -> None:
    """What is emitted is what it was then."""
    data = {"list": [1]}
    ctx.emit("tick", data)
    data["list"].append(2)
    ctx.emit("tock")
    assert port.said == [NodeEmitted("a", 2, "tick", {"list": [1]}), NodeEmitted("a", 2, "tock", None)]


@pytest.mark.parametrize("data", [math.nan, object(), {1: 2}, "\ud800", 2**70])
def test_an_event_is_plain_json(ctx: NodeContext, port: NotedPort, data: object) -> None:
    """What no client could read fails the node that says it, and nobody else."""
    with pytest.raises(Permanent, match="the data of tick") as caught:
        ctx.emit("tick", data)
    assert caught.value.code == "invalid_event"
    assert port.said == []


async def test_progress_is_shown(ctx: NodeContext, port: NotedPort) -> None:
    """As a fraction, or as so many of so many; what is no number shows as nothing."""
    ctx.progress(0.5, message="half")
    ctx.progress(done=3, total=9)
    ctx.progress(math.nan, done=math.inf, total=Decimal(4), message="\udc00")  # type: ignore[arg-type] # as above
    assert port.shown == [
        NodeProgress("a", 2, 0.5, None, None, "half"),
        NodeProgress("a", 2, None, 3, 9),
        NodeProgress("a", 2, None, None, 4.0, "\\udc00"),
    ]
    assert type(port.shown[2].total) is float


async def test_a_checkpoint_is_a_copy(ctx: NodeContext, port: NotedPort) -> None:
    """What is kept is what it was when it was saved."""
    state = {"done": [1]}
    ctx.save(state)
    state["done"].append(2)
    await ctx.checkpoint(state)
    assert port.saved == [{"done": [1]}, {"done": [1, 2]}]


async def test_a_checkpoint_is_where_a_node_can_end(ctx: NodeContext, port: NotedPort) -> None:
    """A node that is cancelled ends here, after the state was kept."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await ctx.checkpoint(1)
    assert scope.cancelled_caught
    assert port.saved == [1]


@pytest.mark.parametrize("state", [math.inf, {"x": object()}, "x" * MAX_CHECKPOINT])
def test_a_checkpoint_is_plain_json(ctx: NodeContext, port: NotedPort, state: object) -> None:
    """What cannot be kept is refused when it is saved, and not when it is needed."""
    with pytest.raises(Permanent, match="the checkpoint") as caught:
        ctx.save(state)
    assert caught.value.code == "invalid_checkpoint"
    assert port.saved == []


async def test_the_largest_checkpoint(ctx: NodeContext, port: NotedPort) -> None:
    """A text of 1 MiB with its quotes fits."""
    ctx.save("x" * (MAX_CHECKPOINT - 2))
    assert len(port.saved) == 1


@pytest.mark.parametrize(("asked", "grace", "took"), [(2, 5, 2), (9, 5, 5), (9, 0, 0)])
async def test_a_clean_up_has_its_time(ctx: NodeContext, asked: float, grace: float, took: float) -> None:
    """As much as it asks for, and no more than the run's grace, though everything around is cancelled."""
    ctx.grace = grace
    shields: list[trio.CancelScope] = []
    with trio.CancelScope() as outer:
        outer.cancel()
        with ctx.shielded(asked) as shield:
            shields.append(shield)
            await trio.sleep(100)
    assert trio.current_time() == took
    assert shields[0].cancelled_caught


async def test_a_kill_cuts_clean_ups_short(ctx: NodeContext) -> None:
    """Those under way, and those that would begin later."""

    async def tidy_up() -> None:
        with ctx.shielded(4):
            await trio.sleep(100)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tidy_up)
        nursery.start_soon(tidy_up)
        await trio.sleep(1)
        ctx.end_grace()
    assert trio.current_time() == 1
    await tidy_up()
    assert trio.current_time() == 1


async def test_only_a_kill_ends_the_wait_for_what_cannot_be_cancelled(ctx: NodeContext) -> None:
    """Neither the time nor a cancellation does; after a kill nobody begins to wait."""
    waited: list[float] = []

    async def wait() -> None:
        with ctx.until_killed():
            await trio.sleep(100)
        waited.append(trio.current_time())

    with trio.move_on_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
    assert waited == [100]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(1)
        ctx.end_grace()
    await wait()
    assert waited == [100, 101, 101]


async def test_what_the_operator_says_about_it(ctx: NodeContext, port: NotedPort) -> None:
    """A remark is a line of its own kind; secrets are covered by whoever asks for it."""
    ctx.remark("holds up everybody \ud800", "node_stalled")
    assert port.remarks == [NodeLog("a", 2, "warning", "holds up everybody \\ud800", "node_stalled")]
    assert ctx.mask("a secret") == "a ***"


async def test_a_checkpoint_waits_for_the_disk(ctx: NodeContext, port: NotedPort) -> None:
    """Where it returns, the state is stored; `save` does not wait."""
    port.disk = 3
    ctx.save(1)
    assert trio.current_time() == 0
    await ctx.checkpoint(2)
    assert trio.current_time() == 3
    assert port.saved == [1, 2]


async def test_no_checkpoint_is_kept_of_what_ends(ctx: NodeContext, port: NotedPort) -> None:
    """Nothing will go on from it; not even what is no JSON is complained about."""
    ctx.end_checkpoints()
    ctx.save(1)
    await ctx.checkpoint(object())
    assert port.saved == []


def test_who_cannot_stand_still_does_not(ctx: NodeContext) -> None:
    """Outside of its block a node says that it cannot, and to let it go on changes nothing."""
    assert not ctx.suspend()
    ctx.resume()


def test_standing_still(ctx: NodeContext) -> None:
    """Inside of its block a node does as it has said, and not any more when the block is left, however that happens."""
    done: list[str] = []

    def visit() -> None:
        with ctx.standstill(lambda: done.append("stop"), lambda: done.append("go")):
            assert ctx.suspend()
            ctx.resume()
            raise LookupError

    with pytest.raises(LookupError):
        visit()
    assert done == ["stop", "go"]
    assert not ctx.suspend()


async def test_it_speaks_from_a_thread(ctx: NodeContext, port: NotedPort, running_clock: MockClock) -> None:
    """A plain function runs in a thread, and what it says is said on the loop."""

    def work() -> None:
        ctx.log("from a thread")
        ctx.progress(1)
        ctx.save(7)
        ctx.emit("tick", 1)

    await trio.to_thread.run_sync(work)
    assert port.said == [NodeLog("a", 2, "info", "from a thread"), NodeEmitted("a", 2, "tick", 1)]
    assert port.saved == [7]
    assert running_clock.rate == 1
