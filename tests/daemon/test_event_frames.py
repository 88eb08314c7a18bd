"""Events as bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import pytest

from bluev_actors.daemon.event_frames import MESSAGE_OF, EventFrames, wire_type
from bluev_actors.protocol.wire_events import to_message
from bluev_actors.workflows.graph import WorkflowOutput
from bluev_actors.workflows.run_events import (
    NodeCompleted,
    NodeEmitted,
    NodeStarted,
    Recorded,
    RunCompleted,
    RunEvent,
    RunStarted,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject


def recorded(event: RunEvent, seq: int = 2) -> Recorded:
    """An event with its places."""
    return Recorded("r", "w", seq, 7, 1_767_225_600.0, event)


def frames_of() -> EventFrames:
    """Frames of runs that declare no outputs."""
    return EventFrames(lambda _run_id: {})


def read(frame: bytes) -> JsonObject:
    """The message in a frame of any length up to 64 KiB."""
    start = 2 if frame[1] < 126 else 4
    message: JsonObject = json.loads(frame[start:])
    return message


def test_every_event_has_its_wire_type() -> None:
    """Subscriptions can be asked about any event without making its message."""
    assert set(MESSAGE_OF) == set(get_args(RunEvent))


@pytest.mark.parametrize("event", [RunStarted(), NodeStarted("n"), NodeEmitted("n", 1, "name")])
def test_the_wire_type_is_that_of_the_message(event: RunEvent) -> None:
    """The table and the messages agree."""
    assert wire_type(event) == to_message(recorded(event)).type


def test_one_event_is_written_once() -> None:
    """A thousand connections share one frame."""
    frames, event = frames_of(), recorded(NodeStarted("n"))
    assert frames.of(event) is frames.of(event)
    other = recorded(NodeStarted("m"), seq=3)
    assert read(frames.of(other))["node_id"] == "m"
    assert read(frames.of(event))["node_id"] == "n"


def test_what_is_sent_again_has_no_cursor() -> None:
    """A cursor only rises on a connection, so an old event has none."""
    frames, event = frames_of(), recorded(NodeStarted("n"))
    assert read(frames.of(event)) == {**read(frames.again(event)), "cursor": "7"}


def test_the_reply_carries_the_request_id() -> None:
    """The submitter's event 1 answers its request; others get the same event without it."""
    frames, event = frames_of(), recorded(RunStarted(), seq=1)
    assert read(frames.reply(event, "mine")) == {**read(frames.of(event)), "request_id": "mine"}
    assert frames.reply(event, None) == frames.of(event)


def test_declared_outputs_can_be_fetched_where_they_come_from() -> None:
    """A declared output that is too large is named by the node that gave it out."""
    frames = EventFrames(lambda _run_id: {"report": WorkflowOutput("render", "text")})
    event = RunCompleted({}, {}, {"report": "x" * 300_000})
    shown = read_long(frames.of(recorded(event)))
    assert shown["outputs"]["report"]["$ref"] == "/api/runs/r/nodes/render/outputs/text"


def read_long(frame: bytes) -> JsonObject:
    """The message in a frame, however long."""
    message: JsonObject = json.loads(frame[frame.index(b"{") :])
    return message


@pytest.mark.parametrize("request_id", [None, "mine"])
def test_what_cannot_be_written_leaves_a_visible_hole(request_id: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """An event that fails here is an `error` which names its place, and a line in the log."""
    event = recorded(NodeCompleted("n", 1, {"out": object()}), seq=1)
    frames = frames_of()
    shown = read_long(frames.reply(event, request_id) if request_id else frames.of(event))
    assert (shown["type"], shown["code"], shown.get("request_id")) == ("error", "internal_error", request_id)
    assert (shown["detail"]["run_id"], shown["detail"]["seq"]) == ("r", 1)
    assert shown["detail"]["error_id"] in caplog.text
