"""Tests of `protocol/cursors.py`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.protocol.cursors import cursor_text, parse_cursor


@given(st.integers(0, 2**63 - 1))
def test_round_trip(cursor: int) -> None:
    """What was written is read again."""
    assert parse_cursor(cursor_text(cursor)) == cursor


@given(st.text() | st.from_regex(r"[0-9 +_-]{1,25}"))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    """Only a text that `cursor_text` would write is read, so a place has one name."""
    cursor = parse_cursor(text)
    assert cursor is None or cursor_text(cursor) == text


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "01", "1_0", "1.0", "\u0661", "9" * 5_000, str(2**63), "abc", "1\n"]
)
def test_what_is_none(text: str) -> None:
    """Forms that `int` would read, but no daemon wrote."""
    assert parse_cursor(text) is None
