"""The kind that waits: `delay`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import INVALID_PARAM
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import IN, OUT, as_text, handed_on, setting
from bluev_actors.errors import Permanent
from bluev_actors.workflows.kinds import Conduct, Param, Problem
from bluev_actors.workflows.times import from_rfc3339
from bluev_actors.workflows.values import Json, JsonObject, type_name

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext


_RIGHT: Final = "it has to be a time such as 2030-01-31T08:00:00Z"


def _until_flaw(until: str) -> str | None:
    try:
        from_rfc3339(until)
    except ValueError:
        return _RIGHT
    return None


def _check(params: JsonObject) -> Problem | None:
    """What is left out of the params may come over a connection, what is given twice is too much in any case."""
    if params.keys() >= {"seconds", "until"}:
        return Problem("custom_validation_failed", "a delay takes `seconds` or `until`, not both")
    return None


@node(
    inputs=[IN],
    outputs=[OUT],
    params=[
        Param(
            "seconds",
            "number",
            required=False,
            minimum=0,
            description="How long to wait, in seconds. An input of this name beats it.",
        ),
        Param(
            "until",
            "string",
            required=False,
            check=_until_flaw,
            description="Instead: when to go on, as in `2030-01-31T08:00:00Z`. A past time is no wait.",
        ),
    ],
    check=_check,
    free_outputs=True,
    pausable=True,
    failures={
        INVALID_PARAM: "Neither `seconds` nor `until` is given, or both are, or what an input gives for one is no time."
    },
    conduct=Conduct(
        pause="The clock of `seconds` stands still; at the resume the node waits for what was left. "
        "`until` is a time of day and comes all the same.",
        retry="Another attempt waits the whole time again.",
        crash="It goes on with the time that is left, counted from its recorded start: what the daemon was down counts "
        "as waited.",
    ),
    examples=[example("delay_example", {"breathe": step("delay", {"seconds": 0.5})})],
)
async def delay(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Waits, then hands its inputs on.

    A pause stops the clock of `seconds`; `until` is a time of day and comes all the same.
    """
    seconds, until = setting(ctx, "seconds"), setting(ctx, "until")
    if (seconds is None) == (until is None):
        raise _refusal("it needs either `seconds` or `until`")
    if until is None:
        await _wait(ctx, _duration(seconds))
    else:
        await trio.sleep(max(0.0, _moment(until) - ctx.now()))
    return handed_on(ctx)


async def _wait(ctx: NodeContext, seconds: float) -> None:
    """Wait for what is left of `seconds`.

    The checkpoint holds what is left, and since when the clock runs; while the run is paused it does not.
    """
    state = {"remaining": seconds, "since": ctx.started_at} if ctx.resume_state is None else ctx.resume_state
    ran = max(0.0, ctx.now() - state.get("since", ctx.now()))
    remaining = max(0.0, state["remaining"] - ran)
    end = trio.current_time() + remaining
    if ctx.resume_state is not None:
        ctx.save({"remaining": remaining, "since": ctx.now()})
    try:
        await trio.sleep_until(end)
    except trio.Cancelled:
        ctx.save({"remaining": max(0.0, end - trio.current_time())})
        raise


def _duration(seconds: Json) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _refusal(f"seconds is of type {type_name(seconds)}, it has to be a number")
    if not 0 <= seconds < math.inf:
        raise _refusal(f"seconds is {seconds}, it has to be 0 or more")
    return float(seconds)


def _moment(until: Json) -> float:
    try:
        return from_rfc3339(until)
    except (TypeError, ValueError) as error:
        raise _refusal(f"until is {as_text(until)}, {_RIGHT}") from error


def _refusal(sentence: str) -> Permanent:
    return Permanent(f"delay: {sentence}", code=INVALID_PARAM)
