"""The graphs of the workflow bench.

Nothing but the standard library is imported here, for the peers read it too, each in a virtualenv of its own.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Parents = list[list[int]]
"""The parents of each node by their numbers, which are smaller than its own."""
Document = dict[str, Any]

WIDTH: Final = 100
"""Nodes of a layer, so as many are in flight at a time."""
SEED: Final = 7


def chain(nodes: int) -> Parents:
    """Every node after the one before."""
    return [[i - 1] if i else [] for i in range(nodes)]


def fan(nodes: int) -> Parents:
    """One source, `nodes` leaves, one sink."""
    return [[], *([0] for _ in range(nodes)), list(range(1, nodes + 1))]


def layered(nodes: int) -> Parents:
    """Layers of `WIDTH`, each node after three of the layer above, by lot."""
    lot = random.Random(SEED)  # noqa: S311 - a graph is no secret
    parents: Parents = []
    for i in range(nodes):
        above = (i // WIDTH - 1) * WIDTH
        parents.append(sorted(lot.sample(range(above, above + WIDTH), 3)) if above >= 0 else [])
    return parents


SHAPES: Final[dict[str, Callable[[int], Parents]]] = {"chain": chain, "fan": fan, "layered": layered}


def children_of(parents: Parents) -> list[list[int]]:
    """The children of each node."""
    children: list[list[int]] = [[] for _ in parents]
    for i, found in enumerate(parents):
        for parent in found:
            children[parent].append(i)
    return children


def leaves_of(parents: Parents) -> list[int]:
    """The nodes that nothing comes after."""
    return [i for i, found in enumerate(children_of(parents)) if not found]


def layers_of(parents: Parents) -> list[list[int]]:
    """The nodes by how many others come one after another before them."""
    depths: list[int] = []
    for found in parents:
        depths.append(1 + max((depths[parent] for parent in found), default=-1))
    layers: list[list[int]] = [[] for _ in range(max(depths, default=-1) + 1)]
    for i, depth in enumerate(depths):
        layers[depth].append(i)
    return layers


def document(parents: Parents, node_type: str, params: Document | None = None) -> Document:
    """A shape as a workflow."""
    return {
        "id": "bench",
        "nodes": [{"id": f"n{i}", "type": node_type, "params": params or {}} for i in range(len(parents))],
        "connections": [
            {"from_node": f"n{parent}", "from_output": "out", "to_node": f"n{i}", "to_input": "in"}
            for i, found in enumerate(parents)
            for parent in found
        ],
    }


def delays_of(workflow: Document) -> tuple[Parents, list[float]]:
    """A workflow of `delay` nodes as a shape, and the seconds that each of them waits."""
    numbers = {node["id"]: i for i, node in enumerate(workflow["nodes"])}
    parents: Parents = [[] for _ in numbers]
    for edge in workflow["connections"]:
        parents[numbers[edge["to_node"]]].append(numbers[edge["from_node"]])
    return parents, [node["params"]["seconds"] for node in workflow["nodes"]]


def longest_path(parents: Parents, seconds: list[float]) -> float:
    """The seconds of the slowest way through the graph; nodes may be in any order."""
    ends = [0.0] * len(parents)
    children, waiting = children_of(parents), [len(found) for found in parents]
    ready = [i for i, count in enumerate(waiting) if not count]
    while ready:
        i = ready.pop()
        ends[i] = seconds[i] + max((ends[parent] for parent in parents[i]), default=0.0)
        for child in children[i]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return max(ends, default=0.0)
