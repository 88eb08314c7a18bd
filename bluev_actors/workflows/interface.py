"""What a workflow takes and gives as a whole: its declared inputs and outputs, and the values it is started with."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import evolve

from bluev_actors.workflows.graph import DONE, ERROR
from bluev_actors.workflows.kinds import NOTHING, Port
from bluev_actors.workflows.port_types import mismatch
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.values import find_flaw, is_list, is_object
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bluev_actors.workflows.graph import Node, Workflow, WorkflowInput, WorkflowOutput
    from bluev_actors.workflows.kinds import Body, Kinds, NodeKind
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


def body_inputs(workflow: Workflow, given: JsonObject) -> tuple[JsonObject, str | None]:
    """The values that a body is started with.

    Args:
        workflow: the body.
        given: values by name; what the body does not declare is left out.

    Returns:
        A value for every declared input, and what is wrong with them; None when nothing is.
    """
    flaw: str | None = None
    for name, it in workflow.inputs.items():
        if name not in given:
            flaw = f"the body needs the input {quoted(name)}" if it.required else None
        else:
            flaw = mismatch(given[name], it.type)
            flaw = flaw and f"the input {quoted(name)} of the body: {flaw}"
        if flaw is not None:
            break
    return {name: given.get(name, it.default) for name, it in workflow.inputs.items()}, flaw


def check_outputs(
    declared: Mapping[str, WorkflowOutput],
    nodes: Mapping[str, Node],
    kinds: Kinds,
    findings: Findings,
    places: Mapping[str, NodeKind] = MappingProxyType({}),
) -> None:
    """Check that every declared output names what is there.

    Args:
        declared: the outputs of the whole.
        nodes: the nodes by id.
        kinds: the catalogue.
        findings: takes the problems.
        places: by node: what its kind is in its place, where that is more than the catalogue says.
    """
    for name, it in declared.items():
        node = nodes.get(it.node)
        kind = None if node is None else places.get(node.id) or kinds.get(node.type)
        if node is None:
            known, what = list(nodes), f"node {quoted(it.node)}"
        elif kind is None or _gives(node, it.output, kind):
            continue
        else:
            known = [port.name for port in kind.outputs]
            what = f"output {quoted(it.output)} of {quoted(node.id)}"
        hint = findings.hint(it.node if node is None else it.output, known)
        message = f"there is no {what}; {hint.words}"
        path = f"outputs.{name}"
        findings.error(GraphProblem("workflow_output_unresolved", message, path, details=hint.details))


def _gives(node: Node, output: str, kind: NodeKind) -> bool:
    return (
        output == DONE
        or kind.free_outputs
        or kind.output(output) is not None
        or (output == ERROR and node.on_error == "error_output")
    )


def kind_in_place(kind: NodeKind, node: Node, body: Workflow | None) -> NodeKind:
    """What a kind is for one of its nodes: with the ports that the node's params and its body give it.

    Args:
        kind: the kind.
        node: the node.
        body: its body; None when it has none, or none that could be read: then all ports are free.
    """
    if kind.body is not None:
        return _with_body(kind, kind.body, node, body)
    named = [port for param in kind.params if param.names_outputs for port in _named_outputs(node.params, param.name)]
    return evolve(kind, outputs=(*kind.outputs, *named), free_outputs=False) if named else kind


def _named_outputs(params: JsonObject, param: str) -> Iterator[Port]:
    cases = params.get(param)
    for case in cases if is_list(cases) else ():
        if is_object(case) and isinstance(name := case.get("name"), str):
            yield Port(name)


def _with_body(kind: NodeKind, use: Body, node: Node, body: Workflow | None) -> NodeKind:
    if body is None:
        return evolve(kind, free_inputs=True, free_outputs=kind.free_outputs or use.passes_outputs)
    scattered = scattered_inputs(use, node)
    given = use.gives if use.item is None or scattered else (*use.gives, use.item)
    inputs = [_body_port(name, it, scattered) for name, it in body.inputs.items() if name not in given]
    outputs = [Port(name) for name in body.outputs or _last(body)] if use.passes_outputs else []
    return evolve(
        kind,
        inputs=(*(() if scattered else kind.inputs), *inputs),
        outputs=(*kind.outputs, *outputs),
        free_inputs=False,
        free_outputs=kind.free_outputs and not use.passes_outputs,
    )


def _last(body: Workflow) -> list[str]:
    """The nodes whose outputs are what a body without declared outputs comes to."""
    return [node.id for node in body.nodes if not body.outgoing[node.id]]


def scattered_inputs(use: Body, node: Node) -> tuple[str, ...]:
    """The inputs of a node that each take a list, one element of it for each item; none but where it says so."""
    named = node.params.get(use.scatter) if use.scatter is not None else None
    return tuple(name for name in named if isinstance(name, str)) if is_list(named) else ()


def _body_port(name: str, declared: WorkflowInput, scattered: Collection[str]) -> Port:
    default = NOTHING if declared.required else declared.default
    if name in scattered:
        return Port(name, f"list[{declared.type}]", description=declared.description)
    return Port(name, declared.type, required=declared.required, default=default, description=declared.description)
