"""A document and a catalogue of kinds in, a workflow or all that is wrong with it out. It never raises on JSON.

One pass, in time linear in the document: the document's objects, its connections, the params of its nodes, then what
only shows in the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from attrs import Factory, frozen

from bluev_actors.workflows.compiler import Names
from bluev_actors.workflows.connections import ConnectionChecker
from bluev_actors.workflows.document import DocumentReader
from bluev_actors.workflows.graph import (
    AFTER,
    DONE,
    Edge,
    Node,
    Workflow,
    WorkflowInput,
    WorkflowOutput,
)
from bluev_actors.workflows.interface import check_outputs, fill_in
from bluev_actors.workflows.node_checks import NodeChecker
from bluev_actors.workflows.order import Upstream, find_cycles
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.trusted import trusted_workflow as trusted_workflow  # noqa: PLC0414 - found here too
from bluev_actors.workflows.values import MAX_DEPTH, TOO_DEEP, JsonObject, find_flaw, is_list, is_object
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.values import Json

T = TypeVar("T")

_SHOWN: Final = 8


@frozen
class GraphLimits:
    """How large a workflow may be."""

    nodes: int = 100_000
    connections: int = 1_000_000
    depth: int = MAX_DEPTH
    """How deep the document may be nested."""
    problems: int = 1000
    """How many errors, and how many warnings, a verdict lists."""


@frozen
class Verdict:
    """What became of a document.

    Attributes:
        workflow: the accepted workflow; None when there are errors. Its id is empty when the document has none.
        errors: what is wrong, in the order of the document.
        warnings: what deserves a second look.
        inputs: the values the run starts with, defaults filled in.
        params: the compiled params of each node.
    """

    workflow: Workflow | None
    errors: tuple[GraphProblem, ...] = ()
    warnings: tuple[GraphProblem, ...] = ()
    inputs: JsonObject = Factory(dict[str, "Json"])
    params: Mapping[str, NodeParams] = Factory(dict[str, NodeParams])


def parse_workflow(
    document: object,
    kinds: Kinds,
    *,
    inputs: JsonObject | None = None,
    limits: GraphLimits = GraphLimits(),
    disabled: Collection[str] = (),
    secrets: Collection[str] = (),
) -> Verdict:
    """Check a document, and make a workflow of it.

    Args:
        document: any JSON value.
        kinds: the catalogue of node kinds.
        inputs: the values it is to be started with.
        limits: how large it may be.
        disabled: names of kinds that exist but are not allowed.
        secrets: names of the secrets that it may refer to.
    """
    problems = list(_unreadable(document, limits))
    if problems or not is_object(document):
        return Verdict(None, tuple(problems))
    findings = Findings(limits.problems)
    parsing = _Parsing(document, kinds, findings)
    parsing.check_nodes(disabled, secrets)
    parsing.check_order()
    values = fill_in(parsing.inputs, inputs or {}, findings)
    check_outputs(parsing.outputs, parsing.nodes, kinds, findings)
    errors, warnings = findings.errors(document), findings.warnings(document)
    if errors:
        return Verdict(None, errors, warnings)
    return Verdict(parsing.workflow(), errors, warnings, values, parsing.params)


def _unreadable(document: object, limits: GraphLimits) -> Iterator[GraphProblem]:
    """What makes it useless, or too dear, to look any further."""
    flaw = find_flaw(document, "", MAX_DEPTH - min(limits.depth, MAX_DEPTH))
    if flaw is not None and TOO_DEEP in flaw:
        yield GraphProblem("nesting_too_deep", f"values may be nested {limits.depth} levels deep, no deeper", "")
    elif flaw is not None:
        yield GraphProblem("not_json", flaw, "")
    elif not is_object(document):
        yield GraphProblem("not_an_object", "a workflow is an object with `nodes` and `connections`", "")
    else:
        yield from _too_many(document, "nodes", limits.nodes)
        yield from _too_many(document, "connections", limits.connections)


def _too_many(document: JsonObject, name: str, limit: int) -> Iterator[GraphProblem]:
    listed = document.get(name)
    if is_list(listed) and len(listed) > limit:
        yield GraphProblem(f"too_many_{name}", f"the workflow has {len(listed)} {name}; {limit} is the most", name)


class _Parsing:
    """The way from one document to a workflow. Making it reads the document; the checks follow."""

    def __init__(self, document: JsonObject, kinds: Kinds, findings: Findings) -> None:
        self._document = document
        self._kinds = kinds
        self._findings = findings
        self._reader = DocumentReader(findings)
        self._found = self._reader.read_workflow(document)
        self._settings = self._reader.read_settings(self._found.get("settings", {}))
        self.inputs: dict[str, WorkflowInput] = _read_each(
            self._found.get("inputs", {}), "inputs", self._reader.read_input
        )
        self.outputs: dict[str, WorkflowOutput] = _read_each(
            self._found.get("outputs", {}), "outputs", self._reader.read_output
        )
        self.nodes: dict[str, Node] = {}
        self._places: list[tuple[int, Node]] = []
        self._read_nodes()
        self._connections = ConnectionChecker(self.nodes, kinds, findings)
        self._edges = self._read_edges()
        self.params: dict[str, NodeParams] = {}

    def _read_nodes(self) -> None:
        raws = self._found.get("nodes")
        if raws == []:
            self._error("empty_workflow", "a workflow has to have at least one node", "nodes")
        for index, raw in enumerate(raws or ()):
            node = self._reader.read_node(raw, f"nodes[{index}]")
            if node is None:
                continue
            self._places.append((index, node))
            if self.nodes.setdefault(node.id, node) is not node:
                message = f"there is another node {quoted(node.id)} before"
                self._error("duplicate_node_id", message, f"nodes[{index}].id", node.id)

    def _read_edges(self) -> list[Edge]:
        edges: list[Edge] = []
        for index, raw in enumerate(self._found.get("connections", ())):
            path = f"connections[{index}]"
            edge = self._reader.read_edge(raw, path)
            if edge is not None and self._connections.take(edge, path):
                edges.append(edge)
                self._note_disabled(edge, path)
        return edges

    def _note_disabled(self, edge: Edge, path: str) -> None:
        if self.nodes[edge.from_node].disabled and not self.nodes[edge.to_node].disabled:
            message = f"{quoted(edge.from_node)} is disabled, so {quoted(edge.to_node)} gets nothing from it"
            self._findings.warning(GraphProblem("disabled_dependency", message, path, edge.to_node))

    def check_nodes(self, disabled: Collection[str], secrets: Collection[str]) -> None:
        """Check the nodes against their kinds, and compile their params."""
        names = Names(inputs=self.inputs, nodes=self.nodes)
        checker = NodeChecker(self._kinds, self._findings, names, disabled, secrets)
        connected = self._connections.inputs
        for index, node in self._places:
            checker.take(node, f"nodes[{index}]", connected.get(node.id, ()))
        self.params = checker.params

    def check_order(self) -> None:
        """Look for circles, and for expressions that name nodes which need not have ended by then."""
        index_of = {node.id: index for index, node in reversed(self._places)}
        cycles = find_cycles(self.nodes, self._edges)
        for cycle in cycles:
            first = min(range(len(cycle)), key=lambda place: index_of[cycle[place]])
            ids = cycle[first:] + cycle[:first]
            self._note_cycle(ids, f"nodes[{index_of[ids[0]]}]")
        if not cycles and any(params.node_refs for params in self.params.values()):
            self._check_refs(index_of)

    def _note_cycle(self, ids: list[str], path: str) -> None:
        shown = " -> ".join(map(quoted, [*ids[:_SHOWN], *(["..."] if len(ids) > _SHOWN else []), ids[0]]))
        message = f"these nodes wait for each other: {shown}"
        self._findings.error(GraphProblem("cycle_detected", message, path, ids[0], details={"cycle": ids}))

    def _check_refs(self, index_of: Mapping[str, int]) -> None:
        befores: dict[str, list[str]] = {node_id: [] for node_id in self.nodes}
        for edge in self._edges:
            befores[edge.to_node].append(edge.from_node)
        upstream = Upstream(befores)
        for node_id, params in self.params.items():
            for missing in upstream.missing(node_id, params.node_refs) if params.node_refs else ():
                message = (
                    f"an expression of {quoted(node_id)} names {quoted(missing)}, which may end after it; "
                    f"connect them, by `{DONE}` and `{AFTER}` if no value is to be carried"
                )
                path = f"nodes[{index_of[node_id]}].params"
                self._error("unknown_expression_name", message, path, node_id)

    def workflow(self) -> Workflow:
        """The workflow, if nothing was wrong."""
        return Workflow(
            id=self._found.get("id", ""),
            nodes=tuple(self.nodes.values()),
            edges=tuple(self._edges),
            inputs=self.inputs,
            outputs=self.outputs,
            settings=self._settings,
            document=self._document,
        )

    def _error(self, code: str, message: str, path: str, node_id: str | None = None) -> None:
        self._findings.error(GraphProblem(code, message, path, node_id))


def _read_each(raws: JsonObject, path: str, read: Callable[[Json, str], T | None]) -> dict[str, T]:
    """Read each value of an object, and leave out what cannot be read."""
    return {name: it for name, raw in raws.items() if (it := read(raw, f"{path}.{name}")) is not None}
