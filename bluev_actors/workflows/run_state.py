"""The single truth about a run: a state, and `apply(state, recorded)` which is the only way it changes.

The run's actor uses it live, recovery replays a journal through it, the client mirrors a run with it, and tests
hold it against the engine. A mirror may have missed updates that were coalesced for a slow client, so `apply`
takes a later status for an earlier one, and ignores what it has seen already.
"""

# ruff: noqa: TC001, TC003 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from attrs import Factory, define, evolve

from bluev_actors.workflows.graph import PauseMode
from bluev_actors.workflows.run_events import (
    NODE_ENDED,
    RUN_ENDED,
    Control,
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodeEmitted,
    NodeFailed,
    NodeLog,
    NodePaused,
    NodeProgress,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    NodeStatus,
    NodeWaiting,
    Pause,
    Recorded,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatus,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.values import JsonObject

MAX_CONTROLS: Final = 50
"""How many of the controls of a run are remembered, the newest."""


@define
class NodeState:
    """What is known of one node. Times are wall time, in seconds since 1970."""

    status: NodeStatus = "pending"
    attempt: int = 0
    started_at: float | None = None
    """When its last attempt began; running it again after a crash does not change that."""
    first_started_at: float | None = None
    finished_at: float | None = None
    outputs: JsonObject | None = None
    error: ErrorDetail | None = None
    reason: str | None = None
    next_at: float | None = None
    cached: bool = False
    recovered: bool = False
    progress: NodeProgress | None = None

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in NODE_ENDED

    @property
    def duration(self) -> float:
        """Seconds from its first start to its end; 0 when it has not both."""
        if self.first_started_at is None or self.finished_at is None:
            return 0.0
        return max(0.0, self.finished_at - self.first_started_at)


@define
class RunState:
    """What is known of one run. A node that is not in `nodes` is pending."""

    run_id: str
    workflow_id: str
    status: RunStatus = "running"
    begun: bool = False
    """Whether it ever left the queue."""
    seq: int = 0
    cursor: int = 0
    started_at: float = 0.0
    updated_at: float = 0.0
    finished_at: float | None = None
    nodes: dict[str, NodeState] = Factory(dict[str, NodeState])
    in_flight: dict[str, None] = Factory(dict[str, None])
    """The nodes that are running in a task of their own, in the order they started."""
    open: dict[str, None] = Factory(dict[str, None])
    """The nodes that are running by their bodies, without a task, in the order they started."""
    spent: dict[str, int] = Factory(dict[str, int])
    """The attempts of nodes inside one that is tried again: they count on, so that none has the same number twice."""
    max_parallel: int = 0
    attempts: int = 0
    pause_mode: PauseMode | None = None
    pauses: list[Pause] = Factory(list[Pause])
    pause_until: float | None = None
    """When the pause ends by itself, in seconds since 1970."""
    pause_stop_at: float | None = None
    """When the run is stopped if it is still paused, in seconds since 1970."""
    controls: list[Control] = Factory(list[Control])
    """The newest that was asked of it, at most `MAX_CONTROLS`."""
    recovered: int = 0
    """How often what was in flight was started again after a crash."""
    news: int = 0
    """The `seq` of the last event that is no mere going on after a crash."""
    parent_run_id: str | None = None
    paused_since: float | None = None
    paused_for: float = 0.0
    begun_at: float = 0.0
    """When it left the queue; what it was paused before is `paused_in_queue`."""
    paused_in_queue: float = 0.0
    results: JsonObject | None = None
    outputs: JsonObject | None = None
    summary: JsonObject | None = None
    error: ErrorDetail | None = None

    @property
    def ended(self) -> bool:
        """Whether the run has had its terminal event."""
        return self.status in RUN_ENDED

    def time_used(self, now: float) -> float:
        """Seconds since it left the queue, pauses not counted: what its timeout is held against."""
        if not self.begun:
            return 0.0
        standing = 0.0 if self.paused_since is None else now - self.paused_since
        return now - self.begun_at - (self.paused_for - self.paused_in_queue) - standing

    def time_between(self, since: float, until: float) -> float:
        """Seconds between two times, pauses not counted."""
        ends = [until if pause.until is None else min(until, pause.until) for pause in self.pauses]
        stood_still = sum(max(0.0, end - max(since, pause.at)) for end, pause in zip(ends, self.pauses, strict=True))
        return max(0.0, until - since - stood_still)

    def seconds_left(self, node_id: str, now: float) -> float:
        """Seconds until what a node waits for is due; while the run is paused, as many as there were when it began."""
        due = self.node(node_id).next_at or now
        standing_since = self.pauses[-1].at if self.pause_mode is not None and self.pauses else now
        return max(0.0, due - min(now, standing_since))

    def node(self, node_id: str) -> NodeState:
        """The state of a node; a fresh pending one when nothing has happened to it."""
        return self.nodes.get(node_id) or NodeState()


def apply(state: RunState, recorded: Recorded) -> bool:
    """Fold one event into `state`.

    Returns:
        False when the event had been seen already, and so changed nothing.
    """
    if recorded.seq <= state.seq:
        return False
    apply_event(state, recorded.event, recorded.seq, recorded.at)
    state.cursor = max(state.cursor, recorded.cursor)  # what is sent again has none
    return True


def apply_event(state: RunState, event: RunEvent, seq: int, at: float) -> None:
    """Fold an event that has no place in the global order yet; only the run's own writer has such."""
    _HANDLERS[type(event)](state, event, at)
    if not (type(event) is NodeStarted and event.recovered):
        state.news = seq
    elif state.news == state.seq:
        state.recovered += 1
    state.seq = seq
    state.updated_at = at


def apply_progress(state: RunState, progress: NodeProgress) -> None:
    """Note how far a node is; what comes for a node that is not running is late and dropped."""
    node = state.nodes.get(progress.node_id)
    if node is not None and node.status == "running":
        node.progress = progress


# --- the run ----------------------------------------------------------------------------------------------


def _run_started(state: RunState, event: RunStarted, at: float) -> None:
    state.started_at = at
    state.parent_run_id = event.parent_run_id
    state.status = "queued" if event.queued else "running"
    if not event.queued:
        _begin(state, at)


def _run_status_changed(state: RunState, event: RunStatusChanged, at: float) -> None:
    _count_pause(state, event.status, at)
    _note_control(state, event, at)
    if event.mode is not None or event.status in ("running", "queued", "stopping"):
        _close_pause(state, at)
    if event.mode is not None:
        state.pauses.append(Pause(at, event.mode))
        state.pause_mode = event.mode
        state.pause_until, state.pause_stop_at = event.until, event.stop_at
    elif event.status in ("running", "queued"):
        state.pause_mode = None
    if event.status in ("running", "queued", "stopping"):
        state.pause_until = state.pause_stop_at = None
    state.status = event.status
    if event.status == "running" and not state.begun:
        _begin(state, at)


_ACTIONS: Final[dict[str, Literal["pause", "resume", "stop"]]] = {
    "running": "resume",
    "queued": "resume",
    "stopping": "stop",
}


def _note_control(state: RunState, event: RunStatusChanged, at: float) -> None:
    """Remember who asked for it; what a run does by itself is no control."""
    action = "pause" if event.mode is not None else _ACTIONS.get(event.status)
    if event.by is not None and action is not None:  # a foreign daemon may name somebody anywhere
        state.controls.append(Control(action, at, event.by))
        del state.controls[:-MAX_CONTROLS]


def _begin(state: RunState, at: float) -> None:
    state.begun, state.begun_at, state.paused_in_queue = True, at, state.paused_for


def _count_pause(state: RunState, status: str, at: float) -> None:
    if status == "paused":
        state.paused_since = at
    elif state.paused_since is not None:
        state.paused_for += max(0.0, at - state.paused_since)
        state.paused_since = None


def _close_pause(state: RunState, at: float) -> None:
    if state.pauses and state.pauses[-1].until is None:
        _shift_waits(state, max(0.0, at - state.pauses[-1].at))
        state.pauses[-1] = evolve(state.pauses[-1], until=at)


def _shift_waits(state: RunState, seconds: float) -> None:
    """The clocks of nodes that wait stood still during a pause, so what they wait for comes later by its length."""
    for node in state.nodes.values():
        if node.next_at is not None:
            node.next_at += seconds


def _end_run(state: RunState, status: RunStatus, summary: JsonObject, at: float) -> None:
    _count_pause(state, status, at)
    _close_pause(state, at)
    state.status = status
    state.summary = summary
    state.finished_at = at
    state.pause_until = state.pause_stop_at = None
    state.in_flight.clear()
    state.open.clear()


def _run_completed(state: RunState, event: RunCompleted, at: float) -> None:
    state.results, state.outputs = event.results, event.outputs
    _end_run(state, "completed", event.summary, at)


def _run_failed(state: RunState, event: RunFailed, at: float) -> None:
    state.error = event.error
    _end_run(state, "failed", event.summary, at)


def _run_stopped(state: RunState, event: RunStopped, at: float) -> None:
    state.results = event.results
    _end_run(state, "stopped", event.summary, at)


# --- its nodes --------------------------------------------------------------------------------------------


def _touch(state: RunState, node_id: str, status: NodeStatus, attempt: int | None = None) -> NodeState:
    node = state.nodes.get(node_id)
    if node is None:
        node = state.nodes[node_id] = NodeState()
    node.status = status
    node.progress = None
    node.next_at = None
    if attempt is not None:
        node.attempt = attempt
    state.in_flight.pop(node_id, None)
    if state.open:
        state.open.pop(node_id, None)
    return node


def _node_started(state: RunState, event: NodeStarted, at: float) -> None:
    known = state.nodes.get(event.node_id)
    before = state.spent.get(event.node_id, 0) if known is None else known.attempt
    if event.attempt > before:
        state.attempts += event.attempt - before
    node = _touch(state, event.node_id, "running", event.attempt)
    if node.started_at is None or not event.recovered:
        node.started_at = at
    node.recovered = event.recovered
    if node.first_started_at is None:
        node.first_started_at = at
    if event.opens:
        state.open[event.node_id] = None
        return
    state.in_flight[event.node_id] = None
    state.max_parallel = max(state.max_parallel, len(state.in_flight))


def _node_completed(state: RunState, event: NodeCompleted, at: float) -> None:
    node = _touch(state, event.node_id, "completed", event.attempt)
    node.outputs, node.cached, node.finished_at, node.error = event.outputs, event.cached, at, None


def _node_failed(state: RunState, event: NodeFailed, at: float) -> None:
    node = _touch(state, event.node_id, "failed", event.attempt)
    node.error, node.outputs, node.finished_at = event.error, event.outputs, at


def _node_retrying(state: RunState, event: NodeRetrying, at: float) -> None:
    opened = event.node_id in state.open
    node = _touch(state, event.node_id, "retrying", event.attempt)
    node.error, node.next_at = event.error, _as_of_the_pause(state, event.next_at, at)
    if opened:
        _drop_what_did_not_complete(state, event.node_id)


def _as_of_the_pause(state: RunState, due: float | None, at: float) -> float | None:
    """When a wait that begins in a pause would have been due if it had begun with the pause, which is added later."""
    if due is None or not state.pauses or state.pauses[-1].until is not None:
        return due
    return due - (at - state.pauses[-1].at)


def _drop_what_did_not_complete(state: RunState, node_id: str) -> None:
    """Forget the nodes inside a node that is tried again, but for the completed; they run with its next attempt."""
    inside = re.compile(re.escape(node_id) + r"(\[\d+\])?/")
    for nested in [n for n, it in state.nodes.items() if it.status != "completed" and inside.match(n)]:
        state.spent[nested] = max(state.spent.get(nested, 0), state.nodes.pop(nested).attempt)
        state.in_flight.pop(nested, None)
        state.open.pop(nested, None)


def _node_waiting(state: RunState, event: NodeWaiting, at: float) -> None:
    node = _touch(state, event.node_id, "waiting", event.attempt)
    node.reason, node.next_at = event.reason, _as_of_the_pause(state, event.until, at)


def _node_paused(state: RunState, event: NodePaused, _at: float) -> None:
    _touch(state, event.node_id, "paused", event.attempt)


def _node_skipped(state: RunState, event: NodeSkipped, at: float) -> None:
    node = _touch(state, event.node_id, "skipped")
    node.reason, node.finished_at = event.reason, at


def _node_cancelled(state: RunState, event: NodeCancelled, at: float) -> None:
    node = _touch(state, event.node_id, "cancelled", event.attempt)
    node.reason, node.finished_at = event.reason, at


def _changes_nothing(_state: RunState, _event: NodeLog | NodeEmitted, _at: float) -> None:
    """Logs and named events are for readers; they are no part of the state."""


_HANDLERS: Final[dict[type, Callable[[RunState, Any, float], None]]] = {
    RunStarted: _run_started,
    RunStatusChanged: _run_status_changed,
    RunCompleted: _run_completed,
    RunFailed: _run_failed,
    RunStopped: _run_stopped,
    NodeStarted: _node_started,
    NodeCompleted: _node_completed,
    NodeFailed: _node_failed,
    NodeRetrying: _node_retrying,
    NodeWaiting: _node_waiting,
    NodePaused: _node_paused,
    NodeSkipped: _node_skipped,
    NodeCancelled: _node_cancelled,
    NodeLog: _changes_nothing,
    NodeEmitted: _changes_nothing,
}
