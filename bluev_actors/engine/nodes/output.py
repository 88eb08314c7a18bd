"""Kinds that tell people something: `log`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import IN, OUT, as_text, handed_on, setting
from bluev_actors.errors import Permanent
from bluev_actors.workflows.kinds import Param
from bluev_actors.workflows.run_events import LogLevel

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)


@node(
    inputs=[IN],
    outputs=[OUT],
    params=[
        Param(
            "message",
            required=False,
            description="The line, with `${...}` filled in; when left out, the inputs as JSON.",
        ),
        Param("level", "string", required=False, default="info", choices=LEVELS, description="How grave it is."),
    ],
    free_outputs=True,
    examples=[
        example(
            "log_example",
            {"tell": step("log", {"message": "the city is ${inputs.city}"})},
            inputs={"city": {"type": "string", "default": "Oslo"}},
        )
    ],
)
async def log(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Writes a line that watchers of the run see, and hands its inputs on."""
    level = setting(ctx, "level")
    if level not in LEVELS:
        sentence = f"log: level is {as_text(level)}, it has to be one of {', '.join(LEVELS)}"
        raise Permanent(sentence, code="invalid_param")
    message = setting(ctx, "message")
    ctx.log(as_text(_inputs_given(ctx) if message is None else message), level)
    return handed_on(ctx)


def _inputs_given(ctx: NodeContext) -> JsonObject:
    return {name: value for name, value in ctx.inputs.items() if name != IN.name or value}
