"""One document, checked against a catalogue: what stands in it, object by object, and what only shows in the whole.

A body is a document too, and is parsed like the whole; one that stands under a name is parsed once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import frozen

from bluev_actors.workflows.bodies import Bodies
from bluev_actors.workflows.compiler import Names
from bluev_actors.workflows.connections import ConnectionChecker
from bluev_actors.workflows.document import DocumentReader
from bluev_actors.workflows.graph import AFTER, DONE, Edge, Node, Workflow, WorkflowInput, WorkflowOutput
from bluev_actors.workflows.interface import check_outputs, kind_in_place
from bluev_actors.workflows.library import Library
from bluev_actors.workflows.node_checks import NodeChecker
from bluev_actors.workflows.order import Upstream, find_cycles
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bluev_actors.workflows.kinds import Kinds, NodeKind
    from bluev_actors.workflows.params import NodeParams
    from bluev_actors.workflows.values import Json, JsonObject

T = TypeVar("T")

_SHOWN: Final = 8


@frozen
class Rules:
    """What a document is checked against.

    Attributes:
        kinds: the catalogue of node kinds.
        disabled: names of kinds that exist but are not allowed.
        secrets: names of the secrets that it may refer to.
    """

    kinds: Kinds
    disabled: Collection[str] = ()
    secrets: Collection[str] = ()


def parse_document(document: JsonObject, rules: Rules, findings: Findings) -> Parsing:
    """Parse a whole document, with its bodies.

    Args:
        document: the document.
        rules: what it is checked against.
        findings: takes the problems.
    """

    def parse(document: JsonObject, findings: Findings, library: Library) -> Parsing:
        return Parsing(document, rules, findings, library, bodies)

    bodies = Bodies(rules.kinds, parse)
    return parse(document, findings, Library.of(document, findings))


class Parsing:
    """The way from one document to a workflow.

    Args:
        document: the document.
        rules: what it is checked against.
        findings: takes the problems.
        library: the graphs under a name that its nodes can have for bodies.
        bodies: parses those.

    Attributes:
        inputs: the declared inputs.
        outputs: the declared outputs.
        nodes: the nodes that could be read.
        bodies: what became of the body of each node that has one.
        params: the compiled params of the nodes, those inside bodies left out.
    """

    def __init__(
        self, document: JsonObject, rules: Rules, findings: Findings, library: Library, bodies: Bodies
    ) -> None:
        self._document = document
        self._rules = rules
        self._kinds = rules.kinds
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
        self.bodies: dict[str, Parsing | None] = dict(bodies.of(self._places, library, findings))
        self._kinds_in_place = dict(self._changed_kinds())
        self._connections = ConnectionChecker(self.nodes, self._kinds, findings, self._kinds_in_place)
        self._edges = self._read_edges()
        self.params: dict[str, NodeParams] = {}
        self._check()

    def _changed_kinds(self) -> Iterator[tuple[str, NodeKind]]:
        for node in self.nodes.values():
            kind = self._kinds.get(node.type)
            if kind is not None and kind.depends_on_place:
                body = self.bodies.get(node.id)
                yield node.id, kind_in_place(kind, node, None if body is None else body.workflow)

    def _check(self) -> None:
        self._check_nodes()
        self._check_order()
        check_outputs(self.outputs, self.nodes, self._kinds, self._findings, self._kinds_in_place)

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

    def _check_nodes(self) -> None:
        """Check the nodes against their kinds, and compile their params."""
        names = Names(inputs=self.inputs, nodes=self.nodes)
        rules = self._rules
        checker = NodeChecker(self._kinds, self._findings, names, rules.disabled, rules.secrets, self._kinds_in_place)
        connected = self._connections.inputs
        for index, node in self._places:
            checker.take(node, f"nodes[{index}]", connected.get(node.id, ()))
        self.params = checker.params

    def _check_order(self) -> None:
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

    @cached_property
    def size(self) -> int:
        """How many nodes there are, those inside bodies counted for every node that has the body."""
        return len(self.nodes) + sum(body.size for body in self.bodies.values() if body is not None)

    def all_params(self, before: str = "") -> Iterator[tuple[str, NodeParams]]:
        """The compiled params of all nodes, bodies included, by where they stand: `each/fetch`."""
        for node_id, params in self.params.items():
            yield before + node_id, params
        for node_id, body in self.bodies.items():
            if body is not None:
                yield from body.all_params(f"{before}{node_id}/")

    @cached_property
    def workflow(self) -> Workflow:
        """The workflow, as far as it could be read."""
        return Workflow(
            id=self._found.get("id", ""),
            nodes=tuple(self.nodes.values()),
            edges=tuple(self._edges),
            inputs=self.inputs,
            outputs=self.outputs,
            settings=self._settings,
            document=self._document,
            bodies={node_id: body.workflow for node_id, body in self.bodies.items() if body is not None},
        )

    def _error(self, code: str, message: str, path: str, node_id: str | None = None) -> None:
        self._findings.error(GraphProblem(code, message, path, node_id))


def _read_each(raws: JsonObject, path: str, read: Callable[[Json, str], T | None]) -> dict[str, T]:
    """Read each value of an object, and leave out what cannot be read."""
    return {name: it for name, raw in raws.items() if (it := read(raw, f"{path}.{name}")) is not None}
