"""What is said of bodies at validation: everything a document gets, with the whole path, and what only bodies get."""

from __future__ import annotations

from typing import Any

import pytest

from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.workflows.validation import GraphLimits, Verdict, parse_workflow

KINDS = {it.kind.name: it.kind for it in BUILT_INS}
LEAF: dict[str, Any] = {"nodes": [{"id": "x", "type": "noop"}]}


def node(workflow: Any, type_: str = "map", node_id: str = "a", **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A node with a body."""
    params = {"items": [1], **params} if type_ == "map" and "scatter" not in params else params
    return {"id": node_id, "type": type_, "params": {"workflow": workflow, **params}}


def parse(*nodes: dict[str, Any], **document: Any) -> Verdict:  # noqa: ANN401 - JSON
    """The verdict on a document."""
    return parse_workflow({"nodes": list(nodes), **document}, KINDS)


def errors(*nodes: dict[str, Any], **document: Any) -> list[tuple[str, str, str | None]]:  # noqa: ANN401 - JSON
    """Codes, paths and nodes of the errors."""
    return [(it.code, it.path, it.node_id) for it in parse(*nodes, **document).errors]


def test_a_body_gets_what_a_document_gets() -> None:
    """With the path from the root, and the node's whole id."""
    body = {"nodes": [{"id": "x", "type": "nop"}, {"id": "x", "type": "noop"}], "connections": [{"from_node": "x"}]}
    path = "nodes[0].params.workflow"
    assert errors(node(body))[:2] == [
        ("unknown_node_type", f"{path}.nodes[0].type", "a/x"),
        ("duplicate_node_id", f"{path}.nodes[1].id", "a/x"),
    ]
    assert ("missing_field", f"{path}.connections[0].to_node", None) in errors(node(body))


def test_a_named_body_is_checked_once() -> None:
    """However many nodes name it; its problems belong to none of them."""
    found = errors(node("b"), node("b", node_id="c"), workflows={"b": {"nodes": [{"id": "x", "type": "nop"}]}})
    assert found == [("unknown_node_type", "workflows.b.nodes[0].type", None)]
    verdict = parse(node("b"), node("b", node_id="c"), workflows={"b": LEAF})
    assert verdict.workflow is not None
    assert verdict.workflow.bodies["a"] is verdict.workflow.bodies["c"]
    assert set(verdict.params) == {"a", "c", "a/x", "c/x"}


def test_a_name_that_is_nowhere() -> None:
    """The nearest one is suggested."""
    [problem] = parse(node("greet"), workflows={"great": LEAF}).errors
    assert (problem.code, problem.path) == ("subworkflow_not_found", "nodes[0].params.workflow")
    assert problem.details is not None
    assert problem.details["suggestions"] == ["great"]


def test_workflows_that_run_each_other() -> None:
    """The circle is named."""
    [problem] = parse(node("p"), workflows={"p": {"nodes": [node("q")]}, "q": {"nodes": [node("p")]}}).errors
    assert (problem.code, problem.path) == ("subworkflow_recursion", "workflows.q.nodes[0].params.workflow")
    assert problem.details == {"cycle": ["p", "q"]}


def test_bodies_may_not_stand_too_deep() -> None:
    """Sixteen in one another, and no more."""
    graphs: dict[str, Any] = {str(it): {"nodes": [node(str(it + 1))]} for it in range(16)}
    assert parse(node("1"), workflows={**graphs, "16": LEAF}).errors == ()
    assert [it[0] for it in errors(node("0"), workflows={**graphs, "16": LEAF})] == ["nesting_too_deep"]


@pytest.mark.parametrize("workflow", [3, [], None, True])
def test_what_is_no_body(workflow: object) -> None:
    """Only a graph or a name is one."""
    assert errors(node(workflow)) == [("invalid_param", "nodes[0].params.workflow", "a")]
    assert errors(node("b"), workflows={"b": workflow}) == [("invalid_field_type", "nodes[0].params.workflow", "a")]


def test_a_node_with_a_body_needs_one() -> None:
    """It is a param like others."""
    assert errors({"id": "a", "type": "sub_workflow"}) == [("missing_param", "nodes[0].params.workflow", "a")]


def test_ids_that_could_be_taken_for_items() -> None:
    """A leaf may have one, a node with a body not."""
    assert errors(node(LEAF, node_id="a[1]")) == [("invalid_node_id", "nodes[0].id", "a[1]")]
    assert parse(node(LEAF), {"id": "a[1]", "type": "noop"}).errors == ()


def test_what_a_body_declares_is_what_it_takes() -> None:
    """Neither more nor less, in the words of bodies."""
    body = {**LEAF, "inputs": {"city": {"type": "string"}, "item": {}, "index": {}, "day": {"default": 1}}}
    mismatch = "subworkflow_interface_mismatch"
    assert parse(node(body, city="Oslo")).errors == ()
    assert errors(node(body)) == [(mismatch, "nodes[0]", "a")]
    assert errors(node(body, city="Oslo", index=3)) == [(mismatch, "nodes[0].params.index", "a")]
    assert errors(node(body, city=5)) == [("invalid_param", "nodes[0].params.city", "a")]
    edge = {"from_node": "n", "from_output": "out", "to_node": "a", "to_input": "town"}
    found = errors(node(body, city="x"), {"id": "n", "type": "noop"}, connections=[edge])
    assert found == [(mismatch, "connections[0].to_input", "a")]


def test_the_outputs_of_a_sub_workflow_are_those_of_its_body() -> None:
    """Declared ones; else what its last nodes give, by node."""
    declared = {**LEAF, "outputs": {"text": {"node": "x", "output": "out"}}}

    def use(body: dict[str, Any], output: str) -> list[str]:
        edge = {"from_node": "a", "from_output": output, "to_node": "n", "to_input": "in"}
        found = errors(node(body, "sub_workflow"), {"id": "n", "type": "noop"}, connections=[edge])
        return [it[0] for it in found]

    assert (use(declared, "text"), use(LEAF, "x"), use(LEAF, "done")) == ([], [], [])
    assert use(declared, "x") == ["subworkflow_interface_mismatch"]
    outputs = {"all": {"node": "a", "output": "no"}}
    assert [it[0] for it in errors(node(declared, "sub_workflow"), outputs=outputs)] == ["workflow_output_unresolved"]


def test_lists_for_a_map() -> None:
    """A fixed value that is none is seen at once, and so is a name that the body does not have."""
    body = {**LEAF, "inputs": {"city": {"type": "string"}}}
    assert errors(node(LEAF, items=3)) == [("map_input_not_list", "nodes[0].params.items", "a")]
    assert parse(node(LEAF, items="${[1, 2]}")).errors == ()
    assert parse(node(body, scatter=["city"], city=["Oslo"])).errors == ()
    assert errors(node(body, scatter=["city"], city="Oslo")) == [("map_input_not_list", "nodes[0].params.city", "a")]
    found = errors(node(body, scatter=["town"], city="Oslo"))
    assert found == [("subworkflow_interface_mismatch", "nodes[0].params.scatter", "a")]
    for odd in ([], ["city", "city"], [1], "city"):
        assert "invalid_param" in [it[0] for it in errors(node(body, scatter=odd, city=["Oslo"]))]


@pytest.mark.parametrize("params", [{}, {"max_iterations": 3}, {"while": "true"}, {"count": "${1 + 1}"}])
def test_a_loop_has_to_end(params: dict[str, Any]) -> None:
    """Somebody has to say when, and how often at most."""
    assert [it[0] for it in errors(node(LEAF, "loop", **params))] == ["loop_unbounded"]


def test_expressions_in_a_body_see_the_body() -> None:
    """Its inputs and its nodes, not those around it."""
    body = {"nodes": [{"id": "x", "type": "expression", "params": {"expr": "inputs.item + nodes.a.out"}}]}
    found = [it.message for it in parse(node({**body, "inputs": {"item": {}}})).errors]
    assert len(found) == 1
    assert "in `nodes`" in found[0]


def test_settings_that_hold_for_the_whole_run() -> None:
    """In a body they say nothing, and that is said."""
    [warning] = parse(node({**LEAF, "settings": {"timeout": 3, "max_concurrency": 1}})).warnings
    assert (warning.code, warning.path) == ("setting_without_effect", "nodes[0].params.workflow.settings.timeout")


def test_nodes_in_bodies_count() -> None:
    """For every node that has the body."""
    document = {"nodes": [node("b"), node("b", node_id="c")], "workflows": {"b": LEAF}}
    assert parse_workflow(document, KINDS, limits=GraphLimits(nodes=4)).errors == ()
    [problem] = parse_workflow(document, KINDS, limits=GraphLimits(nodes=3)).errors
    assert problem.code == "too_many_nodes"
