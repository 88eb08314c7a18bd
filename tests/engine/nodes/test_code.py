from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.nodes.code import python
from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

MODULE = """
import threading
import trio

LIMIT = 5

def where(**inputs):
    return [threading.current_thread() is threading.main_thread(), inputs]

async def where_async(**inputs):
    await trio.sleep(1)
    return [threading.current_thread() is threading.main_thread(), inputs]

def wrapped(**inputs):
    return where_async(**inputs)

def add(a, b=1):
    return a + b

def crash():
    raise LookupError("no such city")

class Tools:
    @staticmethod
    def double(value):
        return 2 * value
"""


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of functions that nodes may call, and modules that cannot be imported."""
    package = tmp_path / "node_helpers"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tools.py").write_text(MODULE)
    (package / "broken.py").write_text("1 / 0")
    (package / "script.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "node_helpers"]:
        del sys.modules[name]


async def call(attempt: type[Attempt], function: str, **inputs: Json) -> Any:  # noqa: ANN401 - whatever it returns
    """The value that a node with this `call` gives."""
    outputs = await attempt(python, {"call": f"node_helpers.{function}"}, inputs).run()
    assert outputs.keys() == {"value"}
    return outputs["value"]


async def test_a_plain_function_runs_in_a_thread(attempt: type[Attempt]) -> None:
    """It may block, so it is kept off the loop; the inputs are its keyword arguments."""
    assert await call(attempt, "tools:where", a=1, b=[2]) == [False, {"a": 1, "b": [2]}]


@pytest.mark.parametrize("function", ["tools:where_async", "tools:wrapped"])
async def test_a_coroutine_runs_on_the_loop(
    attempt: type[Attempt], function: str, autojump_clock: trio.testing.MockClock
) -> None:
    """A coroutine function may use Trio, also behind a plain function that returns its coroutine."""
    assert await call(attempt, function, a=1) == [True, {"a": 1}]
    assert autojump_clock.current_time() == 1


async def test_defaults_and_dotted_names(attempt: type[Attempt]) -> None:
    """What a function has a default for may be left out, and a method is found in its class."""
    assert await call(attempt, "tools:add", a=1) == 2
    assert await call(attempt, "tools:Tools.double", value=4) == 8


async def test_what_is_written_in_c_has_no_signature(attempt: type[Attempt]) -> None:
    """A function that keeps its arguments to itself is called all the same."""
    assert await attempt(python, {"call": "builtins:dict"}, {"a": 1}).run() == {"value": {"a": 1}}


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("tools", "it has to look like package.module:function"),
        ("tools:", "it has to look like package.module:function"),
        ("tools:add()", "it has to look like package.module:function"),
        ("nowhere:add", "No module named 'node_helpers.nowhere'"),
        ("tools:nothing", "has no attribute 'nothing'"),
        ("tools:LIMIT", "it is of type int, which cannot be called"),
        ("broken:add", "ZeroDivisionError: division by zero"),
        ("script:add", "SystemExit: 3"),
    ],
)
async def test_what_cannot_be_called_is_told(attempt: type[Attempt], function: str, sentence: str) -> None:
    """A wrong `call` fails for good, and says what is wrong with it."""
    with pytest.raises(Permanent) as caught:
        await call(attempt, function)
    assert sentence in str(caught.value)
    assert function in str(caught.value)
    assert caught.value.code == "invalid_param"


@pytest.mark.parametrize(("inputs", "sentence"), [({}, "missing a required argument: 'a'"), ({"a": 1, "z": 2}, "'z'")])
async def test_wrong_arguments_are_told(attempt: type[Attempt], inputs: dict[str, Json], sentence: str) -> None:
    """Inputs that do not fit the function fail for good, before it is called."""
    with pytest.raises(Permanent, match=sentence) as caught:
        await call(attempt, "tools:add", **inputs)
    assert caught.value.code == "invalid_input"


async def test_the_functions_own_error_gets_out(attempt: type[Attempt]) -> None:
    """What the function raises is the node's failure, for the retry policy to judge."""
    with pytest.raises(LookupError, match="no such city"):
        await call(attempt, "tools:crash")


async def test_a_cancel_waits_for_the_thread(attempt: type[Attempt], monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread is left behind to act in a run that has ended; its result counts."""
    begun, go_on = trio.Event(), threading.Event()

    def work() -> str:
        trio.from_thread.run_sync(begun.set)
        go_on.wait()
        return "done"

    def find(_reference: str) -> Callable[[], str]:
        return work

    monkeypatch.setattr("bluev_actors.engine.nodes.code._find", find)
    results: list[dict[str, Any]] = []

    async def run() -> None:
        results.append(await attempt(python, {"call": "it:work"}).run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await begun.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
        assert results == []
        go_on.set()
    assert results == [{"value": "done"}]


async def test_a_kill_leaves_the_thread_behind(attempt: type[Attempt], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a kill does not wait for it; what it returns then is nobody's."""
    begun, go_on = trio.Event(), threading.Event()

    def work() -> None:
        trio.from_thread.run_sync(begun.set)
        go_on.wait()

    def find(_reference: str) -> Callable[[], None]:
        return work

    monkeypatch.setattr("bluev_actors.engine.nodes.code._find", find)
    it = attempt(python, {"call": "it:work"})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run)
        await begun.wait()
        nursery.cancel_scope.cancel()
        it.context.end_grace()
    go_on.set()
    it.context.end_grace()
    with pytest.raises(NodeError, match="left behind") as caught:
        await it.run()
    assert caught.value.code == "killed"


async def test_in_a_process(attempt: type[Attempt], running_clock: trio.testing.MockClock) -> None:
    """A plain function may be called in a process of its own, which a cancel can kill."""
    median = {"call": "statistics:median", "isolate": "process"}
    assert await attempt(python, median, {"data": [3, 1, 2]}).run() == {"value": 2}
    wrap = {"call": "textwrap:wrap", "isolate": "process"}
    assert await attempt(python, wrap, {"text": "to be", "width": 2}).run() == {"value": ["to", "be"]}
    with pytest.raises(Permanent, match="coroutine function"):
        await attempt(python, {"call": "node_helpers.tools:where_async", "isolate": "process"}).run()
    assert running_clock.rate == 1


def test_it_is_off_until_it_is_allowed() -> None:
    """It can do whatever Python can, so the operator has to say yes; and a thread cannot be paused."""
    assert python.kind.outside
    assert not python.kind.pausable
    assert not python.kind.pure
