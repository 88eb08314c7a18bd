"""A run's state written down and read again."""

from __future__ import annotations

from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import json_objects
from bluev_actors.workflows.graph import PauseMode
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeProgress,
    NodeStarted,
    RunEvent,
    RunStarted,
    RunStatusChanged,
)
from bluev_actors.workflows.run_state import NodeState, RunState, apply_event
from bluev_actors.workflows.snapshot import load_snapshot, snapshot

MOMENTS = st.integers(0, 4_000_000_000).map(float)
ERRORS = st.builds(ErrorDetail, st.text(max_size=5), st.text(max_size=9), st.booleans(), st.none() | st.just("e1"))
NODES = st.builds(
    NodeState,
    status=st.sampled_from(["running", "retrying", "waiting", "paused", "completed", "failed", "skipped"]),
    attempt=st.integers(0, 5),
    started_at=st.none() | MOMENTS,
    finished_at=st.none() | MOMENTS,
    error=st.none() | ERRORS,
    reason=st.none() | st.just("branch"),
    next_at=st.none() | MOMENTS,
    cached=st.booleans(),
    progress=st.none() | st.builds(NodeProgress, st.just("x"), st.just(1), st.none() | st.floats(0, 1)),
)


@st.composite
def states(draw: st.DrawFn) -> RunState:
    """A state as a snapshot can show it."""
    state = RunState("r", "w", draw(st.sampled_from(["queued", "running", "paused", "completed", "failed"])))
    state.begun = state.status != "queued"
    state.seq, state.cursor = draw(st.integers(1, 2**40)), draw(st.integers(0, 2**60))
    state.started_at, state.finished_at = draw(MOMENTS), draw(st.none() | MOMENTS)
    state.results, state.outputs, state.summary = (draw(st.none() | json_objects()) for _ in range(3))
    state.error = draw(st.none() | ERRORS)
    state.parent_run_id = draw(st.none() | st.just("earlier"))
    if state.status == "paused":
        state.pause_mode = draw(st.sampled_from(get_args(PauseMode)))
        state.pause_until, state.pause_stop_at = draw(st.none() | MOMENTS), draw(st.none() | MOMENTS)
    state.nodes = draw(st.dictionaries(st.text(max_size=3), NODES, max_size=4))
    for node_id, node in state.nodes.items():
        node.first_started_at = node.started_at
        if node.progress is not None:
            node.progress = NodeProgress(node_id, node.attempt, node.progress.fraction)
    state.in_flight = {node_id: None for node_id, node in state.nodes.items() if node.status == "running"}
    return state


@given(states())
def test_what_a_snapshot_shows_comes_back(state: RunState) -> None:
    """Over the wire and back, nothing of it is lost or changed."""
    assert load_snapshot(orjson.loads(orjson.dumps(snapshot(state)))) == state


def test_a_fresh_run_in_full() -> None:
    """The shape of the contract; what is not known is not there."""
    state = RunState("r", "w", seq=2, cursor=77, started_at=0.0)
    state.nodes = {
        "a": NodeState("running", 1, 1.0, 1.0, progress=NodeProgress("a", 1, done=3, total=9, message="third")),
        "b": NodeState(),
    }
    assert snapshot(state) == {
        "run_id": "r",
        "workflow_id": "w",
        "state": "running",
        "seq": 2,
        "cursor": "77",
        "started_at": "1970-01-01T00:00:00.000000Z",
        "nodes": {
            "a": {
                "status": "running",
                "attempt": 1,
                "started_at": "1970-01-01T00:00:01.000000Z",
                "progress": {"done": 3, "total": 9, "message": "third"},
            }
        },
    }


def test_a_failure_has_its_text_and_its_detail() -> None:
    """`error` as the seed has it, `error_detail` for programs; on the node and on the run."""
    error = ErrorDetail("timeout", "took too long", retryable=True)
    state = RunState("r", "w", "failed", seq=1, error=error)
    state.nodes = {"a": NodeState("failed", 2, error=error)}
    told = snapshot(state)
    detail = {"code": "timeout", "message": "took too long", "retryable": True}
    assert (told["error"], told["error_detail"]) == ("took too long", detail)
    assert told["nodes"]["a"] == {"status": "failed", "attempt": 2, "error": "took too long", "error_detail": detail}


def test_outputs_of_nodes_are_left_out() -> None:
    """They may be large, and are fetched one by one."""
    state = RunState("r", "w", seq=1)
    state.nodes = {"a": NodeState("completed", 1, outputs={"body": "x" * 1000})}
    assert "x" * 1000 not in repr(snapshot(state))


def test_an_untouched_run_has_no_start() -> None:
    """A state before its first event was not started in 1970."""
    assert "started_at" not in snapshot(RunState("r", "w"))


def test_an_older_daemon_may_say_less() -> None:
    """Only what the contract promises is needed; a foreign cursor is no number of ours."""
    told = {
        "run_id": "r",
        "workflow_id": "w",
        "state": "running",
        "seq": 3,
        "cursor": "opaque!",
        "nodes": {"a": {"status": "failed", "attempt": 1, "error": "broken"}},
        "novelty": True,
    }
    state = load_snapshot(told)
    assert (state.cursor, state.started_at) == (0, 0.0)
    assert state.nodes["a"].error == ErrorDetail("node_error", "broken")


def test_what_is_no_snapshot_is_refused() -> None:
    """Something else is not taken for an empty run."""
    with pytest.raises(KeyError):
        load_snapshot({"run_id": "r"})


def test_open_nodes_are_told_from_those_with_tasks() -> None:
    """Both are running; only the latter are in flight."""
    state = RunState("r", "w")
    events: list[RunEvent] = [RunStarted(), NodeStarted("a", opens=True), NodeStarted("a[0]/x")]
    for seq, event in enumerate(events, 1):
        apply_event(state, event, seq, 1.0)
    loaded = load_snapshot(snapshot(state))
    assert (list(loaded.open), list(loaded.in_flight)) == (["a"], ["a[0]/x"])


def test_a_pause_tells_how_it_ends() -> None:
    """Who comes late can count down too; of a run that goes on it says nothing."""
    state = RunState("r", "w")
    pause = RunStatusChanged("pausing", None, "drain", until=60.0, stop_at=90.0, by="s1")
    events: list[RunEvent] = [RunStarted(parent_run_id="r0"), pause, RunStatusChanged("paused")]
    for seq, event in enumerate(events, 1):
        apply_event(state, event, seq, 1.0)
    told = snapshot(state)
    assert (told["mode"], told["parent_run_id"]) == ("drain", "r0")
    assert (told["until"], told["stop_at"]) == ("1970-01-01T00:01:00.000000Z", "1970-01-01T00:01:30.000000Z")
    apply_event(state, RunStatusChanged("running"), 4, 2.0)
    assert not {"mode", "until", "stop_at"} & snapshot(state).keys()
