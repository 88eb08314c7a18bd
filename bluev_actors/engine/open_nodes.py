"""The open nodes of a run: asked what comes next, round after round, until what their bodies came to is their end.

An open node has no task, and its nodes are nodes of the run like all others, in scopes of their own. What such a scope
came to is read off its nodes, so after a pause and after a crash the open node is simply asked again, from its first
round on, and what is on record is not run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bluev_actors.engine.effects import Round
from bluev_actors.engine.outcome import BodyEnd, Failed
from bluev_actors.engine.scopes import Opening
from bluev_actors.engine.verdicts import of_item
from bluev_actors.workflows import paths
from bluev_actors.workflows.interface import body_inputs
from bluev_actors.workflows.run_events import ErrorDetail, NodeCancelled, NodePaused, NodeProgress
from bluev_actors.workflows.summary import ends_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluev_actors.engine.course import Course
    from bluev_actors.engine.failures import Failures
    from bluev_actors.engine.leftovers import Leftovers
    from bluev_actors.engine.outcome import Opens
    from bluev_actors.engine.ready import ReadyNodes
    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.run_state import NodeState


class OpenNodes:
    """Those of one run.

    Args:
        course: how the run stands.
        ready: takes back the room of what has ended.
        leftovers: what a crash left in flight.
        failures: of attempts.
        enter: begins with the nodes of a scope.

    Attributes:
        calls: how many are being asked what comes next.
    """

    def __init__(
        self,
        course: Course,
        ready: ReadyNodes,
        leftovers: Leftovers,
        failures: Failures,
        *,
        enter: Callable[[Scope], None],
    ) -> None:
        self._course = course
        self._state = course.state
        self._openings = course.openings
        self._ready = ready
        self._leftovers = leftovers
        self._failures = failures
        self._enter = enter
        self._wanting: dict[str, Opening] = {}
        self._has_rested = False
        self.calls = 0

    # --- calls --------------------------------------------------------------------------------------------------

    def start(self, scope: Scope, node: Node, attempt: int) -> None:
        """An attempt begins: the node is asked for the first time."""
        opening = Opening(scope, node, attempt)
        self._openings[opening.node_id] = opening
        self._call(opening)

    def opened(self, node_id: str, opens: Opens) -> None:
        """A node has said what to do next."""
        opening = self._openings[node_id]
        self._answered(opening)
        opening.take(opens)
        if not opens.indexed and len(opening.ends) > 1:
            opening.failure = ErrorDetail("invalid_output", "a body without numbers is run for one item only")
        if self._course.is_doomed(opening.scope) or opening.failure is not None:
            self._failures.cut_adrift(node_id)
            self._check_opening(opening)
            self.check(opening.scope)
        else:
            self._rest(opening)
            self._next(opening)

    def finished(self, opening: Opening) -> None:
        """A node has said what it came to, one way or the other."""
        self._answered(opening)
        self._cancel_inside(opening.node_id)
        self._discard(opening)

    def _next(self, opening: Opening) -> None:
        """Let another item begin, or ask the node what comes next when all have ended."""
        if opening.wants:
            self._wanting[opening.node_id] = opening
        elif opening.is_through and not self._course.is_doomed(opening.scope):
            finished = cast("list[BodyEnd]", opening.ends)
            self._course.effects.rounds.append(Round(opening.node_id, opening.attempt, opening.rounds, finished))
            self._call(opening)

    def _call(self, opening: Opening) -> None:
        opening.called = True
        self.calls += 1
        opening.scope.occupy(1)

    def _answered(self, opening: Opening) -> None:
        opening.called = False
        self.calls -= 1
        opening.scope.occupy(-1)
        self._ready.release(opening.scope)

    # --- times --------------------------------------------------------------------------------------------------

    def _rest(self, opening: Opening) -> None:
        """Wait before the round: from the end of the item before it, without pauses; not at all if it began."""
        opens = opening.opens
        if opens is None or not opens.after or any(self._on_record(opening, opening.first)):
            return
        before = [known.finished_at or 0.0 for known in self._on_record(opening, opening.first - 1)]
        since = max(before, default=self._state.nodes[opening.node_id].started_at or 0.0)
        seconds = opens.after - self._state.time_between(since, self._course.now())
        if seconds > 0:
            opening.resting = True
            self._course.effects.delays.append((opening.node_id, seconds))

    def _on_record(self, opening: Opening, index: int) -> Iterator[NodeState]:
        prefix = opening.prefix(index)
        for node in opening.body.nodes:
            if (known := self._state.nodes.get(prefix + node.id)) is not None:
                yield known

    def delay_over(self, node_id: str) -> None:
        """A node has waited before its next items."""
        opening = self._openings.get(node_id)
        if opening is not None and opening.resting:
            opening.resting = False
            self._next(opening)

    def time_out(self, node_id: str, code: str) -> None:
        """A node used up its time: the nodes inside are cancelled, then the attempt has failed."""
        opening = self._openings.get(node_id)
        if opening is not None and opening.failure is None:
            message = f"took longer than its {code.replace('_', ' ')}"
            self._abort(opening, ErrorDetail(code, message, retryable=code == "timeout"))
            self._check_opening(opening)

    # --- items --------------------------------------------------------------------------------------------------

    def begin_item(self) -> bool:
        """Begin an item of the first node that wants to; whether there was one."""
        while self._wanting:
            node_id, opening = next(iter(self._wanting.items()))
            if opening.wants and not self._course.is_doomed(opening.scope):
                self._begin(opening)
                return True
            del self._wanting[node_id]
        return False

    def _begin(self, opening: Opening) -> None:
        scope = opening.begin(self._course.kinds)
        self._course.scopes[scope.prefix] = scope
        scope.inputs, flaw = body_inputs(scope.workflow, opening.given(scope.index))
        if flaw is None:
            self._enter(scope)
        else:
            scope.failure = ErrorDetail("invalid_input", flaw)
        self.check(scope)

    def check(self, scope: Scope) -> None:
        """See whether a scope has ended, and what that means for those around it."""
        while (opening := scope.opening) is not None:
            if opening.failure is None and self._has_ended(scope):
                self._end_item(opening, scope)
            self._check_opening(opening)
            scope = opening.scope

    def _has_ended(self, scope: Scope) -> bool:
        if scope.failure is not None:
            return not scope.busy
        return not scope.frontier.unsettled and not self._course.is_doomed(scope)

    def _end_item(self, opening: Opening, scope: Scope) -> None:
        if opening.live.get(scope.index) is not scope:
            return
        if scope.failure is None:
            end = BodyEnd(ends_of(self._state, scope.workflow, scope.prefix))
        else:
            self._cancel_nodes(scope)
            end = BodyEnd(error=scope.failure)
        del self._course.scopes[scope.prefix]
        opening.end(scope, end)
        self._show_progress(opening)
        if end.error is not None and opening.opens is not None and opening.opens.on_item_error == "fail":
            self._abort(opening, of_item(opening, scope.index, end.error))
        else:
            self._next(opening)

    def _show_progress(self, opening: Opening) -> None:
        if opening.opens is not None and opening.opens.indexed:
            total = len(opening.ends) if len(opening.opens.items) > 1 else None
            node_id, attempt = opening.node_id, opening.attempt
            self._course.effects.show(NodeProgress(node_id, attempt, done=opening.ended, total=total))

    # --- failures -----------------------------------------------------------------------------------------------

    def _abort(self, opening: Opening, error: ErrorDetail) -> None:
        opening.failure = error
        self._course.cancel_in(opening.live.values())

    def _check_opening(self, opening: Opening) -> None:
        """Fail an attempt that is to fail, as soon as nothing is under way below."""
        is_over = opening.failure is not None and not opening.busy and not opening.called
        if opening.failure is None or not is_over or self._openings.get(opening.node_id) is not opening:
            return
        self._close(opening)
        self._failures.fail_attempt(opening.node_id, Failed(opening.failure), self._course.elapsed(opening.node_id))

    def _close(self, opening: Opening) -> None:
        """A node ends, and with it the items it has under way."""
        for scope in opening.live.values():
            self._cancel_nodes(scope)
            del self._course.scopes[scope.prefix]
        self._cancel_inside(opening.node_id)
        self._discard(opening)
        self._course.effects.closed.append(opening.node_id)

    def _discard(self, opening: Opening) -> None:
        del self._openings[opening.node_id]
        self._wanting.pop(opening.node_id, None)
        self._ready.left(opening.scope, opening.node)

    def _cancel_nodes(self, scope: Scope) -> None:
        """Write down the end of all nodes of a scope that have none."""
        for node in scope.workflow.nodes:
            node_id = scope.prefix + node.id
            opening = self._openings.get(node_id)
            if opening is not None:
                self._close(opening)
            elif self._course.kinds[node.type].body is not None:
                self._cancel_inside(node_id)
            self._cancel_node(node_id)

    def _cancel_inside(self, node_id: str) -> None:
        """Write down the end of nodes inside a node whose items have not begun again after a pause or a crash."""
        if self._has_rested:
            for it in [it for it in self._state.nodes if it.startswith(node_id) and paths.is_inside(it, node_id)]:
                self._leftovers.drop(it)
                self._cancel_node(it)

    def _cancel_node(self, node_id: str) -> None:
        known = self._state.node(node_id)
        if not known.ended:
            self._course.writer.add(NodeCancelled(node_id, known.attempt, self._course.reason))
            if node_id in self._course.still:
                self._course.cancel([node_id], "fail_fast")

    # --- pauses -------------------------------------------------------------------------------------------------

    def expect_records(self) -> None:
        """There may be nodes on record whose items have not begun."""
        self._has_rested = True

    def rest(self) -> None:
        """The run rests: all are paused, and asked again from their first round on when it goes on."""
        for node_id in list(self._state.open):
            self._course.writer.add(NodePaused(node_id, self._state.nodes[node_id].attempt))
        for opening in list(self._openings.values()):
            self._discard(opening)
        self._course.scopes.clear()
        self._course.scopes[""] = self._course.root
        self._ready.drop_bodies()
        self._has_rested = True
