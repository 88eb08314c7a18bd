"""Documents that were accepted once come back as what they were."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import workflow_documents
from bluev_actors.workflows.kinds import Body, NodeKind, Param
from bluev_actors.workflows.trusted import trusted_workflow
from bluev_actors.workflows.validation import parse_workflow

KINDS = {
    "noop": NodeKind("noop", free_inputs=True, free_outputs=True),
    "constant": NodeKind("constant", free_inputs=True, free_outputs=True),
    "delay": NodeKind("delay", free_inputs=True, free_outputs=True),
    "map": NodeKind("map", params=(Param("workflow", syntax="workflow"),), body=Body(gives=("item",))),
}


@given(workflow_documents())
def test_it_is_what_validation_made(document: dict[str, Any]) -> None:
    """Node by node, but for the id, which is the run's."""
    verdict = parse_workflow(document, KINDS)
    assert verdict.workflow == trusted_workflow(document, document["id"])


def test_bodies_are_read_too() -> None:
    """Those that stand where they are used and those under a name, each of these once."""
    leaf = {"nodes": [{"id": "x", "type": "noop"}], "settings": {"max_concurrency": 3}}
    document: dict[str, Any] = {
        "workflows": {"leaf": leaf},
        "nodes": [
            {"id": "a", "type": "map", "params": {"workflow": "leaf"}},
            {"id": "b", "type": "map", "params": {"workflow": {"nodes": [{**_map("leaf"), "id": "c"}]}}},
            {"id": "d", "type": "noop"},
        ],
    }
    made, trusted = parse_workflow(document, KINDS).workflow, trusted_workflow(document, "w")
    assert made is not None
    assert trusted.id == "w"
    assert set(trusted.bodies) == set(made.bodies) == {"a", "b"}
    assert trusted.bodies["a"] == made.bodies["a"]
    assert trusted.bodies["a"] is trusted.bodies["b"].bodies["c"]
    assert trusted.graph_of("b[3]/c[1]/x") is trusted.bodies["a"]


def _map(workflow: object) -> dict[str, Any]:
    return {"id": "a", "type": "map", "params": {"workflow": workflow}}


def test_a_param_that_only_looks_like_a_body() -> None:
    """Names that are nowhere, and graphs that name themselves, are no trouble."""
    document = {"workflows": {"self": {"nodes": [_map("self")]}, "odd": 3}, "nodes": [_map("self")]}
    assert trusted_workflow(document, "w").bodies["a"].bodies == {}
    odds: list[object] = ["odd", "nowhere", None, []]
    for odd in odds:
        assert trusted_workflow({**document, "nodes": [_map(odd)]}, "w").bodies == {}


@given(
    st.dictionaries(st.sampled_from(["nodes", "connections", "inputs", "settings"]), st.just([{"id": 1}]) | st.none())
)
def test_it_never_fails(document: dict[str, Any]) -> None:
    """What it cannot read is left out."""
    assert trusted_workflow(document, "w").nodes == ()
