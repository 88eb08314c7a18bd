"""The frontier of a run: which nodes may start, and which will never, now that others have ended.

A pure walk over counters: every edge is settled once, so a whole run costs time linear in its graph. An edge
is settled when its source has ended: it *delivers* when the source gave that output, and is *dead* otherwise,
with the cause. When all edges into a node are settled, the node's trigger rule says whether it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from bluev_actors.workflows.graph import Node

if TYPE_CHECKING:
    from collections.abc import Collection

    from bluev_actors.workflows.graph import TriggerRule, Workflow
    from bluev_actors.workflows.kinds import Kinds

FAILURES: Final = frozenset({"failed", "upstream_failed", "stopped", "fail_fast"})
"""Causes of a dead edge that the rules count as a failure."""

Step: TypeAlias = tuple[Node, str | None]
"""A node that may start, or will not run, for a reason."""

_FAILED: Final = "upstream_failed"


class Frontier:
    """Counts what each node of a run still waits for.

    Args:
        workflow: an accepted graph.
        kinds: the catalogue it was accepted against; a node without a rule has its kind's.
    """

    def __init__(self, workflow: Workflow, kinds: Kinds) -> None:
        self._kinds = kinds
        self._by_id = workflow.by_id
        self._outgoing = workflow.outgoing
        self._fan_in = workflow.fan_in
        self._open = workflow.fan_in.copy()
        self._dead: dict[str, int] = {}
        self._causes: dict[str, str] = {}
        self.unsettled = len(workflow.nodes)
        """How many nodes have not ended."""

    def open(self) -> list[Step]:
        """The steps of a fresh run: the nodes that nothing leads to."""
        return self._decide([node_id for node_id, count in self._fan_in.items() if not count])

    def settle(self, node_id: str, produced: Collection[str], cause: str) -> list[Step]:
        """Note that a node has ended.

        Args:
            node_id: the node.
            produced: the names of the outputs it gave, `done` among them when it completed.
            cause: why the others will never come: `branch` for a completed node, else how it ended.

        Returns:
            What follows from it, skipped nodes and what follows from them included, in the graph's order.
        """
        decided: list[str] = []
        self._settle_edges(node_id, produced, cause, decided)
        return self._decide(decided) if decided else []

    def _settle_edges(self, node_id: str, produced: Collection[str], cause: str, decided: list[str]) -> None:
        self.unsettled -= 1
        open_edges = self._open
        for edge in self._outgoing[node_id]:
            there = edge.to_node
            if edge.from_output not in produced:
                self._note_dead(there, cause)
            left = open_edges[there] = open_edges[there] - 1
            if not left:
                decided.append(there)

    def _note_dead(self, node_id: str, cause: str) -> None:
        self._dead[node_id] = self._dead.get(node_id, 0) + 1
        if cause in FAILURES:
            self._causes[node_id] = _FAILED
        else:
            self._causes.setdefault(node_id, cause)

    def _decide(self, decided: list[str]) -> list[Step]:
        steps: list[Step] = []
        for node_id in decided:  # it grows on the way
            node = self._by_id[node_id]
            reason = self._reason_to_skip(node)
            steps.append((node, reason))
            if reason is not None:
                self._settle_edges(node_id, (), reason, decided)
        return steps

    def _reason_to_skip(self, node: Node) -> str | None:
        if node.disabled:
            return "disabled"
        rule, cause = _rule(node, self._kinds), self._causes.get(node.id)
        if cause is None and rule == "all_success":
            return None
        delivered = self._fan_in[node.id] - self._dead.get(node.id, 0)
        runs = fires(rule, delivered, failed=cause == _FAILED, dead=cause is not None)
        return None if runs else cause or "trigger_rule"


def fires(rule: TriggerRule, delivered: int, *, failed: bool, dead: bool) -> bool:
    """Whether a node with all its edges settled runs.

    Args:
        rule: its trigger rule.
        delivered: how many edges brought a value.
        failed: whether an edge is dead because something failed.
        dead: whether any edge is dead.
    """
    match rule:
        case "all_success":
            return not dead
        case "all_done":
            return True
        case "one_success":
            return delivered > 0
        case "any_failed":
            return failed
        case _:  # "none_failed"
            return not failed and (delivered > 0 or not dead)


def _rule(node: Node, kinds: Kinds) -> TriggerRule:
    if node.trigger_rule is not None:
        return node.trigger_rule
    # A run whose node types are gone is loaded too, to be failed.
    return kinds[node.type].trigger_rule if node.type in kinds else "all_success"
