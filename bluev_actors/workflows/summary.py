"""What a run came to, or has come to so far: bounded in size, plain JSON, a pure function of its state."""

from __future__ import annotations

from collections import Counter
from functools import cache
from heapq import nlargest
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import orjson

from bluev_actors.version import VERSION
from bluev_actors.workflows import paths
from bluev_actors.workflows.critical_path import critical_path
from bluev_actors.workflows.durations import Durations
from bluev_actors.workflows.graph import DONE
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.run_events import Control, Pause
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import Json, JsonObject

Ending: TypeAlias = Literal["completed", "failed", "stopped"]

TOP: Final = 5
"""How many of the slowest nodes, and of the errors, are listed."""
MAX_TYPES: Final = 50
MAX_PAUSES: Final = 50
MAX_ERROR_TEXT: Final = 500
UNKNOWN_TYPE: Final = "?"
"""Stands for the type of a node that the graph does not have."""
_STATUSES: Final = (
    "pending",
    "running",
    "retrying",
    "waiting",
    "paused",
    "completed",
    "failed",
    "skipped",
    "cancelled",
)


def summarise(
    state: RunState, workflow: Workflow, *, ending: Ending | None = None, at: float | None = None
) -> JsonObject:
    """Sum a run up.

    Args:
        state: the run; it may be at any stage.
        workflow: what it runs.
        ending: how it is about to end, when the terminal event that will carry the summary is being written.
        at: now, in seconds since 1970; None: the time of the last event.
    """
    now = state.updated_at if at is None else at
    ended_at = state.finished_at if ending is None else now
    durations = Durations(state.pauses)
    return {
        "run_id": state.run_id,
        "workflow_id": state.workflow_id,
        "state": ending or state.status,
        "started_at": _time(state.started_at if state.seq else None),
        "finished_at": _time(ended_at),
        "duration": _seconds((now if ended_at is None else ended_at) - state.started_at) if state.seq else 0.0,
        "paused_for": _paused_for(state, now if ended_at is None else ended_at),
        "pauses": [_pause(pause) for pause in state.pauses[-MAX_PAUSES:]],
        "nodes": _counts(state, workflow),
        "attempts": state.attempts,
        "max_parallel": state.max_parallel,
        "slowest": _slowest(state, durations),
        "errors": _errors(state),
        "critical_path": critical_path(state, workflow, durations),
        "per_type": _per_type(state, workflow, durations),
        "events_emitted": state.seq + (ending is not None),
        "outputs_bytes": sum(len(orjson.dumps(it.outputs, default=float)) for it in state.nodes.values() if it.outputs),
        "recovered": state.recovered,
        "parent_run_id": state.parent_run_id,
        "control_log": [_control(control) for control in state.controls],
        "workflow_digest": workflow.digest,
        "engine_version": VERSION,
    }


def results_of(state: RunState, workflow: Workflow, prefix: str = "") -> JsonObject:
    """The outputs, by name, of each completed node with no connection going out.

    Args:
        state: the run.
        workflow: its graph, or that of a body.
        prefix: of a body: what the ids of its nodes begin with.
    """
    return {
        node.id: known.outputs or {}
        for node in workflow.nodes
        if not workflow.outgoing[node.id]
        and (known := state.nodes.get(prefix + node.id)) is not None
        and known.status == "completed"
    }


def outputs_of(state: RunState, workflow: Workflow, prefix: str = "") -> JsonObject | None:
    """The workflow's declared outputs by name; null for what its node did not give.

    Returns:
        None when the workflow declares none.
    """
    if not workflow.outputs:
        return None
    return {name: _output(state, prefix + it.node, it.output) for name, it in workflow.outputs.items()}


def ends_of(state: RunState, workflow: Workflow, prefix: str) -> JsonObject:
    """What a body came to: its declared outputs, or its results when it declares none."""
    declared = outputs_of(state, workflow, prefix)
    return results_of(state, workflow, prefix) if declared is None else declared


def _output(state: RunState, node_id: str, output: str) -> Json:
    return None if output == DONE else (state.node(node_id).outputs or {}).get(output)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def _seconds(value: float) -> float:
    return round(max(0.0, value), 6)


def _paused_for(state: RunState, now: float) -> float:
    running = 0.0 if state.paused_since is None else max(0.0, now - state.paused_since)
    return _seconds(state.paused_for + running)


def _pause(pause: Pause) -> JsonObject:
    return {"at": rfc3339(pause.at), "until": _time(pause.until), "mode": pause.mode}


def _control(control: Control) -> JsonObject:
    return {"action": control.action, "at": rfc3339(control.at), "session": control.by}


def _counts(state: RunState, workflow: Workflow) -> JsonObject:
    known = state.nodes.values()
    tally = Counter(node.status for node in known)
    untouched = sum(1 for node in workflow.nodes if node.id not in state.nodes)
    return {
        "total": len(state.nodes) + untouched,
        **{status: tally[status] for status in _STATUSES},
        "pending": tally["pending"] + tally["ready"] + untouched,
        "cached": sum(1 for node in known if node.cached),
        "retried": sum(1 for node in known if node.attempt > 1),
    }


def _slowest(state: RunState, durations: Durations) -> list[JsonObject]:
    timed = ((seconds, node_id) for node_id, node in state.nodes.items() if (seconds := durations.of(node)) > 0)
    top = nlargest(TOP, timed, key=lambda pair: pair[0])
    return [{"node_id": node_id, "duration": _seconds(duration)} for duration, node_id in top]


def _errors(state: RunState) -> list[JsonObject]:
    """The first failures, the first one first."""
    failed = [
        (node.finished_at or 0.0, node_id, node.error)
        for node_id, node in state.nodes.items()
        if node.status == "failed" and node.error is not None
    ]
    failed.sort(key=lambda each: each[0])
    return [
        {"node_id": node_id, "code": error.code, "message": error.message[:MAX_ERROR_TEXT]}
        for _, node_id, error in failed[:TOP]
    ]


def _types(workflow: Workflow, before: str = "") -> dict[str, str]:
    """The type of each node, bodies included, by where it stands in the document."""
    types = {before + node.id: node.type for node in workflow.nodes}
    for node_id, body in workflow.bodies.items():
        types |= _types(body, f"{before}{node_id}/")
    return types


def _per_type(state: RunState, workflow: Workflow, durations: Durations) -> JsonObject:
    """How many nodes of each type began, and the seconds they took together; the most used types first."""
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    types = _types(workflow)
    place = cache(paths.static)
    for node_id, known in state.nodes.items():
        if known.first_started_at is not None:
            type_ = types.get(place(paths.prefix(node_id)) + paths.own(node_id), UNKNOWN_TYPE)
            counts[type_] += 1
            seconds[type_] += durations.of(known)  # type: ignore[assignment] # a counter of seconds counts in fractions
    return {name: {"count": count, "seconds": _seconds(seconds[name])} for name, count in counts.most_common(MAX_TYPES)}
