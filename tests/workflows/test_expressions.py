"""CEL expressions: what they give, and what they cannot do."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ExpressionError
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows import expressions
from bluev_actors.workflows.expressions import FUNCTIONS, MAX_SOURCE, Expression
from bluev_actors.workflows.meter import BUDGET
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


def value_of(source: str, **scope: Any) -> Json:  # noqa: ANN401 - JSON
    """Compile and evaluate."""
    return Expression.compile(source).evaluate(scope)


def refusal(source: str, **scope: Any) -> str:  # noqa: ANN401 - JSON
    """How the evaluation fails."""
    expression = Expression.compile(source)
    with pytest.raises(ExpressionError) as caught:
        expression.evaluate(scope)
    assert caught.value.code == "expression_failed"
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("x.a[1] + 0.5", 2.5),
        ("x.city + '!'", "Oslo!"),
        ("size(x.a) > 1 ? 'many' : 'one'", "many"),
        ("x.a.filter(n, n > 1.0)", [2.0]),
        ("x.a.map(n, {'n': n})", [{"n": 1.0}, {"n": 2.0}]),
        ("x.a.exists(n, n == 2.0) && x.a.all(n, n > 0.0)", True),
        ("has(x.nothing)", False),
        ("null", None),
        ("'ost' in ['ost']", True),
        ("type(1) == int", True),
        ("x.city.matches('^O')", True),
        ("int('42')", 42),
        ("timestamp('2026-01-01T00:00:00Z').getFullYear()", 2026),
        ("18446744073709551615u", 2**64 - 1),
    ],
)
def test_what_expressions_can_do(source: str, expected: Json) -> None:
    """The parts of CEL that the docs show."""
    assert value_of(source, x={"a": [1.0, 2.0], "city": "Oslo"}) == expected


@given(json_values())
def test_values_go_through_unchanged(value: Json) -> None:
    """What goes in comes out, of the same type."""
    given_back = value_of("x", x=value)
    assert given_back == value
    assert type(given_back) is type(value)


@given(st.lists(json_values(), max_size=5))
def test_values_go_through_a_loop_unchanged(values: list[Json]) -> None:
    """The toll that a list pays before a loop does not change what is in it."""
    assert value_of("x.map(each, each)", x=values) == values
    assert value_of("x.filter(each, true).map(each, [each]).map(each, each[0])", x=values) == values


def test_a_loop_may_bind_a_name_of_the_scope() -> None:
    """Within it the item is meant, outside of it the value."""
    assert value_of("x.map(x, x + 1).size() + x[0]", x=[5, 6]) == 7


OBJECT: JsonObject = {"zebra": 1, "ant": {"b": 1, "a": [{"d": 1, "c": 2}]}, "moth": 3}


def test_a_path_keeps_the_value_itself() -> None:
    """Nothing is copied, so a large body costs no more than a small one."""
    assert value_of("x", x=OBJECT) is OBJECT
    assert value_of("x['ant'].a", x=OBJECT) is OBJECT["ant"]["a"]


def test_objects_are_the_same_each_time() -> None:
    """The library gives keys in any order; here the order is that of the alphabet, in results and in loops."""
    assert repr(value_of("[x][0]", x=OBJECT)) == repr({"ant": {"a": [{"c": 2, "d": 1}], "b": 1}, "moth": 3, "zebra": 1})
    assert value_of("x.map(key, key)", x=OBJECT) == ["ant", "moth", "zebra"]
    assert value_of("x.filter(key, x[key] != 1)", x=OBJECT) == ["ant", "moth"]
    assert value_of("x.exists(key, key == 'ant')", x=OBJECT) is True


def test_a_loop_over_no_list_is_an_error() -> None:
    """The toll lets it through, and the library says what is wrong."""
    assert refusal("x.map(each, each)", x=5)


def test_types_are_no_paths() -> None:
    """`int` is a type even where it stands alone."""
    assert value_of("int") == "int"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("", "character 1"),
        ("1 +", "character 4"),
        ("a b", "character 3"),
        ("1 2", "character 3"),
        ("'open", "from character 1 on"),
        ("a; b", "from character 2 on"),
        ("import os", "reserved identifier: import"),
        ("x = 1", "character 3"),
        ("lambda: 1", "character 7"),
        ("99999999999999999999", "invalid int literal"),
        ("has(1)", "invalid argument to has"),
        ("[1].map(1, x)", "simple name"),
        ("(" * 4000, "nested too deep"),
        ("[" * 2000 + "]" * 2000, "nested too deep"),
        ("!" * 4000 + "(" * 4000, "nested too deep"),
        ("`" * MAX_SOURCE, "from character 1 on"),
        ("'a" * (MAX_SOURCE // 2), "character"),
    ],
)
def test_what_cannot_be_read(source: str, complaint: str) -> None:
    """Told in a sentence with a place, and a short one however long the source is."""
    with pytest.raises(ExpressionError, match=complaint) as caught:
        Expression.compile(source)
    assert caught.value.code == "invalid_expression"
    assert len(str(caught.value)) < 500


def test_the_length_limit_is_exact() -> None:
    """The longest expression, and one longer."""
    longest = "1" + " " * (MAX_SOURCE - 1)
    assert value_of(longest) == 1
    with pytest.raises(ExpressionError, match=f"{MAX_SOURCE} is the most"):
        Expression.compile(longest + " ")


def test_a_complaint_without_a_place_is_shown_as_it_is() -> None:
    """Whatever the library may say one day."""
    complain = expressions._first_complaint  # pyright: ignore[reportPrivateUsage] # no expression leads there
    assert complain("something else " * 100) == "the expression cannot be read: " + ("something else " * 100)[:300]


# --- names ------------------------------------------------------------------------------------------------


def test_names_are_told() -> None:
    """Those of the scope and those a loop binds; not members, not types."""
    source = "inputs.a + rows.map(r, r.id + offset)[0] + int('1') + (type(x) == string ? 1 : 0)"
    expression = Expression.compile(source)
    assert expression.names == {"inputs", "rows", "offset", "x", "r"}
    expression.check_names({"inputs", "rows", "offset", "x"})


def test_unknown_names_are_refused_when_names_are_known() -> None:
    """With those there are; without a list of names all pass."""
    assert Expression.compile("a + b").names == {"a", "b"}
    assert Expression.compile("a + b", names={"a", "b"}).evaluate({"a": 1, "b": 2}) == 3
    with pytest.raises(ExpressionError, match='there is no "b" here; there is: "a"') as caught:
        Expression.compile("a + b", names=["a"])
    assert caught.value.code == "unknown_expression_name"


@pytest.mark.parametrize(
    "source",
    [
        "foo(1)",
        "x.foo()",
        "__import__('os')",
        "eval('1')",
        "x.format()",
        "optional.of(1)",
        "now()",
        "_toll(x)",
        "x._copying_toll()",
    ],
)
def test_unknown_functions_are_refused(source: str) -> None:
    """Before a run, and our own tolls are no functions either."""
    with pytest.raises(ExpressionError) as caught:
        Expression.compile(source)
    assert caught.value.code == "unknown_expression_name"


def test_the_functions_are_there() -> None:
    """Every function that is let through exists: none of them fails for being unknown."""
    for name in FUNCTIONS:
        Expression.compile(f"{name}(x)")


def test_members_are_told() -> None:
    """For the check of node ids, and for the scope."""
    assert Expression.compile("nodes.a.b + nodes['c'].d").members("nodes") == ({"a", "c"}, False)


def test_only_named_values_are_looked_at() -> None:
    """What the expression does not name may be anything, and costs nothing."""
    assert Expression.compile("a").evaluate({"a": 1, "b": object()}) == 1


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("missing", 'there is no "missing"'),
        ("x.missing", 'there is no "missing"; there is: "list"'),
        ("x.list.first", 'no "first" in a value of type list'),
        ("x.missing + 1", "there is no key 'missing'"),
        ("x.list[9]", "out of bounds"),
        ("1 / 0", "zero"),
        ("1 % 0", "zero"),
        ("9223372036854775807 + 1", "overflow"),
        ("-9223372036854775808 / -1", "overflow"),
        ("'a' + 1", "CEL does not coerce"),
        ("'a' * 1000000000", "CEL does not coerce"),
        ("'text'.matches('[')", "regex"),
        ("'text'.matches('(a{1000}){1000}{1000}')", "regex"),
        ("x.list.map(n, 1 / n)", "zero"),
        ("timestamp('today')", "timestamp"),
        ("Struct{a: 1}", "struct"),
    ],
)
def test_an_evaluation_may_fail(source: str, why: str) -> None:
    """In as many ways as the library has errors; all become one, with its reason."""
    assert why in refusal(source, x={"list": [0]})


@pytest.mark.parametrize(
    "source",
    [
        "timestamp('2026-01-01T00:00:00Z')",
        "duration('1h')",
        "b'bytes'",
        "0.0 / 0.0",
        "1.0 / 0.0",
        "double('nan')",
        "{1: 2}",
        "[b'x']",
        "{'a': {true: 1}}",
        "[1]" + ".map(x, [x])" * 100,
    ],
)
def test_only_plain_json_comes_out(source: str) -> None:
    """Times, bytes, NaN, keys that are no text and bottomless lists are errors."""
    assert "the result" in refusal(source)


def test_a_failure_shows_a_short_source() -> None:
    """Enough to find it by."""
    assert len(refusal("[" + "1.0 / 0.0," * 500 + "1.0]")) < 500


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", object()])
def test_what_is_no_json_does_not_get_in(value: object) -> None:
    """It is an error or no longer what it was; it never breaks the evaluation."""
    try:
        given_back = value_of("[x][0]", x=value)
    except ExpressionError:
        return
    assert find_flaw(given_back) is None


# --- escapes and bombs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "''.__class__.__mro__",
        "x.__class__",
        "x['__class__']",
        "x.real.__add__",
        "[].__class__.__base__.__subclasses__()",
        "x.list.__len__",
        "type(x).mro",
    ],
)
def test_python_is_out_of_reach(source: str) -> None:
    """Attributes of Python objects do not exist here: members are keys."""
    with pytest.raises(ExpressionError):
        value_of(source, x={"list": [1]})


@pytest.mark.parametrize(
    "source",
    [
        "x.map(a, x.map(b, x.map(c, 1)))",
        "x.all(a, x.all(b, x.all(c, true)))",
        "x.exists(a, x.exists(b, x.exists(c, false)))",
        "x.exists_one(a, x.existsOne(b, x.filter(c, true) == []))",
        "x.map(a, x.exists(b, false) || true)",
        "x.all(a, x.all(b, x.all(c, true) || true) || true)",
        "x.exists(a, size(x.map(b, b)) < 0 || false)",
        "x.all(a, true) && " * 300 + "true",
        "true || " + "x.all(a, true) || " * 450 + "true",
        "[[" + "0," * 900 + "0]].map(l, l.map(a, l.map(b, a)))",
        "true || x.map(a, x.map(b, a)) == [] ? x.map(a, x.map(b, a)) : []",
    ],
)
def test_loops_within_loops_are_stopped(source: str) -> None:
    """By what they would cost, before they cost it; and not even `||` lets one slip through."""
    words = ["0123456789"] * 10_000
    assert f"more than {BUDGET} steps" in refusal(source, x=words)


def test_a_text_cannot_be_doubled_for_ever() -> None:
    """Giving a doubled text a name again and again is paid for by its length."""
    source = "s"
    for _ in range(60):
        source = f"[{source} + {source}][0]" if len(source) < 8 else f"[s + s].map(s, {source})"
    assert "steps" in refusal(source, s="x" * 10_000)


def test_a_list_of_usual_size_passes() -> None:
    """A few hundred rows; looking for one among tens of thousands; loops within loops where they are short."""
    rows = [{"id": number, "name": "a name"} for number in range(400)]
    assert len(value_of("rows.filter(r, r.id >= 200)", rows=rows)) == 200
    orders = [{"items": [{"n": number} for number in range(5)]} for _ in range(200)]
    assert value_of("orders.map(o, o.items.map(i, i.n)).size()", orders=orders) == 200
    assert value_of("rows.exists(r, r.id == 39999)", rows=[{"id": number} for number in range(40_000)]) is True


ATOMS = st.sampled_from(["x", "x.list", "1", "'a'", "null", "[1, 2]", "{'k': x}", "y", "-1", "2.5", "true"])
GRAMMAR = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%<>"), inner).map(" ".join),
        st.tuples(inner, st.sampled_from([" == ", " && ", " || ", " in "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("size({})".format),
        inner.map("[{}]".format),
        inner.map("string({})".format),
        st.tuples(inner, st.sampled_from(["map", "filter", "all", "exists", "exists_one"]), inner).map(
            lambda parts: f"({parts[0]}).{parts[1]}(y, {parts[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "({})[{}]".format(*parts)),
    ),
    max_leaves=12,
)


@given(GRAMMAR, json_values())
def test_anything_gives_json_or_an_error(source: str, value: Json) -> None:
    """Nothing else comes out of an evaluation, whatever goes in."""
    try:
        result = value_of(source, x=value, y=1)
    except ExpressionError:
        return
    assert find_flaw(result) is None


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_an_error(source: str) -> None:
    """No other exception, whatever stands there."""
    with suppress(ExpressionError):
        Expression.compile(source, names=["x"])
