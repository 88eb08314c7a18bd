"""Calls in a process of their own: a loop that never ends can be killed there, and a crash takes nobody along."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pickle
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
from attrs import frozen

from bluev_actors.engine.plain import encoded
from bluev_actors.errors import NodeError, Permanent
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from bluev_actors.workflows.values import Json, JsonObject


@frozen
class Callee:
    """A function as a worker process finds it: by its names, and by its file if its module has no name to import."""

    module: str
    name: str
    file: str | None

    @classmethod
    def of(cls, function: Callable[..., object]) -> Callee:
        """Name a function.

        Raises:
            Permanent: it is made inside another one, so no other process could find it, or it is a coroutine function.
        """
        name = str(getattr(function, "__qualname__", ""))
        if "<" in name or not name:
            raise Permanent("what runs in a process has to be a function of a module", code="invalid_param")
        if inspect.iscoroutinefunction(function):
            raise Permanent("a coroutine function cannot run in a process of its own", code="invalid_param")
        module = sys.modules.get(function.__module__)
        return cls(function.__module__, name, getattr(module, "__file__", None))

    def find(self) -> Callable[..., object]:
        """Import it. A node type's own name leads to the type, and from there to its function."""
        found: Any = _module(self.module, self.file)
        for name in self.name.split("."):
            found = getattr(found, name)
        return cast("Callable[..., object]", getattr(found, "function", found))


@frozen
class _Result:
    """What a worker gives back: plain JSON, or an exception that survived the way."""

    value: bytes = b""
    error: BaseException | None = None
    args: tuple[object, ...] = ()
    """Of the exception: one whose class takes other arguments than it shows comes through with the wrong text."""


async def run_isolated(function: Callable[..., object], arguments: JsonObject) -> Json:
    """Call a plain function in a worker process; a cancellation kills it.

    As many run at a time as the machine has processors; the others wait. Workers are kept for the next call. A worker
    begins by importing the program's main module, so a script has to start its engine under
    `if __name__ == "__main__":`, or it would start in the worker once more.

    Args:
        function: of a module, not made inside another function.
        arguments: its keyword arguments, plain JSON.

    Returns:
        What it returned, plain JSON.

    Raises:
        Permanent: it cannot be found in another process, or returned what is not JSON (code `invalid_output`).
        NodeError: the worker died (code `worker_died`).
        Exception: what the function raised, its traceback among the notes.
    """
    callee = Callee.of(function)
    result = await _to_worker(callee, encoded(arguments))
    if result.error is not None:
        result.error.args = result.args
        raise result.error
    return orjson.loads(result.value)


async def _to_worker(callee: Callee, arguments: bytes) -> _Result:
    # It imports multiprocessing and much more, which most daemons never need.
    import trio_parallel  # type: ignore[import-untyped] # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - has no types

    run = cast("Callable[..., Awaitable[_Result]]", trio_parallel.run_sync)  # pyright: ignore[reportUnknownMemberType] - as above
    try:
        return await run(call_here, callee, arguments, kill_on_cancel=True)
    except trio_parallel.BrokenWorkerError as error:
        raise NodeError("the process it ran in died", code="worker_died") from error


# --- in the worker ----------------------------------------------------------------------------------------


def call_here(callee: Callee, arguments: bytes) -> _Result:
    """Call a function of this process: what a worker does."""
    try:
        return _Result(_packed(callee.find()(**orjson.loads(arguments))))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told in the other process
        survivor = portable(error)
        return _Result(error=survivor, args=survivor.args)


def _packed(value: object) -> bytes:
    flaw = find_flaw(value, "what the function returned")
    if flaw is not None:
        raise Permanent(flaw, code="invalid_output")
    return encoded(value)


def portable(error: BaseException) -> BaseException:
    """The exception itself where it survives the way, else its text; with the traceback as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes
    except Exception:  # noqa: BLE001 - an exception may refuse in any way
        copy = None
    if isinstance(copy, Exception):
        return error
    stranger = NodeError(f"{type(error).__name__}: {error}")
    stranger.__notes__ = error.__notes__
    return stranger


def _module(name: str, file: str | None) -> ModuleType:
    """Import a module; a file of node types has no name to import, so it is run under the name it was given."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        if file is None:
            raise
    return _run_file(name, file)


def _run_file(name: str, file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{name} cannot be loaded in another process")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(Path(file).parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(Path(file).parent))
    return module
