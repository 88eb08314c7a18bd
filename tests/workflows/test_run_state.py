"""The fold of a run's events into its state."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows import run_state
from bluev_actors.workflows.run_events import (
    NODE_ENDED,
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
    NodeWaiting,
    Pause,
    Recorded,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.run_state import NodeState, RunState, apply, apply_event, apply_progress

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

ERROR = ErrorDetail("timeout", "took too long", retryable=True)
JSON_ERROR: JsonObject = {"error": {}}
NODE_IDS = st.sampled_from("abc")
ATTEMPTS = st.integers(1, 3)
EVENTS: st.SearchStrategy[RunEvent] = st.one_of(
    st.builds(RunStarted, st.booleans()),
    st.builds(RunStatusChanged, st.sampled_from(["queued", "running", "pausing", "paused", "stopping"])),
    st.builds(RunStatusChanged, st.just("pausing"), st.none(), st.sampled_from(["checkpoint", "drain", "hard"])),
    st.just(RunCompleted({"a": {"out": 1}}, {"state": "completed"}, {"whole": 1})),
    st.just(RunFailed(ERROR, {"state": "failed"})),
    st.just(RunStopped({}, {"state": "stopped"})),
    st.builds(NodeStarted, NODE_IDS, ATTEMPTS, st.booleans()),
    st.builds(NodeCompleted, NODE_IDS, ATTEMPTS, st.just({"out": 1}), st.booleans()),
    st.builds(NodeFailed, NODE_IDS, ATTEMPTS, st.just(ERROR), st.sampled_from([None, JSON_ERROR])),
    st.builds(NodeRetrying, NODE_IDS, ATTEMPTS, st.just(ERROR), st.floats(0, 1e9)),
    st.builds(NodeWaiting, NODE_IDS, ATTEMPTS, st.none() | st.just("approval")),
    st.builds(NodePaused, NODE_IDS, ATTEMPTS),
    st.builds(NodeSkipped, NODE_IDS, st.just("branch")),
    st.builds(NodeCancelled, NODE_IDS, ATTEMPTS, st.just("stopped")),
    st.builds(NodeLog, NODE_IDS, ATTEMPTS, st.just("info"), st.text()),
    st.builds(NodeEmitted, NODE_IDS, ATTEMPTS, st.just("name")),
)


def recorded(*events: RunEvent, first: int = 1) -> list[Recorded]:
    """Events of one run, one a second."""
    return [Recorded("r", "w", seq, 100 + seq, 1000.0 + seq, event) for seq, event in enumerate(events, start=first)]


def folded(*events: RunEvent) -> RunState:
    """The state after these events."""
    state = RunState("r", "w")
    for each in recorded(*events):
        assert apply(state, each)
    return state


# --- the fold as a whole ----------------------------------------------------------------------------------


def test_every_event_has_its_handler() -> None:
    """Whoever adds an event says what it does to the state."""
    handlers = run_state._HANDLERS  # pyright: ignore[reportPrivateUsage] # the table is what is tested
    assert set(handlers) == set(get_args(RunEvent))


def test_the_strategy_knows_every_event() -> None:
    """So that the properties below are about all of them."""
    drawn = {type(event) for event in [*_examples()]}
    assert drawn == set(get_args(RunEvent))


def _examples() -> list[RunEvent]:
    return [
        RunStarted(),
        RunStatusChanged("running"),
        RunCompleted({}, {}),
        RunFailed(ERROR, {}),
        RunStopped({}, {}),
        NodeStarted("a"),
        NodeCompleted("a", 1, {}),
        NodeFailed("a", 1, ERROR),
        NodeRetrying("a", 1, ERROR, 0),
        NodeWaiting("a", 1),
        NodePaused("a", 1),
        NodeSkipped("a", "branch"),
        NodeCancelled("a", 1, "stopped"),
        NodeLog("a", 1, "info", ""),
        NodeEmitted("a", 1, "name"),
    ]


@given(st.lists(EVENTS))
def test_any_order_of_events_is_taken(events: list[RunEvent]) -> None:
    """A mirror may have missed updates, so no order is an error; what is derived stays consistent."""
    state = folded(*events)
    assert state.seq == len(events)
    assert set(state.in_flight) <= {name for name, node in state.nodes.items() if node.status == "running"}
    assert state.max_parallel >= len(state.in_flight)
    assert state.paused_for >= 0
    assert all(node.duration >= 0 for node in state.nodes.values())


@given(st.lists(EVENTS), st.data())
def test_what_was_seen_before_changes_nothing(events: list[RunEvent], data: st.DataObject) -> None:
    """Events that come again, in whatever order, leave the state as it is."""
    state = folded(*events)
    before = deepcopy(state)
    again = data.draw(st.permutations(recorded(*events)))
    assert not any(apply(state, each) for each in again)
    assert state == before


@given(st.lists(EVENTS), st.data())
def test_a_newer_status_stands_for_those_left_out(events: list[RunEvent], data: st.DataObject) -> None:
    """A mirror that gets only the newest update of each node ends with the same statuses."""
    whole = folded(*events)
    kept = [event for event in recorded(*events) if data.draw(st.booleans()) or _is_newest(event, events)]
    mirror = RunState("r", "w")
    for event in kept:
        apply(mirror, event)
    assert {name: node.status for name, node in mirror.nodes.items()} == {
        name: node.status for name, node in whole.nodes.items()
    }


def _is_newest(event: Recorded, events: list[RunEvent]) -> bool:
    node_id = getattr(event.event, "node_id", None)
    if node_id is None or isinstance(event.event, NodeLog | NodeEmitted):
        return True
    later = (it for it in events[event.seq :] if not isinstance(it, NodeLog | NodeEmitted))
    return all(getattr(it, "node_id", None) != node_id for it in later)


@given(st.lists(EVENTS))
def test_the_writer_and_the_reader_agree(events: list[RunEvent]) -> None:
    """The run's own writer has no cursor yet; all else comes out the same."""
    written = RunState("r", "w")
    for each in recorded(*events):
        apply_event(written, each.event, each.seq, each.at)
    read = folded(*events)
    written.cursor = read.cursor
    assert written == read


# --- the run ----------------------------------------------------------------------------------------------


def test_a_run_begins() -> None:
    """Running or queued, with the time of its first event."""
    assert folded(RunStarted()).status == "running"
    assert folded(RunStarted()).begun
    state = folded(RunStarted(queued=True))
    assert (state.status, state.begun, state.started_at) == ("queued", False, 1001.0)


def test_a_queued_run_has_begun_when_it_runs() -> None:
    """A pause in the queue is no beginning."""
    paused: list[RunEvent] = [
        RunStarted(queued=True),
        RunStatusChanged("paused", None, "checkpoint"),
        RunStatusChanged("queued"),
    ]
    assert not folded(*paused).begun
    assert folded(*paused, RunStatusChanged("running")).begun


def test_pauses_are_counted() -> None:
    """From `paused` to `running`; what is still winding down does not count."""
    state = folded(
        RunStarted(),
        RunStatusChanged("pausing", None, "drain"),
        RunStatusChanged("paused"),
        RunStatusChanged("running"),
        RunStatusChanged("pausing", None, "hard"),
    )
    assert state.paused_for == 1.0
    assert state.pauses == [Pause(1002.0, "drain", 1004.0), Pause(1005.0, "hard")]
    assert state.pause_mode == "hard"


def test_a_stricter_pause_takes_the_place_of_a_milder_one() -> None:
    """The milder one ends when the stricter one begins."""
    state = folded(RunStarted(), RunStatusChanged("pausing", None, "drain"), RunStatusChanged("pausing", None, "hard"))
    assert state.pauses == [Pause(1002.0, "drain", 1003.0), Pause(1003.0, "hard")]


def test_a_pause_ends_with_its_run() -> None:
    """A paused run that is stopped was paused until then."""
    pausing: list[RunEvent] = [RunStarted(), RunStatusChanged("pausing", None, "hard"), RunStatusChanged("paused")]
    state = folded(*pausing, RunStopped({}, {}))
    assert state.paused_for == 1.0
    assert state.pauses == [Pause(1002.0, "hard", 1004.0)]
    assert folded(*pausing).paused_for == 0.0


def test_resuming_clears_the_mode() -> None:
    """A run that goes on has no mode of pause."""
    pausing: list[RunEvent] = [RunStarted(), RunStatusChanged("pausing", None, "hard")]
    assert folded(*pausing, RunStatusChanged("running")).pause_mode is None
    assert folded(*pausing, RunStatusChanged("stopping")).pause_mode == "hard"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (RunCompleted({"a": {}}, {"k": 1}, {"o": 2}), "completed"),
        (RunFailed(ERROR, {"k": 1}), "failed"),
        (RunStopped({"a": {}}, {"k": 1}), "stopped"),
    ],
)
def test_a_run_ends(event: RunEvent, status: str) -> None:
    """With its summary, and with nothing in flight any more."""
    state = folded(RunStarted(), NodeStarted("a"), event)
    assert (state.status, state.ended, state.finished_at) == (status, True, 1003.0)
    assert state.summary == {"k": 1}
    assert not state.in_flight


def test_a_completed_run_has_its_outputs() -> None:
    """Results by node, outputs by name; a failed one has its error."""
    completed = folded(RunStarted(), RunCompleted({"a": {"out": 1}}, {}, {"whole": 1}))
    assert (completed.results, completed.outputs) == ({"a": {"out": 1}}, {"whole": 1})
    assert folded(RunStarted(), RunFailed(ERROR, {})).error == ERROR


def test_time_used_stands_still_while_paused() -> None:
    """And in the queue; it is what a timeout is held against."""
    queued: list[RunEvent] = [
        RunStarted(queued=True),
        RunStatusChanged("paused", None, "hard"),
        RunStatusChanged("queued"),
    ]
    assert folded(*queued).time_used(5000.0) == 0.0
    running: list[RunEvent] = [*queued, RunStatusChanged("running")]
    assert folded(*running).time_used(1010.0) == 6.0
    pausing: list[RunEvent] = [*running, RunStatusChanged("pausing", None, "hard"), RunStatusChanged("paused")]
    assert folded(*pausing).time_used(5000.0) == 2.0
    assert folded(*pausing, RunStatusChanged("running")).time_used(1010.0) == 5.0


# --- nodes ------------------------------------------------------------------------------------------------


def test_a_node_runs_and_completes() -> None:
    """Its times, its outputs, and how long it took."""
    node = folded(RunStarted(), NodeStarted("a"), NodeCompleted("a", 1, {"out": 1})).node("a")
    assert node == NodeState("completed", 1, 1002.0, 1002.0, 1003.0, {"out": 1})
    assert node.ended
    assert node.duration == 1.0


def test_a_retry_shows_its_error_until_it_succeeds() -> None:
    """The duration runs from the first attempt; the error of an earlier one is gone when it completed."""
    events: list[RunEvent] = [RunStarted(), NodeStarted("a"), NodeRetrying("a", 1, ERROR, 2000.0)]
    retrying = folded(*events).node("a")
    assert (retrying.status, retrying.error, retrying.next_at) == ("retrying", ERROR, 2000.0)
    again = folded(*events, NodeStarted("a", 2)).node("a")
    assert (again.status, again.next_at, again.started_at, again.first_started_at) == (
        "running",
        None,
        1004.0,
        1002.0,
    )
    done = folded(*events, NodeStarted("a", 2), NodeCompleted("a", 2, {})).node("a")
    assert (done.error, done.duration, done.attempt) == (None, 3.0, 2)


def test_attempts_are_counted_without_recoveries() -> None:
    """What runs again after a crash is the same attempt."""
    state = folded(NodeStarted("a"), NodeStarted("a", recovered=True), NodeStarted("b"), NodeStarted("a", 2))
    assert state.attempts == 3


def test_the_most_at_once_is_remembered() -> None:
    """Three started, two at once."""
    events: list[RunEvent] = [NodeStarted("a"), NodeStarted("b"), NodeCompleted("a", 1, {}), NodeStarted("c")]
    assert folded(*events).max_parallel == 2
    assert list(folded(*events).in_flight) == ["b", "c"]


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        (NodeSkipped("a", "branch"), "skipped", "branch"),
        (NodeCancelled("a", 1, "fail_fast"), "cancelled", "fail_fast"),
        (NodeWaiting("a", 1, "approval"), "waiting", "approval"),
        (NodePaused("a", 1), "paused", None),
        (NodeFailed("a", 1, ERROR, {"error": {"code": "timeout"}}), "failed", None),
    ],
)
def test_a_node_stops_for_a_reason(event: RunEvent, status: str, reason: str | None) -> None:
    """Whatever it was, it is no longer in flight, and only what is final has an end."""
    state = folded(RunStarted(), NodeStarted("a"), event)
    node = state.node("a")
    assert (node.status, node.reason) == (status, reason)
    assert not state.in_flight
    assert (node.finished_at is not None) is (status in NODE_ENDED) is node.ended


def test_a_failed_node_may_have_outputs() -> None:
    """With `error_output`, what its `error` carries."""
    node = folded(NodeFailed("a", 1, ERROR, {"error": {"code": "timeout"}})).node("a")
    assert (node.outputs, node.error) == ({"error": {"code": "timeout"}}, ERROR)


def test_an_unknown_node_is_pending() -> None:
    """Nothing has happened to it, and asking does not change that."""
    state = RunState("r", "w")
    assert state.node("z") == NodeState()
    assert not state.nodes


def test_a_node_that_never_started_took_no_time() -> None:
    """Skipped nodes have an end without a beginning; clocks set back do not make a time negative."""
    assert folded(NodeSkipped("a", "branch")).node("a").duration == 0.0
    assert NodeState("completed", 1, 50.0, 50.0, 40.0).duration == 0.0


def test_logs_and_named_events_change_nothing() -> None:
    """They are for readers."""
    state = folded(NodeLog("a", 1, "info", "hello"), NodeEmitted("a", 1, "tick", 3))
    assert not state.nodes
    assert state.seq == 2


def test_progress_counts_while_the_node_runs() -> None:
    """Late progress is dropped, and a new attempt begins without any."""
    state = folded(RunStarted(), NodeStarted("a"))
    half = NodeProgress("a", 1, 0.5)
    apply_progress(state, half)
    assert state.node("a").progress == half
    apply(state, recorded(NodeCompleted("a", 1, {}), first=3)[0])
    apply_progress(state, half)
    assert state.node("a").progress is None
    apply_progress(state, NodeProgress("z", 1, 0.1))
    assert "z" not in state.nodes
