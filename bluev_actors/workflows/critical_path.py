"""The chain of nodes that a run could not have been faster than."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject

MAX_NAMED: Final = 50


def critical_path(state: RunState, workflow: Workflow) -> JsonObject:
    """The path through the graph whose nodes took longest together.

    Returns:
        `seconds`: how long that is; `nodes`: their ids in order, the `MAX_NAMED` slowest of them when they are more;
        `length`: how many they are.
    """
    seconds = {node.id: state.node(node.id).duration for node in workflow.nodes}
    best, before = _longest(workflow, seconds)
    path = _path_to(max(best, key=best.__getitem__, default=None), before)
    path = [node_id for node_id in path if seconds[node_id] > 0]
    named = set(sorted(path, key=seconds.__getitem__, reverse=True)[:MAX_NAMED])
    return {
        "nodes": [node_id for node_id in path if node_id in named],
        "length": len(path),
        "seconds": round(max(best.values(), default=0.0), 6),
    }


def _longest(workflow: Workflow, seconds: dict[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """For each node, the longest time to its end, and the node before it on that path."""
    best = dict(seconds)
    before: dict[str, str] = {}
    open_edges = {node_id: len(edges) for node_id, edges in workflow.incoming.items()}
    ready = deque(node_id for node_id, count in open_edges.items() if not count)
    while ready:
        node_id = ready.popleft()
        for edge in workflow.outgoing[node_id]:
            there = edge.to_node
            if best[node_id] + seconds[there] > best[there]:
                best[there] = best[node_id] + seconds[there]
                before[there] = node_id
            open_edges[there] -= 1
            if not open_edges[there]:
                ready.append(there)
    return best, before


def _path_to(node_id: str | None, before: dict[str, str]) -> list[str]:
    path: list[str] = []
    while node_id is not None:
        path.append(node_id)
        node_id = before.get(node_id)
    return path[::-1]
