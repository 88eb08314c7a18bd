"""How messages show what users wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.wording import LISTED, SHOWN, hint, listed, quoted

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", '"plain"'),
        ("née", '"née"'),
        ("a\nb\x1b[2J", '"a\\nb\\u001b[2J"'),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ([1], "a list"),
        ((1,), "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_values_are_shown_as_json(value: Json, shown: str) -> None:
    """Control characters cannot paint a terminal, and containers are only named."""
    assert quoted(value) == shown


@given(json_values() | st.text(min_size=1000, max_size=1100))
def test_what_is_shown_is_short(value: Json) -> None:
    """A message does not carry a document."""
    assert len(quoted(value)) <= 12 * SHOWN + 20


def test_long_lists_are_cut() -> None:
    """With the number of those left out."""
    assert listed([]) == "none"
    assert listed(["a", "b"]) == '"a", "b"'
    names = [str(number) for number in range(LISTED + 3)]
    assert listed(names).endswith('"11" and 3 more')


def test_a_slip_is_told() -> None:
    """The nearest first, for people and for programs."""
    told = hint("colour", ["color", "size", "clour"])
    assert told.words == 'did you mean "color"?'
    assert told.details == {"suggestions": ["color", "clour"], "known": ["color", "size", "clour"]}


def test_without_a_near_one_all_are_told() -> None:
    """What there is helps too."""
    told = hint("zzz", ["color", "size"])
    assert told.words == 'there is: "color", "size"'
    assert told.details == {"suggestions": [], "known": ["color", "size"]}
    assert hint("zzz", []).words == "there is: none"


def test_a_hundred_thousand_names_are_not_all_compared() -> None:
    """The one meant may be among the rest; a hint is not worth a second of everyone's time."""
    names = {f"node {number}": None for number in range(100_000)}
    assert hint("node 199", names).words == 'did you mean "node 199"?'
    assert "99,999" not in hint("zzz", names).words
    assert hint("z" * 1_000_000, names).details == {"suggestions": [], "known": list(names)[:LISTED]}
