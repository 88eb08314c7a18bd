"""Param values with `${...}` and secrets in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ExpressionError
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.expressions import MAX_SOURCE
from bluev_actors.workflows.interpolation import (
    Fixed,
    Secret,
    Whole,
    as_text,
    compile_param,
    holds_expression,
    is_secret,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

SCOPE: dict[str, Json] = {"x": [1, {"a": None}], "city": "Oslo", "n": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${x}", [1, {"a": None}]),
        ("${n}", 3),
        (" ${n}", " 3"),
        ("to ${city}!", "to Oslo!"),
        ("${city}${city}", "OsloOslo"),
        ("all: ${x}", 'all: [1,{"a":null}]'),
        ("${null}/${true}/${1.5}", "null/true/1.5"),
        ("${ {'a': '}'}.a }", "}"),
        ("${'a' // } no end\n}", "a"),
        ("${n}}", "3}"),
        ("{${n}}", "{3}"),
        ("$${n}", "${n}"),
        ("$$${n}", "$${n}"),
        ("$${a} ${n} $${b}", "${a} 3 ${b}"),
        ("${n}$${n}", "3${n}"),
        ("${'$${'}", "$${"),
        ("$n {n} $ {n} $", "$n {n} $ {n} $"),
        ("", ""),
        ({"deep": [{"er": "${n}"}, "${city}"]}, {"deep": [{"er": 3}, "Oslo"]}),
        ({"${n}": 1}, {"${n}": 1}),
        ([1, None, True], [1, None, True]),
    ],
)
def test_values_are_put_in(value: Json, expected: Json) -> None:
    """Alone with their type, within a text as text, at any depth; keys are taken as they are."""
    assert compile_param(value).evaluate(SCOPE) == expected


@given(json_values())
def test_without_an_expression_nothing_changes_and_nothing_is_copied(value: Json) -> None:
    """Such a value costs nothing at run time."""
    if not holds_expression(value):
        compiled = compile_param(value)
        assert isinstance(compiled, Fixed | Secret)
        if isinstance(compiled, Fixed):
            assert compiled.evaluate({}) is value


@given(json_values())
def test_a_whole_value_keeps_its_type(value: Json) -> None:
    """Whatever the expression gives."""
    compiled = compile_param("${x}")
    assert isinstance(compiled, Whole)
    assert compiled.evaluate({"x": value}) == value


@given(json_values())
def test_a_spliced_value_is_json_or_text(value: Json) -> None:
    """So a text with objects in it can be read by the other side."""
    text = compile_param("<${x}>").evaluate({"x": value})
    assert text == f"<{as_text(value)}>"
    if not isinstance(value, str):
        assert orjson.loads(text[1:-1]) == value


@given(st.text(alphabet="$Ѐ{}ab\n", max_size=20))
def test_anything_can_be_escaped(text: str) -> None:
    """Whoever doubles the dollar of every `${` gets the text itself."""
    escaped = text.replace("${", "$${")
    assert compile_param(escaped).evaluate({}) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${", "invalid_expression"),
        ("a ${b", "invalid_expression"),
        ("${}", "invalid_expression"),
        ("${1 +}", "invalid_expression"),
        ("${'a}", "invalid_expression"),
        ("${nope()}", "unknown_expression_name"),
    ],
)
def test_what_cannot_be_compiled(text: str, code: str) -> None:
    """Alone or deep within a value."""
    with pytest.raises(ExpressionError) as caught:
        compile_param({"a": [text]})
    assert caught.value.code == code


def test_an_expression_that_does_not_end_is_soon_given_up() -> None:
    """A text of many megabytes is not read to its end for the sake of one missing brace."""
    longest = "1" + " " * (MAX_SOURCE - 1)
    assert compile_param(f"${{{longest}}}").evaluate({}) == 1
    for endless in (f"${{{longest} }}", "${" + "a " * 5_000_000 + "}"):
        with pytest.raises(ExpressionError, match=f"no '}}' within {MAX_SOURCE} characters"):
            compile_param(endless)


def test_all_complaints_are_heard() -> None:
    """Each with its place; what is wrong stays as it is."""
    heard: list[tuple[str, str]] = []
    compiled = compile_param(
        {"a": ["${", "${1}"], "b": "${2 +}"}, "params", complain=lambda error, path: heard.append((error.code, path))
    )
    assert heard == [("invalid_expression", "params.a[0]"), ("invalid_expression", "params.b")]
    assert compiled.evaluate({}) == {"a": ["${", 1], "b": "${2 +}"}


# --- secrets ----------------------------------------------------------------------------------------------


def test_a_secret_is_revealed_where_it_is_written() -> None:
    """At any depth; without someone to ask it stays a reference."""
    compiled = compile_param({"headers": {"auth": {"$secret": "TOKEN"}, "n": "${n}"}})
    assert compiled.evaluate(SCOPE, str.lower) == {"headers": {"auth": "token", "n": 3}}
    assert compiled.evaluate(SCOPE) == {"headers": {"auth": {"$secret": "TOKEN"}, "n": 3}}


def test_data_that_looks_like_a_secret_is_data() -> None:
    """A body that was fetched cannot ask for the operator's secrets."""
    evil = {"$secret": "TOKEN"}
    for text in ("${x}", "${[x]}", "${ {'a': x} }"):
        revealed = compile_param(text).evaluate({"x": evil}, lambda _name: "leaked")
        assert "leaked" not in str(revealed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$secret": "A"}, True),
        ({"$secret": "A", "b": 1}, False),
        ({"$secret": 1}, False),
        ({}, False),
        ("$secret", False),
        (["$secret"], False),
    ],
)
def test_what_is_a_secret(value: Json, expected: bool) -> None:
    """One key and a name, and nothing else."""
    assert is_secret(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("${a}", True), ("$${a}", True), ([{"a": ["${"]}], True), ({"${a}": 1}, False), (1, False), ("$a", False)],
)
def test_where_an_expression_may_be(value: Json, expected: bool) -> None:
    """Any text with `${` in it, keys left out."""
    assert holds_expression(value) is expected
