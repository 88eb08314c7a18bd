"""What a workflow takes and gives as a whole: its declared inputs and outputs, and the values it is started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.graph import DONE, ERROR
from bluev_actors.workflows.port_types import mismatch
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.values import find_flaw
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.workflows.graph import Node, WorkflowInput, WorkflowOutput
    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.values import JsonObject


def fill_in(declared: Mapping[str, WorkflowInput], given: JsonObject, findings: Findings) -> JsonObject:
    """Check the values a run is started with, and add what is not given.

    Returns:
        A value for every declared input; null for what is neither given nor required nor has a default.
    """
    for name, value in given.items():
        if name not in declared:
            hint = findings.hint(name, declared)
            message = f"the workflow has no input {quoted(name)}; {hint.words}"
            findings.error(GraphProblem("unknown_workflow_input", message, f"inputs.{name}", details=hint.details))
        elif flaw := find_flaw(value, "the value") or mismatch(value, declared[name].type):
            message = f"the input {quoted(name)}: {flaw}"
            findings.error(GraphProblem("invalid_field_type", message, f"inputs.{name}"))
    for name, it in declared.items():
        if it.required and name not in given:
            message = f"the workflow needs the input {quoted(name)}: a value of type {it.type}"
            findings.error(GraphProblem("missing_workflow_input", message, f"inputs.{name}"))
    return {name: given.get(name, it.default) for name, it in declared.items()}


def check_outputs(
    declared: Mapping[str, WorkflowOutput], nodes: Mapping[str, Node], kinds: Kinds, findings: Findings
) -> None:
    """Check that every declared output names what is there."""
    for name, it in declared.items():
        node = nodes.get(it.node)
        if node is None:
            known, what = list(nodes), f"node {quoted(it.node)}"
        elif _gives(node, it.output, kinds):
            continue
        else:
            known = [port.name for port in kinds[node.type].outputs]
            what = f"output {quoted(it.output)} of {quoted(node.id)}"
        hint = findings.hint(it.node if node is None else it.output, known)
        message = f"there is no {what}; {hint.words}"
        path = f"outputs.{name}"
        findings.error(GraphProblem("workflow_output_unresolved", message, path, details=hint.details))


def _gives(node: Node, output: str, kinds: Kinds) -> bool:
    kind = kinds.get(node.type)
    return (
        output == DONE
        or kind is None
        or kind.free_outputs
        or kind.output(output) is not None
        or (output == ERROR and node.on_error == "error_output")
    )
