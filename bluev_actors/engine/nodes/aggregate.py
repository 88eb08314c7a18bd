"""The kind that makes one value of many: `aggregate`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import as_text
from bluev_actors.errors import Permanent
from bluev_actors.workflows.kinds import Param, Port
from bluev_actors.workflows.values import Json, type_name

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import JsonObject

Item: TypeAlias = tuple[str, Json]
"""A value, behind the place where it stands, for the sentence that says what is wrong with it."""
Operation: TypeAlias = Callable[[Sequence[Item]], Json]

_ARTICLES: Final = {"null": "null", "int": "a number", "object": "an object"}


def _sum(items: Sequence[Item], op: str = "sum") -> int | float:
    """Sum of floats is rounded once, at the end, which gives the same result in every version of Python."""
    numbers = [_number(item, op) for item in items]
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    try:
        return math.fsum(numbers)
    except OverflowError as error:
        raise _refusal(f"the numbers are too large for {op}") from error


def _mean(items: Sequence[Item]) -> Json:
    return _sum(items, "mean") / len(items) if items else None


def _min(items: Sequence[Item]) -> Json:
    return min(_comparable(items, "min"), default=None)


def _max(items: Sequence[Item]) -> Json:
    return max(_comparable(items, "max"), default=None)


def _list(items: Sequence[Item]) -> list[Json]:
    return [value for _, value in items]


def _comparable(items: Sequence[Item], op: str) -> list[Json]:
    """The values, which are all numbers or all strings."""
    if not items or not isinstance(items[0][1], str):
        return [_number(item, op) for item in items]
    for place, value in items:
        if not isinstance(value, str):
            raise _refusal(f"{place} is {_typed(value)} and {items[0][0]} is a string, {op} needs one type")
    return _list(items)


def _number(item: Item, op: str) -> int | float:
    place, value = item
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal(f"{place} is {_typed(value)}, {op} needs numbers")
    return value


def _typed(value: Json) -> str:
    name = type_name(value)
    return _ARTICLES.get(name, f"a {name}")


def _refusal(sentence: str) -> Permanent:
    return Permanent(f"aggregate: {sentence}", code="invalid_input")


JOIN: Final = "join"
OPERATIONS: Final[dict[str, Operation]] = {
    "sum": _sum,
    "min": _min,
    "max": _max,
    "mean": _mean,
    "count": len,
    "list": _list,
}
"""What each `op` makes of the items, `join` excepted, which needs its separator."""


@node(
    inputs=[
        Port("in", required=False, multi=True, description="The items, one from each connection."),
        Port("items", "list", required=False, description="Instead: the items as one list."),
    ],
    outputs=[Port("value", description="The result; with `by`, an object of the results by group.")],
    params=[
        Param(
            "op",
            "string",
            choices=(*OPERATIONS, JOIN),
            description="Of no items, sum and count are 0; min, max and mean are null.",
        ),
        Param("field", "string", required=False, description="Take this field of each item, not the item."),
        Param(
            "by",
            "string",
            required=False,
            description="Group the items by this field; a value that is no text names its group as JSON.",
        ),
        Param("separator", "string", required=False, default="", description="What join puts between items."),
    ],
    free_inputs=False,
    pure=True,
    examples=[
        example(
            "aggregate_example",
            {
                "orders": step(
                    "constant",
                    {
                        "value": [
                            {"city": "Oslo", "price": 10},
                            {"city": "Bergen", "price": 5},
                            {"city": "Oslo", "price": 20},
                        ]
                    },
                ),
                "turnover": step("aggregate", {"op": "sum", "field": "price", "by": "city"}),
            },
            "orders.value -> turnover.items",
        ),
        example(
            "join_example",
            {
                "first": step("constant", {"value": "a"}),
                "second": step("constant", {"value": "b"}),
                "both": step("aggregate", {"op": "join", "separator": ", "}),
            },
            "first.value -> both.in",
            "second.value -> both.in",
        ),
    ],
)
async def aggregate(ctx: NodeContext, **_inputs: Json) -> JsonObject:
    """Makes one value of many: sum, min, max, mean, count, list or join."""
    items, by = _items(ctx), ctx.params.get("by")
    if by is None:
        return {"value": _combine(ctx, items)}
    return {"value": {name: _combine(ctx, group) for name, group in _groups(items, by).items()}}


def _items(ctx: NodeContext) -> list[Item]:
    given = {name: ctx.inputs[name] for name in ("in", "items") if ctx.inputs.get(name) not in (None, [])}
    if len(given) > 1:
        raise _refusal("the items come from `in` or from `items`, not from both")
    for name, values in given.items():
        if type_name(values) != "list":
            raise _refusal(f"{name} is {_typed(values)}, it has to be a list")
        return [(f"{name}[{index}]", value) for index, value in enumerate(values)]
    return []


def _groups(items: Sequence[Item], by: str) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        _, value = _pick(item, by)
        groups.setdefault(as_text(value), []).append(item)
    return groups


def _combine(ctx: NodeContext, items: Sequence[Item]) -> Json:
    op, field = ctx.params["op"], ctx.params.get("field")
    values = items if field is None else [_pick(item, field) for item in items]
    if op == JOIN:
        return str(ctx.params["separator"]).join(as_text(value) for _, value in values)
    return OPERATIONS[op](values)


def _pick(item: Item, field: str) -> Item:
    place, value = item
    if type_name(value) != "object":
        raise _refusal(f"{place} is {_typed(value)}, so it has no field {field!r}")
    if field not in value:
        raise _refusal(f"{place} has no field {field!r}")
    return f"{place}.{field}", value[field]
