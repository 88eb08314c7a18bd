"""Templates: what they give, and how much they may."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ExpressionError
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.templates import MAX_RENDERED, MAX_TEMPLATE, Template

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

ROWS: JsonObject = {"rows": [{"id": 1, "name": "Åse"}, {"id": 2, "name": "Bo & Co"}], "n": 3}


def text_of(source: str, scope: JsonObject | None = None) -> str:
    """Compile and fill in."""
    return Template.compile(source).evaluate(ROWS if scope is None else scope)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ n }} {{ n + 1 }} {{ n * 2 }}", "3 4 6"),
        ("{% for r in rows %}{{ loop.index }}. {{ r.name }}\n{% endfor %}", "1. Åse\n2. Bo & Co\n"),
        ("{% for r in rows if r.id > 1 %}{{ r.name }}{% else %}none{% endfor %}", "Bo & Co"),
        ("{% if n > 5 %}many{% elif n %}some{% endif %}", "some"),
        ("{% set total = n * 2 %}{{ total }}", "6"),
        ("{% with a = n %}{{ a }}{% endwith %}", "3"),
        ("{{ rows[0]['name'] }} {{ rows|map(attribute='id')|join('-') }}", "Åse 1-2"),
        ("{{ missing|default('none') }}", "none"),
        ("{{ 'é'|upper ~ n }}", "É3"),
        ("{{ rows|tojson }}", '[{"id":1,"name":"Åse"},{"id":2,"name":"Bo & Co"}]'),
        ("{{ none }} {{ true }}", "None True"),
    ],
)
def test_what_templates_can_do(source: str, expected: str) -> None:
    """Plain text: nothing is escaped, for it is no HTML."""
    assert text_of(source) == expected


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="{}%#\r\n"), max_size=50))
def test_text_without_marks_is_itself(text: str) -> None:
    """Whatever else stands in it."""
    assert text_of(text, {}) == text


@given(json_values())
def test_any_value_can_be_written_as_json(value: Json) -> None:
    """Every value has a text."""
    assert text_of("{{ x|tojson }}", {"x": value})


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ rows.missing }}", "has no attribute 'missing'"),
        ("{{ rows[7] }}", "has no element 7"),
        ("{{ 1 / 0 }}", "zero"),
        ("{{ n + 'a' }}", "unsupported operand"),
        ("{{ rows|select('nonsense')|list }}", "nonsense"),
        ("{{ n|length }}", "len"),
    ],
)
def test_filling_in_may_fail(source: str, why: str) -> None:
    """What is not there is not taken for nothing."""
    with pytest.raises(ExpressionError, match=why) as caught:
        text_of(source)
    assert caught.value.code == "expression_failed"


def test_names_are_told_and_checked() -> None:
    """Those of the scope, without what the template names itself."""
    template = Template.compile("{% set a = n %}{% for r in rows %}{{ r.id + a }}{{ loop.index }}{% endfor %}")
    assert template.names == {"n", "rows"}
    with pytest.raises(ExpressionError, match='no "rows" here; there is: "n"') as caught:
        Template.compile("{{ rows }}", names=["n"])
    assert caught.value.code == "unknown_expression_name"
    assert Template.compile("{{ n }}", names=["n"]).evaluate({"n": 1}) == "1"


def test_members_are_told() -> None:
    """For the check of node ids."""
    template = Template.compile("{{ nodes.a.b }}{{ nodes['c-d'] }}{{ other[n] }}")
    assert template.members("nodes") == ({"a", "c-d"}, False)
    assert template.members("other") == (set(), True)
    assert template.members("nowhere") == (set(), False)


def test_the_length_limits_are_exact() -> None:
    """Of what is written, and of what comes out."""
    assert len(text_of("a" * MAX_TEMPLATE)) == MAX_TEMPLATE
    with pytest.raises(ExpressionError, match=f"{MAX_TEMPLATE} is the most") as caught:
        Template.compile("a" * (MAX_TEMPLATE + 1))
    assert caught.value.code == "invalid_template"
    assert len(text_of("{{ x }}", {"x": "a" * MAX_RENDERED})) == MAX_RENDERED
    with pytest.raises(ExpressionError, match=f"more than {MAX_RENDERED} characters"):
        text_of("{{ x }}b", {"x": "a" * MAX_RENDERED})


def test_too_long_a_text_is_stopped_on_its_way() -> None:
    """Not after it has filled the machine."""
    with pytest.raises(ExpressionError, match="more than"):
        text_of("{% for r in rows %}{{ x }}{% endfor %}", {"rows": [0] * 10_000, "x": "a" * 100_000})


def test_jinja_is_not_imported_before_it_is_needed() -> None:
    """It takes longer than the whole of this floor; CEL too."""
    code = (
        "import sys, bluev_actors.workflows as w;"
        "assert not {'jinja2', 'cel', 'trio'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own interpreter and a fixed text


@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{%",
                "%}",
                "x",
                " ",
                "for",
                "in",
                "if",
                "endfor",
                "endif",
                "|",
                ".",
                "(",
                ")",
                "'",
                "set",
                "=",
                "~",
            ]
        ),
        max_size=15,
    ).map("".join)
)
def test_any_text_is_a_template_or_an_error(source: str) -> None:
    """No other exception gets out, whatever stands there."""
    try:
        text_of(source, {"x": [1]})
    except ExpressionError as error:
        assert error.code in {"invalid_template", "expression_failed"}  # noqa: PT017 - either may be raised, or none
