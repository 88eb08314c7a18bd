from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.engine.nodes.query import select
from bluev_actors.errors import ExpressionError, InvalidWorkflowError, ParamError

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

ORDERS: Json = [{"city": "Oslo", "price": 10}, {"city": "Bergen", "price": 50}]
DOUBLINGS = " | ".join(["[@, @]"] * 40)


@pytest.mark.parametrize(
    ("query", "found"),
    [("[?price > `20`].city", ["Bergen"]), ("[0]", ORDERS[0]), ("nothing", None), ("sum([].price)", 60), ("@", ORDERS)],
)
async def test_select_finds(attempt: type[Attempt], query: str, found: Json) -> None:
    """What the query asks for, null if there is no such thing."""
    assert await attempt(select, {"query": query}, {"value": ORDERS}).run() == {"value": found}


async def test_a_large_value_is_searched_in_a_thread(attempt: type[Attempt]) -> None:
    """With the same result."""
    value = [{"n": n} for n in range(3000)]
    node = attempt(select, {"query": "[?n >= `2998`].n"}, {"value": value})
    assert await node.run() == {"value": [2998, 2999]}


async def test_long_work_on_a_small_value_goes_to_a_thread(attempt: type[Attempt]) -> None:
    """What cannot be told beforehand is begun on the loop and given up in time."""
    query = "map(&length(@), map(&[@, @, @, @], @))"
    value = ["x"] * 1500
    assert await attempt(select, {"query": query}, {"value": value}).run() == {"value": [4] * 1500}


async def test_a_bomb_is_refused(attempt: type[Attempt]) -> None:
    """A value that doubles forty times would fill the machine."""
    with pytest.raises(ExpressionError, match="too many steps") as caught:
        await attempt(select, {"query": DOUBLINGS}, {"value": 1}).run()
    assert caught.value.code == "expression_failed"


async def test_long_work_can_be_cancelled(attempt: type[Attempt], running_clock: MockClock) -> None:
    """The thread ends with the node, not when it is done."""
    assert running_clock.rate == 1.0
    value = [{"n": n} for n in range(50_000)]
    with trio.move_on_after(0.01) as scope:
        await attempt(
            select, {"query": "[].{a: n, b: n, c: n} | [].{a: a, b: b} | [].a | sort(@)"}, {"value": value}
        ).run()
    assert scope.cancelled_caught


async def test_an_expression_is_no_value(attempt: type[Attempt]) -> None:
    """What only functions can use is not handed out."""
    with pytest.raises(ExpressionError, match="which is no value"):
        await attempt(select, {"query": "&price"}, {"value": ORDERS}).run()


def test_a_crooked_query_is_refused(attempt: type[Attempt]) -> None:
    """Before the run."""
    with pytest.raises(InvalidWorkflowError, match="the query cannot be read"):
        attempt(select, {"query": "[?price >"})


def test_a_computed_query_is_checked_too(attempt: type[Attempt]) -> None:
    """When it is known."""
    with pytest.raises(ParamError, match="the query cannot be read") as caught:
        attempt(select, {"query": "[${inputs.city}"})
    assert caught.value.code == "custom_validation_failed"
