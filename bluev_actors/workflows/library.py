"""The graphs that a document has under a name, and how a name is looked up: from the inside outward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, frozen

from bluev_actors.workflows.kinds import BODY
from bluev_actors.workflows.problems import Findings
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.values import Json, JsonObject


@frozen(eq=False)
class Library:
    """The `workflows` of one document, inside those of the documents around it.

    Attributes:
        graphs: the graphs by name.
        findings: takes the problems of the document.
        outer: those around it.
    """

    graphs: JsonObject
    findings: Findings = Factory(lambda: Findings(0))
    outer: Library | None = None

    @classmethod
    def of(cls, document: JsonObject, findings: Findings | None = None, outer: Library | None = None) -> Library:
        """The graphs that a document brings along.

        Args:
            document: any object; a `workflows` that is no object counts as none.
            findings: takes the problems of the document; None: nobody asks.
            outer: the graphs around it.
        """
        found = document.get("workflows")
        return cls(found if is_object(found) else {}, findings or Findings(0), outer)

    def find(self, name: str) -> Library | None:
        """The library that has a graph of this name: the innermost one."""
        here: Library | None = self
        while here is not None and name not in here.graphs:
            here = here.outer
        return here

    def names(self) -> dict[str, None]:
        """All names that can be found from here, the nearest first."""
        outer = {} if self.outer is None else self.outer.names()
        return {**dict.fromkeys(self.graphs), **outer}


def missing_bodies(document: Json) -> list[str]:
    """The names that nodes give their bodies and that stand nowhere in the document.

    Who has workflows stored by their names adds those to the document's `workflows`, and asks again, for they may
    name others. Params called `workflow` of nodes that have no body are named too; to add a graph that nobody reads
    does no harm.

    Args:
        document: any JSON; where it is no workflow there is nothing to name.
    """
    return list(dict.fromkeys(_missing(document, None)))


def _missing(root: Json, outer: Library | None) -> Iterator[str]:
    todo: list[tuple[Json, Library | None]] = [(root, outer)]
    while todo:
        document, outer = todo.pop()
        if is_object(document):
            library = Library.of(document, outer=outer)
            for body in _bodies(document):
                if isinstance(body, str):
                    yield from () if library.find(body) else (body,)
                else:
                    todo.append((body, library))
            todo += [(graph, library) for graph in library.graphs.values()]


def _bodies(document: JsonObject) -> Iterator[Json]:
    nodes = document.get("nodes")
    for node in nodes if is_list(nodes) else ():
        params = node.get("params") if is_object(node) else None
        if is_object(params) and BODY in params:
            yield params[BODY]
