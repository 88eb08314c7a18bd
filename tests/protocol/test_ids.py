"""Tests of `protocol/ids.py`."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.protocol.ids import MAX_ID_LENGTH, MAX_NAME_LENGTH, is_name, request_id_of
from bluev_actors.workflows.shapes import is_id


@given(st.text(st.characters(codec=None), max_size=MAX_ID_LENGTH + 2))
def test_an_id_is_what_the_contract_says(text: str) -> None:
    """1 to 200 characters, and no category of Unicode that is a control or half a character."""
    controls = any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
    assert is_id(text) == (1 <= len(text) <= MAX_ID_LENGTH and not controls)


@pytest.mark.parametrize("value", [None, 5, True, 1.5, ["a"], {"a": 1}, b"a"])
def test_only_text_is_an_id(value: object) -> None:
    """Nothing is converted to text first."""
    assert not is_id(value)


@pytest.mark.parametrize("length", [MAX_ID_LENGTH, MAX_ID_LENGTH + 1])
def test_the_longest_id(length: int) -> None:
    """200 characters pass, 201 do not, whatever their width in bytes."""
    assert is_id("\N{SNOWMAN}" * length) == (length == MAX_ID_LENGTH)


def test_a_line_break_at_the_end_is_seen() -> None:
    """A `$` in a regular expression would overlook it."""
    assert not is_id("run\n")


@pytest.mark.parametrize("length", [MAX_NAME_LENGTH, MAX_NAME_LENGTH + 1])
def test_the_longest_name_holds_a_name_and_an_id(length: int) -> None:
    """A subscription can be as long as `name@ID` with both at their longest."""
    assert is_name("n" * length) == (length == 2 * MAX_ID_LENGTH + 1)


@pytest.mark.parametrize("text", ["", "a\x00", "\x9f", "\ud800"])
def test_what_is_no_name(text: str) -> None:
    """Names obey the rule for characters that ids obey."""
    assert not is_name(text)


@pytest.mark.parametrize(
    ("body", "request_id"),
    [({"request_id": "r1"}, "r1"), ({"request_id": "a\nb"}, None), ({"request_id": 5}, None), ({}, None)],
)
def test_request_id_is_repeated_only_if_it_can_be(body: dict[str, object], request_id: str | None) -> None:
    """A reply must not carry what the daemon itself would refuse."""
    assert request_id_of(body) == request_id
