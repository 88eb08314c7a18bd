"""The filters of templates."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ExpressionError
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.sandbox import parse
from bluev_actors.workflows.template_filters import JINJA_FILTERS, OUR_FILTERS, PUBLIC_FILTERS, TOLLS
from bluev_actors.workflows.templates import Template

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json


def text_of(source: str, **scope: Any) -> str:  # noqa: ANN401 - JSON
    """Fill a template in."""
    return Template.compile(source).evaluate(scope)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ x|join }}", "123"),
        ("{{ x|join(', ') }}", "1, 2, 3"),
        ("{{ rows|join('+', attribute='n') }}", "1+2.5"),
        ("{{ x|join(separator='/') }}", "1/2/3"),
        ("{{ x|sum }}", "6"),
        ("{{ rows|sum(attribute='n') }}", "3.5"),
        ("{{ []|sum }}", "0"),
        ("{{ 'aXbX'|replace('X', '-') }}", "a-b-"),
        ("{{ 12|replace(1, 3) }}", "32"),
        ("{{ 'ab'|replace('', '.') }}", ".a.b."),
        ("{{ 2.567|round(1) }} {{ 2.567|round }} {{ 1234|round(-2) }}", "2.6 3.0 1200"),
        ("{{ 2.5|round(1000000000) }} {{ 7|round(-1000000000) }}", "2.5 0"),
        ("{{ {'b': 1, 'a': '<é>'}|tojson }}", '{"b":1,"a":"<é>"}'),
        ("{{ 'a' ~ 1 ~ none }}", "a1None"),
    ],
)
def test_our_own(source: str, expected: str) -> None:
    """They do what their names say."""
    assert text_of(source, x=[1, 2, 3], rows=[{"n": 1}, {"n": 2.5}]) == expected


@pytest.mark.parametrize(
    "source", ["{{ ['a']|sum }}", "{{ [[1], [2]]|sum }}", "{{ [1]|sum(start=[]) }}", "{{ 5|join }}"]
)
def test_what_they_refuse(source: str) -> None:
    """Adding lists together would copy them again and again."""
    with pytest.raises(ExpressionError):
        text_of(source)


@given(st.lists(st.text(max_size=5)), st.text(max_size=5))
def test_join_is_join(texts: list[str], separator: str) -> None:
    """As Python's."""
    assert text_of("{{ x|join(s) }}", x=texts, s=separator) == separator.join(texts)


@given(st.text(max_size=20), st.text(max_size=2), st.text(max_size=5))
def test_replace_is_replace(text: str, old: str, new: str) -> None:
    """As Python's."""
    assert text_of("{{ x|replace(a, b) }}", x=text, a=old, b=new) == text.replace(old, new)


@given(json_values(), st.sampled_from(sorted(JINJA_FILTERS)))
def test_every_filter_takes_any_value(value: Json, name: str) -> None:
    """Or says why not; Jinja's are all there."""
    template = Template.compile(f"{{{{ x|{name} }}}}")
    with suppress(ExpressionError):
        template.evaluate({"x": value})


def test_the_lists_do_not_overlap() -> None:
    """Ours take the place of Jinja's, and tolls cannot be called."""
    assert not JINJA_FILTERS & set(OUR_FILTERS)
    assert sorted({*JINJA_FILTERS, *OUR_FILTERS}) == PUBLIC_FILTERS
    assert all(name.startswith("_") for name in TOLLS)


@pytest.mark.parametrize("name", sorted(TOLLS))
def test_tolls_are_not_for_templates(name: str) -> None:
    """They are put in, not written."""
    with pytest.raises(ExpressionError, match="there is no filter"):
        parse(f"{{{{ x|{name} }}}}")


def test_generators_are_looped_over_once() -> None:
    """What has no length is counted before the loop, and all of it is there."""
    assert text_of("{% for i in x|map('upper') %}{{ loop.length }}{{ i }} {% endfor %}", x=["a", "b"]) == "2A 2B "
