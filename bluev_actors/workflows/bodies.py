"""The bodies of nodes: found where they stand or under their names, parsed like any document, each named one once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.workflows import paths
from bluev_actors.workflows.interface import scattered_inputs
from bluev_actors.workflows.kinds import BODY
from bluev_actors.workflows.library import Library
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.values import is_object
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.kinds import Kinds, NodeKind
    from bluev_actors.workflows.parsing import Parsing
    from bluev_actors.workflows.values import Json, JsonObject

    Parse: TypeAlias = Callable[[JsonObject, Findings, Library], Parsing]

DEEPEST: Final = 16
"""How many bodies may stand inside one another."""
_OF_THE_RUN: Final = ("timeout", "pause_mode", "grace", "concurrency", "rates")
"""Settings that a body can have, and that only those of the whole workflow decide."""


class Bodies:
    """Parses the bodies of one workflow.

    Args:
        kinds: the catalogue.
        parse: parses one document.
    """

    def __init__(self, kinds: Kinds, parse: Parse) -> None:
        self._kinds = kinds
        self._parse = parse
        self._named: dict[tuple[int, str], Parsing | None] = {}
        self._around: list[tuple[int, str] | None] = []

    def of(
        self, nodes: Iterable[tuple[int, Node]], library: Library, findings: Findings
    ) -> Iterator[tuple[str, Parsing | None]]:
        """What became of the body of each node that has one; None where it could not be read.

        Args:
            nodes: nodes, with their places in the document.
            library: the graphs under a name.
            findings: takes the problems.
        """
        for index, node in nodes:
            kind = self._kinds.get(node.type)
            if kind is not None and kind.body is not None:
                path = f"nodes[{index}]"
                if paths.ends_like_an_item(node.id):
                    message = f"the id {quoted(node.id)} of a node with a body must not end like the number of an item"
                    findings.error(GraphProblem("invalid_node_id", message, f"{path}.id", node.id))
                body = self._body(node, f"{path}.params.{BODY}", library, findings)
                self._check_scatter(node, kind, body, path, findings)
                yield node.id, body

    def _body(self, node: Node, path: str, library: Library, findings: Findings) -> Parsing | None:
        raw = node.params.get(BODY)
        if is_object(raw):
            inner = findings.inside(path, node.id)
            return self._enter(None, raw, library, inner)
        if isinstance(raw, str):
            return self._find(node, raw, path, library, findings)
        if BODY in node.params:
            message = f"{BODY!r} has to be a graph, or the name of one of `workflows`, not {quoted(raw)}"
            findings.error(GraphProblem("invalid_param", message, path, node.id))
        return None

    def _find(self, node: Node, name: str, path: str, library: Library, findings: Findings) -> Parsing | None:
        there = library.find(name)
        if there is None:
            hint = findings.hint(name, library.names())
            message = f"there is no workflow {quoted(name)}; {hint.words}"
            findings.error(GraphProblem("subworkflow_not_found", message, path, node.id, details=hint.details))
            return None
        key = (id(there.graphs), name)
        if key in self._around:
            self._note_circle(key, node, path, findings)
            return None
        if key not in self._named:
            self._named[key] = self._parse_named(key, there, node, path, findings)
        return self._named[key]

    def _parse_named(
        self, key: tuple[int, str], there: Library, node: Node, path: str, findings: Findings
    ) -> Parsing | None:
        graph = there.graphs[key[1]]
        if is_object(graph):
            return self._enter(key, graph, there, there.findings.inside(f"workflows.{key[1]}", None))
        message = f"the workflow {quoted(key[1])} has to be an object, not {quoted(graph)}"
        findings.error(GraphProblem("invalid_field_type", message, path, node.id))
        return None

    def _enter(
        self, key: tuple[int, str] | None, document: JsonObject, outer: Library, findings: Findings
    ) -> Parsing | None:
        if len(self._around) >= DEEPEST:
            message = f"at most {DEEPEST} bodies may stand inside one another"
            findings.error(GraphProblem("nesting_too_deep", message, ""))
            return None
        self._around.append(key)
        try:
            _warn_of_settings(document, findings)
            return self._parse(document, findings, Library.of(document, findings, outer))
        finally:
            self._around.pop()

    def _note_circle(self, key: tuple[int, str], node: Node, path: str, findings: Findings) -> None:
        names = [it[1] for it in self._around[self._around.index(key) :] if it is not None]
        shown = " -> ".join(map(quoted, [*names, key[1]]))
        message = f"these workflows run each other: {shown}; a loop is the type `loop`"
        problem = GraphProblem("subworkflow_recursion", message, path, node.id, details={"cycle": names})
        findings.error(problem)

    def _check_scatter(self, node: Node, kind: NodeKind, body: Parsing | None, path: str, findings: Findings) -> None:
        if kind.body is None or body is None:
            return
        for name in scattered_inputs(kind.body, node):
            if name not in body.inputs:
                hint = findings.hint(name, body.inputs)
                message = f"the body of {quoted(node.id)} has no input {quoted(name)}; {hint.words}"
                where = f"{path}.params.{kind.body.scatter}"
                problem = GraphProblem("subworkflow_interface_mismatch", message, where, node.id, details=hint.details)
                findings.error(problem)


def _warn_of_settings(document: JsonObject, findings: Findings) -> None:
    settings: Json = document.get("settings")
    for name in _OF_THE_RUN if is_object(settings) else ():
        if name in settings:
            message = f"{name!r} of a body has no effect: that of the whole workflow holds"
            findings.warning(GraphProblem("setting_without_effect", message, f"settings.{name}"))
