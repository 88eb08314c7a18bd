"""The frontier of a run: which nodes may start, and which will never, now that others have ended.

A pure walk over counters: every edge is settled once, so a whole run costs time linear in its graph. An edge
is settled when its source has ended: it *delivers* when the source gave that output, and is *dead* otherwise,
with the cause. When all edges into a node are settled, the node's trigger rule says whether it runs.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bluev_actors.workflows.graph import Node, TriggerRule, Workflow
    from bluev_actors.workflows.kinds import Kinds

FAILURES: Final = frozenset({"failed", "upstream_failed", "stopped", "fail_fast"})
"""Causes of a dead edge that the rules count as a failure."""


@frozen
class Start:
    """The node may start."""

    node_id: str


@frozen
class Skip:
    """The node will not run, for `reason`."""

    node_id: str
    reason: str


Step: TypeAlias = Start | Skip


@define
class _Tally:
    """What has arrived at one node."""

    rule: TriggerRule
    open_edges: int
    delivered: int = 0
    failed: bool = False
    cause: str | None = None


class Frontier:
    """Counts what each node of a run still waits for.

    Args:
        workflow: an accepted graph.
        kinds: the catalogue it was accepted against; a node without a rule has its kind's.
    """

    def __init__(self, workflow: Workflow, kinds: Kinds) -> None:
        self._workflow = workflow
        self._tallies = {
            node.id: _Tally(_rule(node, kinds), len(workflow.incoming[node.id])) for node in workflow.nodes
        }
        self.unsettled = len(workflow.nodes)
        """How many nodes have not ended."""

    def open(self) -> list[Step]:
        """The steps of a fresh run: the nodes that nothing leads to."""
        return self._follow(node.id for node in self._workflow.nodes if not self._workflow.incoming[node.id])

    def settle(self, node_id: str, produced: Collection[str], cause: str) -> list[Step]:
        """Note that a node has ended.

        Args:
            node_id: the node.
            produced: the names of the outputs it gave, `done` among them when it completed.
            cause: why the others will never come: `branch` for a completed node, else how it ended.

        Returns:
            What follows from it, skipped nodes and what follows from them included, in the graph's order.
        """
        return self._follow(self._settle_edges(node_id, produced, cause))

    def _settle_edges(self, node_id: str, produced: Collection[str], cause: str) -> Iterable[str]:
        self.unsettled -= 1
        for edge in self._workflow.outgoing[node_id]:
            tally = self._tallies[edge.to_node]
            tally.open_edges -= 1
            if edge.from_output in produced:
                tally.delivered += 1
            else:
                _note_dead(tally, cause)
            if not tally.open_edges:
                yield edge.to_node

    def _follow(self, decided: Iterable[str]) -> list[Step]:
        steps: list[Step] = []
        queue = deque(decided)
        while queue:
            step = self._decide(queue.popleft())
            steps.append(step)
            if isinstance(step, Skip):
                queue.extend(self._settle_edges(step.node_id, (), step.reason))
        return steps

    def _decide(self, node_id: str) -> Step:
        if self._workflow.by_id[node_id].disabled:
            return Skip(node_id, "disabled")
        tally = self._tallies[node_id]
        if fires(tally.rule, tally.delivered, failed=tally.failed, dead=tally.cause is not None):
            return Start(node_id)
        return Skip(node_id, _skip_reason(tally))


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


def _note_dead(tally: _Tally, cause: str) -> None:
    if cause in FAILURES:
        tally.failed = True
        tally.cause = "upstream_failed"
    elif tally.cause is None:
        tally.cause = cause


def _skip_reason(tally: _Tally) -> str:
    return tally.cause or "trigger_rule"
