"""Kinds that hold, make or pass on values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import EXPRESSION_FAILURE
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import IN, OUT, handed_on
from bluev_actors.engine.turns import is_small
from bluev_actors.workflows.kinds import Conduct, Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject


@node(
    inputs=[IN],
    outputs=[OUT],
    free_outputs=True,
    pure=True,
    examples=[
        example(
            "noop_example",
            {
                "left": step("constant", {"value": 1}),
                "right": step("constant", {"value": 2}),
                "both": step("noop", {"note": "waits for left, hands right on"}),
            },
            "left.value -> both.in",
            "right.value -> both.right",
        )
    ],
)
async def noop(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Does nothing but hand each input on, under its own name."""
    return handed_on(ctx)


@node(
    outputs=[Port("value", description="The param's value.")],
    params=[Param("value", description="Any JSON value; `${...}` in its texts is filled in.")],
    pure=True,
    examples=[example("constant_example", {"answer": step("constant", {"value": 42})})],
)
async def constant(ctx: NodeContext) -> JsonObject:
    """Gives a value that is written in the workflow."""
    return {"value": ctx.params["value"]}


@node(
    inputs=[Port("value", description="Any value.")],
    outputs=[Port("value", description="The same value.")],
    pure=True,
    examples=[example("echo_example", {"say": step("echo", {"value": "hello"})})],
)
async def echo(value: Json) -> JsonObject:
    """Gives back what it gets."""
    return {"value": value}


@node(
    outputs=[Port("value", description="What the expression comes to.")],
    params=[
        Param(
            "expr",
            "string",
            syntax="expression",
            description="One CEL expression over the inputs by name, `inputs`, `nodes` and `run`.",
        )
    ],
    pure=True,
    failures=EXPRESSION_FAILURE,
    examples=[
        example(
            "expression_example",
            {
                "a": step("constant", {"value": 2}),
                "b": step("constant", {"value": 3}),
                "sum": step("expression", {"expr": "a + b"}),
            },
            "a.value -> sum.a",
            "b.value -> sum.b",
        )
    ],
)
async def expression(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Computes one value from its inputs."""
    return {"value": ctx.evaluate("expr")}


@node(
    outputs=[Port("value", "object", description="The object.")],
    params=[
        Param(
            "fields",
            "object",
            syntax="expression",
            description="For each field of the object a CEL expression over the inputs by name, "
            "`inputs`, `nodes` and `run`.",
        )
    ],
    pure=True,
    failures=EXPRESSION_FAILURE,
    examples=[
        example(
            "transform_example",
            {
                "order": step("constant", {"value": {"city": "Oslo", "price": 40, "count": 3}}),
                "line": step("transform", {"fields": {"where": "order.city", "total": "order.price * order.count"}}),
            },
            "order.value -> line.order",
        )
    ],
)
async def transform(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Builds an object, each field by an expression."""
    return {"value": ctx.evaluate("fields")}


@node(
    outputs=[Port("text", "string", description="The filled-in text.")],
    params=[
        Param(
            "text",
            "string",
            syntax="template",
            description="A Jinja template over the inputs by name, `inputs`, `nodes` and `run`.",
        )
    ],
    pure=True,
    failures={
        "expression_failed": "A name is missing, something cannot be done with a value, the text would be longer "
        "than a million characters, or it would take too much work."
    },
    conduct=Conduct(
        security="A template sees plain JSON only and cannot call anything; its work and its text are bounded."
    ),
    examples=[
        example(
            "template_example",
            {
                "names": step("constant", {"value": ["Ada", "Grace"]}),
                "greeting": step("template", {"text": "Hello {{ names | join(' and ') }}!"}),
            },
            "names.value -> greeting.names",
        )
    ],
)
async def template(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Fills its inputs into a text."""
    if _is_quick(ctx):
        return {"text": ctx.evaluate("text")}
    return {"text": await trio.to_thread.run_sync(ctx.evaluate, "text")}


def _is_quick(ctx: NodeContext) -> bool:
    """Whether it is too little work for a thread: no loops, and little to fill in."""
    text = str(ctx.params["text"])
    return "{%" not in text and "nodes" not in text and is_small(ctx.inputs)
