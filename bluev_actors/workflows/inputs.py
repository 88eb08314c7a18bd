"""What a node is given: a connection beats a param of the same name beats the default of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, frozen

from bluev_actors.errors import MissingInputError
from bluev_actors.workflows.graph import AFTER, DONE, ERROR
from bluev_actors.workflows.kinds import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluev_actors.workflows.graph import Edge
    from bluev_actors.workflows.kinds import NodeKind, Port
    from bluev_actors.workflows.values import Json, JsonObject


@frozen
class Gathered:
    """The inputs of one node, ready to run.

    Attributes:
        inputs: values by name.
        sources: of each input that is connected, the ids of the nodes its values came from, in their order.
    """

    inputs: JsonObject
    sources: dict[str, list[str]]


@define
class _Arrivals:
    """What came over the connections to one input."""

    expected: int
    values: list[Json]
    sources: list[str]


def gather_inputs(
    kind: NodeKind,
    edges: Iterable[Edge],
    outputs_of: Callable[[str], JsonObject | None],
    params: JsonObject,
) -> Gathered:
    """Put together what a node is given.

    An input that takes many is a list, however many came, in the order of the connections; so is a free name that
    several connections lead to. What skipped nodes would have given is left out. `after` is for order alone.

    Args:
        kind: the node's kind.
        edges: the connections into it, in the order of the document.
        outputs_of: the outputs of an ended node, or None when it gave none.
        params: the node's params, evaluated; those that name an input give it its value.

    Raises:
        MissingInputError: a required input got no value.
    """
    arrivals = _arrivals(edges, outputs_of)
    inputs: JsonObject = {}
    missing: list[str] = []
    for port in kind.inputs:
        value = _value(port, arrivals.get(port.name), params)
        if value is not NOTHING:
            inputs[port.name] = value
        elif port.required:
            missing.append(port.name)
    if missing:
        raise MissingInputError(missing)
    if kind.free_inputs:
        _add_free(inputs, kind, arrivals, params)
    return Gathered(inputs, {name: each.sources for name, each in arrivals.items()})


def _arrivals(edges: Iterable[Edge], outputs_of: Callable[[str], JsonObject | None]) -> dict[str, _Arrivals]:
    arrivals: dict[str, _Arrivals] = {}
    for edge in edges:
        if edge.to_input == AFTER:
            continue
        there = arrivals.get(edge.to_input)
        if there is None:
            there = arrivals[edge.to_input] = _Arrivals(0, [], [])
        there.expected += 1
        value = _delivered(edge, outputs_of(edge.from_node))
        if value is not NOTHING:
            there.values.append(value)
            there.sources.append(edge.from_node)
    return arrivals


def _delivered(edge: Edge, outputs: JsonObject | None) -> Json:
    """The value an edge carries. `done` stands in no outputs: every node has it that did not fail."""
    if outputs is None:
        return NOTHING
    if edge.from_output == DONE and ERROR not in outputs:
        return None
    return outputs.get(edge.from_output, NOTHING)


def _value(port: Port, arrivals: _Arrivals | None, params: JsonObject) -> Json:
    if arrivals is not None and (port.multi or arrivals.values):
        return arrivals.values if port.multi else arrivals.values[0]
    if port.name in params:
        return params[port.name]
    if port.multi and port.default is NOTHING and not port.required:
        return []
    return port.default


def _add_free(inputs: JsonObject, kind: NodeKind, arrivals: dict[str, _Arrivals], params: JsonObject) -> None:
    """Add the inputs that the kind does not declare; a param that it does declare is none."""
    settings = {param.name for param in kind.params} if params else ()
    for name, value in params.items():
        if name not in settings:
            inputs.setdefault(name, value)
    for name, there in arrivals.items():
        if kind.input(name) is None and (there.values or there.expected > 1):
            inputs[name] = there.values if there.expected > 1 else there.values[0]
