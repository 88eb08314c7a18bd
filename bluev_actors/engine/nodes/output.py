"""Kinds that tell people and programs something: `log`, `emit_event`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import INVALID_PARAM
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import IN, OUT, as_text, handed_on, setting
from bluev_actors.errors import Permanent
from bluev_actors.workflows.kinds import Conduct, Param, Port
from bluev_actors.workflows.run_events import LogLevel

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

MAX_NAME: Final = 200
"""Characters that the name of an event may have."""
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
    failures={INVALID_PARAM: "The level, computed in the run, is none of these."},
    conduct=Conduct(
        retry="Each attempt writes the line once more.",
        crash="If the daemon dies while it runs, the line may be there twice.",
        security="Lines are kept up to 10,000 a node, cut where they are too long, and secrets in them are masked.",
    ),
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
        raise Permanent(sentence, code=INVALID_PARAM)
    message = setting(ctx, "message")
    ctx.log(as_text(_inputs_given(ctx) if message is None else message), level)
    return handed_on(ctx)


def _name_flaw(name: str) -> str | None:
    return None if 0 < len(name) <= MAX_NAME else f"it has to have 1 to {MAX_NAME} characters"


def _inputs_given(ctx: NodeContext) -> JsonObject:
    return {name: value for name, value in ctx.inputs.items() if name != IN.name or value}


@node(
    inputs=[Port("data", required=False, default=None, description="What the event brings along.")],
    outputs=[Port("data", description="The same.")],
    params=[Param("name", "string", check=_name_flaw, description="What the event is called.")],
    failures={"invalid_event": "The data cannot be sent as an event."},
    conduct=Conduct(
        retry="Each attempt sends the event once more.",
        crash="If the daemon dies while it runs, the event may be there twice, under two numbers.",
        security="The event goes to those who watch the run, like all others; secrets in it are masked.",
    ),
    examples=[
        example(
            "emit_event_example",
            {"tell": step("emit_event", {"name": "order.shipped", "data": {"order": 17}})},
        )
    ],
)
async def emit_event(ctx: NodeContext, data: Json = None) -> JsonObject:
    """Tells watchers of the run something, as a `node_event`, and hands the data on."""
    ctx.emit(ctx.params["name"], data)
    return {"data": data}
