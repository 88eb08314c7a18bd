"""What a run does next: the heart of the engine, without tasks, clocks or sockets.

The run's actor tells `Flow` what happened; `Flow` writes the events that follow and, asked to `go_on`, says what there
is to do now: which executors to start, which to cancel, which retries to time. Every rule about the order of states
lives here or in `workflows/`, so it can be tested without a scheduler.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from attrs import Factory, define

from bluev_actors.workflows.frontier import Frontier, Start, Step
from bluev_actors.workflows.graph import DONE, ERROR, Node, PauseMode
from bluev_actors.workflows.retry import delay, may_retry
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodeFailed,
    NodePaused,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.summary import outputs_of, results_of, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from bluev_actors.engine.outcome import Failed, Succeeded
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.run_state import NodeState, RunState
    from bluev_actors.workflows.values import JsonObject

Cause: TypeAlias = Literal["pause", "stopped", "fail_fast"]
"""Why an executor is cancelled. Noted before the cancel, for to the node they all look alike."""
EXECUTOR_CRASHED: Final = "executor_crashed"
"""The error code of a node, and of its run, whose executors crashed too often."""


@define
class Effects:
    """What there is to do, once what led to it is on record."""

    launches: list[NodeStarted] = Factory(list[NodeStarted])
    cancels: list[str] = Factory(list[str])
    backoffs: list[tuple[str, float]] = Factory(list[tuple[str, float]])
    """Nodes to try again, and in how many seconds."""


class Flow:
    """Walks one run through its graph.

    Args:
        writer: writes the run's events; holds its state.
        kinds: the catalogue the workflow was accepted against.
        now: wall time, in seconds since 1970.
        dice: for the jitter of retries; seeded, so that a test repeats.
    """

    def __init__(self, writer: RunWriter, kinds: Kinds, now: Callable[[], float], dice: Random) -> None:
        self._writer = writer
        self._workflow = writer.record.workflow
        self._settings = self._workflow.settings
        self._kinds = kinds
        self._now = now
        self._dice = dice
        self._frontier = Frontier(self._workflow, kinds)
        self._ready: deque[str] = deque()
        self._effects = Effects()
        self.causes: dict[str, Cause] = {}
        self.failure: ErrorDetail | None = None

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self._writer.state

    @property
    def ending(self) -> bool:
        """Whether the run is on its way to `failed` or `stopped`, so that nothing starts or is tried again."""
        return self.failure is not None or self.state.status == "stopping"

    # --- beginning ----------------------------------------------------------------------------------------------

    def accept(self, *, queued: bool) -> None:
        """Write the first event of a fresh run."""
        self._writer.add(RunStarted(queued, self._writer.record.warnings))
        if not queued:
            self._follow(self._frontier.open())

    def begin(self) -> None:
        """Take the turn of a queued run."""
        self._writer.add(RunStatusChanged("running"))
        self._follow(self._frontier.open())

    def recover(self) -> None:
        """Go on from a replayed state: what had ended stays ended, what was in flight starts again."""
        if not self.state.begun:
            return
        self.failure = self._recall_failure()
        self._recall_ends()
        if self.state.status == "running" and self.failure is None:
            for node_id in list(self.state.in_flight):
                self._start(NodeStarted(node_id, self.state.nodes[node_id].attempt, recovered=True))
            self._ready.extendleft(reversed([n for n, s in self.state.nodes.items() if s.status == "paused"]))
        else:
            for node_id in list(self.state.in_flight):
                self._cut_short(node_id, "pause")

    def _recall_ends(self) -> None:
        steps = self._frontier.open()
        for node_id, state in self.state.nodes.items():
            if state.ended and state.status != "skipped":
                steps += self._frontier.settle(node_id, *_ends(state))
        if not self.ending:
            self._follow(step for step in steps if step.node_id not in self.state.nodes)

    def _recall_failure(self) -> ErrorDetail | None:
        for node_id, state in self.state.nodes.items():
            if state.status == "failed" and state.error is not None:
                if state.error.code == EXECUTOR_CRASHED:
                    return state.error
                if self._fails_the_run(node_id):
                    return _of_node(node_id, state.error)
        return None

    # --- going on -----------------------------------------------------------------------------------------------

    def go_on(self) -> Effects:
        """Start what may start, or bring the run to rest when nothing is in flight.

        Returns:
            What to do once the events are committed.
        """
        if self.state.status == "running" and self.failure is None:
            self._start_ready()
        if not self.state.in_flight and not self.state.ended:
            self._come_to_rest()
        effects, self._effects = self._effects, Effects()
        return effects

    def _start_ready(self) -> None:
        limit = self._settings.max_concurrency
        while self._ready and (limit is None or len(self.state.in_flight) < limit):
            node_id = self._ready.popleft()
            known = self.state.nodes.get(node_id)
            attempt = 1 if known is None else known.attempt + (known.status == "retrying")
            self._start(NodeStarted(node_id, attempt))

    def _start(self, started: NodeStarted) -> None:
        self._writer.add(started)
        self._effects.launches.append(started)

    def _come_to_rest(self) -> None:
        """Nothing is in flight: the run is at its end, or paused, or it waits for a retry or for its turn."""
        if self.state.status == "stopping":
            self._finish_stopped()
        elif self.failure is not None:
            self.finish_failed(self.failure)
        elif not self._frontier.unsettled:
            self._finish_completed()
        elif self.state.status == "pausing":
            self._writer.add(RunStatusChanged("paused"))

    def _follow(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Start):
                self._ready.append(step.node_id)
            else:
                self._writer.add(NodeSkipped(step.node_id, step.reason))

    # --- ends of nodes ------------------------------------------------------------------------------------------

    def succeeded(self, node_id: str, outcome: Succeeded) -> None:
        """A node gave its outputs; that counts, whatever was asked of it meanwhile."""
        self.causes.pop(node_id, None)
        self._writer.add(NodeCompleted(node_id, self.state.nodes[node_id].attempt, outcome.outputs))
        self._follow(self._frontier.settle(node_id, (*outcome.outputs, DONE), "branch"))

    def failed(self, node_id: str, outcome: Failed, elapsed: float) -> None:
        """An attempt failed: it is tried again, or the node has failed for good.

        Args:
            node_id: the node.
            outcome: how it failed.
            elapsed: seconds since its first attempt began, pauses not counted.
        """
        self.causes.pop(node_id, None)
        node, attempt = self._workflow.by_id[node_id], self.state.nodes[node_id].attempt
        policy = node.retry or self._settings.retry
        asked = outcome.retry_after
        seconds = delay(policy, attempt, self._dice) if asked is None else asked
        if self.ending or not may_retry(policy, attempt, outcome.error, outcome.class_names, elapsed + seconds):
            self._failed_for_good(node, outcome.error)
            return
        self._writer.add(NodeRetrying(node_id, attempt, outcome.error, self._now() + seconds))
        self._effects.backoffs.append((node_id, seconds))

    def _failed_for_good(self, node: Node, error: ErrorDetail) -> None:
        as_output = node.on_error == "error_output"
        shown: JsonObject | None = {ERROR: {"code": error.code, "message": error.message}} if as_output else None
        self._writer.add(NodeFailed(node.id, self.state.nodes[node.id].attempt, error, shown))
        self._follow(self._frontier.settle(node.id, (ERROR,) if as_output else (), "failed"))
        if self._fails_the_run(node.id):
            self.fail(_of_node(node.id, error), at_once=self._settings.on_error == "fail_fast")

    def _fails_the_run(self, node_id: str) -> bool:
        return self._workflow.by_id[node_id].on_error == "fail" and self._settings.on_error != "continue"

    def retry_due(self, node_id: str) -> None:
        """The wait before the next attempt is over."""
        self._ready.append(node_id)

    def cancelled(self, node_id: str) -> None:
        """An executor ended without an outcome, because it was cancelled."""
        self._cut_short(node_id, self.causes.pop(node_id, "pause"))

    def _cut_short(self, node_id: str, cause: Cause) -> None:
        attempt = self.state.nodes[node_id].attempt
        if cause == "pause" and not self.ending:
            self._writer.add(NodePaused(node_id, attempt))
            if self.state.status == "running":
                self._ready.appendleft(node_id)
            return
        reason = "stopped" if self.state.status == "stopping" else "fail_fast"
        self._writer.add(NodeCancelled(node_id, attempt, reason))
        self._frontier.settle(node_id, (), reason)

    def executor_crashed(self, node_id: str, *, too_often: bool) -> None:
        """A bug in an executor: the same attempt runs again, unless that happens too often."""
        self.causes.pop(node_id, None)
        if too_often and not self.ending:
            error = ErrorDetail(EXECUTOR_CRASHED, f"the executor of node {node_id} crashed too often")
            self._writer.add(NodeFailed(node_id, self.state.nodes[node_id].attempt, error))
            self._frontier.settle(node_id, (), "failed")
            self.fail(error, at_once=True)
        elif self.state.status == "running" and not self.ending:
            self._start(NodeStarted(node_id, self.state.nodes[node_id].attempt, recovered=True))
        else:
            self._cut_short(node_id, "pause")

    # --- control ------------------------------------------------------------------------------------------------

    def fail(self, error: ErrorDetail, *, at_once: bool) -> None:
        """The run has failed; the nodes in flight are cancelled `at_once`, or finish first."""
        self.failure = self.failure or error
        if at_once:
            self._cancel(self.state.in_flight, "fail_fast")

    def pause(self, mode: PauseMode) -> None:
        """Start nothing more; of the nodes in flight, cancel those that `mode` does."""
        if self.state.begun:
            self._writer.add(RunStatusChanged("pausing", None, mode))
            self._cancel([n for n in self.state.in_flight if self._may_cut(n, mode)], "pause")
        else:
            self._writer.add(RunStatusChanged("paused", None, mode))

    def _may_cut(self, node_id: str, mode: PauseMode) -> bool:
        node = self._workflow.by_id[node_id]
        own = mode if node.pause_mode == "inherit" or mode == "hard" else node.pause_mode
        return own == "hard" or (own == "checkpoint" and self._kinds[node.type].pausable)

    def resume(self, reason: str | None = None) -> None:
        """Go on after a pause: first the nodes that it cut short."""
        if not self.state.begun:
            self._writer.add(RunStatusChanged("queued", reason))
            return
        self._writer.add(RunStatusChanged("running", reason))
        self._ready.extendleft(reversed([n for n, s in self.state.nodes.items() if s.status == "paused"]))

    def stop(self) -> None:
        """Cancel everything; what has not ended gets its final state when the last of it is gone."""
        self._writer.add(RunStatusChanged("stopping"))
        self._cancel(self.state.in_flight, "stopped")

    def _cancel(self, node_ids: Iterable[str], cause: Cause) -> None:
        for node_id in node_ids:
            self.causes[node_id] = cause
            self._effects.cancels.append(node_id)

    # --- ends of the run ----------------------------------------------------------------------------------------

    def _finish_completed(self) -> None:
        results, outputs = results_of(self.state, self._workflow), outputs_of(self.state, self._workflow)
        self._writer.add(RunCompleted(results, self._summary("completed"), outputs))

    def finish_failed(self, error: ErrorDetail) -> None:
        """End the run as failed; nothing of it may be in flight any more."""
        self._cancel_the_rest("fail_fast")
        self._writer.add(RunFailed(error, self._summary("failed")))

    def _finish_stopped(self) -> None:
        self._cancel_the_rest("stopped")
        self._writer.add(RunStopped(results_of(self.state, self._workflow), self._summary("stopped")))

    def _cancel_the_rest(self, reason: str) -> None:
        for node in self._workflow.nodes:
            state = self.state.nodes.get(node.id)
            if state is None or not state.ended:
                self._writer.add(NodeCancelled(node.id, state.attempt if state else 0, reason))

    def _summary(self, ending: Literal["completed", "failed", "stopped"]) -> JsonObject:
        return summarise(self.state, self._workflow, ending=ending, at=self._now())


def _ends(state: NodeState) -> tuple[tuple[str, ...], str]:
    """What an ended node gave and why the rest will never come, for `Frontier.settle`."""
    if state.status == "completed":
        return (*(state.outputs or {}), DONE), "branch"
    if state.status == "failed":
        return tuple(state.outputs or ()), "failed"
    return (), state.reason or "stopped"


def _of_node(node_id: str, error: ErrorDetail) -> ErrorDetail:
    """A node's error as the error of its run."""
    return ErrorDetail(error.code, f"node {node_id} failed: {error.message}", error_id=error.error_id)
