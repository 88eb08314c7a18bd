"""Checks single nodes against the catalogue: their type, their params, their required inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define, evolve

from bluev_actors.workflows.compiler import Compiled, Names
from bluev_actors.workflows.connections import MISMATCH
from bluev_actors.workflows.graph import AFTER
from bluev_actors.workflows.kinds import BODY, NOTHING
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.problems import WARNING_CODES, Findings, GraphProblem, NodeNotes
from bluev_actors.workflows.secret_refs import check_secrets
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.kinds import Kinds, NodeKind
    from bluev_actors.workflows.values import JsonObject


@define
class NodeChecker:
    """Takes the nodes one by one, in the order of the document.

    Args:
        kinds: the catalogue.
        findings: takes the problems.
        names: what expressions may name in this workflow.
        disabled: names of kinds that exist but are not allowed.
        secrets: names of the secrets that params may refer to.
        places: by node: what its kind is in its place, where that is more than the catalogue says.

    Attributes:
        params: the compiled params of the nodes so far.
    """

    kinds: Kinds
    findings: Findings
    names: Names
    disabled: Collection[str]
    secrets: Collection[str]
    places: Mapping[str, NodeKind] = Factory(dict[str, "NodeKind"])
    params: dict[str, NodeParams] = Factory(dict[str, NodeParams])
    _compiled: Compiled = Factory(Compiled)
    _unset: dict[str, NodeParams] = Factory(dict[str, NodeParams])

    def take(self, node: Node, path: str, connected: Collection[str]) -> None:
        """Check one node.

        Args:
            node: the node.
            path: where it stands.
            connected: the names of its inputs that have a connection.
        """
        kind = self._kind(node, path)
        if kind is not None:
            kind = self.places.get(node.id, kind)
            self.params[node.id] = self._compile(node, kind, path, connected)
            self._check_inputs(node, kind, path, connected)

    def _check_inputs(self, node: Node, kind: NodeKind, path: str, connected: Collection[str]) -> None:
        for port in kind.inputs:
            given = port.name in connected or port.name in node.params or port.default is not NOTHING
            if port.required and not given:
                message = (
                    f"{quoted(node.id)} ({kind.name}) needs the input {quoted(port.name)}: "
                    "connect it, or give it as a param"
                )
                own = self.kinds[node.type].input(port.name) is not None
                self._error("required_input_missing" if own else MISMATCH, message, path, node.id, port.name)

    def _kind(self, node: Node, path: str) -> NodeKind | None:
        kind = self.kinds.get(node.type)
        where = f"{path}.type"
        if node.type in self.disabled:
            message = (
                f"the node type {quoted(node.type)} is off here; the operator can switch it on by --allow {node.type}"
            )
            self._error("node_type_disabled", message, where, node.id)
        elif kind is None:
            hint = self.findings.hint(node.type, self.kinds)
            message = f"there is no node type {quoted(node.type)}; {hint.words}"
            self.findings.error(GraphProblem("unknown_node_type", message, where, node.id, details=hint.details))
        if kind is not None and node.type_version not in (None, kind.version):
            message = f"{kind.name} is here in version {kind.version}, not {node.type_version}"
            self._error("node_type_version_unsupported", message, f"{path}.type_version", node.id)
        return kind

    def _compile(self, node: Node, kind: NodeKind, path: str, connected: Collection[str]) -> NodeParams:
        if not node.params and kind.name in self._unset and node.id not in self.places:
            return self._unset[kind.name]
        before = self.findings.error_count
        notes = NodeNotes(self.findings, f"{path}.params", node.id, _codes(kind))
        for problem in check_secrets(_without_body(node.params, kind), self.secrets):
            self._note_secret(notes, problem)
        if kind.check is not None and (wrong := kind.check(node.params)) is not None:
            notes.error(GraphProblem(wrong.code, wrong.message, ""))
        names = self.names
        if any(param.syntax != "value" for param in kind.params):
            names = evolve(names, ports=_ports(node, kind, connected))
        params = NodeParams.compile(node.params, kind, names, self._compiled, notes)
        if not node.params and self.findings.error_count == before and node.id not in self.places:
            self._unset[kind.name] = params
        return params

    def _note_secret(self, notes: NodeNotes, problem: GraphProblem) -> None:
        if problem.code in WARNING_CODES:
            self.findings.warning(notes.placed(problem))
        else:
            notes.error(problem)

    def _error(self, code: str, message: str, path: str, node_id: str, port: str | None = None) -> None:
        self.findings.error(GraphProblem(code, message, path, node_id, port))


def _without_body(params: JsonObject, kind: NodeKind) -> JsonObject:
    """The body is looked through by itself."""
    return params if kind.body is None else {name: value for name, value in params.items() if name != BODY}


def _codes(kind: NodeKind) -> Mapping[tuple[str, str | None], str]:
    """What is wrong with the params of a node that has a body, in the words of bodies."""
    if kind.body is None:
        return {}
    lists = [port.name for port in kind.inputs if port.type.startswith("list")] if kind.body.scatter else []
    return {("unknown_param", None): MISMATCH, **{("invalid_param", name): "map_input_not_list" for name in lists}}


def _ports(node: Node, kind: NodeKind, connected: Iterable[str]) -> dict[str, None]:
    """The names that the node's inputs will have."""
    settings = {param.name for param in kind.params}
    free = (name for name in (*node.params, *connected) if name not in settings and name != AFTER)
    return dict.fromkeys([*(port.name for port in kind.inputs), *free])
