"""Params that are expressions: an object of them, and cases."""

from __future__ import annotations

import pytest

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.expressions import Expression
from bluev_actors.workflows.formulas import Case, Cases, Fields


def case(name: str, when: str) -> Case:
    """A case as a document has it."""
    return Case({"name": name, "when": when}, Expression.compile(when))


def test_fields_are_all_evaluated() -> None:
    """In their order."""
    fields = Fields({"double": Expression.compile("x * 2"), "same": Expression.compile("x")})
    assert list(fields.evaluate({"x": 3}).items()) == [("double", 6), ("same", 3)]


def test_one_bad_field_fails_them_all() -> None:
    """There is no half an object."""
    fields = Fields({"good": Expression.compile("1"), "bad": Expression.compile("1 / 0")})
    with pytest.raises(ExpressionError):
        fields.evaluate({})


def test_the_first_case_that_holds_is_the_last() -> None:
    """Those behind it are not evaluated: they may lean on what it rules out."""
    cases = Cases((case("small", "x < 10"), case("none", "!has(y.z)"), case("big", "y.z > 5")))
    assert cases.evaluate({"x": 20, "y": {}}) == [
        {"name": "small", "when": False},
        {"name": "none", "when": True},
    ]


def test_when_none_holds_all_are_told() -> None:
    """So whoever asks looks at the last one, if there is one."""
    cases = Cases((case("a", "x < 1"), case("b", "x")))
    assert cases.evaluate({"x": 2}) == [{"name": "a", "when": False}, {"name": "b", "when": 2}]
    assert Cases(()).evaluate({}) == []
