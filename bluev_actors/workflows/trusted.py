"""A document that was accepted once is a workflow again, without a catalogue and without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define, evolve

from bluev_actors.workflows.document import DocumentReader
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.kinds import BODY
from bluev_actors.workflows.library import Library
from bluev_actors.workflows.problems import Findings
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from bluev_actors.workflows.values import Json, JsonObject

    T = TypeVar("T")


def trusted_workflow(document: JsonObject, workflow_id: str) -> Workflow:
    """Make a workflow of a document that had been accepted.

    Nothing is checked, so nothing can fail; what could not be read would be left out.

    Args:
        document: the document.
        workflow_id: the id the workflow goes by, whatever the document says.
    """
    return evolve(_Reading().workflow(document, Library.of(document)), id=workflow_id)


@define
class _Reading:
    """Reads a document and the bodies in it; one that stands under a name is read once."""

    reader: DocumentReader = Factory(lambda: DocumentReader(Findings(0)))
    named: dict[tuple[int, str], Workflow | None] = Factory(dict[tuple[int, str], "Workflow | None"])

    def workflow(self, document: JsonObject, library: Library) -> Workflow:
        found = self.reader.read_workflow(document)
        nodes = [node for raw in found.get("nodes", ()) if (node := self.reader.read_node(raw, "")) is not None]
        edges = [edge for raw in found.get("connections", ()) if (edge := self.reader.read_edge(raw, "")) is not None]
        return Workflow(
            id=found.get("id", ""),
            nodes=tuple(nodes),
            edges=tuple(edges),
            inputs=_each(found.get("inputs", {}), self.reader.read_input),
            outputs=_each(found.get("outputs", {}), self.reader.read_output),
            settings=self.reader.read_settings(found.get("settings", {})),
            document=document,
            bodies=dict(self._bodies(nodes, library)),
        )

    def _bodies(self, nodes: list[Node], library: Library) -> Iterator[tuple[str, Workflow]]:
        for node in nodes:
            body = self._body(node.params.get(BODY), library) if BODY in node.params else None
            if body is not None:
                yield node.id, body

    def _body(self, raw: Json, library: Library) -> Workflow | None:
        if is_object(raw):
            return self.workflow(raw, Library.of(raw, outer=library))
        there = library.find(raw) if isinstance(raw, str) else None
        return None if there is None else self._named(raw, there)

    def _named(self, name: str, library: Library) -> Workflow | None:
        """A graph that is asked for while it is being read is the param of a node that has no body."""
        key = (id(library.graphs), name)
        if key not in self.named:
            self.named[key] = None
            graph = library.graphs[name]
            if is_object(graph):
                self.named[key] = self.workflow(graph, Library.of(graph, outer=library))
        return self.named[key]


def _each(raws: JsonObject, read: Callable[[Json, str], T | None]) -> dict[str, T]:
    return {name: it for name, raw in raws.items() if (it := read(raw, "")) is not None}
