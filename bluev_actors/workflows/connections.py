"""Checks the connections of a workflow against its nodes and their kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from bluev_actors.workflows.graph import AFTER, DONE, ERROR, Edge, Node
from bluev_actors.workflows.port_types import fits
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.wording import Hint, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.workflows.kinds import Kinds, NodeKind, Port

MISMATCH: Final = "subworkflow_interface_mismatch"


@define
class ConnectionChecker:
    """Takes the connections one by one, in the order of the document.

    Args:
        nodes: the nodes by id.
        kinds: the catalogue.
        findings: takes the problems.
        places: by node: what its kind is in its place, where that is more than the catalogue says.

    Attributes:
        inputs: the names of the connected inputs, by node.
    """

    nodes: Mapping[str, Node]
    kinds: Kinds
    findings: Findings
    places: Mapping[str, NodeKind] = Factory(dict[str, "NodeKind"])
    inputs: dict[str, dict[str, None]] = Factory(dict[str, "dict[str, None]"])
    _seen: set[Edge] = Factory(set[Edge])

    def take(self, edge: Edge, path: str) -> bool:
        """Check one connection.

        Returns:
            Whether it joins two nodes that are there.
        """
        source = self._end(edge.from_node, path, "from_node")
        target = self._end(edge.to_node, path, "to_node")
        if source is None or target is None:
            return False
        if source is target:
            self._error("self_connection", f"{quoted(source.id)} is connected to itself", path, source.id)
            return False
        if self._is_new(edge, path):
            self._check_ports(edge, source, target, path)
        return True

    def _end(self, node_id: str, path: str, field: str) -> Node | None:
        node = self.nodes.get(node_id)
        if node is None:
            hint = self.findings.hint(node_id, self.nodes)
            message = f"there is no node {quoted(node_id)}; {hint.words}"
            self._error(f"unknown_{field}", message, f"{path}.{field}", None, None, hint)
        return node

    def _is_new(self, edge: Edge, path: str) -> bool:
        if edge in self._seen:
            self._error("duplicate_connection", "this connection is listed before", path, edge.to_node, edge.to_input)
            return False
        self._seen.add(edge)
        return True

    def _kind(self, node: Node) -> NodeKind | None:
        return self.places.get(node.id) or self.kinds.get(node.type)

    def _check_ports(self, edge: Edge, source: Node, target: Node, path: str) -> None:
        given = self._output_type(edge, source, path)
        port = self._input(edge, target, path)
        if port is not None and given is not None and not fits(given, port.type):
            message = (
                f"output {quoted(edge.from_output)} of {quoted(source.id)} is of type {given}, "
                f"and input {quoted(edge.to_input)} of {quoted(target.id)} takes {port.type}"
            )
            self._error("type_mismatch", message, path, target.id, edge.to_input)

    def _output_type(self, edge: Edge, source: Node, path: str) -> str | None:
        """The type of the output; None when nothing is known of it."""
        name, kind = edge.from_output, self._kind(source)
        if name == DONE:
            return "null"
        if name == ERROR and source.on_error == "error_output":
            return "object"
        if kind is None:
            return None
        port = kind.output(name)
        if port is None and not kind.free_outputs:
            self._no_output(name, source, kind, path)
        return None if port is None else port.type

    def _no_output(self, name: str, source: Node, kind: NodeKind, path: str) -> None:
        hint = self.findings.hint(name, [*(port.name for port in kind.outputs), DONE])
        how = " unless its on_error is error_output" if name == ERROR else ""
        message = f"{quoted(source.id)} ({kind.name}) has no output {quoted(name)}{how}; {hint.words}"
        passes = kind.body is not None and kind.body.passes_outputs
        self._error(MISMATCH if passes else "unknown_output", message, f"{path}.from_output", source.id, name, hint)

    def _input(self, edge: Edge, target: Node, path: str) -> Port | None:
        """The declared port the connection goes to; None when there is none to check the type against."""
        name, kind = edge.to_input, self._kind(target)
        if name == AFTER or kind is None:
            return None
        port = kind.input(name)
        if port is None:
            if not kind.free_inputs or any(param.name == name for param in kind.params):
                self._no_input(name, target, kind, path)
        elif not port.multi and name in self.inputs.get(target.id, ()):
            message = f"input {quoted(name)} of {quoted(target.id)} takes one connection and has one already"
            self._error("input_already_connected", message, f"{path}.to_input", target.id, name)
        self.inputs.setdefault(target.id, {})[name] = None
        return port

    def _no_input(self, name: str, target: Node, kind: NodeKind, path: str) -> None:
        hint = self.findings.hint(name, [*(port.name for port in kind.inputs), AFTER])
        is_param = any(param.name == name for param in kind.params)
        words = "it is a param: write `${nodes.ID.OUTPUT}` into it" if is_param else hint.words
        message = f"{quoted(target.id)} ({kind.name}) has no input {quoted(name)}; {words}"
        self._error(
            "unknown_input" if kind.body is None else MISMATCH, message, f"{path}.to_input", target.id, name, hint
        )

    def _error(
        self,
        code: str,
        message: str,
        path: str,
        node_id: str | None,
        port: str | None = None,
        hint: Hint | None = None,
    ) -> None:
        details = None if hint is None else hint.details
        self.findings.error(GraphProblem(code, message, path, node_id, port, details))
