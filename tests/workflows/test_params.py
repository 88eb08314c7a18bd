"""The params of one node: checked, compiled, evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.errors import ExpressionError, InvalidWorkflowError, ParamError
from bluev_actors.workflows.compiler import Names
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.problems import Findings

if TYPE_CHECKING:
    from bluev_actors.workflows.kinds import NodeKind
    from bluev_actors.workflows.values import JsonObject

SCOPE: JsonObject = {
    "inputs": {"city": "Oslo", "n": 3},
    "nodes": {"fetch": {"body": "text", "status": 200}},
    "run": {"id": "r", "workflow_id": "w"},
}


def problems(params: JsonObject, kind: NodeKind, names: Names | None = None) -> list[tuple[str, str]]:
    """Code and path of each problem, in order."""
    findings = Findings()
    NodeParams.compile(params, kind, names, notes=findings)
    return [(problem.code, problem.path) for problem in findings.errors(params)]


# --- checking ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("fetch", {"url": "x"}, []),
        ("fetch", {"url": "x", "method": "POST", "headers": {"a": "b"}, "retries": 5}, []),
        ("fetch", {}, [("missing_param", "url")]),
        ("fetch", {"url": 5}, [("invalid_param", "url")]),
        ("fetch", {"url": None}, [("invalid_param", "url")]),
        ("fetch", {"url": "x", "method": "PUT"}, [("param_not_in_choices", "method")]),
        ("fetch", {"url": "x", "retries": 6}, [("param_out_of_range", "retries")]),
        ("fetch", {"uri": "x"}, [("unknown_param", "uri"), ("missing_param", "url")]),
        ("fetch", {"url": "x", "after": 1}, [("unknown_param", "after")]),
        ("delay", {"seconds": 1, "anything": [1]}, []),
        ("delay", {"seconds": 1, "after": 1}, [("unknown_param", "after")]),
        ("delay", {"seconds": 1, "in": 5}, [("invalid_param", "in")]),
        ("delay", {"seconds": 1, "in": [5]}, []),
        ("length", {"text": 5}, [("invalid_param", "text")]),
        ("length", {"text": "five"}, []),
        ("expression", {"expr": 5}, [("invalid_param", "expr")]),
        ("expression", {"expr": "1 +"}, [("invalid_expression", "expr")]),
        ("template", {"text": "{{"}, [("invalid_template", "text")]),
        ("transform", {"fields": {"a": "1", "b": "?"}}, [("invalid_expression", "fields.b")]),
        ("switch", {"cases": [{"when": "1"}, {"when": "?"}]}, [("invalid_expression", "cases[1].when")]),
        (
            "fetch",
            {"url": "${", "headers": {"a": ["${1}", "${2 +}"]}},
            [("invalid_expression", "url"), ("invalid_expression", "headers.a[1]")],
        ),
    ],
)
def test_problems_of_params(
    kinds: dict[str, NodeKind], kind: str, params: JsonObject, expected: list[tuple[str, str]]
) -> None:
    """All of them at once, each with its place."""
    assert problems(params, kinds[kind]) == expected


def test_an_unknown_param_comes_with_help(kinds: dict[str, NodeKind]) -> None:
    """Params and inputs are both meant; `after` has its own sentence."""
    findings = Findings()
    NodeParams.compile({"texd": "a", "after": 1}, kinds["length"], notes=findings)
    unknown, after = findings.errors({"texd": "a", "after": 1})
    assert unknown.message == 'length has no param "texd"; did you mean "text"?'
    assert unknown.details == {"suggestions": ["text"], "known": ["text"]}
    assert after.message == "'after' takes connections, not a param"


def test_alone_the_first_problem_is_raised(kinds: dict[str, NodeKind]) -> None:
    """Whoever compiles one node without notes is told by an exception."""
    with pytest.raises(InvalidWorkflowError) as caught:
        NodeParams.compile({"texd": 1}, kinds["length"])
    assert [problem.code for problem in caught.value.problems] == ["unknown_param"]


def test_names_are_checked_when_they_are_known(kinds: dict[str, NodeKind]) -> None:
    """The inputs of the workflow, its nodes, and the node's own still params."""
    names = Names(inputs=["city"], nodes=["fetch"], ports=[])
    params: JsonObject = {
        "url": "${inputs.town}/${nodes.fetch.body}",
        "headers": {"a": "${params.method}", "b": "${params.url}", "c": "${params.nope}"},
    }
    assert problems(params, kinds["fetch"], names) == [
        ("unknown_expression_name", "url"),
        ("unknown_expression_name", "headers.b"),
        ("unknown_expression_name", "headers.c"),
    ]


# --- evaluating -------------------------------------------------------------------------------------------


def test_still_params_are_given_as_they_are(kinds: dict[str, NodeKind]) -> None:
    """With defaults, without looking at the scope, in a dict of its own each time."""
    params = NodeParams.compile({"url": "x"}, kinds["fetch"])
    first, second = params.evaluate({}), params.evaluate({})
    assert first == {"url": "x", "method": "GET", "retries": 0}
    assert first is not second
    assert params.node_refs == frozenset()


def test_expressions_see_the_scope(kinds: dict[str, NodeKind]) -> None:
    """The workflow's inputs, other nodes' outputs, the run, and the still params."""
    params = NodeParams.compile(
        {
            "url": "https://${inputs.city}/${run.id}?${nodes.fetch.body}",
            "headers": {"method": "${params.method}"},
            "retries": "${inputs.n}",
        },
        kinds["fetch"],
    )
    assert params.node_refs == {"fetch"}
    assert params.evaluate(SCOPE) == {
        "url": "https://Oslo/r?text",
        "method": "GET",
        "headers": {"method": "GET"},
        "retries": 3,
    }


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("${inputs.city}", "invalid_param", "int is wanted, and it is string"),
        ("${inputs.n * 2}", "param_out_of_range", "at most 5"),
        ("n: ${inputs.n}", "invalid_param", "int is wanted"),
    ],
)
def test_what_expressions_come_to_is_checked(kinds: dict[str, NodeKind], text: str, code: str, words: str) -> None:
    """Their values are held to the same rules as those in the document."""
    params = NodeParams.compile({"url": "x", "retries": text}, kinds["fetch"])
    with pytest.raises(ParamError, match=words) as caught:
        params.evaluate(SCOPE)
    assert caught.value.code == code


def test_an_input_given_by_a_param_is_checked_too(kinds: dict[str, NodeKind]) -> None:
    """Against its port; a free one against nothing."""
    with pytest.raises(ParamError, match="string is wanted"):
        NodeParams.compile({"text": "${inputs.n}"}, kinds["length"]).evaluate(SCOPE)
    assert NodeParams.compile({"free": "${inputs.n}"}, kinds["noop"]).evaluate(SCOPE) == {"free": 3}


def test_an_expression_may_fail_at_run_time(kinds: dict[str, NodeKind]) -> None:
    """A node that was skipped has no outputs."""
    params = NodeParams.compile({"url": "${nodes.fetch.body}"}, kinds["fetch"])
    with pytest.raises(ExpressionError, match="null"):
        params.evaluate({**SCOPE, "nodes": {"fetch": None}})


def test_secrets_are_revealed_when_someone_is_asked(kinds: dict[str, NodeKind]) -> None:
    """Only then, and not to expressions."""
    params = NodeParams.compile({"url": "x", "headers": {"a": {"$secret": "T"}}}, kinds["fetch"])
    assert params.evaluate(SCOPE, str.lower)["headers"] == {"a": "t"}
    assert params.evaluate(SCOPE)["headers"] == {"a": {"$secret": "T"}}


def test_a_secret_has_to_be_of_the_right_type(kinds: dict[str, NodeKind]) -> None:
    """It is checked when it is known."""
    params = NodeParams.compile({"url": {"$secret": "T"}}, kinds["fetch"])
    assert params.evaluate(SCOPE, str.lower)["url"] == "t"
    with pytest.raises(ParamError):
        params.evaluate(SCOPE, lambda _name: 5)


# --- formulas ---------------------------------------------------------------------------------------------


def test_formulas_are_computed_when_asked_for(kinds: dict[str, NodeKind]) -> None:
    """Over the scope and the inputs; in the params they stand as texts."""
    params = NodeParams.compile({"expr": "x + size(inputs.city)", "x": 1}, kinds["expression"])
    assert params.evaluate(SCOPE) == {"expr": "x + size(inputs.city)", "x": 1}
    assert params.compute("expr", {**SCOPE, "x": 38}) == 42


def test_formulas_see_the_other_params(kinds: dict[str, NodeKind]) -> None:
    """As `params`, unless an input has that name."""
    params = NodeParams.compile({"text": "{{ params.greeting }}", "greeting": "hi"}, kinds["template"])
    assert params.compute("text", SCOPE) == "hi"
    assert params.compute("text", {**SCOPE, "params": {"greeting": "ho"}}) == "ho"


def test_cases_and_fields_are_computed(kinds: dict[str, NodeKind]) -> None:
    """As lists and objects."""
    switch = NodeParams.compile({"cases": [{"name": "a", "when": "value > 1"}]}, kinds["switch"])
    assert switch.compute("cases", {"value": 2}) == [{"name": "a", "when": True}]
    transform = NodeParams.compile({"fields": {"b": "a + 1"}}, kinds["transform"])
    assert transform.compute("fields", {"a": 1}) == {"b": 2}


def test_what_is_no_formula_is_its_value(kinds: dict[str, NodeKind]) -> None:
    """And what is not given is null."""
    params = NodeParams.compile({"expr": "1"}, kinds["expression"])
    assert params.compute("nothing", {}) is None
    assert NodeParams.compile({"url": "x"}, kinds["fetch"]).compute("method", {}) == "GET"


def test_nothing_set_is_nothing(kinds: dict[str, NodeKind]) -> None:
    """A hundred thousand of these cost nothing."""
    assert NodeParams.compile({}, kinds["noop"]).evaluate({}) == {}
    assert NodeParams().evaluate({}) == {}
