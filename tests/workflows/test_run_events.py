"""The records of what can happen in a run."""

from __future__ import annotations

from typing import get_args

import pytest
from attrs import NOTHING, fields, has
from attrs.exceptions import FrozenInstanceError

from bluev_actors.workflows.run_events import (
    NODE_ENDED,
    RUN_ENDED,
    TERMINAL_EVENTS,
    Control,
    ErrorDetail,
    NodeCompleted,
    NodeProgress,
    NodeStarted,
    NodeStatus,
    NodeWaiting,
    RunCompleted,
    RunEvent,
    RunIdentity,
    RunStarted,
    RunStatus,
    RunStatusChanged,
    TerminalEvent,
)

EVENT_CLASSES = get_args(RunEvent)


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_events_are_frozen_records(cls: type) -> None:
    """What has happened does not change."""
    assert has(cls)
    assert cls.__setattr__ is not object.__setattr__


@pytest.mark.parametrize("cls", [cls for cls in EVENT_CLASSES if cls.__name__.startswith("Node")])
def test_events_of_nodes_say_which(cls: type) -> None:
    """Every event of a node names it first; all but a skip, which has no attempt, say which attempt it is."""
    names = [field.name for field in fields(cls)]
    assert names[0] == "node_id"
    assert "attempt" in names or cls.__name__ == "NodeSkipped"


def test_the_ends_are_statuses() -> None:
    """A final state is one of the states."""
    assert set(get_args(RunStatus)) > RUN_ENDED
    assert set(get_args(NodeStatus)) > NODE_ENDED


def test_terminal_events_are_events() -> None:
    """The three ways for a run to end, as a type and as a value."""
    assert get_args(TerminalEvent) == TERMINAL_EVENTS
    assert set(TERMINAL_EVENTS) < set(EVENT_CLASSES)


def test_progress_is_no_event() -> None:
    """It is never stored, so it has no number."""
    assert NodeProgress not in EVENT_CLASSES


def test_an_event_cannot_be_edited() -> None:
    """Not by a subscriber that got it before another either."""
    with pytest.raises(FrozenInstanceError):
        NodeCompleted("a", 1, {}).outputs = {"b": 1}  # type: ignore[misc] # that it is refused is the point


def test_defaults_are_the_common_case() -> None:
    """An error is not retryable unless it says so; a workflow may declare no outputs."""
    assert ErrorDetail("code", "text") == ErrorDetail("code", "text", retryable=False, error_id=None)
    assert RunCompleted({}, {}).outputs is None
    assert RunIdentity("r", "w").inputs == {}


def test_what_came_later_has_a_default() -> None:
    """A record that was written before a field was there is read as if it said nothing about it."""
    assert NodeStarted("a").opens is False
    assert (RunStarted().queued, RunStarted().parent_run_id) == (False, None)
    change = RunStatusChanged("paused")
    assert (change.reason, change.mode, change.until, change.stop_at, change.by) == (None, None, None, None, None)
    assert (NodeWaiting("a", 1).reason, NodeWaiting("a", 1).until) == (None, None)
    assert NodeCompleted("a", 1, {}).cached is False
    assert Control("stop", 1.0).by is None


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_only_what_an_event_cannot_do_without_is_asked_for(cls: type) -> None:
    """Fields with a default come last, so that a new one can be added."""
    optional = [field.default is not NOTHING for field in fields(cls)]
    assert optional == sorted(optional)
