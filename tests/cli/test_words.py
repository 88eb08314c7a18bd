"""How things are put: short, safe, in the right unit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.cli.words import compact, counted, duration, outputs_text, plural, printable, shortened, telling
from bluev_actors.testing.strategies import json_values

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 ms"),
        (0.0004, "0.4 ms"),
        (0.031, "31 ms"),
        (0.1, "0.10 s"),
        (0.5, "0.50 s"),
        (59.99, "59.99 s"),
        (60, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3600, "1 h 00 min"),
        (3725, "1 h 02 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """Each in the unit that a person would choose."""
    assert duration(seconds) == text


@given(st.text())
def test_no_text_steers_a_terminal(text: str) -> None:
    """No control character of any kind survives, and what is left can be written."""
    shown = printable(text)
    assert not CONTROL.search(shown)
    shown.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Umlauts, ideographs and emoji are no danger."""
    assert printable(text) == text


def test_an_escape_is_shown_as_its_code() -> None:
    """So that whoever looks for it can see it."""
    assert printable("a\x1b[31mb\r\n") == "a\\x1b[31mb\\x0d\\x0a"
    assert printable("\ud800") == "?"


@given(st.text(), st.integers(3, 50))
def test_shortened(text: str, width: int) -> None:
    """Never longer than asked for, and whole when it fits."""
    assert len(shortened(text, width)) <= width
    assert (shortened(text, width) == text) == (len(text) <= width or text == shortened(text, width))


@given(st.dictionaries(st.text(max_size=10), json_values(), max_size=5), st.integers(10, 120))
def test_outputs_fit_their_place(outputs: dict[str, object], width: int) -> None:
    """Whatever a node gives out takes one line of the given width and cannot steer the terminal."""
    text = outputs_text(outputs, width)
    assert len(text) <= width
    assert not CONTROL.search(text)


def test_outputs_in_short() -> None:
    """Names and values as JSON."""
    assert outputs_text({"value": 2, "text": 'a "b"'}, 80) == 'value = 2, text = "a \\"b\\""'


def test_a_huge_value_is_not_written_out() -> None:
    """A list of a million is told by its length, a long text by its begin."""
    assert outputs_text({"rows": list(range(1_000_000))}, 80) == "rows = 1000000 items"
    assert outputs_text({"text": "x" * 1_000_000}, 20) == 'text = "xxxxxxxxx...'


def test_nulls_tell_nothing() -> None:
    """A delay that gives out null has only ended."""
    assert telling({"out": None, "rows": 3}) == {"rows": 3}
    assert telling(None) == {}


def test_counts_and_plurals() -> None:
    """What there is none of is left out."""
    assert counted([("completed", 3), ("failed", 0), ("skipped", 1)]) == "3 completed, 1 skipped"
    assert [plural(n, "node") for n in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]


@given(json_values())
def test_compact_is_one_line(value: object) -> None:
    """Any JSON value, on one line."""
    assert "\n" not in compact(value)
