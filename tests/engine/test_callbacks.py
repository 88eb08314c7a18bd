from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
import trio

from bluev_actors.engine.callbacks import CALLBACK_NAMES, NAMES, STATUS_NAMES, check_name
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import NodeError, RunFailedError, RunStoppedError
from bluev_actors.workflows.run_events import RUN_ENDED, RunEvent, RunStatus

if TYPE_CHECKING:
    from bluev_actors.engine.callbacks import Callback
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.run_handle import ExecutionContext
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench

CHAIN: JsonObject = example("w", {"a": step("constant", {"value": 7}), "b": step("noop")}, "a.value -> b.x")
SLEEP: JsonObject = example("w", {"a": step("delay", {"seconds": 5}), "b": step("noop")}, "a.out -> b.in")
SEEDS = ("node_start", "node_complete", "node_error", "workflow_complete", "workflow_error")


class Ear:
    """Hears callbacks, and notes each with what it was called with."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def on(self, *names: str) -> dict[str, Callback]:
        """Callbacks of these names."""
        return {name: self._callback(name) for name in names}

    def _callback(self, name: str) -> Callback:
        def callback(ctx: ExecutionContext, **data: Any) -> None:  # noqa: ANN401 - whatever it is called with
            assert ctx.get_execution_summary()["run_id"] == ctx.run_id
            assert ctx.workflow_id == "w"
            self.heard.append((name, data))

        return callback

    @property
    def names(self) -> list[str]:
        """What was heard, with the node's id where there is one."""
        return [f"{name} {data['node_id']}" if "node_id" in data else name for name, data in self.heard]


@node(name="breaks")
async def breaks() -> None:
    """Raises what nobody meant."""
    raise ValueError("out of luck")


def test_every_event_has_its_callback() -> None:
    """No event is without a name, and no two share one; nor is a state that a run changes to."""
    assert set(NAMES) == set(get_args(RunEvent))
    assert len(set(NAMES.values())) == len(NAMES)
    assert set(STATUS_NAMES) == set(get_args(RunStatus)) - RUN_ENDED
    assert set(SEEDS) <= CALLBACK_NAMES


def test_a_slip_in_a_name_is_told() -> None:
    """A callback that would never be called is a mistake."""
    check_name("node_start")
    with pytest.raises(ValueError, match="there is no callback 'node_started'; there are node_cancel, "):
        check_name("node_started")


async def test_the_seeds_callbacks(bench: OpenBench) -> None:
    """They come in order, with the seed's arguments and more, and all of them before the result."""
    ear = Ear()
    async with bench() as runtime:
        run = await runtime.start(CHAIN, callbacks=ear.on(*SEEDS))
        results = await run.result()
        assert ear.names == [
            "node_start a",
            "node_complete a",
            "node_start b",
            "node_complete b",
            "workflow_complete",
        ]
        assert ear.heard[1][1]["outputs"] == {"value": 7}
        assert ear.heard[-1][1]["results"] == results == {"b": {"x": 7, "out": None}}
        seqs = [data["seq"] for _, data in ear.heard]
        assert seqs == sorted(seqs)
        assert ear.heard[0][1]["at"] == run.history()[1].at


async def test_a_failure_is_told_with_its_exception(bench: OpenBench) -> None:
    """`error` is what the node raised; what clients see of it is beside it."""
    ear = Ear()
    async with bench(breaks) as runtime:
        run = await runtime.start(example("w", {"a": step("breaks")}), callbacks=ear.on(*SEEDS))
        with pytest.raises(RunFailedError):
            await run.result()
    assert ear.names == ["node_start a", "node_error a", "workflow_error"]
    (_, node_error), (_, workflow_error) = ear.heard[1:]
    assert isinstance(node_error["error"], ValueError)
    assert node_error["error_detail"].message == "out of luck"
    assert isinstance(workflow_error["error"], NodeError)
    assert str(workflow_error["error"]) == "node a failed: out of luck"


async def test_only_the_last_failure_is_meant(bench: OpenBench) -> None:
    """An attempt that took too long raised nothing, whatever the one before it raised."""

    @node
    async def it(ctx: NodeContext) -> None:
        if ctx.attempt == 1:
            raise ValueError("the first")
        await trio.sleep(100)

    ear = Ear()
    doc = example("w", {"a": step("it", timeout=5, retry={"max_attempts": 2})})
    async with bench(it) as runtime:
        run = await runtime.start(doc, callbacks=ear.on("node_error", "node_retry"))
        await run.when_ended()
        with pytest.raises(RunFailedError):
            await run.result()
    assert ear.names == ["node_retry a", "node_error a"]
    error = ear.heard[1][1]["error"]
    assert isinstance(error, NodeError)
    assert error.code == "timeout"


async def test_other_callbacks(bench: OpenBench) -> None:
    """Everything that happens in a run can be heard."""

    @node
    async def it(ctx: NodeContext) -> None:
        ctx.log("hello", "warning")
        ctx.emit("tick", {"n": 1})
        await trio.sleep(10)

    ear = Ear()
    async with bench(it) as runtime:
        run = await runtime.start(
            example("w", {"a": step("it"), "b": step("noop", disabled=True)}), callbacks=ear.on(*CALLBACK_NAMES)
        )
        await run.pause("hard")
        await trio.sleep(1)
        await run.stop()
        with pytest.raises(RunStoppedError):
            await run.result()
    assert ear.names == [
        "workflow_start",
        "node_skip b",
        "node_start a",
        "node_log a",
        "node_event a",
        "workflow_pause",
        "workflow_status",
        "node_pause a",
        "workflow_pause",
        "workflow_status",
        "workflow_stop",
        "workflow_status",
        "node_cancel a",
        "workflow_stopped",
    ]
    assert {key: ear.heard[4][1][key] for key in ("name", "data")} == {"name": "tick", "data": {"n": 1}}


async def test_going_on_after_a_pause(bench: OpenBench) -> None:
    """A node that was paused is resumed and starts again; one that starts for the first time is not resumed."""
    ear = Ear()
    async with bench() as runtime:
        run = await runtime.start(SLEEP, callbacks=ear.on("node_start", "node_resume", "workflow_resume"))
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(1)
        await run.resume()
        await run.result()
    assert ear.names == ["node_start a", "workflow_resume", "node_resume a", "node_start a", "node_start b"]


async def test_progress_is_heard_while_it_happens(bench: OpenBench) -> None:
    """It is not stored, so a callback that is slow hears the newest only."""

    @node
    async def walks(ctx: NodeContext) -> None:
        for done in range(1, 5):
            ctx.progress(done=done, total=4)
            await trio.sleep(1)

    heard: list[float] = []

    async def slow(_ctx: ExecutionContext, **data: Json) -> None:
        heard.append(data["done"])
        await trio.sleep(2.5)

    async with bench(walks) as runtime:
        run = await runtime.start(example("w", {"a": step("walks")}), callbacks={"node_progress": slow})
        await run.result()
    assert heard == [1, 3]


async def test_a_slow_callback_delays_no_node(bench: OpenBench) -> None:
    """The run goes on at its own pace; `result` waits for the last callback."""
    times: list[float] = []

    async def slow(_ctx: ExecutionContext, **_data: Json) -> None:
        await trio.sleep(100)
        times.append(trio.current_time())

    async with bench() as runtime:
        run = await runtime.start(CHAIN, callbacks={"node_start": slow, "workflow_complete": slow})
        await run.when_ended()
        assert trio.current_time() == 0
        await run.result()
        assert times == [100, 200, 300]
        assert run.state.finished_at == run.history()[0].at


async def test_one_that_raises_is_logged(bench: OpenBench, caplog: pytest.LogCaptureFixture) -> None:
    """The others are called, and the run goes on."""
    ear = Ear()

    def broken(_ctx: ExecutionContext, **_data: Json) -> None:
        raise RuntimeError("nobody home")

    async def broken_later(_ctx: ExecutionContext, **_data: Json) -> None:
        await trio.sleep(1)
        raise ExceptionGroup("many", [RuntimeError("nobody here either")])

    async with bench() as runtime:
        run = await runtime.start(SLEEP, callbacks={"node_start": broken, "node_complete": broken_later})
        for name, callback in ear.on("node_start", "workflow_complete").items():
            run.context.add_callback(name, callback)
        await run.result()
    assert "workflow_complete" in ear.names
    assert "nobody home" in caplog.text
    assert "nobody here either" in caplog.text


async def test_several_of_a_name(bench: OpenBench) -> None:
    """They are called in the order they were added."""
    called: list[int] = []
    async with bench() as runtime:
        run = await runtime.start(SLEEP, callbacks={"workflow_complete": lambda *_, **__: called.append(1)})
        run.context.add_callback("workflow_complete", lambda *_, **__: called.append(2))
        await run.result()
    assert called == [1, 2]


async def test_one_that_comes_late(bench: OpenBench) -> None:
    """It hears what happens from then on; after the end, nothing."""
    ear = Ear()
    async with bench() as runtime:
        run = await runtime.start(SLEEP)
        await trio.sleep(1)
        for name, callback in ear.on(*SEEDS).items():
            run.context.add_callback(name, callback)
        await run.result()
        assert ear.names == ["node_complete a", "node_start b", "node_complete b", "workflow_complete"]
        over = await runtime.start(CHAIN)
        await over.when_ended()
        over.context.add_callback("workflow_complete", ear.on("workflow_complete")["workflow_complete"])
        await over.result()
        assert len(ear.heard) == 4


async def test_callbacks_outlive_a_crash_of_the_run(bench: OpenBench) -> None:
    """They read the journal, which knows of no crash but by what runs again."""
    ear = Ear()
    async with bench() as runtime:
        run = await runtime.start(example("w", {"a": step("delay", {"seconds": 5})}), callbacks=ear.on(*SEEDS))
        await trio.sleep(1)
        assert run.ref is not None
        run.ref.tell(object(), urgent=True)  # type: ignore[arg-type] # a message that no run knows, so it crashes
        await run.result()
    assert ear.names == ["node_start a", "node_start a", "node_complete a", "workflow_complete"]
    assert [data["recovered"] for name, data in ear.heard if name == "node_start"] == [False, True]


async def test_a_run_is_held_until_its_callbacks_are_through(bench: OpenBench) -> None:
    """A slow reader hears of the end of its run, however many others have ended meanwhile."""
    ear = Ear()

    async def slow(_ctx: ExecutionContext, **_data: Json) -> None:
        await trio.sleep(10)

    async with bench(limits=RuntimeLimits(kept_runs=2)) as runtime:
        run = await runtime.start(CHAIN, callbacks={"node_start": slow, **ear.on("workflow_complete")})
        for number in range(5):
            other = await runtime.start({**CHAIN, "id": f"other-{number}"})
            await other.result()
        assert run in runtime.list_runs()
        assert await run.result() == {"b": {"x": 7, "out": None}}
        await (await runtime.start({**CHAIN, "id": "other"})).when_ended()
        assert [it.workflow_id for it in runtime.list_runs()] == ["other", "other-4"]
    assert ear.names == ["workflow_complete"]


async def test_callbacks_end_with_the_runtime(bench: OpenBench) -> None:
    """One that never ends is cancelled, and nobody waits for it any longer."""

    async def endless(_ctx: ExecutionContext, **_data: Json) -> None:
        await trio.sleep_forever()

    async with bench() as runtime:
        run = await runtime.start(CHAIN, callbacks={"node_start": endless})
        await run.when_ended()
    assert await run.result() == {"b": {"x": 7, "out": None}}
