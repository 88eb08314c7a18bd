"""The mirror is the engine's own state, seen through the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.client.mirror import Mirror, results_of
from bluev_actors.errors import ProtocolError, RunFailedError, RunStoppedError
from bluev_actors.protocol.codec import decode_server, encode
from bluev_actors.protocol.messages import NodeStatusUpdate, RunMessage
from bluev_actors.protocol.wire_events import to_message
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCompleted,
    NodeFailed,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    Recorded,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.run_state import RunState, apply
from bluev_actors.workflows.snapshot import snapshot

if TYPE_CHECKING:
    from bluev_actors.protocol.messages import RunEventMessage
    from bluev_actors.workflows.values import JsonObject
    from tests.client.conftest import Say

ERROR = ErrorDetail("busy", "the service is busy", retryable=True, error_id="e1")
node_ids = st.sampled_from(["a", "b", "c"])
node_events: st.SearchStrategy[RunEvent] = st.one_of(
    st.builds(NodeStarted, node_ids, st.integers(1, 3)),
    st.builds(NodeCompleted, node_ids, st.integers(1, 3), st.dictionaries(st.text(max_size=3), st.integers(0, 9))),
    st.builds(NodeFailed, node_ids, st.integers(1, 3), st.just(ERROR)),
    st.builds(NodeRetrying, node_ids, st.integers(1, 3), st.just(ERROR), st.integers(0, 2**31).map(float)),
    st.builds(NodeSkipped, node_ids, st.just("branch")),
    st.builds(RunStatusChanged, st.sampled_from(["pausing", "paused", "running"])),
)


def recorded(events: list[RunEvent]) -> list[Recorded]:
    """The events with their places, one a second."""
    return [Recorded("r", "w", seq, seq, 1e9 + seq, event) for seq, event in enumerate([RunStarted(), *events], 1)]


def shown(record: Recorded) -> RunEventMessage:
    """An event as it comes out of the wire."""
    message = decode_server(encode(to_message(record)))
    assert isinstance(message, RunMessage)
    return message  # type: ignore[return-value] # of the classes under RunMessage all are run event messages


def truth(records: list[Recorded]) -> RunState:
    """The state that the engine has."""
    state = RunState("r", "w")
    for record in records:
        apply(state, record)
    return state


@given(st.lists(node_events))
def test_the_mirror_equals_the_engine(events: list[RunEvent]) -> None:
    """Folded from the wire or applied by the engine: the same state, times and cursors included."""
    records = recorded(events)
    mirror = Mirror(RunState("r", ""))
    for record in records:
        mirror.fold(shown(record))
    assert mirror.state == truth(records)


@given(st.lists(node_events), st.data())
def test_repeats_change_nothing(events: list[RunEvent], data: st.DataObject) -> None:
    """A replay on top of what is known leaves it as it is."""
    records = recorded(events)
    mirror = Mirror(RunState("r", ""))
    for record in [*records, *data.draw(st.lists(st.sampled_from(records)))]:
        mirror.fold(shown(record))
    assert mirror.state == truth(records)


@given(st.lists(node_events), st.data())
def test_a_snapshot_and_the_rest_give_the_same_picture(events: list[RunEvent], data: st.DataObject) -> None:
    """Who comes late sees every node in the same status as who was there from the start."""
    records = recorded(events)
    place = data.draw(st.integers(1, len(records)))
    mirror = Mirror(RunState("r", ""))
    mirror.load(snapshot(truth(records[:place])))
    for record in records[place:]:
        mirror.fold(shown(record))
    expected = truth(records)
    assert {n: s.status for n, s in mirror.state.nodes.items()} == {n: s.status for n, s in expected.nodes.items()}
    assert (mirror.state.status, mirror.state.seq) == (expected.status, expected.seq)


def test_a_snapshot_that_tells_nothing_new_is_left(say: Say) -> None:
    """Outputs that are known are not given up for a snapshot, which has none."""
    mirror = Mirror(RunState("r", ""))
    mirror.fold(say.started())
    mirror.fold(say.node(2, "completed", outputs={"value": 1}))
    mirror.load(say.snapshot(2))
    assert mirror.state.node("a").outputs == {"value": 1}


@pytest.mark.parametrize("broken", [{}, {"run_id": "r"}, {"nodes": 5}, {"started_at": "yesterday"}])
def test_what_is_no_snapshot_is_refused(broken: JsonObject, say: Say) -> None:
    """A daemon that sends nonsense is told from a bug of ours."""
    text = broken if not broken or "run_id" in broken else {**say.snapshot(3), **broken}
    with pytest.raises(ProtocolError, match="no snapshot"):
        Mirror(RunState("r", "")).load(text)


def test_progress_shows_until_the_node_ends(say: Say) -> None:
    """The newest progress of a running node is part of the picture; late progress is not."""
    mirror = Mirror(RunState("r", ""))
    for message in (say.started(), say.node(2), say.progress(0.25)):
        mirror.fold(message)
    progress = mirror.state.node("a").progress
    assert progress is not None
    assert progress.fraction == 0.25
    mirror.fold(say.node(3, "completed", outputs={}))
    mirror.fold(say.progress(0.5))
    assert mirror.state.node("a").progress is None


def test_a_newer_status_is_passed_over() -> None:
    """A status that this version does not know leaves the rest of the picture alone."""
    mirror = Mirror(RunState("r", ""))
    text = b'{"type":"node_status_update","timestamp":"2026-11-22T12:00:00Z","workflow_id":"w","run_id":"r","seq":1,'
    message = decode_server(text + b'"node_id":"a","attempt":1,"status":"levitating"}')
    assert isinstance(message, NodeStatusUpdate)
    mirror.fold(message)
    assert mirror.state.nodes == {}


def ended(event: RunEvent) -> RunState:
    """The state of a run that ended so."""
    return truth(recorded([event]))


def test_results_of_a_completed_run() -> None:
    """They are what the terminal event said."""
    assert results_of(ended(RunCompleted({"a": {"out": 1}}, {"duration": 1}))) == {"a": {"out": 1}}


def test_a_failed_run_raises_its_error() -> None:
    """With the daemon's own words and the summary."""
    with pytest.raises(RunFailedError, match="the service is busy") as caught:
        results_of(ended(RunFailed(ERROR, {"attempts": 3})))
    assert caught.value.summary == {"attempts": 3}


def test_a_stopped_run_raises() -> None:
    """A stop is no failure, and no result either."""
    with pytest.raises(RunStoppedError, match="run r was stopped"):
        results_of(ended(RunStopped({}, {})))


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ({"errors": [{"node_id": "a", "message": "broke"}]}, "broke"),
        ({"errors": []}, "run r failed"),
        ({}, "run r failed"),
    ],
)
def test_a_failure_known_from_a_snapshot_alone(summary: JsonObject, message: str) -> None:
    """Without the run's own error the first failed node speaks for it."""
    state = RunState("r", "w", status="failed")
    state.summary = summary
    with pytest.raises(RunFailedError, match=message):
        results_of(state)
