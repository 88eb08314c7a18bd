"""Kinds that end a way with an error: `fail`, `assert`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import CONDITION_FAILURE, EXPRESSION_FAILURE, truth
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import IN, OUT, as_text, handed_on, setting
from bluev_actors.errors import NodeError, Permanent
from bluev_actors.workflows.kinds import Conduct, Param

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

DEFAULT_MESSAGE: Final = "the workflow says so"
DEFAULT_OBJECTION: Final = "the condition does not hold"
FAIL: Final = "fail"
ASSERTION_FAILED: Final = "assertion_failed"


@node(
    inputs=[IN],
    outputs=(),
    params=[
        Param(
            "message",
            "string",
            required=False,
            default=DEFAULT_MESSAGE,
            description="What the failure says; `${...}` is filled in.",
        )
    ],
    free_outputs=True,
    failures={FAIL: "Always."},
    conduct=Conduct(retry="A retry policy tries it again, and it fails again."),
    examples=[example("fail_example", {"give_up": step("fail", {"message": "no such city"}, on_error="continue")})],
)
async def fail(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Fails with a message, whatever it gets; a retry policy may try it again."""
    raise NodeError(as_text(setting(ctx, "message")), code=FAIL)


@node(
    "assert",
    inputs=[IN],
    outputs=[OUT],
    params=[
        Param(
            "condition",
            "string",
            syntax="expression",
            description="A CEL expression over the inputs by name, `inputs`, `nodes` and `run` that is true or false.",
        ),
        Param(
            "message",
            "string",
            required=False,
            default=DEFAULT_OBJECTION,
            description="What the failure says; `${...}` is filled in.",
        ),
    ],
    free_outputs=True,
    pure=True,
    failures={ASSERTION_FAILED: "The condition is false.", **CONDITION_FAILURE, **EXPRESSION_FAILURE},
    conduct=Conduct(retry="It is never tried again: another attempt would come to the same."),
    examples=[
        example(
            "assert_example",
            {
                "stock": step("constant", {"value": 3}),
                "enough": step("assert", {"condition": "stock >= 1", "message": "nothing is left"}),
            },
            "stock.value -> enough.stock",
        )
    ],
)
async def assert_(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Hands its inputs on if a condition holds, and fails if it does not."""
    if not truth("assert", "the condition", ctx.evaluate("condition")):
        raise Permanent(as_text(setting(ctx, "message")), code=ASSERTION_FAILED)
    return handed_on(ctx)
