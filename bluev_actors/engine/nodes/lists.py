"""Kinds that make a list of a list: `filter`, `sort`, `split`."""

from __future__ import annotations

from array import array
from heapq import merge as merged
from typing import TYPE_CHECKING, Any, Final

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import (
    CONDITION_FAILURE,
    EXPRESSION_FAILURE,
    INPUT_FAILURE,
    bad_input,
    listed_input,
    truth,
    typed,
)
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.turns import in_turns, let_go
from bluev_actors.workflows.kinds import Param, Port, Problem
from bluev_actors.workflows.values import is_object, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

_ITEMS: Final = Port("items", "list", description="The list.")
_RUN: Final = 5000
"""Items that are sorted at once, which takes a few milliseconds; the runs are merged in turns."""


@node(
    "filter",
    inputs=[_ITEMS],
    outputs=[Port("items", "list", description="The items that are kept, in their order.")],
    params=[
        Param(
            "where",
            "string",
            syntax="expression",
            names=("item", "index"),
            description="A CEL expression over `item`, `index` (from 0), `inputs`, `nodes` and `run`; "
            "true keeps the item.",
        )
    ],
    pure=True,
    failures={**INPUT_FAILURE, **CONDITION_FAILURE, **EXPRESSION_FAILURE},
    examples=[
        example(
            "filter_example",
            {
                "orders": step("constant", {"value": [{"price": 10}, {"price": 99}, {"price": 45}]}),
                "dear": step("filter", {"where": "item.price > 20"}),
            },
            "orders.value -> dear.items",
        )
    ],
)
async def filter_(ctx: NodeContext, items: Json) -> JsonObject:
    """Keeps the items of a list for which an expression is true."""
    kept: list[Json] = []
    async for piece in in_turns(enumerate(listed_input("filter", "items", items))):
        kept += [item for index, item in piece if _holds(ctx, item, index)]
    return {"items": kept}


def _holds(ctx: NodeContext, item: Json, index: int) -> bool:
    return truth("filter", f"where of items[{index}]", ctx.evaluate("where", item=item, index=index))


def _check_sort(params: JsonObject) -> Problem | None:
    if params.keys() >= {"by", "field"}:
        return Problem("custom_validation_failed", "a sort goes by `by` or by `field`, not by both")
    return None


@node(
    inputs=[_ITEMS],
    outputs=[Port("items", "list", description="The same items in order; equal ones stay in the order they had.")],
    params=[
        Param(
            "by",
            "string",
            required=False,
            syntax="expression",
            names=("item", "index"),
            description="A CEL expression over `item` and `index` that gives what to sort by; "
            "when left out, the item itself.",
        ),
        Param("field", "string", required=False, description="Instead of `by`: sort by this field of each item."),
        Param("reverse", "bool", required=False, default=False, description="Largest first."),
    ],
    check=_check_sort,
    pure=True,
    failures={**INPUT_FAILURE, **EXPRESSION_FAILURE},
    examples=[
        example(
            "sort_example",
            {
                "orders": step("constant", {"value": [{"n": 2, "at": 3}, {"n": 1, "at": 7}, {"n": 3, "at": 1}]}),
                "latest": step("sort", {"field": "at", "reverse": True}),
                "odd_first": step("sort", {"by": "item.n % 2 == 0"}),
            },
            "orders.value -> latest.items",
            "orders.value -> odd_first.items",
        )
    ],
)
async def sort(ctx: NodeContext, items: Json) -> JsonObject:
    """Sorts a list: by its items, a field of them, or an expression; all numbers, all strings or all true and false."""
    key, family = _key(ctx), _Family()
    whole, keys = listed_input("sort", "items", items), list[Any]()
    async for piece in in_turns(enumerate(whole)):
        keys += [family.checked(key(item, index), index) for index, item in piece]
    ordered = await _in_order(whole, keys, reverse=ctx.params["reverse"])
    await let_go(keys)
    return {"items": ordered}


def _key(ctx: NodeContext) -> Callable[[Json, int], Json]:
    if ctx.params.get("by") is not None:
        return lambda item, index: ctx.evaluate("by", item=item, index=index)
    if (field := ctx.params.get("field")) is not None:
        return lambda item, index: _field(item, index, field)
    return lambda item, _index: item


def _field(item: Json, index: int, field: str) -> Json:
    if not is_object(item):
        raise bad_input("sort", f"items[{index}] is {typed(item)}, so it has no field {field!r}")
    if field not in item:
        raise bad_input("sort", f"items[{index}] has no field {field!r}")
    return item[field]


class _Family:
    """Sees to it that all keys are of a kind, for there is no order among a number and a text."""

    def __init__(self) -> None:
        self._first: str | None = None

    def checked(self, key: Json, index: int) -> Json:
        """The key of `items[index]`, if it goes together with those before it."""
        family = _FAMILIES.get(type_name(key))
        if family is None:
            raise bad_input("sort", f"items[{index}] would be sorted by {typed(key)}, which has no order")
        if self._first is None:
            self._first = family
        elif family != self._first:
            sentence = f"items[{index}] would be sorted by a {family}, those before it by a {self._first}"
            raise bad_input("sort", sentence)
        return key


_FAMILIES: Final = {"int": "number", "number": "number", "string": "string", "bool": "bool"}


async def _in_order(items: list[Json], keys: list[Any], *, reverse: bool) -> list[Json]:
    """Sort in runs that are merged, since one call of `sort` cannot be interrupted.

    A run is an array, which is freed at once, and not number by number as a list is.
    """
    key = keys.__getitem__
    runs: list[array[int]] = []
    async for starts in in_turns(range(0, len(items), _RUN), stride=1):
        indices = (range(start, min(start + _RUN, len(items))) for start in starts)
        runs += [array("q", sorted(run, key=key, reverse=reverse)) for run in indices]
    ordered: list[Json] = []
    async for piece in in_turns(merged(*runs, key=key, reverse=reverse)):
        ordered += [items[index] for index in piece]
    return ordered


@node(
    inputs=[_ITEMS],
    outputs=[Port("chunks", "list[list]", description="Lists of `size` items; the last one may be shorter.")],
    params=[Param("size", "int", minimum=1, description="How many items go into a chunk.")],
    pure=True,
    failures=INPUT_FAILURE,
    examples=[
        example(
            "split_example",
            {"pages": step("split", {"items": ["a", "b", "c", "d", "e"], "size": 2})},
        )
    ],
)
async def split(ctx: NodeContext, items: Json) -> JsonObject:
    """Cuts a list into chunks, as for a `map` that takes several items at a time."""
    whole, size = listed_input("split", "items", items), ctx.params["size"]
    chunks: list[Json] = []
    async for starts in in_turns(range(0, len(whole), size), stride=1):
        chunks += [whole[start : start + size] for start in starts]
    return {"chunks": chunks}
