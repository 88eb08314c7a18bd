"""What a run does next: the heart of the engine, without tasks, clocks or sockets.

The run's actor tells `Flow` what happened; `Flow` writes the events that follow and, asked to `go_on`, says what there
is to do now: which executors to start, which to cancel, which retries to time. Every rule about the order of states
lives here, in the parts it is made of or in `workflows/`, so it can be tested without a scheduler.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bluev_actors.engine.course import Course
from bluev_actors.engine.effects import Cause, Effects, Round
from bluev_actors.engine.ending import write_completed, write_failed, write_stopped
from bluev_actors.engine.failures import Failures
from bluev_actors.engine.leftovers import Leftovers
from bluev_actors.engine.open_nodes import OpenNodes
from bluev_actors.engine.outcome import Failed, too_late
from bluev_actors.engine.ready import Gate, ReadyNodes
from bluev_actors.engine.starter import Starter
from bluev_actors.engine.verdicts import EXECUTOR_CRASHED, INTERRUPTED, POISONED, recalled_crash, recalled_failure
from bluev_actors.workflows.graph import DONE, Node, PauseMode
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCompleted,
    NodePaused,
    NodeWaiting,
    RunStarted,
    RunStatusChanged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from random import Random

    from bluev_actors.engine.outcome import Opens, Succeeded, Waits
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.frontier import Step
    from bluev_actors.workflows.kinds import Kinds, NodeKind
    from bluev_actors.workflows.run_events import NodeStatus, RunStatus
    from bluev_actors.workflows.values import Json, JsonObject

__all__ = ["Cause", "Effects", "Flow", "Gate", "Round"]


class Flow:
    """Walks one run through its graph.

    Args:
        writer: writes the run's events; holds its state.
        kinds: the catalogue the workflow was accepted against.
        now: wall time, in seconds since 1970.
        dice: for the jitter of retries; seeded, so that a test repeats.
        gate: lets nodes with a `concurrency_key` start.
        pausable: whether a `checkpoint` pause may cancel a node in flight; None: as its kind says.

    Attributes:
        state: the run's state.
        causes: why executors were told to end, by the ids of their nodes.
    """

    def __init__(
        self,
        writer: RunWriter,
        kinds: Kinds,
        now: Callable[[], float],
        dice: Random,
        gate: Gate | None = None,
        *,
        pausable: Callable[[str], bool] | None = None,
    ) -> None:
        course = self._course = Course(writer, kinds, now)
        self._writer = writer
        self._kinds = kinds
        self._pausable = pausable or self._is_pausable
        self._root = course.root
        ready = self._ready = ReadyNodes(gate, self._needs_room)
        left = self._leftovers = Leftovers()
        failures = self._failures = Failures(course, ready, left, dice, follow=self._follow, check=self._check)
        self._open_nodes = OpenNodes(course, ready, left, failures, enter=self._enter)
        self._starter = Starter(course, ready, left, failures, self._open_nodes)
        self.state = course.state
        self.causes = course.causes

    @property
    def failure(self) -> ErrorDetail | None:
        """Why the run has failed, or is about to."""
        return self._root.failure

    @property
    def suspect(self) -> str | None:
        """The node that runs by itself, because it may be the one that takes the process down."""
        return self._leftovers.suspect

    def node(self, node_id: str) -> Node:
        """A node, by its full id."""
        return self._course.node(node_id)

    def kind(self, node_id: str) -> NodeKind:
        """The kind of a node, by its full id."""
        return self._course.kind(node_id)

    def kind_in_place(self, scope: Scope, node: Node) -> NodeKind:
        """The kind of a node in a scope, with the ports that its body gives it."""
        return self._course.kind_in_place(scope, node)

    def scope(self, node_id: str) -> Scope:
        """The scope that a node stands in; there is one while the node is under way.

        Raises:
            KeyError: its item has not begun, or not begun again.
        """
        scope = self._course.scope(node_id)
        if scope is None:
            raise KeyError(node_id)
        return scope

    # --- beginning ----------------------------------------------------------------------------------------------

    def accept(self, *, queued: bool, reused: Mapping[str, JsonObject] = MappingProxyType({})) -> None:
        """Write the first events of a fresh run.

        Args:
            queued: it waits for its turn.
            reused: the outputs of nodes that an earlier run has done already.
        """
        record = self._writer.record
        rerun = record.options.rerun
        self._writer.add(RunStarted(queued, record.warnings, None if rerun is None else rerun.from_run))
        for node_id in record.workflow.in_order if reused else ():
            if node_id in reused:
                self._writer.add(NodeCompleted(node_id, 0, reused[node_id], cached=True))
        if not queued:
            self._follow(self._root, self._root.frontier.open())

    def begin(self) -> None:
        """Take the turn of a queued run."""
        self._writer.add(RunStatusChanged("running"))
        self._follow(self._root, self._root.frontier.open())

    def recover(self, *, one_at_a_time: bool = False, poisoned: Collection[str] = ()) -> None:
        """Go on from a replayed state: what had ended stays ended, what was in flight starts again.

        Args:
            one_at_a_time: start what was in flight one by one, and nothing else before that.
            poisoned: nodes that fail because they took the process down.
        """
        if not self.state.begun:
            return
        self._open_nodes.expect_records()
        self._fail_the_lost(poisoned)
        self._leftovers.find(self.state.in_flight, one_at_a_time=one_at_a_time)
        self._root.failure = recalled_crash(self.state) or recalled_failure(self.state, self._root)
        if not self._course.moving:
            self._failures.cut_adrift("")
        self._follow(self._root, self._root.frontier.open())

    def _fail_the_lost(self, poisoned: Collection[str]) -> None:
        for node_id in list(self.state.in_flight):
            if node_id in poisoned:
                self._failures.note(node_id, POISONED)
            elif self.kind(node_id).at_most_once:
                self._failures.note(node_id, INTERRUPTED)

    def _needs_room(self, scope: Scope, node: Node) -> bool:
        """An open node takes no room in its body, and one that stands still has it."""
        has_place = bool(self._course.still) and self._course.still.has_place(scope.prefix + node.id, scope)
        return not has_place and self._kinds[node.type].body is None

    def _enter(self, scope: Scope) -> None:
        self._starter.enter(scope)

    def _follow(self, scope: Scope, steps: list[Step]) -> None:
        self._starter.follow(scope, steps)

    def _check(self, scope: Scope) -> None:
        self._open_nodes.check(scope)

    # --- going on -----------------------------------------------------------------------------------------------

    def go_on(self) -> Effects:
        """Start what may start, or bring the run to rest when nothing is in flight.

        Returns:
            What to do once the events are committed.
        """
        course, state = self._course, self.state
        if course.moving:
            self._starter.start_ready()
        if not state.in_flight and not self._open_nodes.calls and not state.ended and not course.still.leaving:
            self._come_to_rest()
        effects, course.effects = course.effects, Effects()
        return effects

    def _come_to_rest(self) -> None:
        """Nothing is in flight: the run is at its end, or paused, or it waits for a retry or for its turn."""
        if self.state.status == "stopping":
            write_stopped(self._writer)
        elif self.failure is not None:
            write_failed(self._writer, self.failure)
        elif not self._root.frontier.unsettled:
            write_completed(self._writer)
        elif self.state.status == "pausing":
            self._open_nodes.rest()
            self._writer.add(RunStatusChanged("paused"))

    # --- ends of nodes ------------------------------------------------------------------------------------------

    def succeeded(self, node_id: str, outcome: Succeeded) -> None:
        """A node gave its outputs; that counts, whatever was asked of it meanwhile."""
        node = self._left(node_id)
        if node is not None:
            attempt = self.state.nodes[node_id].attempt
            self._writer.add(NodeCompleted(node_id, attempt, outcome.outputs, cached=outcome.cached))
            self._settle(node_id, node, (*outcome.outputs, DONE), "branch")

    def failed(self, node_id: str, outcome: Failed, elapsed: float) -> None:
        """An attempt failed: it is tried again, or the node has failed for good.

        Args:
            node_id: the node.
            outcome: how it failed.
            elapsed: seconds since its first attempt began, pauses not counted.
        """
        if self._left(node_id) is not None:
            self._failures.fail_attempt(node_id, outcome, elapsed)

    def cancelled(self, node_id: str) -> None:
        """An executor ended without an outcome, because it was cancelled."""
        cause = self.causes.get(node_id, "pause")
        if self._left(node_id) is not None and (
            cause != "drain" or self._course.is_doomed(self._course.scope(node_id))
        ):
            self._failures.cut_short(node_id, cause)

    def waits(self, node_id: str, waits: Waits) -> None:
        """A node's task is over, and the node waits for a signal."""
        if self._left(node_id) is None:
            return
        if self._course.is_doomed(self._course.scope(node_id)):
            self._failures.cut_short(node_id, "fail_fast")
            return
        until = None if waits.seconds is None else self._course.now() + waits.seconds
        self._writer.add(NodeWaiting(node_id, self.state.nodes[node_id].attempt, waits.reason, until))

    def executor_crashed(self, node_id: str, *, too_often: bool) -> None:
        """A bug in an executor: the same attempt runs again, unless that happens too often."""
        node = self._left(node_id)
        if node is None:
            return
        scope = self._course.scope(node_id)
        doomed, paused = self._course.is_doomed(scope), self.state.nodes[node_id].status == "paused"
        if too_often and not doomed:
            error = ErrorDetail(EXECUTOR_CRASHED, f"the executor of node {node_id} crashed too often")
            self._failures.note(node_id, error)
            self._failures.fail_run(error, at_once=True)
        elif scope is None or doomed or paused or not self._course.moving:
            self._failures.cut_short(node_id, "pause")
        elif self._kinds[node.type].at_most_once:
            self._failures.fail_attempt(node_id, Failed(INTERRUPTED), 0.0)
        else:
            self._starter.restart(scope, node)

    def stands_still(self, node_id: str) -> None:
        """A pause has halted a node: its task lives on, and may end; the resume lets it go on under the same number."""
        scope, node = self.scope(node_id), self.node(node_id)
        self._course.still.halt(node_id, scope)
        self._ready.left(scope, node)
        self._writer.add(NodePaused(node_id, self.state.nodes[node_id].attempt))

    def _left(self, node_id: str) -> Node | None:
        """A node's task, or the call of an open node, is over.

        Returns:
            The node; None when it had been given its end before, for what it stood in has ended while it stood still.
        """
        course = self._course
        if self.causes:
            self.causes.pop(node_id, None)
        if node_id == self._leftovers.suspect:
            self._leftovers.suspect = None
        node = course.node(node_id)
        if node_id in self.state.in_flight:
            if course.openings or node.concurrency_key is not None:
                scope = self.scope(node_id)
                scope.occupy(-1)
                self._ready.left(scope, node)
        elif (opening := course.openings.get(node_id)) is not None:
            self._open_nodes.finished(opening)
        else:
            return self._left_standing(node_id, node)
        return node

    def _left_standing(self, node_id: str, node: Node) -> Node | None:
        scope = self._course.scope(node_id)
        behind = self._course.still.leave(node_id, scope)
        if scope is not None:
            self._ready.release(scope)
        if behind is not None:
            self._ready.add(*behind)
        return node if self.state.node(node_id).status == "paused" else None

    def _settle(self, node_id: str, node: Node, produced: Collection[str], cause: str) -> None:
        """Go on with what follows from the end of a node; without its scope that is done when its item begins again."""
        scope = self._course.scope(node_id)
        if scope is not None:
            self._follow(scope, scope.frontier.settle(node.id, produced, cause))
            if scope.opening is not None:
                self._open_nodes.check(scope)

    # --- waits --------------------------------------------------------------------------------------------------

    def retry_due(self, node_id: str) -> None:
        """The wait before the next attempt is over."""
        self._due_now(node_id, "retrying")

    def wait_over(self, node_id: str) -> None:
        """A node has waited for a signal as long as it could."""
        self._due_now(node_id, "waiting")

    def _due_now(self, node_id: str, status: NodeStatus) -> None:
        known, scope = self.state.node(node_id), self._course.scope(node_id)
        if known.status != status:
            return
        self._course.due.add(node_id)
        if scope is not None:  # else it is on the way
            self._starter.come_due(node_id, scope, self.node(node_id), known)

    def signalled(self, node_id: str, payload: Json) -> None:
        """What a node waited for has come."""
        known = self.state.node(node_id)
        if known.status == "waiting":
            outputs: JsonObject = {"payload": payload}
            self._writer.add(NodeCompleted(node_id, known.attempt, outputs))
            self._settle(node_id, self.node(node_id), (*outputs, DONE), "branch")

    def gate_opened(self) -> None:
        """There may be room for nodes that the gate had refused."""
        self._ready.gate_opened()

    # --- open nodes ---------------------------------------------------------------------------------------------

    def opened(self, node_id: str, opens: Opens) -> None:
        """An open node has said what to do next."""
        self._open_nodes.opened(node_id, opens)

    def delay_over(self, node_id: str) -> None:
        """An open node has waited before its next items."""
        self._open_nodes.delay_over(node_id)

    def time_out(self, node_id: str, code: str) -> None:
        """A node without a task used up its time: what is inside it is cancelled, then the attempt has failed."""
        if self.state.node(node_id).status == "waiting":
            self._failures.fail_attempt(node_id, too_late(code), self._course.elapsed(node_id))
        else:
            self._open_nodes.time_out(node_id, code)

    # --- control ------------------------------------------------------------------------------------------------

    def fail(self, error: ErrorDetail, *, at_once: bool) -> None:
        """The run has failed; the nodes in flight are cancelled `at_once`, or finish first."""
        self._failures.fail_run(error, at_once=at_once)

    def pause(
        self, mode: PauseMode, *, until: float | None = None, stop_at: float | None = None, by: str | None = None
    ) -> None:
        """Start nothing more; of the nodes in flight, cancel those that `mode` does.

        Args:
            mode: how it treats the nodes in flight.
            until: when the run goes on by itself, in seconds since 1970.
            stop_at: when it is stopped if it is still paused, in seconds since 1970.
            by: the session that asks for it.
        """
        status: RunStatus = "pausing" if self.state.begun else "paused"
        self._writer.add(RunStatusChanged(status, None, mode, until, stop_at, by))
        self._failures.cut_adrift("")
        self._course.cancel([it for it in self.state.in_flight if self.may_cut(it, mode)], "pause")

    def may_cut(self, node_id: str, mode: PauseMode) -> bool:
        """Whether a pause of `mode` cancels a node in flight."""
        own: str = self.node(node_id).pause_mode
        if own == "inherit" or mode == "hard":
            own = mode
        return own == "hard" or (own == "checkpoint" and self._pausable(node_id))

    def _is_pausable(self, node_id: str) -> bool:
        return self.kind(node_id).pausable

    def resume(self, reason: str | None = None, *, by: str | None = None) -> None:
        """Go on after a pause: first the nodes that it cut short."""
        status: RunStatus = "running" if self.state.begun else "queued"
        self._writer.add(RunStatusChanged(status, reason, by=by))
        paused = [it for it, known in self.state.nodes.items() if known.status == "paused"]
        scopes = [(self._course.scope(it), self.node(it)) for it in paused]
        self._ready.add_first([(scope, node) for scope, node in scopes if scope is not None])
        self._ready.gate_opened()

    def stop(self, *, by: str | None = None, reason: str | None = None) -> None:
        """Cancel everything; what has not ended gets its final state when the last of it is gone."""
        self._writer.add(RunStatusChanged("stopping", reason, by=by))
        self._failures.cut_adrift("")
        self._course.cancel(self.state.in_flight, "stopped")

    def suspend(self, *, over: bool = False) -> None:
        """Start nothing more, and write nothing of it; `over`: go on with it."""
        self._course.suspended = not over
