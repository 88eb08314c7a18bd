"""Starts the nodes of a run that may start, in their order, as many as may be under way at one time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.engine.outcome import Failed
from bluev_actors.engine.verdicts import edges_of, recalled_failure
from bluev_actors.workflows.run_events import ErrorDetail, NodeSkipped, NodeStarted

if TYPE_CHECKING:
    from bluev_actors.engine.course import Course
    from bluev_actors.engine.failures import Failures
    from bluev_actors.engine.leftovers import Leftovers
    from bluev_actors.engine.open_nodes import OpenNodes
    from bluev_actors.engine.ready import ReadyNodes
    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.frontier import Step
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.run_state import NodeState

_STARTABLE: Final = frozenset({"pending", "ready", "paused"})


class Starter:
    """Follows what has ended, and starts what that allows.

    Args:
        course: how the run stands.
        ready: the queue of nodes that may start.
        leftovers: what a crash left in flight.
        failures: ends what is not to start again.
        open_nodes: begin their items when there is room.
    """

    def __init__(
        self, course: Course, ready: ReadyNodes, leftovers: Leftovers, failures: Failures, open_nodes: OpenNodes
    ) -> None:
        self._course = course
        self._state = course.state
        self._limit = course.root.workflow.settings.max_concurrency
        self._ready = ready
        self._leftovers = leftovers
        self._failures = failures
        self._open_nodes = open_nodes

    # --- what follows -------------------------------------------------------------------------------------------

    def enter(self, scope: Scope) -> None:
        """Begin with the nodes of a body, some of which may be on record."""
        scope.failure = recalled_failure(self._state, scope)
        self.follow(scope, scope.frontier.open())

    def follow(self, scope: Scope, steps: list[Step]) -> None:
        """Take the steps that follow from an end, and those that follow from what is on record already."""
        nodes, prefix = self._state.nodes, scope.prefix
        for node, reason in steps:  # it grows on the way
            known = nodes.get(prefix + node.id)
            if reason is None:
                if known is None:
                    self._ready.add(scope, node)
                else:
                    steps += self._take_up(scope, node, known)
            elif known is None and not self._course.is_doomed(scope):
                self._course.writer.add(NodeSkipped(prefix + node.id, reason))

    def _take_up(self, scope: Scope, node: Node, known: NodeState) -> list[Step]:
        """Go on with a node that something is on record about.

        Returns:
            What follows from its end, if it has ended.
        """
        if known.ended:
            return scope.frontier.settle(node.id, *edges_of(known))
        node_id = scope.prefix + node.id
        if known.status == "running":
            self._take_up_running(scope, node, node_id)
        elif known.status == "paused" and self._course.moving:
            self._ready.add(scope, node)
        elif node_id in self._course.due:
            self.come_due(node_id, scope, node, known)
        return []

    def _take_up_running(self, scope: Scope, node: Node, node_id: str) -> None:
        suspects = self._leftovers.suspects
        if not self._course.moving or self._course.is_doomed(scope):
            self._failures.cut_adrift(node_id)
        elif node_id in self._state.open or suspects is None:
            self.restart(scope, node)
        else:
            suspects.append(node_id)

    def come_due(self, node_id: str, scope: Scope, node: Node, known: NodeState) -> None:
        """A node has waited as long as it had to for its next attempt, or as long as it could for a signal."""
        if known.status == "retrying":
            self._ready.add(scope, node)  # due until it starts, for a pause may come before that
        else:
            self._course.due.discard(node_id)
            error = ErrorDetail("timeout", "no signal came in time", retryable=True)
            self._failures.fail_attempt(node_id, Failed(error), self._course.elapsed(node_id))

    # --- starts -------------------------------------------------------------------------------------------------

    def start_ready(self) -> None:
        """Start what may start now."""
        leftovers, in_flight, limit = self._leftovers, self._state.in_flight, self._limit
        while limit is None or len(in_flight) - len(leftovers) < limit:
            if leftovers.suspects is not None and self._suspects_go_first(leftovers.suspects):
                return
            if leftovers and self._open_nodes.begin_item():
                continue
            ready = self._ready.take(self._may_start)
            if ready is not None:
                self._start_next(*ready)
            elif not self._open_nodes.begin_item():
                return

    def _suspects_go_first(self, suspects: list[str]) -> bool:
        """Start the next of those that were in flight when the process died; whether all others have to wait."""
        leftovers = self._leftovers
        while leftovers.suspect is None and (suspects or self._open_nodes.begin_item()):
            node_id = leftovers.next_suspect()
            scope = None if node_id is None else self._course.scope(node_id)
            if node_id is not None and scope is not None:
                self.restart(scope, self._course.node(node_id))
        if leftovers.suspect is None and not self._open_nodes.calls:
            leftovers.suspects = None
        return leftovers.suspects is not None

    def _may_start(self, scope: Scope, node: Node) -> bool:
        node_id = scope.prefix + node.id
        known = self._state.nodes.get(node_id)
        if known is not None and not (known.status in _STARTABLE or node_id in self._course.due):
            return False
        if scope is self._course.root:
            return True
        return not self._course.is_doomed(scope) and not self._course.still.waits_behind(scope, node)

    def _start_next(self, scope: Scope, node: Node) -> None:
        node_id = scope.prefix + node.id
        known, spent = self._state.nodes.get(node_id), self._state.spent
        if known is None:
            self._start(scope, node, spent.get(node_id, 0) + 1 if spent else 1)
        else:
            self._course.due.discard(node_id)
            self._start(scope, node, known.attempt + (known.status == "retrying"))

    def restart(self, scope: Scope, node: Node) -> None:
        """Start again what had started before a crash, under the same number."""
        node_id = scope.prefix + node.id
        self._leftovers.drop(node_id)
        self._ready.retake(node_id, node.concurrency_key)
        self._start(scope, node, self._state.nodes[node_id].attempt, recovered=True)

    def _start(self, scope: Scope, node: Node, attempt: int, *, recovered: bool = False) -> None:
        course = self._course
        opens = course.kinds[node.type].body is not None
        started = NodeStarted(scope.prefix + node.id, attempt, recovered, opens)
        course.writer.add(started)
        course.effects.launches.append(started)
        if opens:
            self._open_nodes.start(scope, node, attempt)
        elif scope is not course.root or course.still:
            course.still.go_on(started.node_id, scope)
