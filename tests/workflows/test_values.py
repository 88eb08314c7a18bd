"""What counts as plain JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.values import (
    INT_MAX,
    INT_MIN,
    MAX_DEPTH,
    find_flaw,
    is_list,
    is_object,
    type_name,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json


def nested(depth: int) -> Json:
    """Lists in lists, `depth` of them."""
    value: Json = "core"
    for _ in range(depth):
        value = [value]
    return value


@given(json_values())
def test_json_has_no_flaw(value: Json) -> None:
    """What JSON can carry is found to be without flaw."""
    assert find_flaw(value) is None


@given(json_values())
def test_plain_values_survive_a_round_trip(value: Json) -> None:
    """A value without flaw is the same after it has been written and read."""
    assert orjson.loads(orjson.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        (math.nan, "the value is nan, which JSON cannot carry"),
        (math.inf, "the value is inf, which JSON cannot carry"),
        ([1, -math.inf], "[1] is -inf, which JSON cannot carry"),
        (INT_MAX + 1, "the value is an integer beyond 64 bits"),
        ({"a": INT_MIN - 1}, "a is an integer beyond 64 bits"),
        ("\ud800", "the text holds a lone surrogate, which is not valid text"),
        ({"a": ["é", "\udfff"]}, "a[1] holds a lone surrogate, which is not valid text"),
        ({"\ud800": 1}, "a key of the value holds a lone surrogate, which is not valid text"),
        ({"a": {1: 2}}, "a has the key 1, but keys are text"),
        (b"raw", "the value is a bytes, which JSON cannot carry"),
        ({"a": {"b": [{1, 2}]}}, "a.b[0] is a set, which JSON cannot carry"),
        (object, "the value is a type, which JSON cannot carry"),
    ],
)
def test_a_flaw_is_named_with_its_place(value: object, flaw: str) -> None:
    """The sentence says where it is and what it is."""
    assert find_flaw(value) == flaw


def test_the_place_begins_at_the_given_path() -> None:
    """A caller that checks a part says what the part is called."""
    assert find_flaw({"a": [math.nan]}, "output body") == "output body.a[0] is nan, which JSON cannot carry"


def test_integers_at_the_limits_are_plain() -> None:
    """64 bits, signed or not."""
    assert find_flaw([INT_MIN, INT_MAX]) is None


def test_the_depth_limit_is_exact() -> None:
    """The deepest value that is allowed, and one deeper."""
    assert find_flaw(nested(MAX_DEPTH)) is None
    assert find_flaw(nested(MAX_DEPTH + 1)) == f"{'[0]' * MAX_DEPTH} is nested deeper than {MAX_DEPTH} levels"
    assert find_flaw({"a": nested(MAX_DEPTH)}) is not None


def test_what_is_nested_already_counts() -> None:
    """The depth of the surroundings is added to the value's own."""
    assert find_flaw(nested(10), "", MAX_DEPTH - 10) is None
    assert find_flaw(nested(11), "", MAX_DEPTH - 10) is not None


def test_absurd_depth_is_no_recursion_error() -> None:
    """A hostile nesting is refused at the limit, not at Python's."""
    assert find_flaw(nested(100_000)) is not None


@given(
    json_values(),
    st.sampled_from([math.nan, math.inf, 2**64, -(2**63) - 1, "\ud9ab", b"", {1: 1}, {"\udc00": 1}, {()}]),
)
def test_a_flaw_anywhere_is_found(value: Json, flaw: Any) -> None:  # noqa: ANN401 - anything but JSON
    """Whatever is put beside a flaw does not hide it."""
    assert find_flaw([value, {"key": [flaw]}, value]) is not None


def test_tuples_are_lists() -> None:
    """A node may return a tuple."""
    assert find_flaw((1, ("a", None))) is None
    assert find_flaw((1, (math.nan,))) == "[1][0] is nan, which JSON cannot carry"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "bool"),
        (1, "int"),
        (1.0, "number"),
        ("", "string"),
        ([], "list"),
        ((), "list"),
        ({}, "object"),
    ],
)
def test_types_have_the_names_of_port_types(value: Json, name: str) -> None:
    """The words of messages are the words of the documents."""
    assert type_name(value) == name


@given(json_values())
def test_objects_and_lists_are_told_apart(value: Json) -> None:
    """A value is an object, a list, or neither, as its text shows."""
    text = json.dumps(value)
    assert is_object(value) is text.startswith("{")
    assert is_list(value) is text.startswith("[")
