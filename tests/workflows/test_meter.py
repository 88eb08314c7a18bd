"""How work is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.meter import BUDGET, Meter, weigh

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json


@given(st.lists(st.integers(0, BUDGET)))
def test_the_budget_is_paid_once(payments: list[int]) -> None:
    """It covers payments until their sum is more than there was."""
    meter = Meter()
    covered = [meter.pay(units) for units in payments]
    assert covered == [sum(payments[: place + 1]) <= BUDGET for place in range(len(payments))]
    assert meter.exhausted is (sum(payments) > BUDGET)


def test_the_last_unit_may_be_spent() -> None:
    """The limit, and one past it."""
    meter = Meter(3)
    assert meter.pay(3)
    assert not meter.exhausted
    assert not meter.pay(1)
    assert meter.exhausted


@given(json_values())
def test_everything_weighs_something(value: Json) -> None:
    """Nothing is free, and a list weighs more than what is in it."""
    assert weigh([value]) > weigh(value) >= 1


def test_long_texts_weigh_more() -> None:
    """A text of a million characters is no small thing."""
    assert weigh("a" * 1_000_000) == 20_001
    assert weigh({"key": ["a" * 1000, 1, None]}) == 1 + 1 + (1 + 21 + 1 + 1)
