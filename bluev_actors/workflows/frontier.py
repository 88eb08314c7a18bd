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
        self._nodes = workflow.nodes
        self._kinds = kinds
        self._places = workflow.places
        self._leads_to = workflow.leads_to
        self._open = [len(edges) for edges in workflow.incoming.values()]
        """By the places of nodes: how many of the edges into them are not settled."""
        self._dead: dict[int, int] = {}
        self._causes: dict[int, str] = {}
        self._incoming = workflow.incoming
        self.unsettled = len(workflow.nodes)
        """How many nodes have not ended."""

    def open(self) -> list[Step]:
        """The steps of a fresh run: the nodes that nothing leads to."""
        return self._decide([place for place, edges in enumerate(self._incoming.values()) if not edges])

    def settle(self, node_id: str, produced: Collection[str], cause: str) -> list[Step]:
        """Note that a node has ended.

        Args:
            node_id: the node.
            produced: the names of the outputs it gave, `done` among them when it completed.
            cause: why the others will never come: `branch` for a completed node, else how it ended.

        Returns:
            What follows from it, skipped nodes and what follows from them included, in the graph's order.
        """
        decided: list[int] = []
        self._settle_edges(self._places[node_id], produced, cause, decided)
        return self._decide(decided) if decided else []

    def _settle_edges(self, place: int, produced: Collection[str], cause: str, decided: list[int]) -> None:
        self.unsettled -= 1
        open_edges = self._open
        each = iter(self._leads_to[place])
        for output, there in zip(each, each, strict=True):
            if output not in produced:
                self._note_dead(there, cause)
            open_edges[there] -= 1
            if not open_edges[there]:
                decided.append(there)

    def _note_dead(self, place: int, cause: str) -> None:
        self._dead[place] = self._dead.get(place, 0) + 1
        if cause in FAILURES:
            self._causes[place] = _FAILED
        else:
            self._causes.setdefault(place, cause)

    def _decide(self, decided: list[int]) -> list[Step]:
        steps: list[Step] = []
        for place in decided:  # it grows on the way
            reason = self._reason_to_skip(place)
            steps.append((self._nodes[place], reason))
            if reason is not None:
                self._settle_edges(place, (), reason, decided)
        return steps

    def _reason_to_skip(self, place: int) -> str | None:
        node, cause = self._nodes[place], self._causes.get(place)
        if node.disabled:
            return "disabled"
        rule = _rule(node, self._kinds)
        if cause is None and rule == "all_success":
            return None
        delivered = len(self._incoming[node.id]) - self._dead.get(place, 0)
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
