from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine import turns
from bluev_actors.engine.turns import STRIDE, Turn, in_turns, is_small, let_go, weight_within
from bluev_actors.testing.strategies import json_values

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bluev_actors.workflows.values import Json


@given(st.integers(0, 5 * STRIDE), st.integers(1, 2 * STRIDE))
async def test_all_items_come_in_order(number: int, stride: int) -> None:
    """In pieces of the stride; only the last one may be shorter, and none is empty."""
    pieces = [piece async for piece in in_turns(range(number), stride)]
    assert [item for piece in pieces for item in piece] == list(range(number))
    assert all(len(piece) == stride for piece in pieces[:-1])
    assert all(pieces)


def quarters_of_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a clock that goes on by a quarter of a turn with every look at it."""
    clock = count(0.0, turns.TURN / 4)
    monkeypatch.setattr(turns, "perf_counter", lambda: next(clock))


@asynccontextmanager
async def counted_beats() -> AsyncGenerator[Callable[[], int]]:
    """Count how often the loop goes round."""
    beats = 0
    async with trio.open_nursery() as nursery:

        async def beat() -> None:
            nonlocal beats
            while True:
                await trio.lowlevel.checkpoint()
                beats += 1

        nursery.start_soon(beat)
        yield lambda: beats
        nursery.cancel_scope.cancel()


async def test_others_have_a_turn_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every piece, but when the time is up."""
    quarters_of_a_turn(monkeypatch)
    async with counted_beats() as beats:
        pieces = [piece async for piece in in_turns(range(100), 1)]
    assert len(pieces) == 100
    assert 15 <= beats() <= 25


async def test_short_loops_share_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a million of them would hold everybody up, each of which takes no time."""
    quarters_of_a_turn(monkeypatch)
    async with counted_beats() as beats:
        turn = Turn()
        for _ in range(100):
            assert [piece async for piece in in_turns([1], turn=turn)] == [[1]]
    assert 30 <= beats() <= 50


@pytest.mark.parametrize("number", [0, 1, 100_000])
async def test_a_list_is_let_go_in_turns(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Nothing is left of it."""
    quarters_of_a_turn(monkeypatch)
    values = [*range(number)]
    async with counted_beats() as beats:
        await let_go(values)
    assert values == []
    assert beats() >= number // 50_000


async def test_short_work_never_waits() -> None:
    """A piece or two are done in one go, even under a cancellation."""
    with trio.CancelScope() as scope:
        scope.cancel()
        assert [piece async for piece in in_turns([1, 2])] == [[1, 2]]
    assert not scope.cancelled_caught


@pytest.mark.parametrize(
    ("value", "weight"),
    [(None, 1), (1, 1), ("", 1), ("x" * 49, 1), ("x" * 100, 3), ([], 1), ([1, [2]], 4), ({"a": {"b": 1}}, 3)],
)
def test_weight(value: Json, weight: int) -> None:
    """One for each value and container, more for a long text."""
    assert weight_within(value, 100) == weight
    assert weight_within(value, weight) == weight
    assert weight_within(value, weight - 1) is None


@given(json_values(), st.integers(0, 50))
def test_weight_and_limit(value: Json, limit: int) -> None:
    """The weight is the same for every limit that it is within."""
    weight = weight_within(value, 10**9)
    assert weight is not None
    assert weight_within(value, limit) == (weight if weight <= limit else None)
    assert is_small(value, limit) is (weight <= limit)


def test_a_value_in_many_places_weighs_often() -> None:
    """What is shared is written out in the end; and to find that out takes no longer than the limit."""
    value: Json = 1
    for _ in range(60):
        value = [value, value]
    assert weight_within(value, 10_000) is None
    assert not is_small({"a": value})
