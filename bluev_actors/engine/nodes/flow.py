"""Kinds that decide what goes on: `branch`, `merge`, `fail`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import IN, as_text, setting
from bluev_actors.errors import NodeError, Permanent
from bluev_actors.workflows.kinds import Param, Port
from bluev_actors.workflows.values import Json, JsonObject, type_name

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext


@node(
    inputs=[Port("value", required=False, default=None, description="What the taken output carries.")],
    outputs=[
        Port("true", description="The value, if the condition holds."),
        Port("false", description="The value, if it does not."),
    ],
    params=[
        Param(
            "condition",
            "string",
            syntax="expression",
            description="A CEL expression over `value`, `inputs`, `nodes` and `run` that is true or false.",
        )
    ],
    pure=True,
    examples=[
        example(
            "branch_example",
            {
                "age": step("constant", {"value": "${inputs.age}"}),
                "grown_up": step("branch", {"condition": "value >= 18"}),
                "yes": step("template", {"text": "come in"}),
                "no": step("template", {"text": "come back later"}),
                "answer": step("merge"),
            },
            "age.value -> grown_up.value",
            "grown_up.true -> yes.value",
            "grown_up.false -> no.value",
            "yes.text -> answer.in",
            "no.text -> answer.in",
            inputs={"age": {"type": "int", "default": 20}},
        )
    ],
)
async def branch(ctx: NodeContext, value: Json = None) -> JsonObject:
    """Sends its value one way or the other; what hangs on the other way is skipped."""
    holds = ctx.evaluate("condition")
    if not isinstance(holds, bool):
        sentence = f"branch: the condition is of type {type_name(holds)}, it has to be true or false"
        raise Permanent(sentence, code="invalid_condition")
    return {"true" if holds else "false": value}


@node(
    inputs=[Port("in", multi=True, description="What arrives, in the order of the connections.")],
    outputs=[Port("value", description="What `mode` makes of it.")],
    params=[
        Param(
            "mode",
            "string",
            required=False,
            default="first",
            choices=("first", "list", "object"),
            description="The first value that arrived, all as a list, or all as an object by node id.",
        )
    ],
    free_inputs=False,
    pure=True,
    trigger_rule="none_failed",
    examples=[
        example(
            "merge_example",
            {
                "oslo": step("constant", {"value": 4}),
                "bergen": step("constant", {"value": 7}),
                "degrees": step("merge", {"mode": "object"}),
            },
            "oslo.value -> degrees.in",
            "bergen.value -> degrees.in",
        )
    ],
)
async def merge(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Joins ways that parted: takes what arrived and leaves out what was skipped."""
    arrived: list[Json] = ctx.inputs.get("in") or []
    mode = ctx.params["mode"]
    if mode == "object":
        return {"value": _by_source(ctx.sources("in"), arrived)}
    if mode == "list":
        return {"value": arrived}
    if not arrived:
        raise Permanent("merge: nothing arrived", code="missing_input")
    return {"value": arrived[0]}


def _by_source(sources: list[str], arrived: list[Json]) -> JsonObject:
    if len(sources) != len(arrived):
        raise Permanent("merge: mode object needs values from connections", code="invalid_input")
    found = dict(zip(sources, arrived, strict=True))
    if len(found) != len(arrived):
        twice = next(source for source in sources if sources.count(source) > 1)
        raise Permanent(f"merge: mode object takes one value a node, {twice} gave more", code="invalid_input")
    return found


DEFAULT_MESSAGE: Final = "the workflow says so"


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
    examples=[example("fail_example", {"give_up": step("fail", {"message": "no such city"}, on_error="continue")})],
)
async def fail(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Fails with a message, whatever it gets; a retry policy may try it again."""
    raise NodeError(as_text(setting(ctx, "message")), code="fail")
