"""What follows when an attempt fails or is cut short: another one, or the end of its node, its scope, its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.engine.verdicts import error_output, fails, of_node
from bluev_actors.workflows.graph import ERROR
from bluev_actors.workflows.retry import delay, may_retry
from bluev_actors.workflows.run_events import NodeCancelled, NodeFailed, NodePaused, NodeRetrying

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bluev_actors.engine.course import Course
    from bluev_actors.engine.effects import Cause
    from bluev_actors.engine.leftovers import Leftovers
    from bluev_actors.engine.outcome import Failed
    from bluev_actors.engine.ready import ReadyNodes
    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.frontier import Step
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.run_events import ErrorDetail


class Failures:
    """Those of one run.

    Args:
        course: how the run stands.
        ready: takes nodes that are to start again.
        leftovers: what a crash left in flight.
        dice: for the jitter of retries.
        follow: takes the steps that follow from the end of a node.
        check: sees whether a scope has ended.
    """

    def __init__(
        self,
        course: Course,
        ready: ReadyNodes,
        leftovers: Leftovers,
        dice: Random,
        *,
        follow: Callable[[Scope, list[Step]], None],
        check: Callable[[Scope], None],
    ) -> None:
        self._course = course
        self._state = course.state
        self._ready = ready
        self._leftovers = leftovers
        self._dice = dice
        self._follow = follow
        self._check = check

    def fail_attempt(self, node_id: str, outcome: Failed, elapsed: float) -> None:
        """An attempt has failed: it is tried again, or the node has failed for good.

        Args:
            node_id: the node.
            outcome: how it failed.
            elapsed: seconds since its first attempt began, pauses not counted.
        """
        course = self._course
        node, scope, attempt = course.node(node_id), course.scope(node_id), self._state.nodes[node_id].attempt
        policy = node.retry or course.graph(node_id).settings.retry
        asked = outcome.retry_after
        number = attempt - self._state.spent.get(node_id, 0)  # in this attempt of the node around it
        seconds = delay(policy, number, self._dice) if asked is None else asked
        retries = may_retry(policy, number, outcome.error, outcome.class_names, elapsed + seconds)
        if retries and not course.is_doomed(scope):
            course.writer.add(NodeRetrying(node_id, attempt, outcome.error, course.now() + seconds))
            course.effects.backoffs.append((node_id, seconds))
        else:
            self._fail_for_good(node_id, node, outcome.error)
        if scope is not None:
            self._check(scope)

    def _fail_for_good(self, node_id: str, node: Node, error: ErrorDetail) -> None:
        self.note(node_id, error)
        scope = self._course.scope(node_id)
        if scope is not None:
            produced = (ERROR,) if node.on_error == "error_output" else ()
            self._follow(scope, scope.frontier.settle(node.id, produced, "failed"))
            if fails(scope, node):
                self._fail_scope(scope, of_node(scope, node, error))

    def _fail_scope(self, scope: Scope, error: ErrorDetail) -> None:
        at_once = scope.workflow.settings.on_error == "fail_fast"
        if scope.opening is None:
            self.fail_run(error, at_once=at_once)
            return
        scope.failure = scope.failure or error
        if at_once:
            self._course.cancel_in([scope])

    def fail_run(self, error: ErrorDetail, *, at_once: bool) -> None:
        """The run has failed; the nodes in flight are cancelled `at_once`, or finish first."""
        root = self._course.root
        root.failure = root.failure or error
        self.cut_adrift("")
        if at_once:
            self._course.cancel(self._state.in_flight, "fail_fast")

    def note(self, node_id: str, error: ErrorDetail) -> None:
        """Write down that a node has failed for good."""
        shown = error_output(self._course.node(node_id), error)
        self._course.writer.add(NodeFailed(node_id, self._state.nodes[node_id].attempt, error, shown))

    # --- cut short ----------------------------------------------------------------------------------------------

    def cut_short(self, node_id: str, cause: Cause) -> None:
        """A node has no task any more: it is paused, or cancelled where everything ends."""
        scope = self._course.scope(node_id)
        if cause == "pause" and not self._course.is_doomed(scope):
            self._pause(node_id, scope)
            return
        reason = self._course.reason
        self._course.writer.add(NodeCancelled(node_id, self._state.nodes[node_id].attempt, reason))
        if scope is not None:
            scope.frontier.settle(self._course.node(node_id).id, (), reason)
            self._check(scope)

    def _pause(self, node_id: str, scope: Scope | None) -> None:
        known = self._state.nodes[node_id]
        if known.status != "paused":  # a node that stood still is already
            self._course.writer.add(NodePaused(node_id, known.attempt))
            if scope is not None and self._course.moving:
                self._ready.add_first([(scope, self._course.node(node_id))])

    def cut_adrift(self, node_id: str) -> None:
        """End what a crash left in flight: a node, all those inside of it, or all there are when the id is empty."""
        for it in self._leftovers.drop_within(node_id):
            self.cut_short(it, "pause")
