"""The compiling of what a node's params hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.compiler import Compiled, Compiler, Names
from bluev_actors.workflows.expressions import Expression
from bluev_actors.workflows.formulas import Cases, Fields
from bluev_actors.workflows.kinds import Param
from bluev_actors.workflows.templates import Template

if TYPE_CHECKING:
    from bluev_actors.workflows.formulas import Formula
    from bluev_actors.workflows.values import Json

EXPR, TEXT = Param("expr", syntax="expression"), Param("text", syntax="template")
NAMES = Names(inputs=["city"], nodes=["fetch", "a-b"], params=["url"], ports=["value"])


def never(error: ExpressionError, _path: str) -> None:
    """Takes complaints where there should be none."""
    raise error


def compiler() -> Compiler:
    """For a node of a small workflow."""
    return Compiler(NAMES)


def formula(param: Param, value: Json) -> tuple[Formula | None, list[tuple[str, str]]]:
    """What a param compiles to, and the complaints about it."""
    heard: list[tuple[str, str]] = []
    made = compiler().formula(param, value, "p", lambda error, path: heard.append((error.code, path)))
    return made, heard


# --- what stands in `${...}` ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "inputs.city",
        "inputs['city']",
        "nodes.fetch.body + nodes['a-b'].body",
        "params.url",
        "run.id + run.workflow_id",
        "size(inputs)",
        "inputs[params.url]",
        "[1, 2].map(n, n * 2)",
        "1 + 1",
    ],
)
def test_what_an_expression_may_name(text: str) -> None:
    """The scope, and in it what is there; where a key is computed, nothing is known beforehand."""
    assert compiler().expression(text).source == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("value", 'no "value" here; there is: "inputs", "nodes", "params", "run"'),
        ("inputs.town", 'in `inputs`, there is no "town" here; there is: "city"'),
        ("nodes.fetched.body", 'in `nodes`, there is no "fetched" here; there is: "fetch", "a-b"'),
        ("params.uri", 'in `params`, there is no "uri"'),
        ("run.name", 'in `run`, there is no "name" here; there is: "id", "workflow_id"'),
    ],
)
def test_what_it_may_not(text: str, complaint: str) -> None:
    """Told with what there is."""
    with pytest.raises(ExpressionError) as caught:
        compiler().expression(text)
    assert caught.value.code == "unknown_expression_name"
    assert complaint in str(caught.value)


@pytest.mark.parametrize("text", ["nodes", "nodes[inputs.city]", "size(nodes)", "nodes['a' + 'b']", "nodes.map(n, n)"])
def test_nodes_are_named_in_full(text: str) -> None:
    """So it is known beforehand whose outputs are needed."""
    with pytest.raises(ExpressionError, match="name the node") as caught:
        compiler().expression(text)
    assert caught.value.code == "invalid_expression"


def test_named_nodes_are_remembered() -> None:
    """For the scope of the run, from expressions and from templates."""
    busy = compiler()
    busy.expression("nodes.fetch.body")
    busy.formula(TEXT, "{{ nodes['a-b'].body }}", "text", never)
    assert busy.node_refs == {"fetch", "a-b"}


def test_without_knowledge_any_name_passes() -> None:
    """A node on its own is compiled without its workflow."""
    lonely = Compiler(Names())
    lonely.expression("inputs.a + nodes.b.c + params.d")
    assert lonely.formula(EXPR, "anything + goes", "p", never) is not None
    assert lonely.node_refs == {"b"}


def test_a_text_is_compiled_once() -> None:
    """For the whole workflow, however many nodes say it."""
    compiled = Compiled()
    first, second = Compiler(NAMES, compiled), Compiler(NAMES, compiled)
    assert first.expression("1 + 1") is second.expression("1 + 1")
    assert first.formula(TEXT, "hi", "p", never) is second.formula(TEXT, "hi", "p", never)


# --- formulas ---------------------------------------------------------------------------------------------


def test_a_text_is_one_formula() -> None:
    """An expression or a template, as the param says; the node's inputs may be named."""
    assert isinstance(formula(EXPR, "value + 1")[0], Expression)
    assert isinstance(formula(TEXT, "{{ value }} in {{ inputs.city }}")[0], Template)


def test_an_object_is_a_formula_a_field() -> None:
    """Each with its own complaint."""
    made, heard = formula(EXPR, {"a": "value", "b": "value +", "c": 5, "d": "nope"})
    assert isinstance(made, Fields)
    assert list(made.fields) == ["a"]
    assert heard == [("invalid_expression", "p.b"), ("invalid_param", "p.c"), ("unknown_expression_name", "p.d")]


def test_a_list_is_cases() -> None:
    """Objects with a `when`; the rest of each is kept as it is."""
    made, heard = formula(EXPR, [{"name": "a", "when": "value > 1"}, {"name": "b"}, "value", {"when": "nope"}])
    assert isinstance(made, Cases)
    assert made.evaluate({"value": 2}) == [{"name": "a", "when": True}]
    assert heard == [
        ("invalid_param", "p[1].when"),
        ("invalid_param", "p[2]"),
        ("unknown_expression_name", "p[3].when"),
    ]


@pytest.mark.parametrize(
    ("param", "value"), [(EXPR, 5), (EXPR, None), (TEXT, 5), (TEXT, {"a": "b"}), (TEXT, ["a"]), (EXPR, True)]
)
def test_anything_else_is_no_formula(param: Param, value: Json) -> None:
    """A number is not evaluated, and templates are texts."""
    assert formula(param, value) == (None, [("invalid_param", "p")])


def test_a_param_may_have_names_of_its_own() -> None:
    """As `item` in a filter, even where it hides a name of the scope."""
    where = Param("where", syntax="expression", names=("item", "run"))
    assert formula(where, "item.size > run.anything + value")[1] == []


def test_an_input_may_hide_a_name_of_the_scope() -> None:
    """An input called `nodes` is meant then, and has any members."""
    hiding = Compiler(Names(nodes=["a"], ports=["nodes"]))
    assert hiding.formula(EXPR, "nodes[0].x", "p", never) is not None
    assert hiding.node_refs == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ value", "invalid_template"),
        ("{{ nope }}", "unknown_expression_name"),
        ("{{ inputs.town }}", "unknown_expression_name"),
        ("{{ nodes }}", "invalid_expression"),
        ("{% for n in nodes %}{% endfor %}", "invalid_expression"),
    ],
)
def test_templates_are_checked_like_expressions(text: str, code: str) -> None:
    """The same names, the same members."""
    assert formula(TEXT, text) == (None, [(code, "p")])
