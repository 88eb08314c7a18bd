"""Run events to messages and back: the daemon's publisher, `run --json` and the client's mirror share it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bluev_actors.protocol.cursors import cursor_text, parse_cursor
from bluev_actors.protocol.messages import (
    NodeEventMessage,
    NodeLogMessage,
    NodeProgressMessage,
    NodeStatusUpdate,
    RunEventMessage,
    RunMessage,
    ServerMessage,
    WorkflowCompleted,
    WorkflowExecutionStarted,
    WorkflowFailed,
    WorkflowStatusUpdate,
    WorkflowStopped,
)
from bluev_actors.protocol.references import shorten_declared, shorten_outputs, shorten_results
from bluev_actors.workflows import paths
from bluev_actors.workflows.run_events import (
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
    Recorded,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatus,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.times import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluev_actors.workflows.graph import WorkflowOutput
    from bluev_actors.workflows.values import JsonObject

OUTPUTS_LIMIT: Final = 64 * 1024
RESULTS_LIMIT: Final = 256 * 1024
ERROR_LIMIT: Final = 4 * 1024


def to_message(
    recorded: Recorded,
    *,
    outputs_limit: int = OUTPUTS_LIMIT,
    results_limit: int = RESULTS_LIMIT,
    declared: Mapping[str, WorkflowOutput] = MappingProxyType({}),
) -> RunEventMessage:
    """Show a run event.

    Args:
        recorded: the event with its places.
        outputs_limit: bytes of JSON above which the largest outputs of a node become references.
        results_limit: the same for the results of a run, and for its declared outputs.
        declared: the workflow's `outputs`, which tell where a declared output can be fetched; one that is not
            in there is never replaced.
    """
    frame = _Frame(recorded, outputs_limit, results_limit, declared)
    return _TO_MESSAGE[type(recorded.event)](recorded.event, frame)


def progress_message(run_id: str, workflow_id: str, progress: NodeProgress, at: float) -> NodeProgressMessage:
    """Show how far a node is; `at` is in seconds since 1970."""
    return NodeProgressMessage(
        timestamp=rfc3339(at),
        workflow_id=workflow_id,
        run_id=run_id,
        node_id=progress.node_id,
        attempt=progress.attempt,
        fraction=progress.fraction,
        done=progress.done,
        total=progress.total,
        message=None if progress.message is None else sendable(progress.message),
        path=_path(progress.node_id),
    )


def progress_of(message: NodeProgressMessage) -> NodeProgress:
    """What `progress_message` showed."""
    return NodeProgress(
        message.node_id, message.attempt, message.fraction, message.done, message.total, message.message
    )


def from_message(message: ServerMessage) -> Recorded | None:
    """What `to_message` showed, with references and cut texts as they are.

    Returns:
        None for a message that tells of no run event this version knows. The cursor is 0 where the message
        has none, because it was sent again, or one that this version cannot read.
    """
    if not isinstance(message, RunMessage):
        return None
    try:
        event = _FROM_MESSAGE[type(message)](message)
        at = from_rfc3339(message.timestamp)
    except (KeyError, ValueError):
        return None
    cursor = parse_cursor(message.cursor) if message.cursor is not None else None
    return Recorded(message.run_id, message.workflow_id, message.seq, cursor or 0, at, event)


def sendable(text: str, limit: int | None = None) -> str:
    """Make any text of Python fit for the wire.

    Args:
        text: may hold lone surrogates, as the names of some files do; they become question marks.
        limit: how many bytes of UTF-8 are kept.
    """
    if text.isascii():
        return text[:limit]
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


# --- to messages ------------------------------------------------------------------------------------------


@frozen
class _Frame:
    """What all events of a run have in common, and how long they may be."""

    recorded: Recorded
    outputs_limit: int
    results_limit: int
    declared: Mapping[str, WorkflowOutput]

    @property
    def stamp(self) -> dict[str, Any]:
        recorded = self.recorded
        return {
            "timestamp": rfc3339(recorded.at),
            "workflow_id": recorded.workflow_id,
            "run_id": recorded.run_id,
            "seq": recorded.seq,
            "cursor": cursor_text(recorded.cursor),
        }

    def outputs(self, outputs: JsonObject, node_id: str) -> dict[str, Any]:
        """The fields `outputs` and `by_ref` of a node's message."""
        shown, names = shorten_outputs(outputs, self.outputs_limit, self.recorded.run_id, node_id)
        return {"outputs": shown, "by_ref": names or None}

    def results(self, results: JsonObject) -> dict[str, Any]:
        """The fields `results` and `by_ref` of a run's message."""
        shown, names = shorten_results(results, self.results_limit, self.recorded.run_id)
        return {"results": shown, "by_ref": names or None}

    def declared_outputs(self, outputs: JsonObject | None) -> dict[str, Any]:
        """The fields `outputs` and `outputs_by_ref` of a run's message."""
        if outputs is None:
            return {}
        shown, names = shorten_declared(outputs, self.results_limit, self.recorded.run_id, self.declared)
        return {"outputs": shown, "outputs_by_ref": names or None}


def _status(frame: _Frame, status: NodeStatus, node_id: str, attempt: int, **more: Any) -> NodeStatusUpdate:  # noqa: ANN401 - the fields of the message
    path = _path(node_id)
    return NodeStatusUpdate(**frame.stamp, node_id=node_id, attempt=attempt, status=status, path=path, **more)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def _path(node_id: str) -> tuple[str | int, ...] | None:
    """The parts of an id inside a body; None outside of bodies, where they would say nothing new."""
    return tuple(paths.split(node_id)) if "/" in node_id else None


def _error(error: ErrorDetail) -> dict[str, Any]:
    """The fields `error` and `error_detail`."""
    text = sendable(error.message, ERROR_LIMIT)
    detail: JsonObject = {"code": error.code, "message": text, "retryable": error.retryable}
    if error.error_id is not None:
        detail["error_id"] = error.error_id
    return {"error": text, "error_detail": detail}


def _run_started(event: RunStarted, frame: _Frame) -> RunEventMessage:
    state: RunStatus | None = "queued" if event.queued else None
    warnings = event.warnings or None
    return WorkflowExecutionStarted(**frame.stamp, state=state, warnings=warnings, parent_run_id=event.parent_run_id)


def _run_status(event: RunStatusChanged, frame: _Frame) -> RunEventMessage:
    return WorkflowStatusUpdate(
        **frame.stamp,
        state=event.status,
        reason=event.reason,
        mode=event.mode,
        until=_time(event.until),
        stop_at=_time(event.stop_at),
        by=event.by,
    )


def _run_completed(event: RunCompleted, frame: _Frame) -> RunEventMessage:
    values = {**frame.results(event.results), **frame.declared_outputs(event.outputs)}
    return WorkflowCompleted(**frame.stamp, **values, summary=event.summary)


def _run_failed(event: RunFailed, frame: _Frame) -> RunEventMessage:
    return WorkflowFailed(**frame.stamp, **_error(event.error), summary=event.summary)


def _run_stopped(event: RunStopped, frame: _Frame) -> RunEventMessage:
    return WorkflowStopped(**frame.stamp, **frame.results(event.results), summary=event.summary)


def _node_started(event: NodeStarted, frame: _Frame) -> RunEventMessage:
    flags = {"recovered": event.recovered or None, "opens": event.opens or None}
    return _status(frame, "running", event.node_id, event.attempt, **flags)


def _node_completed(event: NodeCompleted, frame: _Frame) -> RunEventMessage:
    values = frame.outputs(event.outputs, event.node_id)
    return _status(frame, "completed", event.node_id, event.attempt, **values, cached=event.cached or None)


def _node_failed(event: NodeFailed, frame: _Frame) -> RunEventMessage:
    values = {} if event.outputs is None else frame.outputs(event.outputs, event.node_id)
    return _status(frame, "failed", event.node_id, event.attempt, **_error(event.error), **values)


def _node_retrying(event: NodeRetrying, frame: _Frame) -> RunEventMessage:
    next_at = rfc3339(event.next_at)
    return _status(frame, "retrying", event.node_id, event.attempt, **_error(event.error), next_at=next_at)


def _node_waiting(event: NodeWaiting, frame: _Frame) -> RunEventMessage:
    return _status(frame, "waiting", event.node_id, event.attempt, reason=event.reason, next_at=_time(event.until))


def _node_paused(event: NodePaused, frame: _Frame) -> RunEventMessage:
    return _status(frame, "paused", event.node_id, event.attempt)


def _node_skipped(event: NodeSkipped, frame: _Frame) -> RunEventMessage:
    return _status(frame, "skipped", event.node_id, 0, reason=event.reason)


def _node_cancelled(event: NodeCancelled, frame: _Frame) -> RunEventMessage:
    return _status(frame, "cancelled", event.node_id, event.attempt, reason=event.reason)


def _node_log(event: NodeLog, frame: _Frame) -> RunEventMessage:
    return NodeLogMessage(
        **frame.stamp,
        node_id=event.node_id,
        attempt=event.attempt,
        level=event.level,
        message=sendable(event.message),
        code=event.code,
        path=_path(event.node_id),
    )


def _node_emitted(event: NodeEmitted, frame: _Frame) -> RunEventMessage:
    return NodeEventMessage(
        **frame.stamp,
        node_id=event.node_id,
        attempt=event.attempt,
        name=event.name,
        data=event.data,
        path=_path(event.node_id),
    )


_TO_MESSAGE: Final[dict[type[RunEvent], Callable[[Any, _Frame], RunEventMessage]]] = {
    RunStarted: _run_started,
    RunStatusChanged: _run_status,
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
    NodeLog: _node_log,
    NodeEmitted: _node_emitted,
}


# --- from messages ----------------------------------------------------------------------------------------


def _seconds(time: str | None) -> float | None:
    return None if time is None else from_rfc3339(time)


def _detail(message: NodeStatusUpdate | WorkflowFailed) -> ErrorDetail:
    detail = message.error_detail or {}
    return ErrorDetail(
        code=detail.get("code", ""),
        message=detail.get("message", message.error or ""),
        retryable=detail.get("retryable", False),
        error_id=detail.get("error_id"),
    )


def _to_started(message: NodeStatusUpdate) -> RunEvent:
    return NodeStarted(message.node_id, message.attempt, message.recovered or False, message.opens or False)


def _to_completed(message: NodeStatusUpdate) -> RunEvent:
    return NodeCompleted(message.node_id, message.attempt, message.outputs or {}, message.cached or False)


def _to_failed(message: NodeStatusUpdate) -> RunEvent:
    return NodeFailed(message.node_id, message.attempt, _detail(message), message.outputs)


def _to_retrying(message: NodeStatusUpdate) -> RunEvent:
    next_at = from_rfc3339(message.next_at or message.timestamp)
    return NodeRetrying(message.node_id, message.attempt, _detail(message), next_at)


def _to_waiting(message: NodeStatusUpdate) -> RunEvent:
    return NodeWaiting(message.node_id, message.attempt, message.reason, _seconds(message.next_at))


def _to_run_started(message: WorkflowExecutionStarted) -> RunEvent:
    return RunStarted(message.state == "queued", message.warnings or (), message.parent_run_id)


def _to_run_status(message: WorkflowStatusUpdate) -> RunEvent:
    until, stop_at = _seconds(message.until), _seconds(message.stop_at)
    return RunStatusChanged(message.state, message.reason, message.mode, until, stop_at, message.by)


_FROM_STATUS: Final[dict[str, Callable[[NodeStatusUpdate], RunEvent]]] = {
    "running": _to_started,
    "completed": _to_completed,
    "failed": _to_failed,
    "retrying": _to_retrying,
    "waiting": _to_waiting,
    "paused": lambda message: NodePaused(message.node_id, message.attempt),
    "skipped": lambda message: NodeSkipped(message.node_id, message.reason or ""),
    "cancelled": lambda message: NodeCancelled(message.node_id, message.attempt, message.reason or ""),
}

_FROM_MESSAGE: Final[dict[type[RunMessage], Callable[[Any], RunEvent]]] = {
    WorkflowExecutionStarted: _to_run_started,
    NodeStatusUpdate: lambda message: _FROM_STATUS[message.status](message),
    NodeLogMessage: lambda message: NodeLog(
        message.node_id, message.attempt, message.level, message.message, message.code
    ),
    NodeEventMessage: lambda message: NodeEmitted(message.node_id, message.attempt, message.name, message.data),
    WorkflowStatusUpdate: _to_run_status,
    WorkflowCompleted: lambda message: RunCompleted(message.results, message.summary, message.outputs),
    WorkflowFailed: lambda message: RunFailed(_detail(message), message.summary),
    WorkflowStopped: lambda message: RunStopped(message.results, message.summary),
}
