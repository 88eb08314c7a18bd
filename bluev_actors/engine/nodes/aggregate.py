"""The kind that makes one value of many: `aggregate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import INPUT_FAILURE, bad_input, listed_input, typed
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import as_text
from bluev_actors.engine.turns import in_turns
from bluev_actors.workflows.kinds import Param, Port
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.errors import Permanent
    from bluev_actors.workflows.values import Json, JsonObject

Operation: TypeAlias = Callable[[list["Json"]], "Json"]


def _sum(numbers: list[Json]) -> int | float:
    """Sum of floats is rounded once, at the end, which gives the same result in every version of Python."""
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    try:
        return math.fsum(numbers)
    except OverflowError as error:
        raise _refusal("the numbers are too large to be added up") from error


def _mean(numbers: list[Json]) -> Json:
    return _sum(numbers) / len(numbers) if numbers else None


def _min(values: list[Json]) -> Json:
    return min(values, default=None)


def _max(values: list[Json]) -> Json:
    return max(values, default=None)


def _list(values: list[Json]) -> list[Json]:
    return values


def _refusal(sentence: str) -> Permanent:
    return bad_input("aggregate", sentence)


JOIN: Final = "join"
OPERATIONS: Final[dict[str, Operation]] = {
    "sum": _sum,
    "min": _min,
    "max": _max,
    "mean": _mean,
    "count": len,
    "list": _list,
}
"""What each `op` makes of the values, `join` excepted, which needs its separator."""
_NUMERIC: Final = ("sum", "mean")
_COMPARING: Final = ("min", "max")


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
    failures=INPUT_FAILURE,
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
    name, items = _items(ctx)
    by, op = ctx.params.get("by"), ctx.params["op"]
    groups: dict[str, _Group] = {} if by is not None else {"": _Group(op)}
    async for piece in in_turns(enumerate(items)):
        for index, item in piece:
            place = _Place(name, index)
            group = "" if by is None else as_text(_pick(item, place, by))
            if group not in groups:
                groups[group] = _Group(op)
            _take(groups[group], item, place, ctx.params.get("field"))
    combined = {group: _combine(ctx, it.values) for group, it in groups.items()}
    return {"value": combined[""] if by is None else combined}


def _items(ctx: NodeContext) -> tuple[str, list[Json]]:
    """The items, behind the name of the input that they came in by."""
    given = {name: ctx.inputs[name] for name in ("in", "items") if ctx.inputs.get(name) not in (None, [])}
    if len(given) > 1:
        raise _refusal("the items come from `in` or from `items`, not from both")
    for name, values in given.items():
        return name, listed_input("aggregate", name, values)
    return "items", []


@define
class _Place:
    """Where an item stands; it is put into words only when something is wrong there."""

    name: str
    index: int
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.name}[{self.index}]" + ("" if self.field is None else f".{self.field}")


@define
class _Group:
    """The values of one group so far, which suit the operation."""

    op: str
    values: list[Json] = field(factory=list["Json"])
    _first: _Place | None = None

    def add(self, value: Json, place: _Place) -> None:
        """Take one more value.

        Raises:
            Permanent: the operation cannot be done with it.
        """
        if self.op in _COMPARING and isinstance(self.values[0] if self.values else value, str):
            if not isinstance(value, str):
                raise _refusal(f"{place} is {typed(value)} and {self._first} is a string, {self.op} needs one type")
        elif self.op in _NUMERIC or self.op in _COMPARING:
            self._check_number(value, place)
        if self._first is None:
            self._first = place
        self.values.append(value)

    def _check_number(self, value: Json, place: _Place) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refusal(f"{place} is {typed(value)}, {self.op} needs numbers")


def _take(group: _Group, item: Json, place: _Place, field: str | None) -> None:
    if field is None:
        group.add(item, place)
    else:
        group.add(_pick(item, place, field), _Place(place.name, place.index, field))


def _pick(item: Json, place: _Place, field: str) -> Json:
    if not is_object(item):
        raise _refusal(f"{place} is {typed(item)}, so it has no field {field!r}")
    if field not in item:
        raise _refusal(f"{place} has no field {field!r}")
    return item[field]


def _combine(ctx: NodeContext, values: list[Json]) -> Json:
    op = ctx.params["op"]
    if op == JOIN:
        return str(ctx.params["separator"]).join(as_text(value) for value in values)
    return OPERATIONS[op](values)
