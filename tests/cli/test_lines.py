"""A run in plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.cli.lines import closing_lines, line_of
from bluev_actors.protocol.messages import (
    SERVER_MESSAGES,
    Gap,
    NodeEventMessage,
    NodeLogMessage,
    NodeProgressMessage,
    NodeStatusUpdate,
    RunEventMessage,
    WorkflowCompleted,
    WorkflowExecutionStarted,
    WorkflowStatusUpdate,
)
from bluev_actors.testing.strategies import MESSAGES
from bluev_actors.workflows.run_events import ErrorDetail
from bluev_actors.workflows.run_state import NodeState, RunState

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

STATE = RunState("r", "w", started_at=1_000_000_000.0)
HEAD: JsonObject = {"timestamp": "2001-09-09T01:46:41.500000Z", "workflow_id": "w", "run_id": "r", "seq": 2}
NODE: JsonObject = {**HEAD, "node_id": "a", "attempt": 1}
AGAIN: JsonObject = {**NODE, "attempt": 2}
LATER = "2001-09-09T01:46:42Z"

TOLD = [
    (WorkflowExecutionStarted(**HEAD), "w started, run r"),
    (WorkflowExecutionStarted(**HEAD, state="queued"), "w queued, run r"),
    (WorkflowStatusUpdate(**HEAD, state="paused"), "w paused"),
    (WorkflowStatusUpdate(**HEAD, state="stopping", reason="timeout"), "w stopping (timeout)"),
    (NodeStatusUpdate(**NODE, status="running"), "a running"),
    (NodeStatusUpdate(**NODE, status="completed", outputs={"value": 2}), "a completed (0.25 s): value = 2"),
    (NodeStatusUpdate(**NODE, status="completed", outputs={"out": None}), "a completed (0.25 s)"),
    (NodeStatusUpdate(**AGAIN, status="running"), "a running (attempt 2)"),
    (NodeStatusUpdate(**NODE, status="retrying", error="busy", next_at=LATER), "a retrying (next in 0.50 s): busy"),
    (NodeStatusUpdate(**NODE, status="failed", error="broke\n"), "a failed: broke\\x0a"),
    (NodeStatusUpdate(**NODE, status="skipped", reason="branch"), "a skipped (branch)"),
    (NodeLogMessage(**NODE, level="warning", message="careful"), "a says (warning): careful"),
    (NodeEventMessage(**NODE, name="half", data={"x": 1}), 'a says half: {"x":1}'),
]


@pytest.mark.parametrize(("update", "told"), TOLD)
def test_what_is_told(update: RunEventMessage, told: str) -> None:
    """The time since the start, who, and what."""
    state = RunState("r", "w", started_at=1_000_000_000.0)
    state.nodes["a"] = NodeState("completed", first_started_at=1.0, finished_at=1.25)
    assert line_of(update, state) == f"    1.500  {told}"


def test_a_gap_is_told() -> None:
    """A reader must not take a broken story for a whole one."""
    line = line_of(Gap(timestamp=HEAD["timestamp"], reason="expired", snapshots=(), cursor="1"), STATE)
    assert line is not None
    assert "no longer held" in line


def test_what_is_not_told() -> None:
    """Progress would be a flood, and the end has lines of its own."""
    assert (
        line_of(
            NodeProgressMessage(timestamp=HEAD["timestamp"], workflow_id="w", run_id="r", node_id="a", attempt=1), STATE
        )
        is None
    )
    assert line_of(WorkflowCompleted(**HEAD, results={}, summary={}), STATE) is None


RUN_MESSAGES = [cls for cls in SERVER_MESSAGES.values() if issubclass(cls, RunEventMessage)]


@given(st.sampled_from(RUN_MESSAGES).flatmap(lambda cls: MESSAGES[cls]))
def test_no_message_breaks_a_line(update: RunEventMessage) -> None:
    """Whatever is said, it is one line that steers no terminal."""
    line = line_of(update, STATE)
    assert line is None or line.isprintable() or not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in line)


def ended(**more: object) -> RunState:
    """A run that has ended."""
    state = RunState("r", "w", status="completed")
    for name, value in more.items():
        setattr(state, name, value)
    return state


def test_a_good_end() -> None:
    """How it ended, how long it took, and what came of it; no counts when all went well."""
    summary = {"duration": 0.5, "nodes": {"total": 2, "completed": 2}}
    assert list(closing_lines(ended(summary=summary, results={"a": {"value": 1}, "b": {}}))) == [
        "completed in 0.50 s",
        "  a: value = 1",
        "  b: ",
    ]


def test_an_end_with_losses() -> None:
    """The counts tell of what did not go well."""
    summary = {"duration": 0.5, "nodes": {"total": 4, "completed": 1, "failed": 1, "skipped": 2, "cancelled": 0}}
    assert list(closing_lines(ended(summary=summary))) == ["completed in 0.50 s (1 completed, 1 failed, 2 skipped)"]


def test_a_failure() -> None:
    """With the error, safe to show."""
    state = ended(
        status="failed",
        error=ErrorDetail("x", "broke\x07"),
        summary={"duration": 2, "nodes": {"total": 1, "failed": 1}},
    )
    assert list(closing_lines(state)) == ["failed in 2.00 s (1 failed)", "error: broke\\x07"]


def test_an_end_of_which_little_is_known() -> None:
    """A snapshot may lack the summary."""
    assert list(closing_lines(ended(status="stopped"))) == ["stopped in 0.0 ms"]
