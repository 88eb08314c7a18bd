"""A document and a catalogue of kinds in, a workflow or all that is wrong with it out. It never raises on JSON.

One pass, in time linear in the document: the document's objects, its connections, the params of its nodes, then what
only shows in the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, frozen

from bluev_actors.workflows.interface import fill_in
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.parsing import Rules, parse_document
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.trusted import trusted_workflow
from bluev_actors.workflows.values import MAX_DEPTH, TOO_DEEP, JsonObject, find_flaw, is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.values import Json

__all__ = ["GraphLimits", "Verdict", "parse_workflow", "trusted_workflow"]


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
        params: the compiled params of each node, bodies included, by where it stands, as in `each/fetch`.
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
    parsing = parse_document(document, Rules(kinds, disabled, secrets), findings)
    values = fill_in(parsing.inputs, inputs or {}, findings)
    if parsing.size > limits.nodes:
        findings.error(_too_many_nodes(parsing.size, limits.nodes))
    errors, warnings = findings.errors(document), findings.warnings(document)
    if errors:
        return Verdict(None, errors, warnings)
    return Verdict(parsing.workflow, errors, warnings, values, dict(parsing.all_params()))


def _too_many_nodes(size: int, limit: int) -> GraphProblem:
    message = f"with its bodies the workflow has {size} nodes; {limit} is the most"
    return GraphProblem("too_many_nodes", message, "nodes")


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
