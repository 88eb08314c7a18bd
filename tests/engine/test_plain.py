from __future__ import annotations

from enum import Enum

import orjson
import pytest
from hypothesis import given

from bluev_actors.engine.plain import clean_text, encoded, plain_copy
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.values import Json, find_flaw, is_list, is_object


class Text(str):
    """A text of another library."""

    __slots__ = ()


class Real(float):
    """A float of another library, as NumPy's."""

    __slots__ = ()


class Colour(str, Enum):  # noqa: UP042 - what users on older versions of Python wrote
    """Texts with names."""

    RED = "red"


def plain_types_only(value: Json) -> bool:
    """Whether nothing in a value is of a subclass of what JSON is made of."""
    if is_object(value):
        return type(value) is dict and all(type(key) is str and plain_types_only(it) for key, it in value.items())
    if is_list(value):
        return type(value) is list and all(map(plain_types_only, value))
    return value is None or type(value) in (bool, int, float, str)


@given(json_values())
def test_a_copy_is_equal(value: Json) -> None:
    """Whatever is JSON comes through as it is."""
    copy = plain_copy(value)
    assert copy == value
    assert plain_types_only(copy)
    assert orjson.loads(encoded(value)) == value


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        (Real(1.5), 1.5),
        ([Real(1.5)], [1.5]),
        (Text("x"), "x"),
        (Colour.RED, "red"),
        ({Colour.RED: Text("x"), Text("k"): {Text("l"): Real(2)}}, {"red": "x", "k": {"l": 2.0}}),
        ((1, (2,)), [1, [2]]),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
    ],
)
def test_a_copy_is_plain(value: Json, copy: Json) -> None:
    """What only looks like JSON is JSON afterwards."""
    assert find_flaw(value) is None
    assert plain_copy(value) == copy
    assert plain_types_only(plain_copy(value))


def test_a_copy_is_shared_with_nobody() -> None:
    """What is done to one is not seen in the other."""
    value: Json = {"list": [1]}
    copy = plain_copy(value)
    value["list"].append(2)
    assert copy == {"list": [1]}


@pytest.mark.parametrize(("text", "clean"), [("\ud800x", "\\ud800x"), ("\N{SNOWMAN}", "\N{SNOWMAN}"), (42, "42")])
def test_any_text_can_be_encoded(text: object, clean: str) -> None:
    """Half a character is written as its escape."""
    assert clean_text(text) == clean
    clean_text(text).encode()
