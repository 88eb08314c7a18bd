"""The executor of one attempt, mostly through a run: what a node may return and raise, and what becomes of it."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_executor import LONG, MAX_ERROR_TEXT, error_text
from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outcome import Waits
from bluev_actors.errors import NodeError, Permanent, RunFailedError, RunStoppedError
from bluev_actors.workflows.kinds import Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.run_events import ErrorDetail
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.conftest import OpenBench, TellStory


def giving(value: object) -> NodeType:
    """A node type, `it`, that gives a value, or its outputs by any name if that is a dict."""

    async def function() -> Any:  # noqa: ANN401 - whatever a node returns
        return value

    outputs = {"outputs": [Port("out")], "free_outputs": True} if isinstance(value, dict) else {}
    return node("it", **outputs)(function)  # type: ignore[call-overload,no-any-return] # options by name


def raising(make: Callable[[], BaseException]) -> NodeType:
    """A node type, `it`, that raises."""

    async def function() -> None:
        raise make()

    return node("it")(function)


def failure_of(run: RunHandle) -> ErrorDetail:
    """Why node `a` failed."""
    error = run.state.nodes["a"].error
    assert error is not None
    return error


async def run_one(bench: OpenBench, node_type: NodeType, **rest: Json) -> RunHandle:
    """Run a workflow of one node, `a`, to its end."""
    async with bench(node_type, limits=RuntimeLimits(output_bytes=1000)) as runtime:
        run = await runtime.start(example("w", {"a": step("it", **rest)}))
        await run.when_ended()
        return run


# --- what a node gives ------------------------------------------------------------------------------------


class Real(float):
    """A float of another library, as NumPy's."""

    __slots__ = ()


class Text(str):
    """A text of another library."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (None, None),
        (2**64 - 1, 2**64 - 1),
        (Real(1.5), 1.5),
        ([Real(1.5), (1, 2)], [1.5, [1, 2]]),
        ("x" * 998, "x" * 998),
        (["x" * 996], ["x" * 996]),
    ],
)
async def test_outputs_are_plain_json(bench: OpenBench, value: object, recorded: Json) -> None:
    """What a node gives is recorded as plain JSON, whatever it was made of, up to the limit."""
    run = await run_one(bench, giving(value))
    assert await run.result() == {"a": {"value": recorded}}
    assert type(run.state.nodes["a"].outputs["value"]) is type(recorded)  # type: ignore[index] # it has completed


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (math.nan, "invalid_output", "output value is nan"),
        ([1, {"x": math.inf}], "invalid_output", r"output value\[1\].x is inf"),
        (object(), "invalid_output", "is a object, which JSON cannot carry"),
        ({1, 2}, "invalid_output", "is a set"),
        (b"bytes", "invalid_output", "is a bytes"),
        (2**64, "invalid_output", "beyond 64 bits"),
        ("\ud800", "invalid_output", "lone surrogate"),
        ({"out": {1: 2}}, "invalid_output", "keys are text"),
        ({1: 2}, "invalid_output", "the output name 1 is not text"),
        ({"\ud800": 2}, "invalid_output", "an output name holds a lone surrogate"),
        ("x" * 999, "output_too_large", "output value is larger than 1000 bytes"),
        ("\N{SNOWMAN}" * 400, "output_too_large", "larger than 1000 bytes"),
        (["x" * 997], "output_too_large", "larger than 1000 bytes"),
    ],
)
async def test_what_is_no_json_fails_its_node(bench: OpenBench, value: object, code: str, message: str) -> None:
    """A value that no client could read fails the node that gave it, and is never tried again."""
    run = await run_one(bench, giving(value), retry={"max_attempts": 3})
    with pytest.raises(RunFailedError, match=message):
        await run.result()
    assert (failure_of(run).code, failure_of(run).retryable) == (code, False)
    assert run.state.attempts == 1


async def test_output_names_are_plain_text(bench: OpenBench) -> None:
    """A name of another library's text class is a text."""
    run = await run_one(bench, giving({Text("out"): Text("x")}))
    outputs = run.state.nodes["a"].outputs
    assert outputs is not None
    assert outputs == {"out": "x"}
    assert [type(name) for name in outputs] == [str]


@pytest.mark.parametrize("value", [{"other": 1}, {"out": 1, "done": 2}])
async def test_outputs_have_the_names_that_were_declared(bench: OpenBench, value: JsonObject) -> None:
    """A slip in a name is told, and not taken for an output that was not given."""

    async def function() -> JsonObject:
        return value

    run = await run_one(bench, node("it", outputs=[Port("out")])(function))
    assert (failure_of(run).code, failure_of(run).retryable) == ("invalid_output", False)


async def test_nobody_can_change_what_is_on_record(bench: OpenBench) -> None:
    """Neither who gave a list, nor who got it, nor who shares it."""
    kept: list[list[int]] = []

    @node
    async def gives() -> list[int]:
        kept.append([1])
        return kept[0]

    @node
    async def spoils(ctx: NodeContext, value: list[int]) -> list[int]:
        value.append(2)
        kept[0].append(3)
        ctx.inputs["value"].append(4)
        return value

    nodes = {"a": step("gives"), **{name: step("spoils") for name in "bcd"}}
    arrows = ["a.value -> b.value", "a.value -> c.value", "c.value -> d.value"]
    async with bench(gives, spoils) as runtime:
        run = await runtime.start(example("w", nodes, *arrows))
        assert await run.result() == {"b": {"value": [1, 2, 4]}, "d": {"value": [1, 2, 4, 2, 4]}}
        assert run.state.nodes["a"].outputs == {"value": [1]}


async def test_params_are_the_same_for_each_attempt(bench: OpenBench) -> None:
    """An attempt that changes its params leaves those of the next alone."""
    seen: list[list[int]] = []

    @node(free_inputs=True)
    async def it(ctx: NodeContext, **_inputs: Json) -> None:
        seen.append(list(ctx.inputs["items"]))
        ctx.inputs["items"].append(9)
        ctx.params.clear()
        raise NodeError("again")

    await run_one(bench, it, params={"items": [1]}, retry={"max_attempts": 3})
    assert seen == [[1], [1], [1]]


async def test_a_resumed_node_owns_its_state(bench: OpenBench) -> None:
    """What a node does to its checkpoint is not kept until it saves it."""

    @node(pausable=True)
    async def it(ctx: NodeContext) -> list[int]:
        state: list[int] = ctx.resume_state or []
        if not state:
            ctx.save([1])
        state.append(2)
        await trio.sleep(10)
        return state

    async with bench(it) as runtime:
        run = await runtime.start(example("w", {"a": step("it")}))
        for _ in range(3):
            await trio.sleep(1)
            await run.pause()
            await trio.sleep(1)
            await run.resume()
        assert await run.result() == {"a": {"value": [1, 2]}}


async def test_a_value_that_is_only_handed_on_is_not_copied(bench: OpenBench) -> None:
    """A long chain of our own nodes holds a large value once."""
    nodes = {"a": step("constant", {"value": [1]}), "b": step("noop"), "c": step("noop")}
    async with bench() as runtime:
        run = await runtime.start(example("w", nodes, "a.value -> b.x", "b.x -> c.x"))
        await run.result()
        first, last = run.state.nodes["b"].outputs, run.state.nodes["c"].outputs
        assert first is not None
        assert last is not None
        assert first["x"] is last["x"]


# --- what a node raises -----------------------------------------------------------------------------------


class BrokenError(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class MuteError(BaseException):
    """An error that is no `Exception`."""


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda: ValueError("bad value"), "node_error", "bad value"),
        (ValueError, "node_error", "ValueError"),
        (BrokenError, "node_error", "BrokenError"),
        (MuteError, "node_error", "MuteError"),
        (lambda: SystemExit(3), "node_error", "3"),
        (lambda: GeneratorExit("x"), "node_error", "x"),
        (StopIteration, "node_error", "coroutine raised StopIteration"),
        (lambda: BaseExceptionGroup("many", [MuteError(), ValueError()]), "node_error", r"many \(2 sub-exceptions\)"),
        (lambda: ExceptionGroup("many", [ExceptionGroup("more", [ValueError()])]), "node_error", "many"),
        (lambda: NodeError("busy", code="http_503"), "http_503", "busy"),
        (lambda: NodeError("busy", code=503), "503", "busy"),  # type: ignore[arg-type] # what a node may do
        (lambda: Permanent("no such city"), "permanent", "no such city"),
        (lambda: ValueError("\ud800"), "node_error", r"\\ud800"),
    ],
)
async def test_whatever_a_node_raises_is_its_failure(
    bench: OpenBench, make: Callable[[], BaseException], code: str, message: str
) -> None:
    """Its run fails with the error's text, and nothing else falls."""
    run = await run_one(bench, raising(make))
    with pytest.raises(RunFailedError, match=message):
        await run.result()
    assert failure_of(run).code == code


async def test_a_failure_that_nobody_meant_has_an_id(bench: OpenBench, caplog: pytest.LogCaptureFixture) -> None:
    """The traceback is in the log, and the id that clients see leads to it."""
    run = await run_one(bench, raising(lambda: ValueError("bad value")))
    error_id = failure_of(run).error_id
    assert error_id is not None
    assert f"error_id={error_id}" in caplog.text
    assert "in function" in caplog.text
    caplog.clear()
    run = await run_one(bench, raising(lambda: Permanent("meant")))
    assert failure_of(run).error_id is None
    assert caplog.text == ""


async def test_a_broken_nursery_of_a_node_that_is_cancelled(bench: OpenBench, story: TellStory) -> None:
    """A cancellation among other errors is a cancellation."""

    @node
    async def it() -> None:
        async def breaks() -> None:
            try:
                await trio.sleep(100)
            finally:
                raise SystemExit("broke on its way out")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks)
            await trio.sleep(100)

    async with bench(it) as runtime:
        run = await runtime.start(example("w", {"a": step("it")}))
        await trio.sleep(1)
        await run.stop()
        with pytest.raises(RunStoppedError):
            await run.result()
        assert story(run)[-2:] == ["a cancelled", "run stopped"]


async def test_an_interruption_of_the_program_gets_out(bench: OpenBench) -> None:
    """Ctrl-C that hits a node's code is not the node's failure."""
    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True, allow_unwrapped=True):
        await run_one(bench, raising(KeyboardInterrupt))


async def test_a_node_with_a_timeout_may_fail_by_itself(bench: OpenBench) -> None:
    """What it raises in time is its failure; what it gives in time is its output."""
    run = await run_one(bench, raising(lambda: ValueError("quick")), timeout=5)
    assert failure_of(run).message == "quick"
    run = await run_one(bench, giving(1), timeout=5)
    assert await run.result() == {"a": {"value": 1}}


async def test_a_node_that_is_done_when_its_time_is_over(bench: OpenBench) -> None:
    """Completion beats the timeout, as it beats a pause."""

    @node
    async def it() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
        return "late, but done"

    run = await run_one(bench, it, timeout=5)
    assert await run.result() == {"a": {"value": "late, but done"}}


def test_an_error_text_is_cut() -> None:
    """Clients see 4,096 characters of it."""
    assert error_text(ValueError("x" * MAX_ERROR_TEXT)) == "x" * MAX_ERROR_TEXT
    long = error_text(ValueError("x" * (MAX_ERROR_TEXT + 1)))
    assert (len(long), long[-4:]) == (MAX_ERROR_TEXT, "x...")


async def test_what_goes_wrong_before_the_call_is_the_nodes_failure(bench: OpenBench) -> None:
    """An expression that cannot be evaluated fails its node, and is not tried again."""
    doc = example("w", {"a": step("expression", {"expr": "1 / x"}, retry={"max_attempts": 3})}, inputs={"x": {}})
    doc["nodes"][0]["params"]["x"] = 0
    async with bench() as runtime:
        run = await runtime.start(doc, {"x": 0})
        await run.when_ended()
        assert failure_of(run).code == "expression_failed"
        assert run.state.attempts == 1


# --- plain functions --------------------------------------------------------------------------------------


async def test_a_plain_function_runs_in_a_thread(bench: OpenBench, running_clock: MockClock) -> None:
    """It may block, and speaks to its run all the same."""

    @node
    def it(ctx: NodeContext) -> list[Json]:
        ctx.log("from a thread")
        ctx.save({"x": 1})
        return [threading.current_thread() is not threading.main_thread(), ctx.attempt]

    run = await run_one(bench, it)
    assert await run.result() == {"a": {"value": [True, 1]}}
    assert running_clock.current_time() < 60


@pytest.mark.parametrize("error", [ValueError("in a thread"), SystemExit("in a thread"), StopIteration("in a thread")])
async def test_a_plain_function_may_fail(bench: OpenBench, error: BaseException, running_clock: MockClock) -> None:
    """As any other."""

    @node
    def it() -> None:
        raise error

    run = await run_one(bench, it)
    assert "in a thread" in failure_of(run).message or isinstance(error, StopIteration)
    assert running_clock.current_time() < 60


async def test_a_thread_cannot_be_cancelled(bench: OpenBench, story: TellStory, running_clock: MockClock) -> None:
    """A stop waits for it, and its outcome counts."""
    go_on, began = threading.Event(), trio.Event()

    @node
    def it() -> str:
        trio.from_thread.run_sync(began.set)
        go_on.wait(30)
        return "done"

    async with bench(it) as runtime:
        run = await runtime.start(example("w", {"a": step("it")}))
        await began.wait()
        await run.stop()
        await trio.testing.wait_all_tasks_blocked()
        assert run.state.status == "stopping"
        go_on.set()
        await run.when_ended()
        assert story(run)[-2:] == ["a completed", "run stopped"]
        assert run.state.results == {"a": {"value": "done"}}
        assert running_clock.current_time() < 60


async def test_a_plain_function_that_returns_a_coroutine(bench: OpenBench, running_clock: MockClock) -> None:
    """An async function under a name that hides it is awaited where it can be."""

    async def hidden() -> str:
        await trio.lowlevel.checkpoint()
        return "found"

    async def it() -> Any:  # noqa: ANN401 - a coroutine
        return await hidden()

    run = await run_one(bench, node("it")(it))
    assert await run.result() == {"a": {"value": "found"}}
    assert running_clock.current_time() < 60


# --- what is no output ------------------------------------------------------------------------------------


async def test_a_long_list_is_looked_through_in_turns(bench: OpenBench) -> None:
    """Others have theirs in between, and what is wrong with an item far down is told with its place."""
    run = await run_one(bench, giving([0] * (LONG + 5) + [math.nan]))
    assert f"output value[{LONG + 5}] is nan" in failure_of(run).message
    assert failure_of(run).code == "invalid_output"
    async with bench(giving([0] * LONG)) as runtime:
        run = await runtime.start(example("w", {"a": step("it")}))
        assert await run.result() == {"a": {"value": [0] * LONG}}


async def test_who_says_that_it_waits_has_no_outputs(bench: OpenBench) -> None:
    """What a function returns may be a word to its run; only a value is held against the declared outputs."""

    @node("it", outputs=[Port("payload")])
    async def asks() -> Waits:
        return Waits(3, default="nobody")

    run = await run_one(bench, asks)
    assert await run.result() == {"a": {"payload": "nobody"}}


@pytest.mark.parametrize("limit", ["timeout", "total_timeout"])
async def test_a_time_limit_holds_for_a_node_that_waits(bench: OpenBench, limit: str) -> None:
    """It is the node's, and its wait belongs to the attempt; the default is only for the wait's own end."""

    @node("it", outputs=[Port("payload")])
    async def asks() -> Waits:
        return Waits(3, default="nobody")

    run = await run_one(bench, asks, **{limit: 1})
    with pytest.raises(RunFailedError, match=f"took longer than its {limit.replace('_', ' ')}"):
        await run.result()
    assert trio.current_time() == 1


async def test_a_total_time_that_is_used_up_ends_the_attempts(bench: OpenBench) -> None:
    """An attempt for which nothing is left does not begin, even if it would never have waited."""
    begun: list[int] = []

    @node("it")
    async def fails(ctx: NodeContext) -> None:
        begun.append(ctx.attempt)
        raise ValueError("again")

    retry = {"max_attempts": 20, "backoff": "fixed", "initial": 0.2}
    run = await run_one(bench, fails, total_timeout=0.5, retry=retry)
    with pytest.raises(RunFailedError, match="total timeout"):
        await run.result()
    assert begun == [1, 2, 3]


async def test_a_plain_function_may_wait_for_a_signal(bench: OpenBench, running_clock: MockClock) -> None:
    """As one that is async."""

    @node("it", outputs=[Port("payload")])
    def asks() -> Waits:
        return Waits(0, default="nobody")

    run = await run_one(bench, asks)
    assert await run.result() == {"a": {"payload": "nobody"}}
    assert running_clock.rate == 1


async def test_what_is_known_is_not_worked_out_again(bench: OpenBench) -> None:
    """A pure node with the same inputs gives what it gave; another input is another thing, a failure is none."""
    calls: list[Json] = []

    @node(pure=True, free_inputs=True)
    async def it(ctx: NodeContext, **inputs: Json) -> Json:
        calls.append(ctx.inputs["x"])
        if ctx.inputs["x"] == "bad":
            raise Permanent("bad")
        return {"got": inputs["x"]}

    async with bench(it) as runtime:
        for value in (1, 1, 2, "bad", "bad", 1):
            doc = example("w", {"a": step("it", {"x": value}, cache="by_inputs")})
            run = await runtime.start(doc)
            await run.when_ended()
            known = run.state.node("a")
            assert known.outputs == (None if value == "bad" else {"value": {"got": value}})
    assert calls == [1, 2, "bad", "bad"]


async def test_a_time_limit_stands_still_only_while_it_is_told_to(bench: OpenBench) -> None:
    """A node that cannot stand still is not touched by the question."""
    asked: list[bool] = []
    contexts: list[NodeContext] = []

    @node
    async def it(ctx: NodeContext) -> None:
        contexts.append(ctx)
        await trio.sleep(10)

    async with bench(it) as runtime:
        run = await runtime.start(example("w", {"a": step("it", timeout=3)}))
        await trio.sleep(1)
        asked.append(contexts[0].suspend())
        await run.when_ended()
        assert (asked, failure_of(run).code, trio.current_time()) == ([False], "timeout", 3)
