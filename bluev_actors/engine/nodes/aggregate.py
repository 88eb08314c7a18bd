"""The kind that makes one value of many: `aggregate`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field, frozen

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import INPUT_FAILURE, bad_input, listed_input, typed
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import as_text
from bluev_actors.engine.turns import Turn, in_turns, let_go
from bluev_actors.workflows.kinds import Param, Port
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.errors import Permanent
    from bluev_actors.workflows.values import Json, JsonObject

Operation: TypeAlias = Callable[[list["Json"], Turn], Awaitable["Json"]]


async def _sum(numbers: list[Json], turn: Turn) -> int | float:
    total = 0
    async for piece in in_turns(numbers, _STRIDE, turn):
        if not set(map(type, piece)) <= {int}:
            return await _sum_of_floats(numbers, turn)
        total += sum(piece)
    return total


async def _sum_of_floats(numbers: list[Json], turn: Turn) -> float:
    """It is rounded once, at the end, which gives the same result in every version of Python."""
    parts: list[float] = []
    try:
        async for piece in in_turns(numbers, _STRIDE, turn):
            parts += _exact(piece)
        return math.fsum(parts)
    except OverflowError as error:
        raise _refusal("the numbers are too large to be added up") from error


def _exact(numbers: list[Json]) -> list[float]:
    """A few numbers whose sum is exactly that of all: each is what rounding those before it left over."""
    parts: list[float] = []
    while part := math.fsum([*numbers, *(-each for each in parts)]):
        parts.append(part)
    return parts


async def _mean(numbers: list[Json], turn: Turn) -> Json:
    return await _sum(numbers, turn) / len(numbers) if numbers else None


async def _min(values: list[Json], turn: Turn) -> Json:
    return min([min(piece) async for piece in in_turns(values, _STRIDE, turn)], default=None)


async def _max(values: list[Json], turn: Turn) -> Json:
    return max([max(piece) async for piece in in_turns(values, _STRIDE, turn)], default=None)


async def _count(values: list[Json], _turn: Turn) -> int:
    return len(values)


async def _list(values: list[Json], _turn: Turn) -> list[Json]:
    return values


def _refusal(sentence: str) -> Permanent:
    return bad_input("aggregate", sentence)


JOIN: Final = "join"
OPERATIONS: Final[dict[str, Operation]] = {
    "sum": _sum,
    "min": _min,
    "max": _max,
    "mean": _mean,
    "count": _count,
    "list": _list,
}
"""What each `op` makes of the values, `join` excepted, which needs its separator."""
_STRIDE: Final = 1024
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
    source, items = _items(ctx)
    by, picked = ctx.params.get("by"), _Picked(source, ctx.params.get("field"))
    groups: dict[str, _Group] = {} if by is not None else {"": _Group(ctx.params["op"], picked)}
    key = _Picked(source, by)
    async for piece in in_turns(enumerate(items)):
        for index, item in piece:
            name = "" if by is None else as_text(key.value(item, index))
            if name not in groups:
                groups[name] = _Group(ctx.params["op"], picked)
            groups[name].add(item, index)
    combined = await _combined(ctx, groups)
    return {"value": combined[""] if by is None else combined}


async def _combined(ctx: NodeContext, groups: dict[str, _Group]) -> JsonObject:
    """The results by group. Groups are freed one by one, for there may be as many as there are items."""
    turn, names = Turn(), [*groups]
    results: JsonObject = {}
    async for piece in in_turns(names, turn=turn):
        for name in piece:
            results[name] = await _combine(ctx, groups.pop(name).values, turn)
    await let_go(names)
    return results


def _items(ctx: NodeContext) -> tuple[str, list[Json]]:
    """The items, behind the name of the input that they came in by."""
    given = {name: ctx.inputs[name] for name in ("in", "items") if ctx.inputs.get(name) not in (None, [])}
    if len(given) > 1:
        raise _refusal("the items come from `in` or from `items`, not from both")
    for name, values in given.items():
        return name, listed_input("aggregate", name, values)
    return "items", []


@frozen
class _Picked:
    """What is taken of each item of an input: a field, or, if that is None, all of it."""

    source: str
    field: str | None

    def value(self, item: Json, index: int) -> Json:
        """Take it.

        Raises:
            Permanent: the item has no such field.
        """
        if self.field is None:
            return item
        if not is_object(item):
            raise _refusal(f"{self.source}[{index}] is {typed(item)}, so it has no field {self.field!r}")
        if self.field not in item:
            raise _refusal(f"{self.source}[{index}] has no field {self.field!r}")
        return item[self.field]

    def place(self, index: int) -> str:
        """Where it stands, for a sentence."""
        return f"{self.source}[{index}]" + ("" if self.field is None else f".{self.field}")


@define
class _Group:
    """The values of one group so far, which suit the operation."""

    op: str
    picked: _Picked
    values: list[Json] = field(factory=list["Json"])
    _first: int = 0

    def add(self, item: Json, index: int) -> None:
        """Take what is to be taken of one more item.

        Raises:
            Permanent: the operation cannot be done with it.
        """
        value = self.picked.value(item, index)
        if not self.values:
            self._first = index
        if self.op == JOIN:
            value = as_text(value)
        elif self.op in _COMPARING and isinstance(self.values[0] if self.values else value, str):
            self._check_string(value, index)
        elif self.op in _COMPARING or self.op in _NUMERIC:
            self._check_number(value, index)
        self.values.append(value)

    def _check_string(self, value: Json, index: int) -> None:
        if not isinstance(value, str):
            place, first = self.picked.place(index), self.picked.place(self._first)
            raise _refusal(f"{place} is {typed(value)} and {first} is a string, {self.op} needs one type")

    def _check_number(self, value: Json, index: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refusal(f"{self.picked.place(index)} is {typed(value)}, {self.op} needs numbers")


async def _combine(ctx: NodeContext, values: list[Json], turn: Turn) -> Json:
    op = ctx.params["op"]
    if op == JOIN:
        return await _joined(values, ctx.params["separator"], turn)
    return await OPERATIONS[op](values, turn)


async def _joined(texts: list[Json], separator: str, turn: Turn) -> str:
    joined = separator.join([separator.join(piece) async for piece in in_turns(texts, _STRIDE, turn)])
    await let_go(texts)
    return joined
