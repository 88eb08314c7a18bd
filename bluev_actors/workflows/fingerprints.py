"""What a node's outputs follow from, in one hash: its own definition and, by their hashes, all that leads to it.

Two nodes with the same fingerprint would be given the same, though what they make of it may differ when they are not
pure. What only says when or how often a node runs, such as its retries, is left out, and so is its place on a screen.
"""

from __future__ import annotations

import re
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import orjson

from bluev_actors.workflows.kinds import BODY
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.graph import Node, Workflow
    from bluev_actors.workflows.values import Json, JsonObject

_INPUTS: Final = re.compile(r"\binputs\b(?:\s*\.\s*([A-Za-z_]\w*)|\s*\[\s*(?:'([^'\\]*)'|\"([^\"\\]*)\")\s*\])?")
"""A text that names one of the run's inputs, or all of them."""


def fingerprints(workflow: Workflow, inputs: JsonObject) -> dict[str, bytes]:
    """The fingerprint of each node that is not in a body, those that others need first.

    Args:
        workflow: an accepted graph.
        inputs: the values that it was or will be started with.
    """
    return _Prints().of_run(workflow, inputs)


class _Prints:
    """The fingerprints of one document; a body that stands under a name is read once."""

    def __init__(self) -> None:
        self._bodies: dict[int, str] = {}

    def of_run(self, workflow: Workflow, inputs: JsonObject) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for node in _in_order(workflow):
            sources = [
                [edge.to_input, edge.from_output, edge.from_node, found[edge.from_node].hex()]
                for edge in workflow.incoming[node.id]
            ]
            sources.sort(key=itemgetter(0))  # only within one input does their order mean anything
            found[node.id] = _hash([self._definition(node, workflow), sources, _named(node, workflow, inputs)])
        return found

    def _definition(self, node: Node, workflow: Workflow) -> Json:
        body = workflow.bodies.get(node.id)
        own = [node.type, node.type_version, node.disabled, node.trigger_rule, node.on_error, _params(node, workflow)]
        return own if body is None else [*own, self._body(body)]

    def _body(self, body: Workflow) -> str:
        if id(body) not in self._bodies:
            self._bodies[id(body)] = _hash(self._graph(body)).hex()
        return self._bodies[id(body)]

    def _graph(self, body: Workflow) -> Json:
        return [
            [[node.id, self._definition(node, body)] for node in body.nodes],
            [[edge.from_node, edge.from_output, edge.to_node, edge.to_input] for edge in body.edges],
            [[name, it.type, it.required, it.default] for name, it in body.inputs.items()],
            [[name, it.node, it.output] for name, it in body.outputs.items()],
            body.settings.on_error,
        ]


def _hash(value: Json) -> bytes:
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


def _in_order(workflow: Workflow) -> Iterator[Node]:
    """The nodes, each after those that lead to it."""
    waits_for = {node_id: len(edges) for node_id, edges in workflow.incoming.items()}
    ready = [node for node in workflow.nodes if not waits_for[node.id]]
    while ready:
        node = ready.pop()
        yield node
        for edge in workflow.outgoing[node.id]:
            waits_for[edge.to_node] -= 1
            if not waits_for[edge.to_node]:
                ready.append(workflow.by_id[edge.to_node])


def _params(node: Node, workflow: Workflow) -> JsonObject:
    """A node's params as written, but for the body, which may stand elsewhere."""
    if node.id not in workflow.bodies:
        return node.params
    return {name: value for name, value in node.params.items() if name != BODY}


def _named(node: Node, workflow: Workflow, inputs: JsonObject) -> JsonObject:
    """The run's inputs that a node's params name. Rather one too many: then a node is run again that need not be.

    A node outside of bodies sees the run's inputs by name, a body only what the node gives it.
    """
    names: set[str] = set()
    for text in _texts(_params(node, workflow)) if inputs else ():
        for found in _INPUTS.finditer(text):
            name = next((it for it in found.groups() if it is not None), None)
            names |= inputs.keys() if name is None else {name}
    return {name: inputs[name] for name in names & inputs.keys()}


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_object(value):
        for item in value.values():
            yield from _texts(item)
    elif is_list(value):
        for item in value:
            yield from _texts(item)
