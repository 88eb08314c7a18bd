"""A run told in plain lines, one for each event: for pipes, logs and dumb terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bluev_actors.cli.words import compact, counted, duration, outputs_text, printable, telling
from bluev_actors.protocol.messages import (
    Gap,
    NodeEventMessage,
    NodeLogMessage,
    NodeStatusUpdate,
    WorkflowExecutionStarted,
    WorkflowStatusUpdate,
)
from bluev_actors.workflows.times import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject

OUTPUTS_WIDTH: Final = 100
NODE_COUNTS: Final = ("completed", "failed", "skipped", "cancelled")


def line_of(update: RunUpdate, state: RunState) -> str | None:
    """Tell of one event; None for what is not worth a line, progress above all.

    Args:
        update: the event.
        state: what is known of its run, for the times.
    """
    told = _tell(update, state)
    if told is None:
        return None
    return f"{max(0.0, from_rfc3339(update.timestamp) - state.started_at):9.3f}  {told}"


def _tell(update: RunUpdate, state: RunState) -> str | None:
    teller = _TELLERS.get(type(update))
    return None if teller is None else teller(update, state)


def _start(update: WorkflowExecutionStarted, _state: RunState) -> str:
    return f"{printable(update.workflow_id)} {update.state or 'started'}, run {printable(update.run_id)}"


def _run_status(update: WorkflowStatusUpdate, _state: RunState) -> str:
    return f"{printable(update.workflow_id)} {update.state}{_because(update.reason)}"


def _node_status(update: NodeStatusUpdate, state: RunState) -> str:
    return f"{printable(update.node_id)} {update.status}{_details(update, state)}"


def _log(update: NodeLogMessage, _state: RunState) -> str:
    return f"{printable(update.node_id)} says ({update.level}): {printable(update.message)}"


def _event(update: NodeEventMessage, _state: RunState) -> str:
    return f"{printable(update.node_id)} says {printable(update.name)}: {compact(update.data)}"


def _gap(_update: Gap, _state: RunState) -> str:
    return "some events are no longer held and are missing here"


_TELLERS: Final[dict[type, Callable[[Any, RunState], str]]] = {
    WorkflowExecutionStarted: _start,
    WorkflowStatusUpdate: _run_status,
    NodeStatusUpdate: _node_status,
    NodeLogMessage: _log,
    NodeEventMessage: _event,
    Gap: _gap,
}
"""What is worth a line; the end of a run has `closing_lines` for itself."""


def _because(reason: str | None) -> str:
    return f" ({printable(reason)})" if reason else ""


def _details(update: NodeStatusUpdate, state: RunState) -> str:
    """What there is to say beside the status."""
    details = [duration(state.node(update.node_id).duration)] if update.status == "completed" else []
    if update.attempt > 1:
        details.append(f"attempt {update.attempt}")
    if update.reason:
        details.append(printable(update.reason))
    if update.next_at:
        details.append(f"next in {duration(from_rfc3339(update.next_at) - from_rfc3339(update.timestamp))}")
    said = f" ({', '.join(details)})" if details else ""
    return said + _outcome(update)


def _outcome(update: NodeStatusUpdate) -> str:
    if update.error is not None:
        return f": {printable(update.error)}"
    outputs = telling(update.outputs)
    return f": {outputs_text(outputs, OUTPUTS_WIDTH)}" if outputs else ""


def closing_lines(state: RunState) -> Iterator[str]:
    """Tell how a run ended: the last line anybody reads, and its results."""
    summary = state.summary or {}
    yield f"{state.status} in {duration(summary.get('duration', 0.0))}{_counts(summary)}"
    if state.error is not None:
        yield f"error: {printable(state.error.message)}"
    for node_id, outputs in (state.results or {}).items():
        yield f"  {printable(node_id)}: {outputs_text(outputs, OUTPUTS_WIDTH)}"


def _counts(summary: JsonObject) -> str:
    """Counts, when there is more to say than that all went well."""
    counts: JsonObject = summary.get("nodes", {})
    if counts.get("completed") == counts.get("total"):
        return ""
    return f" ({counted((name, counts.get(name, 0)) for name in NODE_COUNTS)})"
