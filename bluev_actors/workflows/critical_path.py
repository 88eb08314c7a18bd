"""The chain of nodes that a run could not have been faster than."""

from __future__ import annotations

from bisect import bisect_right
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from attrs import define, frozen

from bluev_actors.workflows import paths

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from bluev_actors.workflows.durations import Durations
    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.run_state import NodeState, RunState
    from bluev_actors.workflows.values import JsonObject

    Items: TypeAlias = "dict[str, list[_Item]]"
    """By the ids of nodes with bodies."""

MAX_NAMED: Final = 50


def critical_path(state: RunState, workflow: Workflow, durations: Durations) -> JsonObject:
    """The path through the graph whose nodes took longest together.

    In the place of a node with a body stands the way through its items: the one that ended last, before it the one
    that had ended last when that one began, and so on; for each of them the path through its graph.

    Args:
        state: the run; it may be at any stage.
        workflow: what it runs.
        durations: how long its nodes took.

    Returns:
        `seconds`: how long that is; `nodes`: their ids in order, the `MAX_NAMED` slowest of them when they are more;
        `length`: how many they are.
    """
    found = _Paths(state.nodes, durations, _items(state) if workflow.bodies else {})
    path, seconds = found.through(workflow)
    return {"nodes": found.slowest_of(path), "length": len(path), "seconds": round(seconds, 6)}


@frozen
class _Paths:
    """Finds paths in what is on record of a run."""

    nodes: dict[str, NodeState]
    durations: Durations
    items: Items

    def through(self, workflow: Workflow, prefix: str = "") -> tuple[list[str], float]:
        """The longest path through a graph, by full ids and without nodes that took no time, and how long it took."""
        seconds = {node_id: self._seconds(prefix + node_id) for node_id in workflow.in_order}
        best, before = _longest(workflow, seconds)
        last = max(best, key=best.__getitem__, default=None)
        path = [prefix + node_id for node_id in _chain_to(last, before) if seconds[node_id] > 0]
        if workflow.bodies:
            path = [it for node_id in path for it in self._inside(workflow, node_id)]
        return path, 0.0 if last is None else best[last]

    def _seconds(self, node_id: str) -> float:
        node = self.nodes.get(node_id)
        return 0.0 if node is None else self.durations.of(node)

    def _inside(self, workflow: Workflow, node_id: str) -> list[str]:
        """What a node of the path stands for: itself, or the way through the items of its body."""
        body = workflow.bodies.get(paths.own(node_id))
        if body is None:
            return [node_id]
        chain = _one_after_the_other(self.items.get(node_id, []))
        return [it for item in chain for it in self.through(body, item.prefix)[0]] or [node_id]

    def slowest_of(self, path: list[str]) -> list[str]:
        """Those of a path that are named, in its order."""
        if len(path) <= MAX_NAMED:
            return path
        slowest = set(nlargest(MAX_NAMED, path, key=self._seconds))
        return [node_id for node_id in path if node_id in slowest]


def _longest(workflow: Workflow, seconds: dict[str, float]) -> tuple[dict[str, float], dict[str, str | None]]:
    """For each node, the longest time to its end, and the node before it on that path."""
    best: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for node_id in workflow.in_order:
        sources = [edge.from_node for edge in workflow.incoming[node_id]]
        source = max(sources, key=best.__getitem__, default=None)
        before[node_id] = source
        best[node_id] = seconds[node_id] + (0.0 if source is None else best[source])
    return best, before


def _chain_to(node_id: str | None, before: dict[str, str | None]) -> list[str]:
    chain: list[str] = []
    while node_id is not None:
        chain.append(node_id)
        node_id = before[node_id]
    return chain[::-1]


# --- bodies -------------------------------------------------------------------------------------------------


@define
class _Item:
    """One item of a node with a body: what the ids of its nodes begin with, and when they were under way."""

    prefix: str
    began: float
    ended: float

    def cover(self, began: float | None, ended: float) -> None:
        """A node of it was under way too."""
        self.ended = max(self.ended, ended)
        if began is not None:
            self.began = min(self.began, began)


def _items(state: RunState) -> Items:
    items: Items = {}
    known: dict[str, _Item] = {}
    for node_id, node in state.nodes.items():
        prefix = paths.prefix(node_id)
        if not prefix or node.finished_at is None:
            continue
        item = known.get(prefix)
        if item is None:
            item = known[prefix] = _Item(prefix, node.finished_at, node.finished_at)
            items.setdefault(paths.container(node_id) or "", []).append(item)
        item.cover(node.first_started_at, node.finished_at)
    return items


def _one_after_the_other(items: Iterable[_Item]) -> list[_Item]:
    """The item that ended last, and before each the one that had ended last when it began, the first one first."""
    by_end = sorted(items, key=lambda item: item.ended)
    ends = [item.ended for item in by_end]
    chain: list[_Item] = []
    place = len(by_end) - 1
    while place >= 0:
        chain.append(by_end[place])
        place = min(place, bisect_right(ends, by_end[place].began)) - 1
    return chain[::-1]
