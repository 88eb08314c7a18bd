"""Node types for tests of engines and daemons: `serve --nodes bluev_actors.testing.nodes`.

They do on purpose what nodes do by accident: fail now and then, kill their process, ignore a cancellation, keep
everyone else waiting. None of them has a place in a workflow that is meant.
"""

from __future__ import annotations

import os
import signal
from time import perf_counter
from typing import TYPE_CHECKING

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.errors import NodeError
from bluev_actors.workflows.kinds import Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

__all__ = ["NODES"]


@node(
    params=[Param("times", "int", required=False, default=1, minimum=0, description="How many attempts fail.")],
    free_inputs=True,
    failures={"flaky": "It is one of the first `times` attempts."},
)
async def flaky(ctx: NodeContext, **_inputs: Json) -> int:
    """Fails at its first attempts, then gives the number of the attempt."""
    if ctx.attempt <= ctx.params["times"]:
        raise NodeError(f"attempt {ctx.attempt} of {ctx.params['times']} that fail", code="flaky")
    return ctx.attempt


@node(
    params=[Param("times", "int", required=False, minimum=0, description="How often; each time when left out.")],
    outputs=[],
    free_inputs=True,
    pausable=True,
)
async def crash(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Kills the process it runs in, as `kill -9` does; it counts its crashes in its checkpoint."""
    crashes = ctx.resume_state or 0
    times = ctx.params.get("times")
    if times is None or crashes < times:
        await ctx.checkpoint(crashes + 1)
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


@node(
    params=[Param("seconds", "number", minimum=0, description="How long it takes, cancelled or not.")],
    outputs=[],
    free_inputs=True,
    pausable=True,
)
async def ignore_cancel(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Sleeps on when it is cancelled, and ends as if nothing had been."""
    end = trio.current_time() + ctx.params["seconds"]
    with trio.CancelScope(shield=True):
        await trio.sleep_until(end)
    return {}


@node(
    params=[Param("ms", "number", minimum=0, description="For how many milliseconds.")],
    outputs=[],
    free_inputs=True,
    pausable=True,
)
async def spin(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Keeps the loop busy, so that nobody else has a turn."""
    end = perf_counter() + ctx.params["ms"] / 1000
    while perf_counter() < end:
        pass
    await trio.lowlevel.checkpoint()
    return {}


@node(
    outputs=[Port("count", "int", description="How many lines the file has now.")],
    params=[Param("path", "string", description="The file, which need not be there.")],
    free_inputs=True,
)
def counter(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Writes a line with its run, its node and its attempt into a file that outlives the process."""
    path: str = ctx.params["path"]
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{ctx.idempotency_key} {ctx.attempt}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    with open(path, "rb") as lines:  # noqa: PTH123 - a descriptor's neighbour; a path object would add nothing
        return {"count": sum(1 for _ in lines)}


NODES = [flaky, crash, ignore_cancel, spin, counter]
