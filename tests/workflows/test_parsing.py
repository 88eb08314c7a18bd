"""One document against the rules; what there is to it as a whole."""

from __future__ import annotations

from bluev_actors.workflows.kinds import Body, NodeKind, Param
from bluev_actors.workflows.parsing import Rules, parse_document
from bluev_actors.workflows.problems import Findings

RULES = Rules(
    {
        "noop": NodeKind("noop", free_inputs=True),
        "sub": NodeKind("sub", params=(Param("workflow", syntax="workflow"),), body=Body(passes_outputs=True)),
        "switch": NodeKind("switch", params=(Param("cases", "list", names_outputs=True),), free_outputs=True),
    }
)


def test_params_are_found_by_where_their_nodes_stand() -> None:
    """Whatever the item; the nodes of a body count for each node that has it."""
    body = {"nodes": [{"id": "x", "type": "noop"}, {"id": "y", "type": "noop"}]}
    findings = Findings()
    document = {"nodes": [{"id": "a", "type": "sub", "params": {"workflow": body}}, {"id": "b", "type": "noop"}]}
    parsing = parse_document(document, RULES, findings)
    assert findings.error_count == 0
    assert [place for place, _ in parsing.all_params()] == ["a", "b", "a/x", "a/y"]
    assert parsing.size == 4
    assert parsing.workflow.bodies["a"].nodes[1].id == "y"


def test_cases_name_outputs() -> None:
    """Then there are no others than these."""
    findings = Findings()
    document = {
        "nodes": [
            {"id": "a", "type": "switch", "params": {"cases": [{"name": "cold"}, {"nam": 1}, 3]}},
            {"id": "b", "type": "noop"},
        ],
        "connections": [
            {"from_node": "a", "from_output": it, "to_node": "b", "to_input": it} for it in ("cold", "warm")
        ],
    }
    parse_document(document, RULES, findings)
    assert [(it.code, it.path) for it in findings.errors(document)] == [
        ("unknown_output", "connections[1].from_output")
    ]
