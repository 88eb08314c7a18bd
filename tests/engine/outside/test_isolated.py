from __future__ import annotations

import math
import os
import signal
import sys
import textwrap
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.outside.isolated import Callee, call_here, portable, run_isolated
from bluev_actors.engine.plain import encoded
from bluev_actors.engine.plugins import load_nodes
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import NodeError, Permanent, RetryAfter, RunFailedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.values import Json

pytestmark = pytest.mark.usefixtures("running_clock")

MODULE = """
import os, time
from helper_beside import DOUBLE
from bluev_actors.engine.node_types import node

LOADED_IN = os.getpid()

@node
def double(value: int) -> int:
    return DOUBLE * value

def where():
    return [os.getpid(), LOADED_IN]
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """A file of node types with a module beside it, as `--nodes` takes it."""
    (tmp_path / "helper_beside.py").write_text("DOUBLE = 2")
    file = tmp_path / "mine.py"
    file.write_text(MODULE)
    return file


# --- in another process -----------------------------------------------------------------------------------


async def test_a_call() -> None:
    """It runs in another process, with its arguments by name, and what it returns comes back."""
    assert await run_isolated(textwrap.wrap, {"text": "to be or not", "width": 5}) == ["to be", "or", "not"]
    assert await run_isolated(os.getpid, {}) not in (os.getpid(), None)


async def test_a_node_type_of_a_file(nodes: Path) -> None:
    """A file that has no name to import is found, behind the decorator, with the modules beside it."""
    (double,) = load_nodes(str(nodes))
    assert await run_isolated(double.function, {"value": 21}) == 42


async def test_what_it_raises_comes_back() -> None:
    """The exception is what it was; where it came from stands in the notes, for the log."""
    with pytest.raises(ValueError, match="invalid width 0") as caught:
        await run_isolated(textwrap.wrap, {"text": "x", "width": 0})
    assert "Traceback" in caught.value.__notes__[0]


async def test_a_cancel_kills_it() -> None:
    """A call that would never return ends with its node."""
    with trio.move_on_after(0.5) as scope:
        await run_isolated(signal.pause, {})
    assert scope.cancelled_caught


async def test_a_worker_that_dies() -> None:
    """It is told as a failure that another attempt may mend, and the next call gets another worker."""
    with pytest.raises(NodeError) as caught:
        await run_isolated(os.abort, {})
    assert (caught.value.code, caught.value.retryable) == ("worker_died", True)
    assert await run_isolated(textwrap.dedent, {"text": " x"}) == "x"


# --- nodes that ask for it --------------------------------------------------------------------------------


ALONE = """
import os, signal
from bluev_actors.engine.node_types import node
from bluev_actors.errors import Permanent

@node(isolate="process")
def where(place: str) -> list:
    return [place, os.getpid()]

@node(isolate="process")
def for_ever():
    signal.pause()

@node(isolate="process")
def die():
    os.abort()

@node(isolate="process")
def refuse():
    raise Permanent("no", code="not_today")
"""


@asynccontextmanager
async def run_of(folder: Path, kind: str, **more: Json) -> AsyncGenerator[RunHandle]:
    """A run of one node of a type that asks for a process of its own."""
    file = folder / "alone.py"
    file.write_text(ALONE)
    document = {"nodes": [{"id": "it", "type": kind, **more}], "connections": []}
    async with open_runtime(nodes=load_nodes(str(file))) as runtime:
        yield await runtime.start(document)


async def test_a_node_has_a_process_of_its_own(tmp_path: Path) -> None:
    """With its inputs, and what it returns is its output."""
    async with run_of(tmp_path, "where", params={"place": "Oslo"}) as run:
        place, process = (await run.result())["it"]["value"]
    assert place == "Oslo"
    assert process != os.getpid()


async def test_a_stop_ends_a_node_at_once(tmp_path: Path) -> None:
    """Though its function would never return, and has no checkpoint."""
    async with run_of(tmp_path, "for_ever") as run:
        await run.stop()
        await run.when_ended()
    assert run.state.nodes["it"].status == "cancelled"


async def test_a_time_out_ends_a_node(tmp_path: Path) -> None:
    """The same."""
    async with run_of(tmp_path, "for_ever", timeout=0.2) as run:
        with pytest.raises(RunFailedError, match="took longer than its timeout"):
            await run.result()


@pytest.mark.parametrize(("kind", "code"), [("die", "worker_died"), ("refuse", "not_today")])
async def test_how_a_node_fails(tmp_path: Path, kind: str, code: str) -> None:
    """One that takes its process along fails alone; what it raises counts as anywhere."""
    async with run_of(tmp_path, kind) as run:
        await run.when_ended()
    error = run.state.nodes["it"].error
    assert error is not None
    assert error.code == code


# --- who can be called ------------------------------------------------------------------------------------


async def a_coroutine_function() -> None:
    """Nothing a process could run."""


@pytest.mark.parametrize("function", [lambda: 1, a_coroutine_function, object()])
async def test_who_cannot_be_called(function: Callable[[], object]) -> None:
    """What another process could not find, or has no loop for, is refused at once."""
    with pytest.raises(Permanent) as caught:
        await run_isolated(function, {})
    assert caught.value.code == "invalid_param"


def test_a_file_is_loaded_once(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker keeps what it has loaded, under the name that the daemon gave it."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    callee = Callee("mine_in_a_worker", "where", str(nodes))
    first, second = callee.find(), callee.find()
    assert first is second
    assert first() == [os.getpid(), os.getpid()]
    assert str(nodes.parent) not in sys.path


def test_a_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    """A module without a file, or with one that is no Python, is not found."""
    for file in (None, str(tmp_path / "data.txt")):
        with pytest.raises(ModuleNotFoundError):
            Callee("no_such_module_anywhere", "f", file).find()


# --- what the worker gives back ---------------------------------------------------------------------------


class Stubborn(Exception):  # noqa: N818 - a name for a test
    """An exception that cannot be made anew from what it shows."""

    def __init__(self, *, city: str) -> None:
        super().__init__(f"no such city: {city}")


def returns_a_set() -> Any:  # noqa: ANN401 - not JSON, on purpose
    """Return what JSON cannot carry."""
    return {1}


def exits() -> None:
    """Leave, as a script does."""
    raise SystemExit(3)


def test_a_result() -> None:
    """It is plain JSON, encoded where it was made."""
    result = call_here(Callee.of(math.isqrt), b"{}")
    assert isinstance(result.error, TypeError)
    assert call_here(Callee.of(textwrap.dedent), encoded({"text": " é"})).value == '"é"'.encode()


def test_what_json_cannot_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails for good, in the worker, where the value is."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or type(sys)(__name__))
    monkeypatch.setattr(sys.modules[__name__], "returns_a_set", returns_a_set, raising=False)
    error = call_here(Callee(__name__, "returns_a_set", None), b"{}").error
    assert isinstance(error, Permanent)
    assert error.code == "invalid_output"


def test_an_exit_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that leaves the program leaves nobody else's."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or type(sys)(__name__))
    monkeypatch.setattr(sys.modules[__name__], "exits", exits, raising=False)
    error = call_here(Callee(__name__, "exits", None), b"{}").error
    assert isinstance(error, NodeError)
    assert str(error) == "SystemExit: 3"


async def test_our_own_errors_survive(nodes: Path) -> None:
    """Code, delay, verdict and text come through."""
    with nodes.open("a") as file:
        file.write(
            "\nfrom bluev_actors.errors import RetryAfter\n@node\ndef later():\n    raise RetryAfter(30, 'later')\n"
        )
    later = next(it for it in load_nodes(str(nodes)) if it.kind.name == "later")
    with pytest.raises(RetryAfter) as caught:
        await run_isolated(later.function, {})
    assert (caught.value.seconds, caught.value.code, str(caught.value)) == (30, "retry_after", "later")


def test_an_exception_that_does_not_survive() -> None:
    """Its text does, and its traceback."""
    error = portable(Stubborn(city="Oslo"))
    assert type(error) is NodeError
    assert str(error) == "Stubborn: no such city: Oslo"
    assert "Stubborn" in error.__notes__[0]
