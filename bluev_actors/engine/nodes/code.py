"""The kind that calls a Python function which is installed beside the daemon: `python`."""

from __future__ import annotations

import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, Any, Final

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outside.isolated import run_isolated
from bluev_actors.errors import NodeError, Permanent
from bluev_actors.workflows.kinds import Conduct, Param, Port

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
        ),
        Param(
            "isolate",
            "string",
            required=False,
            default="thread",
            choices=("thread", "process"),
            description="Where a plain function runs. A process can be killed, and takes plain JSON only.",
        ),
    ],
    pausable=False,
    outside=True,
    failures={
        "worker_died": "The process that the function ran in died; another attempt gets a new one. It dies at once "
        "where a script that embeds the engine starts it outside of `if __name__ == '__main__':`.",
        "invalid_param": "`call` names nothing that can be called, or what cannot run in a process.",
        "invalid_input": "The inputs do not fit the function.",
    },
    conduct=Conduct(
        pause="A pause lets the function end first. A `hard` one cancels a coroutine function and kills a process; "
        "a thread cannot be cancelled, so it is waited for, and what it returns counts.",
        retry="Each attempt calls the function anew.",
        crash="The function is called again: at least once. A thread that a `kill` left behind runs on until it ends.",
        security="The function may do whatever the daemon may, in its process or in one of its own: who allows this "
        "allows all functions that are installed.",
    ),
    examples=[
        example(
            "python_example",
            {"lines": step("python", {"call": "textwrap:wrap", "text": "to be or not to be", "width": 9})},
        ),
        example(
            "python_process_example",
            {"mean": step("python", {"call": "statistics:fmean", "isolate": "process", "data": [1, 2, 6]}, timeout=60)},
        ),
    ],
)
async def python(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Calls a Python function: a coroutine function on the loop, a plain one in a thread or a process."""
    function = await trio.to_thread.run_sync(_find, ctx.params["call"])
    _check_arguments(function, ctx)
    if ctx.params["isolate"] == "process":
        return {"value": await run_isolated(function, ctx.inputs)}
    if inspect.iscoroutinefunction(function):
        return {"value": await function(**ctx.inputs)}
    returned = await _in_thread(function, ctx)
    return {"value": await returned if inspect.isawaitable(returned) else returned}


async def _in_thread(function: Callable[..., Any], ctx: NodeContext) -> Any:  # noqa: ANN401 - whatever it returns
    """Call a plain function; a thread cannot be cancelled, so all but a `kill` wait for it.

    One that were left behind would act in a run that has ended. What it returns is packed up, because Trio lets no
    coroutine out of a thread.
    """
    packed: list[Any] = []
    with ctx.until_killed():
        packed = await trio.to_thread.run_sync(lambda: [function(**ctx.inputs)], abandon_on_cancel=True)
    if packed:
        return packed[0]
    await trio.lowlevel.checkpoint_if_cancelled()
    raise NodeError("the thread of the node was left behind", code="killed")


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
