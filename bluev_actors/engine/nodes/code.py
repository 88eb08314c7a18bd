"""The kind that calls a Python function which is installed beside the daemon: `python`."""

from __future__ import annotations

import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, Any, Final

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import Permanent
from bluev_actors.workflows.kinds import Param, Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

_REFERENCE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@node(
    outputs=[Port("value", description="What the function returns.")],
    params=[
        Param(
            "call",
            "string",
            description="The function, as in `package.module:function`; inputs are its keyword arguments.",
        )
    ],
    pausable=False,
    outside=True,
    examples=[
        example(
            "python_example",
            {"lines": step("python", {"call": "textwrap:wrap", "text": "to be or not to be", "width": 9})},
        )
    ],
)
async def python(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Calls a Python function: a coroutine function on the loop, a plain one in a thread."""
    function = await trio.to_thread.run_sync(_find, ctx.params["call"])
    _check_arguments(function, ctx)
    if inspect.iscoroutinefunction(function):
        return {"value": await function(**ctx.inputs)}
    # A thread cannot be cancelled, and one that is left behind would act in a run that has ended: so it is
    # waited for. What it returns is packed up, because Trio lets no coroutine out of a thread.
    packed = await trio.to_thread.run_sync(lambda: [function(**ctx.inputs)], abandon_on_cancel=False)
    return {"value": await packed[0] if inspect.isawaitable(packed[0]) else packed[0]}


def _find(reference: str) -> Callable[..., Any]:
    """Import what `reference` names. It runs in a thread, for an import may take its time."""
    if not _REFERENCE.fullmatch(reference):
        raise _refusal(reference, "it has to look like package.module:function")
    try:
        function: object = pkgutil.resolve_name(reference)
    except (Exception, SystemExit) as error:
        raise _refusal(reference, f"{type(error).__name__}: {error}") from error
    if not callable(function):
        raise _refusal(reference, f"it is of type {type(function).__name__}, which cannot be called")
    return function


def _check_arguments(function: Callable[..., Any], ctx: NodeContext) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # written in C, and it keeps its arguments to itself: it will complain when called
    try:
        signature.bind(**ctx.inputs)
    except TypeError as error:
        raise _refusal(ctx.params["call"], str(error), "invalid_input") from error


def _refusal(reference: str, sentence: str, code: str = "invalid_param") -> Permanent:
    return Permanent(f"python: {reference}: {sentence}", code=code)
