"""A run's state as one JSON object, for those who come late, and back.

It has no outputs of nodes: those are fetched one by one. Pending nodes are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.run_events import ErrorDetail, NodeProgress
from bluev_actors.workflows.run_state import NodeState, RunState
from bluev_actors.workflows.times import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


def snapshot(state: RunState) -> JsonObject:
    """Write a state down."""
    return {
        "run_id": state.run_id,
        "workflow_id": state.workflow_id,
        "state": state.status,
        "seq": state.seq,
        "cursor": str(state.cursor),
        "nodes": {node_id: _node(it) for node_id, it in state.nodes.items() if it.status != "pending"}
        | {node_id: {**_node(state.nodes[node_id]), "opens": True} for node_id in state.open},
        **_given(
            parent_run_id=state.parent_run_id,
            mode=state.pause_mode,
            until=_time(state.pause_until),
            stop_at=_time(state.pause_stop_at),
            started_at=_time(state.started_at) if state.seq else None,
            finished_at=_time(state.finished_at),
            results=state.results,
            outputs=state.outputs,
            summary=state.summary,
            **_error(state.error),
        ),
    }


def load_snapshot(text: JsonObject) -> RunState:
    """Read a state from a snapshot; what a snapshot leaves out stays unknown.

    Raises:
        KeyError: it is no snapshot.
        ValueError: a time in it is no time.
    """
    state = RunState(text["run_id"], text["workflow_id"], text["state"])
    state.seq, state.cursor = text["seq"], _cursor(text["cursor"])
    state.begun = state.status != "queued"
    state.parent_run_id, state.pause_mode = text.get("parent_run_id"), text.get("mode")
    state.pause_until, state.pause_stop_at = _seconds(text.get("until")), _seconds(text.get("stop_at"))
    state.started_at = _seconds(text.get("started_at")) or 0.0
    state.finished_at = _seconds(text.get("finished_at"))
    state.results, state.outputs, state.summary = text.get("results"), text.get("outputs"), text.get("summary")
    state.error = _load_error(text)
    state.nodes = {node_id: _load_node(node_id, node) for node_id, node in text["nodes"].items()}
    running = [node_id for node_id, node in state.nodes.items() if node.status == "running"]
    state.open = {node_id: None for node_id in running if text["nodes"][node_id].get("opens")}
    state.in_flight = {node_id: None for node_id in running if node_id not in state.open}
    return state


def _node(node: NodeState) -> JsonObject:
    return {
        "status": node.status,
        "attempt": node.attempt,
        **_given(
            started_at=_time(node.started_at),
            finished_at=_time(node.finished_at),
            next_at=_time(node.next_at),
            reason=node.reason,
            cached=node.cached or None,
            progress=_progress(node.progress),
            **_error(node.error),
        ),
    }


def _load_node(node_id: str, text: JsonObject) -> NodeState:
    started_at = _seconds(text.get("started_at"))
    return NodeState(
        status=text["status"],
        attempt=text["attempt"],
        started_at=started_at,
        first_started_at=started_at,
        finished_at=_seconds(text.get("finished_at")),
        next_at=_seconds(text.get("next_at")),
        reason=text.get("reason"),
        cached=text.get("cached", False),
        error=_load_error(text),
        progress=_load_progress(node_id, text),
    )


def _given(**pairs: Json) -> JsonObject:
    return {name: value for name, value in pairs.items() if value is not None}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def _seconds(text: str | None) -> float | None:
    return None if text is None else from_rfc3339(text)


def _cursor(text: str) -> int:
    """The cursor as our own daemons write it; of another's nothing is known but that it is no number of ours."""
    return int(text) if text.isdecimal() else 0


def _error(error: ErrorDetail | None) -> JsonObject:
    if error is None:
        return {}
    detail = _given(code=error.code, message=error.message, retryable=error.retryable, error_id=error.error_id)
    return {"error": error.message, "error_detail": detail}


def _load_error(text: JsonObject) -> ErrorDetail | None:
    if "error" not in text:
        return None
    detail = text.get("error_detail", {})
    return ErrorDetail(
        code=detail.get("code", "node_error"),
        message=detail.get("message", text["error"]),
        retryable=detail.get("retryable", False),
        error_id=detail.get("error_id"),
    )


def _progress(progress: NodeProgress | None) -> JsonObject | None:
    if progress is None:
        return None
    return _given(fraction=progress.fraction, done=progress.done, total=progress.total, message=progress.message)


def _load_progress(node_id: str, text: JsonObject) -> NodeProgress | None:
    progress = text.get("progress")
    return None if progress is None else NodeProgress(node_id, text["attempt"], **progress)
