"""Tests of `protocol/wire_events.py`."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from bluev_actors.protocol.codec import decode_server, encode
from bluev_actors.protocol.messages import (
    SERVER_MESSAGES,
    Heartbeat,
    NodeStatusUpdate,
    RunMessage,
    ServerMessage,
    WorkflowCompleted,
    WorkflowExecutionStarted,
    WorkflowFailed,
    WorkflowStatusUpdate,
)
from bluev_actors.protocol.wire_events import (
    ERROR_LIMIT,
    OUTPUTS_LIMIT,
    RESULTS_LIMIT,
    from_message,
    progress_message,
    progress_of,
    sendable,
    to_message,
)
from bluev_actors.testing.strategies import MESSAGES, ids, json_objects, json_values
from bluev_actors.workflows.graph import PauseMode, WorkflowOutput
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    LogLevel,
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

_TEXT = st.text(max_size=30)
_ATTEMPT = st.integers(0, 9)
_TIME = st.integers(0, 4_000_000_000_000_000).map(lambda us: us / 1e6)
_ERROR = st.builds(ErrorDetail, _TEXT, _TEXT, st.booleans(), st.none() | _TEXT)
_SOME_TEXT = st.none() | _TEXT

EVENTS: dict[type[RunEvent], st.SearchStrategy[Any]] = {
    RunStarted: st.builds(RunStarted, st.booleans(), st.lists(json_objects(), max_size=2).map(tuple), _SOME_TEXT),
    RunStatusChanged: st.builds(
        RunStatusChanged,
        st.sampled_from(get_args(RunStatus)),
        _SOME_TEXT,
        st.none() | st.sampled_from(get_args(PauseMode)),
        st.none() | _TIME,
        st.none() | _TIME,
        _SOME_TEXT,
    ),
    RunCompleted: st.builds(
        RunCompleted,
        st.dictionaries(ids(), json_objects(), max_size=3),
        json_objects(),
        st.none() | json_objects(),
    ),
    RunFailed: st.builds(RunFailed, _ERROR, json_objects()),
    RunStopped: st.builds(RunStopped, st.dictionaries(ids(), json_objects(), max_size=3), json_objects()),
    NodeStarted: st.builds(NodeStarted, ids(), _ATTEMPT, st.booleans(), st.booleans()),
    NodeCompleted: st.builds(NodeCompleted, ids(), _ATTEMPT, json_objects(), st.booleans()),
    NodeFailed: st.builds(NodeFailed, ids(), _ATTEMPT, _ERROR, st.none() | json_objects()),
    NodeRetrying: st.builds(NodeRetrying, ids(), _ATTEMPT, _ERROR, _TIME),
    NodeWaiting: st.builds(NodeWaiting, ids(), _ATTEMPT, _SOME_TEXT, st.none() | _TIME),
    NodePaused: st.builds(NodePaused, ids(), _ATTEMPT),
    NodeSkipped: st.builds(NodeSkipped, ids(), _TEXT),
    NodeCancelled: st.builds(NodeCancelled, ids(), _ATTEMPT, _TEXT),
    NodeLog: st.builds(NodeLog, ids(), _ATTEMPT, st.sampled_from(get_args(LogLevel)), _TEXT, _SOME_TEXT),
    NodeEmitted: st.builds(NodeEmitted, ids(), _ATTEMPT, _TEXT, json_values()),
}


def recorded(event: RunEvent, at: float = 1_790_000_000.25) -> Recorded:
    """The event as the seventh of its run."""
    return Recorded("r", "w", 7, 42, at, event)


def update(event: RunEvent) -> NodeStatusUpdate:
    """The status update that shows a node's event."""
    message = to_message(recorded(event))
    assert isinstance(message, NodeStatusUpdate)
    return message


# --- every event ------------------------------------------------------------------------------------------


def test_every_event_is_tried() -> None:
    """A new event cannot be forgotten here."""
    assert EVENTS.keys() == set(get_args(RunEvent))


@pytest.mark.parametrize("cls", EVENTS)
@given(data=st.data())
def test_an_event_comes_back_from_the_wire(cls: type[RunEvent], data: st.DataObject) -> None:
    """A mirror learns all that the daemon's own state was made of."""
    event = recorded(data.draw(EVENTS[cls]), data.draw(_TIME))
    message = to_message(event)
    assert decode_server(encode(message)) == message
    assert from_message(message) == event


@pytest.mark.parametrize("cls", EVENTS)
@given(data=st.data())
def test_an_event_bears_its_stamp(cls: type[RunEvent], data: st.DataObject) -> None:
    """Whose it is, where it stands, and when it was."""
    message = to_message(recorded(data.draw(EVENTS[cls])))
    assert SERVER_MESSAGES[message.type] is type(message)
    assert (message.run_id, message.workflow_id, message.seq, message.cursor) == ("r", "w", 7, "42")
    assert message.timestamp == "2026-09-21T14:13:20.250000Z"
    assert message.coalesced is None


# --- what the contract says of some -----------------------------------------------------------------------


def test_a_plain_start_says_little() -> None:
    """What is not the case is not said."""
    message = to_message(recorded(RunStarted()))
    assert isinstance(message, WorkflowExecutionStarted)
    assert (message.state, message.warnings) == (None, None)
    assert b"recovered" not in encode(update(NodeStarted("n")))
    assert b"cached" not in encode(update(NodeCompleted("n", 1, {})))


def test_a_queued_start_says_so() -> None:
    """A front end shows that the run waits."""
    message = to_message(recorded(RunStarted(queued=True)))
    assert isinstance(message, WorkflowExecutionStarted)
    assert message.state == "queued"


def test_a_pause_tells_how_it_ends_and_who_asked() -> None:
    """With the names of the request; what a run does by itself is nobody's."""
    pause = to_message(recorded(RunStatusChanged("pausing", None, "hard", until=60.0, stop_at=90.5, by="s1")))
    assert isinstance(pause, WorkflowStatusUpdate)
    assert (pause.until, pause.stop_at) == ("1970-01-01T00:01:00.000000Z", "1970-01-01T00:01:30.500000Z")
    assert (pause.mode, pause.by) == ("hard", "s1")
    text = encode(to_message(recorded(RunStatusChanged("paused"))))
    assert not [name for name in (b"until", b"stop_at", b"by", b"mode") if b'"%s"' % name in text]


def test_a_run_names_the_one_it_runs_parts_of_again() -> None:
    """Only then."""
    messages = [to_message(recorded(RunStarted(parent_run_id=parent))) for parent in ("r0", None)]
    assert [it.parent_run_id for it in messages if isinstance(it, WorkflowExecutionStarted)] == ["r0", None]
    assert b"parent_run_id" not in encode(messages[1])


def test_an_error_is_told_twice() -> None:
    """As text, as the seed had it, and in parts."""
    message = update(NodeFailed("n", 2, ErrorDetail("timeout", "too slow", retryable=True, error_id="e1")))
    assert message.error == "too slow"
    assert message.error_detail == {
        "code": "timeout",
        "message": "too slow",
        "retryable": True,
        "error_id": "e1",
    }


def test_an_error_without_an_id_has_none() -> None:
    """There is nothing to look up in the log."""
    assert "error_id" not in (update(NodeFailed("n", 1, ErrorDetail("c", "m"))).error_detail or {})


@pytest.mark.parametrize("character", ["x", "\N{SNOWMAN}"])
def test_an_errors_text_is_cut(character: str) -> None:
    """At 4 KiB of UTF-8, between characters, in both places."""
    detail = ErrorDetail("c", character * 5_000)
    run = to_message(recorded(RunFailed(detail, {})))
    assert isinstance(run, WorkflowFailed)
    for text, parts in (
        (run.error, run.error_detail),
        *(
            (each.error, each.error_detail)
            for each in (update(NodeFailed("n", 1, detail)), update(NodeRetrying("n", 1, detail, 0.0)))
        ),
    ):
        assert text is not None
        assert ERROR_LIMIT - 3 <= len(text.encode()) <= ERROR_LIMIT
        assert set(text) == {character}
        assert parts is not None
        assert parts["message"] == text


def test_a_retry_tells_its_time() -> None:
    """Wall time, so that a front end can count down."""
    assert update(NodeRetrying("n", 1, ErrorDetail("c", "m"), 0.5)).next_at == "1970-01-01T00:00:00.500000Z"


def test_a_skipped_node_never_tried() -> None:
    """Its attempt is 0."""
    message = update(NodeSkipped("n", "branch"))
    assert (message.status, message.attempt, message.reason) == ("skipped", 0, "branch")


# --- large values -----------------------------------------------------------------------------------------


def test_outputs_at_the_limit_and_one_past_it() -> None:
    """64 KiB of JSON are shown, one byte more is fetched."""
    room = OUTPUTS_LIMIT - len(orjson.dumps({"value": ""}))
    fits = update(NodeCompleted("n", 1, {"value": "x" * room}))
    assert (fits.outputs, fits.by_ref) == ({"value": "x" * room}, None)
    above = update(NodeCompleted("each[3]/n", 1, {"value": "x" * (room + 1), "b": 1}))
    assert above.by_ref == ("value",)
    assert above.outputs is not None
    assert above.outputs["b"] == 1
    assert above.outputs["value"]["$ref"] == "/api/runs/r/nodes/each%5B3%5D%2Fn/outputs/value"


@pytest.mark.parametrize("cls", [RunCompleted, RunStopped])
def test_results_at_the_limit_and_one_past_it(cls: type[RunCompleted | RunStopped]) -> None:
    """256 KiB, for runs that end well or are stopped."""
    room = RESULTS_LIMIT - len(orjson.dumps({"n": {"value": ""}}))
    for length, names in ((room, None), (room + 1, ("n.value",))):
        message = to_message(recorded(cls({"n": {"value": "x" * length}}, {})))
        assert getattr(message, "by_ref", "no such field") == names


def test_declared_outputs_are_limited_too() -> None:
    """A workflow that declares a large output does not send it to everyone."""
    event = recorded(RunCompleted({}, {}, {"report": "x" * 500}))
    declared = {"report": WorkflowOutput("render", "text")}
    message = to_message(event, results_limit=400, declared=declared)
    assert isinstance(message, WorkflowCompleted)
    assert message.outputs_by_ref == ("report",)
    assert message.outputs is not None
    assert message.outputs["report"]["$ref"] == "/api/runs/r/nodes/render/outputs/text"


def test_limits_can_be_set() -> None:
    """They are the daemon's config, not this module's."""
    message = to_message(recorded(NodeCompleted("n", 1, {"value": "x" * 500})), outputs_limit=400)
    assert isinstance(message, NodeStatusUpdate)
    assert message.by_ref == ("value",)


# --- text -------------------------------------------------------------------------------------------------


@given(st.text(st.characters(codec=None)), st.none() | st.integers(0, 20))
@example("\ud800", None)
@example("\N{SNOWMAN}", 2)
def test_any_text_becomes_sendable(text: str, limit: int | None) -> None:
    """No name of a file and no exception's text can break a message."""
    made = sendable(text, limit)
    data = made.encode()
    assert limit is None or len(data) <= limit
    assert text.encode(errors="replace").startswith(data)


def test_logs_and_progress_are_made_sendable() -> None:
    """A node may log whatever bytes it met."""
    assert b"a?" in encode(to_message(recorded(NodeLog("n", 1, "info", "a\ud800"))))
    assert b"a?" in encode(progress_message("r", "w", NodeProgress("n", 1, message="a\ud800"), 0.0))


# --- progress ---------------------------------------------------------------------------------------------


@given(st.builds(NodeProgress, ids(), _ATTEMPT, *[st.none() | st.floats(0, 1e9)] * 3, st.none() | st.text(max_size=20)))
def test_progress_comes_back_from_the_wire(progress: NodeProgress) -> None:
    """It is no run event, so it goes its own way."""
    message = progress_message("r", "w", progress, 1.5)
    assert (message.run_id, message.workflow_id) == ("r", "w")
    assert message.timestamp == "1970-01-01T00:00:01.500000Z"
    assert decode_server(encode(message)) == message
    assert progress_of(message) == progress


# --- from messages ----------------------------------------------------------------------------------------


@given(st.one_of(*(MESSAGES[cls] for cls in SERVER_MESSAGES.values())))
def test_every_message_is_an_event_or_none(message: ServerMessage) -> None:
    """Whatever a daemon sends, a mirror does not fail; `pending` and `ready` are never events."""
    shows_nothing = getattr(message, "status", "") in {"pending", "ready"}
    assert (from_message(message) is None) == (not isinstance(message, RunMessage) or shows_nothing)


@pytest.mark.parametrize("cursor", [None, "from another order"])
def test_a_message_sent_again_has_no_place(cursor: str | None) -> None:
    """Its cursor is 0, which is before everything."""
    event = from_message(evolve(update(NodePaused("n", 1)), cursor=cursor))
    assert event == evolve(recorded(NodePaused("n", 1)), cursor=0)


def test_what_is_newer_is_none() -> None:
    """A status that this version does not know, or a time that is none."""
    message = update(NodePaused("n", 1))
    unknown = decode_server(encode(message).replace(b'"paused"', b'"dreaming"'))
    assert isinstance(unknown, ServerMessage)
    assert from_message(unknown) is None
    assert from_message(evolve(message, timestamp="yesterday")) is None
    assert from_message(Heartbeat(timestamp="yesterday")) is None


BARE: dict[NodeStatus, RunEvent] = {
    "completed": NodeCompleted("n", 1, {}),
    "failed": NodeFailed("n", 1, ErrorDetail("", "boom")),
    "retrying": NodeRetrying("n", 1, ErrorDetail("", "boom"), 1_790_000_000.25),
    "skipped": NodeSkipped("n", ""),
    "cancelled": NodeCancelled("n", 1, ""),
}


@pytest.mark.parametrize("status", BARE)
def test_a_bare_update_is_understood(status: NodeStatus) -> None:
    """An older or foreign daemon may leave out what is optional."""
    bare = evolve(update(NodePaused("n", 1)), status=status, error="boom")
    assert from_message(bare) == recorded(BARE[status])


def test_nodes_inside_bodies_have_a_path() -> None:
    """Only they; an open node says that it is one."""
    messages = [
        to_message(Recorded("r", "w", 1, 1, 0.0, event))
        for event in (NodeStarted("each", opens=True), NodeStarted("each[3]/fetch"))
    ]
    shown = [(it.path, it.opens) for it in messages if isinstance(it, NodeStatusUpdate)]
    assert shown == [(None, True), (("each", 3, "fetch"), None)]
