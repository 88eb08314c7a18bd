from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.lists import filter_, sort, split
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import ExpressionError, InvalidWorkflowError, Permanent

if TYPE_CHECKING:
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

LONG = 20_000


async def items_of(attempt: type[Attempt], node_type: NodeType, items: Json, **params: Json) -> Any:  # noqa: ANN401 - JSON
    """What a kind makes of a list."""
    (made,) = (await attempt(node_type, params, {"items": items}).run()).values()
    return made


# --- filter -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "kept"),
    [("item > 2", [3, 4]), ("index % 2 == 0", [1, 3]), ("true", [1, 2, 3, 4]), ("item == items[3]", [4])],
)
async def test_filter_keeps_what_it_is_true_of(attempt: type[Attempt], where: str, kept: list[int]) -> None:
    """By the item, its index, or anything else that an expression may name."""
    assert await items_of(attempt, filter_, [1, 2, 3, 4], where=where) == kept


async def test_filter_wants_true_or_false(attempt: type[Attempt]) -> None:
    """The item is told for which it is neither."""
    with pytest.raises(Permanent, match=r"where of items\[1\] is of type int") as caught:
        await items_of(attempt, filter_, [True, 1], where="item")
    assert caught.value.code == "invalid_condition"


async def test_filter_tells_what_cannot_be_evaluated(attempt: type[Attempt]) -> None:
    """An item without the field fails the node."""
    with pytest.raises(ExpressionError, match="price"):
        await items_of(attempt, filter_, [{"price": 1}, {}], where="item.price > 0")


@pytest.mark.parametrize("node_type", [filter_, sort, split])
@pytest.mark.parametrize("items", [None, "abc", {"a": 1}, 3])
async def test_items_are_a_list(attempt: type[Attempt], node_type: NodeType, items: Json) -> None:
    """Nothing else is taken for one."""
    params: dict[str, Json] = {"where": "true"} if node_type is filter_ else {"size": 1} if node_type is split else {}
    with pytest.raises(Permanent, match="it has to be a list") as caught:
        await items_of(attempt, node_type, items, **params)
    assert caught.value.code == "invalid_input"


# --- sort -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "params", "expected"),
    [
        ([3, 1.5, 2], {}, [1.5, 2, 3]),
        (["b", "a"], {}, ["a", "b"]),
        ([True, False], {}, [False, True]),
        ([], {}, []),
        ([1, 3, 2], {"reverse": True}, [3, 2, 1]),
        ([{"at": 2}, {"at": 1}], {"field": "at"}, [{"at": 1}, {"at": 2}]),
        (["bb", "a"], {"by": "item.size()"}, ["a", "bb"]),
        ([1, 2, 3], {"by": "-index"}, [3, 2, 1]),
        ([[2], [1]], {"by": "item[0]"}, [[1], [2]]),
    ],
)
async def test_sort(attempt: type[Attempt], items: Json, params: dict[str, Json], expected: Json) -> None:
    """By the items, a field of them or an expression, smallest first unless told otherwise."""
    assert await items_of(attempt, sort, items, **params) == expected


NO_ORDER: list[tuple[Json, dict[str, Json], str]] = [
    ([1, 2, "3"], {}, r"items\[2\] would be sorted by a string, those before it by a number"),
    ([1, True], {}, r"items\[1\] would be sorted by a bool, those before it by a number"),
    ([1, None], {}, r"items\[1\] would be sorted by null, which has no order"),
    ([[1]], {}, r"items\[0\] would be sorted by a list, which has no order"),
    ([{"at": {}}], {"field": "at"}, "by an object, which has no order"),
    ([{"at": 1}, {}], {"field": "at"}, r"items\[1\] has no field 'at'"),
    ([{"at": 1}, 2], {"field": "at"}, r"items\[1\] is a number, so it has no field 'at'"),
]


@pytest.mark.parametrize(("items", "params", "words"), NO_ORDER)
async def test_what_cannot_be_sorted_is_told(
    attempt: type[Attempt], items: Json, params: dict[str, Json], words: str
) -> None:
    """With the place, and without a word of Python's."""
    with pytest.raises(Permanent, match=words) as caught:
        await items_of(attempt, sort, items, **params)
    assert caught.value.code == "invalid_input"


async def test_sort_is_by_one_thing() -> None:
    """An expression or a field; both are refused before anything runs."""
    assert await problems_of({"by": "item", "field": "at"}) == [("custom_validation_failed", "nodes[0].params")]
    assert await problems_of({"field": "at"}) == []


async def problems_of(params: dict[str, Json]) -> list[tuple[str, str]]:
    """What is wrong with a sort of these params, and where."""
    async with open_runtime() as runtime:
        verdict = await runtime.validate(example("sorts", {"it": step("sort", {"items": [], **params})}))
    return [(problem.code, problem.path) for problem in verdict.errors]


@given(st.lists(st.integers(0, 9), max_size=30), st.booleans())
async def test_sort_is_stable(attempt: type[Attempt], keys: list[int], reverse: bool) -> None:
    """Equal items stay in the order they had, in both directions, as Python's own sort has it."""
    items = [{"key": key, "n": n} for n, key in enumerate(keys)]
    assert await items_of(attempt, sort, items, field="key", reverse=reverse) == sorted(
        items, key=lambda item: item["key"], reverse=reverse
    )


@pytest.mark.parametrize("reverse", [False, True])
async def test_long_lists_are_stable_too(attempt: type[Attempt], reverse: bool) -> None:
    """Though they are sorted in runs that are merged."""
    items = [{"key": n * 7 % 11, "n": n} for n in range(12_000)]
    expected = sorted(items, key=lambda item: item["key"], reverse=reverse)
    assert await items_of(attempt, sort, items, field="key", reverse=reverse) == expected


# --- split ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "size", "chunks"), [([1, 2, 3], 2, [[1, 2], [3]]), ([1, 2], 5, [[1, 2]]), ([], 1, [])]
)
async def test_split(attempt: type[Attempt], items: Json, size: int, chunks: Json) -> None:
    """Chunks of a size, and what is left."""
    assert await items_of(attempt, split, items, size=size) == chunks


@given(st.lists(st.integers()), st.integers(1, 10))
async def test_split_loses_nothing(attempt: type[Attempt], items: list[int], size: int) -> None:
    """Put together again the chunks are the list; none is empty, all but the last are full."""
    chunks = await items_of(attempt, split, items, size=size)
    assert [item for chunk in chunks for item in chunk] == items
    assert all(chunks)
    assert all(len(chunk) == size for chunk in chunks[:-1])


def test_chunks_hold_something(attempt: type[Attempt]) -> None:
    """A size of 0 would never come to an end."""
    with pytest.raises(InvalidWorkflowError, match="at least 1"):
        attempt(split, {"size": 0})


# --- long lists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node_type", "params", "passes"),
    [(filter_, {"where": "item > 5"}, 1), (sort, {}, 2), (sort, {"reverse": True}, 2), (split, {"size": 1}, 64)],
)
async def test_long_lists_hold_nobody_up(
    attempt: type[Attempt], node_type: NodeType, params: dict[str, Json], passes: int
) -> None:
    """While they are worked on, everybody else has a turn whenever one is over."""
    items: list[Json] = [n * 7919 % LONG for n in range(LONG)]
    assert (await attempt(node_type, params, {"items": items}).pace()).suits(LONG, passes)


async def test_long_work_can_be_cancelled(attempt: type[Attempt]) -> None:
    """A pause or a stop comes through."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await attempt(filter_, {"where": "item > 5"}, {"items": list(range(LONG))}).pace()
    assert scope.cancelled_caught
