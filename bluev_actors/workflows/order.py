"""The order that connections put nodes in: circles in it, and who comes before whom. No recursion: graphs are deep."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bluev_actors.workflows.graph import Edge

MAX_CYCLES: Final = 20
"""Circles that are told; walking to each may take a walk through the whole graph."""
MAX_STEPS: Final = 2_000_000


def find_cycles(node_ids: Iterable[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Find circles of nodes, none of which share a node.

    Nodes that nothing leads to are taken away until none is left to take. Each of the rest has another one before
    it, so walking backwards from any of them meets a circle. It is told and taken away, and so on.

    Returns:
        The ids of each circle in the order of the connections, at most `MAX_CYCLES` circles.
    """
    rest = _Rest(node_ids, edges)
    cycles: list[list[str]] = []
    while rest.befores and len(cycles) < MAX_CYCLES:
        cycle = rest.walk_back()
        cycles.append(cycle)
        rest.take_away(cycle)
    return cycles


class _Rest:
    """What is left of a graph when nodes are taken away."""

    def __init__(self, node_ids: Iterable[str], edges: Iterable[Edge]) -> None:
        self.befores: dict[str, dict[str, None]] = {node_id: {} for node_id in node_ids}
        self._afters: dict[str, list[str]] = {node_id: [] for node_id in self.befores}
        for edge in edges:
            self.befores[edge.to_node][edge.from_node] = None
            self._afters[edge.from_node].append(edge.to_node)
        self.take_away([node_id for node_id, befores in self.befores.items() if not befores])

    def take_away(self, node_ids: Iterable[str]) -> None:
        """Take nodes away, and after them all that nothing leads to any more."""
        queue = deque(node_ids)
        while queue:
            node_id = queue.popleft()
            if self.befores.pop(node_id, None) is None:
                continue
            for after in self._afters[node_id]:
                befores = self.befores.get(after)
                if befores is not None and befores.pop(node_id, node_id) is None and not befores:
                    queue.append(after)

    def walk_back(self) -> list[str]:
        """A circle, met by walking backwards from the first node that is left."""
        node_id = next(iter(self.befores))
        places: dict[str, int] = {}
        while node_id not in places:
            places[node_id] = len(places)
            node_id = next(iter(self.befores[node_id]))
        return list(places)[places[node_id] :][::-1]


class Upstream:
    """Tells who comes before a node.

    Args:
        befores: for each node, the nodes that lead to it.
    """

    def __init__(self, befores: Mapping[str, Sequence[str]]) -> None:
        self._befores = befores
        self._steps = MAX_STEPS

    def missing(self, node_id: str, wanted: Iterable[str]) -> list[str]:
        """Which of `wanted` no path leads from to the node.

        Looking far is looking through the whole graph, so there is an end to it: what has not been found by then is
        taken to be there.
        """
        open_ = dict.fromkeys(wanted)
        queue = deque([node_id])
        seen = {node_id}
        while queue and open_ and self._steps > 0:
            befores = self._befores[queue.popleft()]
            self._steps -= 1 + len(befores)
            for before in befores:
                open_.pop(before, None)
                if before not in seen:
                    seen.add(before)
                    queue.append(before)
        return list(open_) if not queue else []
