"""Kinds that part and join ways: `branch`, `switch`, `merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import CONDITION_FAILURE, EXPRESSION_FAILURE, INVALID_INPUT, bad_input, truth
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import Permanent
from bluev_actors.workflows.formulas import WHEN
from bluev_actors.workflows.graph import DONE, ERROR
from bluev_actors.workflows.kinds import Param, Port
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject


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
    failures={**CONDITION_FAILURE, **EXPRESSION_FAILURE},
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
    holds = truth("branch", "the condition", ctx.evaluate("condition"))
    return {"true" if holds else "false": value}


OTHERWISE: Final = "default"
_RESERVED: Final = (OTHERWISE, DONE, ERROR)


def _cases_flaw(cases: list[Json]) -> str | None:
    """What is wrong with the names of the cases; that each is an object with a `when` is checked elsewhere."""
    objects = [case for case in cases if is_object(case)]
    names = [case.get("name") for case in objects]
    for name in names:
        if not isinstance(name, str) or not name:
            return f"the name of a case is a text, not {name!r}"
        if name in _RESERVED:
            return f"no case can be named {name!r}"
        if names.count(name) > 1:
            return f"two cases are named {name!r}"
    for case in objects:
        if strange := sorted(case.keys() - {"name", WHEN}):
            return f"a case has `name` and `when`, nothing reads {strange[0]!r}"
    return None if cases else "there has to be a case"


@node(
    inputs=[Port("value", required=False, default=None, description="What the taken output carries.")],
    outputs=[Port(OTHERWISE, description="The value, if no case holds. Each case is an output by its own name.")],
    params=[
        Param(
            "cases",
            "list",
            syntax="expression",
            names_outputs=True,
            check=_cases_flaw,
            description="Objects {`name`, `when`}: the first case whose CEL expression `when`, over `value`, "
            "`inputs`, `nodes` and `run`, is true is taken; those behind it are not looked at.",
        )
    ],
    free_outputs=True,
    pure=True,
    failures={**CONDITION_FAILURE, **EXPRESSION_FAILURE},
    examples=[
        example(
            "switch_example",
            {
                "degrees": step("constant", {"value": "${inputs.degrees}"}),
                "weather": step(
                    "switch",
                    {"cases": [{"name": "frost", "when": "value < 0"}, {"name": "mild", "when": "value < 20"}]},
                ),
                "coat": step("template", {"text": "take a coat"}),
                "jacket": step("template", {"text": "a jacket will do"}),
                "shirt": step("template", {"text": "a shirt is enough"}),
                "advice": step("merge"),
            },
            "degrees.value -> weather.value",
            "weather.frost -> coat.value",
            "weather.mild -> jacket.value",
            "weather.default -> shirt.value",
            "coat.text -> advice.in",
            "jacket.text -> advice.in",
            "shirt.text -> advice.in",
            inputs={"degrees": {"type": "number", "default": 12}},
        )
    ],
)
async def switch(ctx: NodeContext, value: Json = None) -> JsonObject:
    """Sends its value the way of the first case that holds; what hangs on the other ways is skipped."""
    for case in ctx.evaluate("cases"):
        if truth("switch", f"the case {case['name']!r}", case[WHEN]):
            return {case["name"]: value}
    return {OTHERWISE: value}


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
    failures={
        "missing_input": "The mode is `first`, and nothing arrived.",
        INVALID_INPUT: "The mode is `object`, and a node gave several values, or a param gives `in`.",
    },
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
        raise bad_input("merge", "mode object needs values from connections")
    found = dict(zip(sources, arrived, strict=True))
    if len(found) != len(arrived):
        twice = next(source for source in sources if sources.count(source) > 1)
        raise bad_input("merge", f"mode object takes one value a node, {twice} gave more")
    return found
