"""What the kinds share that hand their inputs on (`noop`, `delay`, `log`) or take inputs by any name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from bluev_actors.workflows.kinds import Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

IN: Final = Port(
    "in",
    required=False,
    multi=True,
    description="What comes here is waited for and goes no further; inputs by other names are handed on.",
)
OUT: Final = Port("out", description="Null, unless an input of this name is handed on.")


def handed_on(ctx: NodeContext) -> JsonObject:
    """The outputs of a node that hands its inputs on.

    Each input but `in` comes out under its own name, and every other connected output is null. So a chain
    through `in` and `out` carries order, and never a value that would double at every fork.
    """
    outputs = {name: value for name, value in ctx.inputs.items() if name != IN.name}
    for name in (OUT.name, *ctx.connected_outputs):
        outputs.setdefault(name, None)
    return outputs


def setting(ctx: NodeContext, name: str) -> Json:
    """A param of a node that takes inputs by any name, which a connection of the same name beats."""
    return ctx.inputs[name] if name in ctx.inputs else ctx.params.get(name)


def as_text(value: Json) -> str:
    """A text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
