"""The types of ports and params."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.port_types import SIMPLE_TYPES, fits, is_type, item_type, mismatch

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

TYPES = st.recursive(st.sampled_from(SIMPLE_TYPES), lambda inner: inner.map("list[{}]".format), max_leaves=3)


@pytest.mark.parametrize(
    "name", ["", "str", "list[]", "list[str]", "list[list[x]]", "List[int]", "list[int", "int ", "list[int]]"]
)
def test_what_is_no_type(name: str) -> None:
    """Names that somebody may write."""
    assert not is_type(name)


@given(TYPES)
def test_types_hold_types(name: str) -> None:
    """A list of a type is a type, and says what it holds."""
    assert is_type(name)
    assert item_type(f"list[{name}]") == name


def test_absurd_types_are_refused() -> None:
    """A type nested a thousand times is none, and is found out quickly."""
    assert not is_type("list[" * 1000 + "int" + "]" * 1000)


def test_what_is_no_list_holds_nothing() -> None:
    """`list` holds anything."""
    assert item_type("int") is None
    assert item_type("list") == "any"


@pytest.mark.parametrize(
    ("given_type", "wanted"),
    [
        ("int", "number"),
        ("any", "string"),
        ("string", "any"),
        ("list", "list[string]"),
        ("list[string]", "list"),
        ("list[int]", "list[number]"),
        ("list[list[any]]", "list[list[bool]]"),
        ("null", "any"),
    ],
)
def test_what_fits(given_type: str, wanted: str) -> None:
    """`any` with everything, an int where a number is wanted, and the same within lists."""
    assert fits(given_type, wanted)


@pytest.mark.parametrize(
    ("given_type", "wanted"),
    [
        ("number", "int"),
        ("null", "string"),
        ("list[string]", "list[int]"),
        ("list[number]", "list[int]"),
        ("string", "list[string]"),
        ("list[string]", "string"),
        ("bool", "int"),
        ("bytes_ref", "file_ref"),
    ],
)
def test_what_does_not_fit(given_type: str, wanted: str) -> None:
    """Nothing is converted."""
    assert not fits(given_type, wanted)


@given(TYPES, TYPES, json_values())
def test_what_fits_keeps_its_values(given_type: str, wanted: str, value: Json) -> None:
    """A value of a type that fits is a value of the other, where neither says `any` or leaves the items open."""
    open_ended = any("any" in name or "list" in name.replace("list[", "") for name in (given_type, wanted))
    if not open_ended and fits(given_type, wanted) and mismatch(value, given_type) is None:
        assert mismatch(value, wanted) is None


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (None, "null"),
        (True, "bool"),
        (5, "int"),
        (5, "number"),
        (5.5, "number"),
        ("5", "string"),
        ({}, "object"),
        ([], "list"),
        ([1, "a"], "list"),
        ([[1], []], "list[list[int]]"),
        ("ref", "bytes_ref"),
        ({"path": "x"}, "file_ref"),
    ],
)
def test_values_of_a_type(value: Json, type_: str) -> None:
    """And each of them is `any`."""
    assert mismatch(value, type_) is None
    assert mismatch(value, "any") is None


@pytest.mark.parametrize(
    ("value", "type_", "sentence"),
    [
        ("5", "number", "number is wanted, and it is string"),
        (True, "int", "int is wanted, and it is bool"),
        (False, "number", "number is wanted, and it is bool"),
        (5.0, "int", "int is wanted, and it is number"),
        (None, "string", "string is wanted, and it is null"),
        ({}, "list[int]", "list[int] is wanted, and it is object"),
        ([1, "2"], "list[int]", "in item 1, int is wanted, and it is string"),
        ([[1], [True]], "list[list[int]]", "in item 1, in item 0, int is wanted, and it is bool"),
        (3, "file_ref", "file_ref is wanted, and it is int"),
    ],
)
def test_nothing_is_converted(value: Json, type_: str, sentence: str) -> None:
    """A text of digits is no number, true is no int, and the sentence says where."""
    assert mismatch(value, type_) == sentence
