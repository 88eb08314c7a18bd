"""What a workflow takes and gives as a whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from bluev_actors.workflows.graph import Node, WorkflowInput, WorkflowOutput
from bluev_actors.workflows.interface import check_outputs, fill_in
from bluev_actors.workflows.problems import Findings

if TYPE_CHECKING:
    from bluev_actors.workflows.kinds import NodeKind
    from bluev_actors.workflows.values import JsonObject

DECLARED = {
    "city": WorkflowInput("string"),
    "days": WorkflowInput("int", required=False, default=3),
    "note": WorkflowInput(required=False),
}


def filled(given: JsonObject) -> tuple[JsonObject, list[tuple[str, str]]]:
    """The values, and the problems with them."""
    findings = Findings()
    values = fill_in(DECLARED, given, findings)
    return values, [(problem.code, problem.path) for problem in findings.errors(None)]


def test_what_is_not_given_has_its_default() -> None:
    """Null where there is none."""
    assert filled({"city": "Oslo"}) == ({"city": "Oslo", "days": 3, "note": None}, [])
    assert filled({"city": "Oslo", "days": 0, "note": False})[0] == {"city": "Oslo", "days": 0, "note": False}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [("missing_workflow_input", "inputs.city")]),
        ({"city": 5}, [("invalid_field_type", "inputs.city")]),
        ({"city": None}, [("invalid_field_type", "inputs.city")]),
        ({"city": "Oslo", "days": "3"}, [("invalid_field_type", "inputs.days")]),
        ({"city": "Oslo", "note": math.nan}, [("invalid_field_type", "inputs.note")]),
        ({"city": "Oslo", "note": {1: 2}}, [("invalid_field_type", "inputs.note")]),
        ({"town": "Oslo"}, [("unknown_workflow_input", "inputs.town"), ("missing_workflow_input", "inputs.city")]),
    ],
)
def test_what_is_wrong_with_given_values(given: JsonObject, expected: list[tuple[str, str]]) -> None:
    """All of it."""
    assert filled(given)[1] == expected


def test_an_unknown_input_comes_with_help() -> None:
    """Where nothing is declared, nothing can be given."""
    findings = Findings()
    fill_in(DECLARED, {"citty": 1}, findings)
    fill_in({}, {"x": 1}, findings)
    slip, missing, stray = findings.errors(None)
    assert slip.message == 'the workflow has no input "citty"; did you mean "city"?'
    assert "a value of type string" in missing.message
    assert stray.message == 'the workflow has no input "x"; there is: none'


@pytest.mark.parametrize(
    ("node", "output", "message"),
    [
        ("fetch", "body", None),
        ("fetch", "done", None),
        ("fetch", "error", None),
        ("noop", "anything", None),
        ("strange", "anything", None),
        ("echo", "error", 'there is no output "error" of "echo"; there is: "value"'),
        ("fetch", "bdy", 'there is no output "bdy" of "fetch"; did you mean "body"?'),
        ("fetched", "body", 'there is no node "fetched"; did you mean "fetch"?'),
    ],
)
def test_declared_outputs_name_what_is_there(
    kinds: dict[str, NodeKind], node: str, output: str, message: str | None
) -> None:
    """A node and one of its outputs, `done` and `error` among them; of an unknown type nothing is known."""
    nodes = {
        "fetch": Node("fetch", "fetch", on_error="error_output"),
        "noop": Node("noop", "noop"),
        "echo": Node("echo", "echo"),
        "strange": Node("strange", "no such type"),
    }
    findings = Findings()
    check_outputs({"whole": WorkflowOutput(node, output)}, nodes, kinds, findings)
    problems = [(problem.code, problem.path, problem.message) for problem in findings.errors(None)]
    assert problems == ([] if message is None else [("workflow_output_unresolved", "outputs.whole", message)])
