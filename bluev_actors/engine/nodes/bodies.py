"""The kinds whose work is done by a graph of their own: `map`, `loop`, `sub_workflow`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Final, overload

from attrs import frozen

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import (
    CONDITION_FAILURE,
    EXPRESSION_FAILURE,
    INPUT_FAILURE,
    bad_input,
    listed_input,
    truth,
)
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outcome import BodyEnd, Opens
from bluev_actors.errors import Permanent
from bluev_actors.workflows.interface import scattered_inputs
from bluev_actors.workflows.kinds import BODY, Body, Param, Port, Problem
from bluev_actors.workflows.values import Json, JsonObject, is_list

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext

MAX_ITEMS: Final = 100_000
"""Items that one `map` may have."""

_WORKFLOW: Final = Param(
    BODY,
    syntax="workflow",
    description="The graph that is run: as it stands, or the name of one of the document's `workflows` "
    "or of a stored workflow.",
)


# --- map --------------------------------------------------------------------------------------------------

_MAP: Final = Body(gives=("index",), item="item", scatter="scatter")


def _check_map(params: JsonObject) -> Problem | None:
    names = params.get("scatter", ["items"])
    if is_list(names) and names and all(isinstance(name, str) for name in names) and len({*names}) == len(names):
        return None
    return Problem("invalid_param", "`scatter` has to be a list of names of inputs, each once")


@frozen
class Scattered(Sequence[JsonObject]):
    """What the body is given for each item, made when it is asked for: there may be many items, and few at a time.

    Attributes:
        lists: by input: its elements, one for each item.
        others: the same for all items.
        crossed: every combination of elements is an item, the last input changing fastest; else the first elements
            make the first item, and so on.
    """

    lists: dict[str, list[Json]]
    others: JsonObject
    crossed: bool = False

    def __len__(self) -> int:
        lengths = [len(values) for values in self.lists.values()]
        return prod(lengths) if self.crossed else min(lengths)

    @overload
    def __getitem__(self, index: int) -> JsonObject: ...
    @overload
    def __getitem__(self, index: slice) -> list[JsonObject]: ...
    def __getitem__(self, index: int | slice) -> JsonObject | list[JsonObject]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        return {**self.others, **self._elements(index), "index": index}

    def _elements(self, index: int) -> JsonObject:
        if not self.crossed:
            return {name: values[index] for name, values in self.lists.items()}
        found: JsonObject = {}
        for name, values in reversed(self.lists.items()):
            index, place = divmod(index, len(values))
            found[name] = values[place]
        return found


@node(
    "map",
    inputs=[Port("items", "list", description="The items; not there with `scatter`.")],
    outputs=[
        Port(
            "results",
            "list",
            description="For each item, in their order, the declared outputs of the body by name; of a body that "
            "declares none the outputs of its last nodes, by node.",
        )
    ],
    params=[
        _WORKFLOW,
        Param(
            "scatter",
            "list[string]",
            required=False,
            description="Instead of `items`: inputs of the body. The inputs of the node by these names take lists, and "
            "the body gets one element of each.",
        ),
        Param(
            "mode",
            "string",
            required=False,
            default="zip",
            choices=("zip", "cross"),
            description="Of several lists: the first elements make the first item, and so on; or every combination "
            "is an item, the last list changing fastest.",
        ),
        Param(
            "max_concurrency",
            "int",
            required=False,
            minimum=1,
            description="How many items may be under way at one time; all when left out.",
        ),
        Param(
            "on_item_error",
            "string",
            required=False,
            default="fail",
            choices=("fail", "collect", "drop"),
            description="Whether an item that fails fails the node and ends the others; stands among the results as "
            "`{error: {code, message}}`; or is left out.",
        ),
    ],
    body=_MAP,
    check=_check_map,
    failures={**INPUT_FAILURE, "too_many_items": f"There are more than {MAX_ITEMS} items."},
    examples=[
        example(
            "map_example",
            {
                "cities": step("constant", {"value": ["Oslo", "Bergen"]}),
                "each": step(
                    "map",
                    {
                        "workflow": example(
                            "greet",
                            {"greet": step("expression", {"expr": "'Hello ' + inputs.item"})},
                            inputs={"item": {"type": "string"}},
                            outputs={"greeting": {"node": "greet", "output": "value"}},
                        ),
                        "max_concurrency": 4,
                    },
                ),
            },
            "cities.value -> each.items",
        ),
        example(
            "cross_example",
            {
                "each": step(
                    "map",
                    {
                        "workflow": example(
                            "pair",
                            {"pair": step("expression", {"expr": "inputs.city + ' ' + inputs.day"})},
                            inputs={"city": {"type": "string"}, "day": {"type": "string"}},
                        ),
                        "scatter": ["city", "day"],
                        "mode": "cross",
                        "city": ["Oslo", "Bergen"],
                        "day": ["today", "tomorrow"],
                    },
                )
            },
        ),
    ],
)
async def map_(ctx: NodeContext, **inputs: Json) -> Opens | JsonObject:
    """Runs its body once for each item of a list, or of several, and gives all results in order."""
    policy = ctx.params["on_item_error"]
    if ctx.round:
        return {"results": [_result(end) for end in ctx.finished if end.error is None or policy == "collect"]}
    items = _items(ctx, inputs)
    if len(items) > MAX_ITEMS:
        raise Permanent(f"map: there are {len(items)} items, {MAX_ITEMS} is the most", code="too_many_items")
    return Opens(items, ctx.params.get("max_concurrency"), policy)


def _items(ctx: NodeContext, inputs: JsonObject) -> Scattered:
    names = scattered_inputs(_MAP, ctx.node) or ("items",)
    lists = {name: listed_input("map", name, inputs.pop(name)) for name in names}
    crossed = ctx.params["mode"] == "cross"
    if not crossed and len({len(values) for values in lists.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(values)}" for name, values in lists.items())
        raise bad_input("map", f"the lists have to be of one length: {lengths}")
    if names == ("items",):
        lists = {"item": lists["items"]}
    return Scattered(lists, inputs, crossed)


def _result(end: BodyEnd) -> JsonObject:
    if end.error is not None:
        return {"error": {"code": end.error.code, "message": end.error.message}}
    return end.outputs or {}


# --- loop -------------------------------------------------------------------------------------------------


def _check_loop(params: JsonObject) -> Problem | None:
    if "while" not in params and "count" not in params:
        return Problem("loop_unbounded", "a loop needs `while` or `count`, which say when it ends")
    if "max_iterations" not in params and not isinstance(params.get("count"), int):
        return Problem("loop_unbounded", "a loop needs `max_iterations`, for nobody knows how long `while` holds")
    return None


@node(
    "loop",
    inputs=[Port("state", required=False, default=None, description="What the first iteration is given.")],
    outputs=[
        Port("state", description="What the last iteration came to; the state it was given, if there was none."),
        Port("iterations", "int", description="How many there were."),
    ],
    params=[
        _WORKFLOW,
        Param(
            "while",
            "string",
            required=False,
            syntax="expression",
            names=("state", "iteration"),
            description="A CEL expression over `state`, `iteration` (from 0), `inputs`, `nodes` and `run`: the loop "
            "goes round again if it is true.",
        ),
        Param(
            "count",
            "int",
            required=False,
            minimum=0,
            description="How often it goes round, if `while` does not end it.",
        ),
        Param(
            "max_iterations",
            "int",
            required=False,
            minimum=1,
            description="After so many iterations it fails if it is to go round again; needed unless `count` is a "
            "fixed number.",
        ),
        Param("delay", "number", required=False, default=0, minimum=0, description="Seconds between two iterations."),
    ],
    body=Body(gives=("state", "iteration")),
    check=_check_loop,
    failures={
        "max_iterations": "It has gone round `max_iterations` times, and `while` or `count` want it to go on.",
        **CONDITION_FAILURE,
        **EXPRESSION_FAILURE,
    },
    examples=[
        example(
            "loop_example",
            {
                "double": step(
                    "loop",
                    {
                        "workflow": example(
                            "twice",
                            {"twice": step("expression", {"expr": "inputs.state * 2"})},
                            inputs={"state": {"type": "int"}},
                            outputs={"state": {"node": "twice", "output": "value"}},
                        ),
                        "state": 1,
                        "while": "state < 100",
                        "max_iterations": 20,
                    },
                )
            },
        )
    ],
)
async def loop(ctx: NodeContext, state: Json = None, **inputs: Json) -> Opens | JsonObject:
    """Runs its body again and again: each time with the state that the time before came to."""
    if ctx.round:
        state = _next_state(ctx.finished[-1])
    if not _goes_on(ctx, state):
        return {"state": state, "iterations": ctx.round}
    most = ctx.params.get("max_iterations")
    if most is not None and ctx.round >= most:
        raise Permanent(f"loop: it is not done after {most} iterations", code="max_iterations")
    given = {**inputs, "state": state, "iteration": ctx.round}
    return Opens((given,), after=ctx.params["delay"] if ctx.round else 0.0)


def _goes_on(ctx: NodeContext, state: Json) -> bool:
    count = ctx.params.get("count")
    if count is not None and ctx.round >= count:
        return False
    return "while" not in ctx.params or truth("loop", "while", ctx.evaluate("while", state=state, iteration=ctx.round))


def _next_state(end: BodyEnd) -> Json:
    """The body's output `state`, or its only one; all of them by name, if it has others."""
    outputs = end.outputs or {}
    if "state" in outputs:
        return outputs["state"]
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


# --- sub_workflow -----------------------------------------------------------------------------------------


@node(
    "sub_workflow",
    inputs=[],
    outputs=[],
    params=[_WORKFLOW],
    free_outputs=True,
    body=Body(passes_outputs=True),
    examples=[
        example(
            "sub_workflow_example",
            {
                "greeting": step("sub_workflow", {"workflow": "greet", "name": "Ada"}),
                "shout": step("noop"),
            },
            "greeting.text -> shout.in",
            workflows={
                "greet": example(
                    "greet",
                    {"greet": step("expression", {"expr": "'Hello ' + inputs.name"})},
                    inputs={"name": {"type": "string"}},
                    outputs={"text": {"node": "greet", "output": "value"}},
                )
            },
        )
    ],
)
async def sub_workflow(ctx: NodeContext, **inputs: Json) -> Opens | JsonObject:
    """Runs its body once: the inputs that the body declares are its inputs, and so are the outputs."""
    if ctx.round:
        return ctx.finished[0].outputs or {}
    return Opens((inputs,), indexed=False)
