from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.nodes.aggregate import OPERATIONS, aggregate
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

ORDERS = [
    {"city": "Oslo", "price": 10},
    {"city": "Bergen", "price": 5},
    {"city": "Oslo", "price": 20},
]

integers = st.integers(-(2**40), 2**40)
numbers = integers | st.floats(-1e12, 1e12)


def cases(*each: tuple[str, list[Json], Json]) -> list[tuple[str, list[Json], Json]]:
    """Say of a table that its values are any JSON."""
    return list(each)


async def value_of(attempt: type[Attempt], items: Json, op: str, **params: Json) -> Any:  # noqa: ANN401 - any JSON
    """What an aggregate makes of a list of items."""
    return (await attempt(aggregate, {"op": op, **params}, {"items": items}).run())["value"]


@pytest.mark.parametrize(
    ("op", "items", "expected"),
    cases(
        ("sum", [1, 2, 3], 6),
        ("sum", [0.1] * 10, 1.0),
        ("sum", [1, 0.5], 1.5),
        ("min", [3, 1.5, 2], 1.5),
        ("max", [3, 1.5, 2], 3),
        ("min", ["b", "a"], "a"),
        ("max", ["b", "a"], "b"),
        ("mean", [1, 2], 1.5),
        ("count", [None, "a", [1]], 3),
        ("list", [None, "a", [1]], [None, "a", [1]]),
        ("join", ["a", 1, None, {"b": []}], 'a1null{"b":[]}'),
    ),
)
async def test_operations(attempt: type[Attempt], op: str, items: list[Json], expected: Json) -> None:
    """Each operation makes of the items what its name says."""
    assert await value_of(attempt, items, op) == expected


async def test_integers_stay_integers(attempt: type[Attempt]) -> None:
    """A sum of whole numbers is whole, and exact beyond what a float could hold."""
    total = await value_of(attempt, [2**60, 1], "sum")
    assert total == 2**60 + 1
    assert isinstance(total, int)


@pytest.mark.parametrize(
    ("op", "expected"),
    [("sum", 0), ("min", None), ("max", None), ("mean", None), ("count", 0), ("list", []), ("join", "")],
)
@pytest.mark.parametrize("inputs", [{}, {"in": []}, {"items": []}, {"items": None, "in": []}])
async def test_of_no_items(attempt: type[Attempt], op: str, expected: Json, inputs: dict[str, Json]) -> None:
    """Nothing adds up to nothing, and has no smallest, largest or middle."""
    assert await attempt(aggregate, {"op": op}, inputs).run() == {"value": expected}


async def test_items_may_come_one_by_one(attempt: type[Attempt]) -> None:
    """Each connection to `in` brings one item."""
    assert await attempt(aggregate, {"op": "sum"}, {"in": [1, 2]}).run() == {"value": 3}


async def test_join_with_a_separator(attempt: type[Attempt]) -> None:
    """The separator stands between the items, and nowhere else."""
    assert await value_of(attempt, ["a", "b", "c"], "join", separator=", ") == "a, b, c"


async def test_a_field_of_each_item(attempt: type[Attempt]) -> None:
    """With `field` the operation sees that field instead of the items."""
    assert await value_of(attempt, ORDERS, "list", field="price") == [10, 5, 20]


async def test_groups(attempt: type[Attempt]) -> None:
    """With `by` there is one result a group, in the order in which the groups first appear."""
    totals = await value_of(attempt, ORDERS, "sum", field="price", by="city")
    assert list(totals.items()) == [("Oslo", 30), ("Bergen", 5)]


async def test_groups_of_whole_items(attempt: type[Attempt]) -> None:
    """Without `field` a group holds the items themselves."""
    grouped = await value_of(attempt, ORDERS, "list", by="city")
    assert grouped == {"Oslo": [ORDERS[0], ORDERS[2]], "Bergen": [ORDERS[1]]}


async def test_groups_have_text_for_names(attempt: type[Attempt]) -> None:
    """Keys of an object are text, so a group of another type is named by its JSON."""
    items = [{"k": 1}, {"k": None}, {"k": True}, {"k": "1"}]
    assert await value_of(attempt, items, "count", by="k") == {"1": 2, "null": 1, "true": 1}


@pytest.mark.parametrize("op", [*OPERATIONS, "join"])
async def test_no_groups_of_no_items(attempt: type[Attempt], op: str) -> None:
    """Of no items there are no groups."""
    assert await value_of(attempt, [], op, by="city") == {}


@pytest.mark.parametrize(
    ("op", "items", "params", "sentence"),
    [
        ("sum", [1, 2, 3, "4"], {}, "aggregate: items[3] is a string, sum needs numbers"),
        ("mean", [True], {}, "aggregate: items[0] is a bool, mean needs numbers"),
        ("max", [1, [2]], {}, "aggregate: items[1] is a list, max needs numbers"),
        ("min", ["a", 1], {}, "aggregate: items[1] is a number and items[0] is a string, min needs one type"),
        ("sum", [{"a": None}], {"field": "a"}, "aggregate: items[0].a is null, sum needs numbers"),
        ("sum", [{"a": 1}, {}], {"field": "a"}, "aggregate: items[1] has no field 'a'"),
        ("sum", [1], {"field": "a"}, "aggregate: items[0] is a number, so it has no field 'a'"),
        ("count", ["x"], {"by": "a"}, "aggregate: items[0] is a string, so it has no field 'a'"),
        ("sum", {"a": 1}, {}, "aggregate: items is an object, it has to be a list"),
        ("sum", 0, {}, "aggregate: items is a number, it has to be a list"),
        ("sum", [1.7e308, 1.7e308], {}, "aggregate: the numbers are too large to be added up"),
        ("mean", [1.7e308, 1.7e308], {}, "aggregate: the numbers are too large to be added up"),
    ],
)
async def test_what_does_not_fit_is_told(
    attempt: type[Attempt], op: str, items: Json, params: dict[str, Json], sentence: str
) -> None:
    """An item that does not fit is named by its place; it fails for good."""
    with pytest.raises(Permanent) as caught:
        await value_of(attempt, items, op, **params)
    assert str(caught.value) == sentence
    assert caught.value.code == "invalid_input"


async def test_places_are_told_by_the_inputs_name(attempt: type[Attempt]) -> None:
    """What came to `in` is named so."""
    with pytest.raises(Permanent, match=r"in\[1\] is null"):
        await attempt(aggregate, {"op": "sum"}, {"in": [1, None]}).run()


async def test_one_way_in_is_enough(attempt: type[Attempt]) -> None:
    """Items on both inputs have no order that one could foresee."""
    with pytest.raises(Permanent, match="not from both"):
        await attempt(aggregate, {"op": "sum"}, {"in": [1], "items": [2]}).run()


@given(items=st.lists(numbers, min_size=1))
async def test_numbers_as_python_has_them(attempt: type[Attempt], items: list[float]) -> None:
    """The results are those of the standard library, to the last place."""
    expected = {
        "sum": sum(items) if all(isinstance(item, int) for item in items) else math.fsum(items),
        "min": min(items),
        "max": max(items),
        "mean": statistics.fmean(items),
        "count": len(items),
        "list": items,
    }
    assert {op: await value_of(attempt, items, op) for op in OPERATIONS} == {
        **expected,
        "mean": pytest.approx(expected["mean"], rel=1e-12, abs=1e-9),
    }


@given(items=st.lists(numbers, max_size=8).flatmap(st.permutations))
async def test_order_does_not_matter_for_numbers(attempt: type[Attempt], items: list[float]) -> None:
    """Sums and extremes are the same in whatever order parallel nodes delivered."""
    for op in ("sum", "min", "max", "mean", "count"):
        assert await value_of(attempt, items, op) == await value_of(attempt, sorted(items), op)


@given(items=st.lists(st.fixed_dictionaries({"k": st.sampled_from("abc"), "v": integers})))
async def test_groups_lose_nothing(attempt: type[Attempt], items: list[Json]) -> None:
    """The groups together are the whole, each item in the group of its key."""
    groups = await value_of(attempt, items, "list", by="k")
    assert all(item["k"] == key for key, group in groups.items() for item in group)
    assert sum(len(group) for group in groups.values()) == len(items)
    totals = await value_of(attempt, items, "sum", field="v", by="k")
    assert sum(totals.values()) == await value_of(attempt, items, "sum", field="v")


@given(texts=st.lists(st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"])), min_size=1))
async def test_join_can_be_split_again(attempt: type[Attempt], texts: list[str]) -> None:
    """Texts are joined as they are."""
    joined = await value_of(attempt, texts, "join", separator="|")
    assert joined.split("|") == texts


LONG = 20_000


@pytest.mark.parametrize("op", [*OPERATIONS, "join"])
@pytest.mark.parametrize("kind", [int, float])
async def test_long_lists_hold_nobody_up(attempt: type[Attempt], op: str, kind: type[float]) -> None:
    """While they are worked on, everybody else has a turn whenever one is over."""
    node = attempt(aggregate, {"op": op}, {"items": [kind(n) for n in range(LONG)]})
    assert (await node.pace()).suits(LONG)


@pytest.mark.parametrize("op", [*OPERATIONS, "join"])
@pytest.mark.parametrize("groups", [7, LONG])
async def test_many_groups_hold_nobody_up(attempt: type[Attempt], op: str, groups: int) -> None:
    """Nor when each of them takes no time worth the name."""
    items: list[Json] = [{"v": n, "k": n % groups} for n in range(LONG)]
    node = attempt(aggregate, {"op": op, "field": "v", "by": "k"}, {"items": items})
    assert (await node.pace()).suits(LONG)


async def test_what_rounding_leaves_over_is_not_lost(attempt: type[Attempt]) -> None:
    """A long sum is as exact as a short one, though it is made of pieces."""
    large: list[Json] = [1e100, 1.0, 1e-100] * LONG
    assert await value_of(attempt, [*large, *[-1e100] * LONG, *[-1.0] * LONG], "sum") == math.fsum([1e-100] * LONG)
