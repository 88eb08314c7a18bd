"""What templates cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.meter import BUDGET
from bluev_actors.workflows.sandbox import parse
from bluev_actors.workflows.templates import Template

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject


def outcome(source: str, **scope: Any) -> str:  # noqa: ANN401 - JSON
    """What a template comes to: its text, or its error after a mark."""
    try:
        return Template.compile(source).evaluate(scope)
    except ExpressionError as error:
        return f"!{error.code}: {error}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ x.__class__ }}",
        "{{ x|attr('__class__') }}",
        "{{ x|map(attribute='__class__')|first }}",
        "{{ x|sort(attribute='__class__') }}",
        "{{ x|map('attr', '__class__')|list }}",
        "{{ x|selectattr('__class__')|list|length + '' }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__ }}",
        "{{ lipsum() }}",
        "{{ joiner }}",
        "{{ namespace() }}",
        "{{ dict }}",
        "{{ range(3) }}",
        "{{ self }}",
        "{{ self.__init__ }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ '%s' % x }}",
        "{{ '{0.__class__}'|format(x) }}",
        "{{ x.append(1) }}",
        "{{ x.keys }}",
        "{{ loop.__class__ }}",
        "{% for i in x %}{{ loop.__init__ }}{% endfor %}",
        "{% for i in x %}{{ loop.cycle('a') }}{% endfor %}",
        "{% for i in x %}{{ loop._context }}{% endfor %}",
        "{% macro m() %}{% endmacro %}",
        "{% call x() %}{% endcall %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block b %}{% endblock %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set b %}x{% endset %}",
        "{% set n.x = 1 %}",
        "{% do x %}",
        "{% debug %}",
        "{% autoescape true %}{% endautoescape %}",
        "{{ _meter }}",
        "{% set _meter = x %}",
        "{% for _meter in x %}{% endfor %}",
        "{{ x|_looped(0) }}",
        "{{ x|safe }}",
        "{{ x|pprint }}",
        "{{ x|random }}",
    ],
)
def test_ways_out_are_shut(source: str) -> None:
    """The known escapes, and whatever could become one: each is an error, and shows nothing."""
    said = outcome(source, x=[1, 2])
    assert said.startswith("!")
    assert "<" not in said


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a'|center(1000000000) }}",
        "{{ 'a'|indent(1000000000) }}",
        "{{ [1]|batch(1000000000, 0)|list }}",
        "{{ [1]|slice(1000000000)|list }}",
        "{{ 'a'|wordwrap(1, true) }}",
        "{% for i in range(10 ** 9) %}{% endfor %}",
        "{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in x %}{% for b in x if x|length %}{{ b }}{% endfor %}{% endfor %}",
        "{% for a in x|map('string') %}{% for b in x|map('string') %}{{ b }}{% endfor %}{% endfor %}",
        "{% set t = 'aaaaaaaaaa' %}" + "{% set t = t ~ t %}" * 60,
        "{% set t = 'aaaaaaaaaa' %}" + "{% set t = t + t %}" * 60,
        "{% set t = [1] %}" + "{% set t = t + t %}" * 60,
        "{% set t = [1] %}" + "{% set t = [t, t] %}" * 60,
        "{% set t = {} %}" + "{% set t = {'a': t, 'b': t} %}" * 60,
        "{% set t = x|string %}" + "{% with t = t ~ t %}{{ t|length }}" * 18 + "{% endwith %}" * 18,
        "{{ s ~ " + " ~ ".join(["s"] * 300) + " }}",
        "{{ x|join(s)|length }}",
        "{{ s|replace('', s)|length }}",
        "{{ [s, s, s]|map('replace', 's', s)|join|length }}",
        "{{ [s, s]|map('join', s)|list|length }}",
    ],
)
def test_bombs_do_not_go_off(source: str) -> None:
    """Neither time nor memory: each ends in an error, and quickly."""
    said = outcome(source, x=list(range(3000)), s="s" * 1_000_000)
    assert said.startswith("!")


def test_steps_are_what_is_missing() -> None:
    """The budget has a name in the message."""
    assert f"more than {BUDGET} steps" in outcome("{% set a = x %}{% set b = [a, a] %}", x=["s" * 1000] * 100_000)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "[" * 5000 + "]" * 5000 + " }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ 1" + "+1" * 5000 + " }}",
        "{{ x" + ".a" * 5000 + " }}",
        "{{ x" + "|list" * 5000 + " }}",
        "{% if x %}" * 2000 + "{% endif %}" * 2000,
        "{% for a in x %}" * 25 + "{% endfor %}" * 25,
        "{% with %}" * 2000 + "{% endwith %}" * 2000,
    ],
)
def test_depth_is_an_error_like_any_other(source: str) -> None:
    """No recursion error, and no crash of the compiler."""
    assert outcome(source, x=[]).startswith("!invalid_template")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ x.upper() }}", "line 1: nothing can be called in a template; use a filter"),
        ("\n\n{{ x|uper }}", "line 3: there is no filter 'uper'; did you mean \"upper\"?"),
        ("{{ 2 ** 3 }}", "line 1: there are no powers"),
        ("{% include 'a' %}", "line 1: Include is not for templates here"),
        ("{{ self }}", "line 1: the name 'self' is not for templates here"),
        ("{% if %}", "line 1: Expected an expression"),
        ("{{", "line 1: unexpected 'end of template'"),
    ],
)
def test_refusals_say_what_and_where(source: str, words: str) -> None:
    """With a way that works, where there is one."""
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert caught.value.code == "invalid_template"
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{% for i in x %}{% set outer = loop %}{% for j in x %}{{ outer.index }}{% endfor %}{% endfor %}",
            "111222333",
        ),
        (
            "{% for i in x %}{{ loop.first }}{{ loop.length }}{{ loop.revindex0 }} {% endfor %}",
            "True32 False31 False30 ",
        ),
        ("{% for i in x %}{{ loop.previtem|default('-') }}{% endfor %}", "-12"),
        ("{% for c in 'abc' %}{{ c }}.{% endfor %}", "a.b.c."),
        ("{% for key, value in o|dictsort %}{{ key }}={{ value }} {% endfor %}", "a=1 items=2 "),
        ("{% for key in o %}{{ key }} {% endfor %}", "a items "),
        ("{{ o.items }}", "2"),
        ("{{ x|select('odd')|map('string')|join('+') }}", "1+3"),
        ("{{ x[0:2]|tojson }}", "[1,2]"),
        ("{% for i in x|reverse %}{{ i }}{% endfor %}", "321"),
    ],
)
def test_what_is_left_is_enough(source: str, expected: str) -> None:
    """Loops, what they say of themselves, and keys that happen to be called as methods are."""
    assert outcome(source, x=[1, 2, 3], o={"a": 1, "items": 2}) == expected


def test_members_of_inner_names_are_not_the_scopes() -> None:
    """Only names that the scope has to give are looked into."""
    parsed = parse("{% for nodes in x %}{{ nodes.a }}{% endfor %}")
    assert parsed.names == {"x"}
    assert parsed.members == {"x": (set(), True)}


def test_renders_do_not_share_a_budget() -> None:
    """Each begins with a full one."""
    template = Template.compile("{% for i in x %}{% endfor %}")
    scope: JsonObject = {"x": ["s" * 1000] * 50_000}
    assert [template.evaluate(scope) for _ in range(3)] == ["", "", ""]
