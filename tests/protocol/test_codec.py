"""Tests of `protocol/codec.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import (
    UnknownMessage,
    decode_client,
    decode_server,
    encode,
    structure_client,
)
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    SERVER_MESSAGES,
    ClientMessage,
    ControlWorkflow,
    Error,
    ExecuteWorkflow,
    Heartbeat,
    NodeEventMessage,
    NodeStatusUpdate,
    ServerMessage,
    Signal,
    Subscribe,
    Watching,
)
from bluev_actors.testing.strategies import HOSTILE, MESSAGES, hostile_text, json_objects, json_values
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.values import type_name

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

NOW = "2026-07-31T12:00:00.000000Z"
CODES = {"bad_json", "bad_message", "unknown_message_type"}

STATUS = NodeStatusUpdate(
    timestamp=NOW, workflow_id="w", run_id="r", seq=3, cursor="7", node_id="n", attempt=1, status="running"
)


def refusal(text: str | bytes) -> ProtocolError:
    """The error for a text that is no message."""
    with pytest.raises(ProtocolError) as caught:
        decode_client(text)
    return caught.value


# --- any text at all --------------------------------------------------------------------------------------


def answer(text: str | bytes) -> ClientMessage | ProtocolError:
    """What a daemon makes of a frame."""
    try:
        return decode_client(text)
    except ProtocolError as error:
        return error


@given(hostile_text())
def test_any_text_is_a_message_or_a_polite_error(text: str | bytes) -> None:
    """Nothing else is raised, the error is short, and it can be sent."""
    made = answer(text)
    if isinstance(made, ProtocolError):
        assert made.code in CODES
        assert len(str(made)) + len(made.path) < 1_000
        reply = Error(timestamp=NOW, message=str(made), code=made.code, path=made.path, request_id=made.request_id)
        assert decode_server(encode(reply)) == reply
    else:
        assert decode_client(encode(made)) == made


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    """Only one of the texts that have broken parsers is a message."""
    assert isinstance(answer(HOSTILE[name]), ClientMessage) == (name == "duplicate keys")


@given(st.sampled_from(sorted(CLIENT_MESSAGES)), json_objects())
def test_any_body_is_a_message_or_a_polite_error(wire_type: str, body: JsonObject) -> None:
    """Whatever stands in the fields of a known type."""
    assert isinstance(answer(json.dumps({**body, "type": wire_type})), ClientMessage | ProtocolError)


# --- round trips ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLIENT_MESSAGES.values())
@given(data=st.data())
def test_what_a_client_writes_the_daemon_reads(cls: type[ClientMessage], data: st.DataObject) -> None:
    """Both ends agree on every message a client may send."""
    message = data.draw(MESSAGES[cls])
    assert decode_client(encode(message)) == message
    assert decode_client(encode(message).decode()) == message


@pytest.mark.parametrize("cls", SERVER_MESSAGES.values())
@given(data=st.data())
def test_what_the_daemon_writes_a_client_reads(cls: type[ServerMessage], data: st.DataObject) -> None:
    """Both ends agree on every message a daemon may send."""
    message = data.draw(MESSAGES[cls])
    assert decode_server(encode(message)) == message


# --- what a client says -----------------------------------------------------------------------------------


@pytest.mark.parametrize("wire_type", [None, 5, True, ["subscribe"], {"a": 1}])
def test_the_type_must_be_text(wire_type: Json) -> None:
    """A type that cannot be looked up is no crash."""
    error = refusal(json.dumps({"type": wire_type, "request_id": "r1"}))
    assert (error.code, error.path, error.request_id) == ("bad_message", "type", "r1")


def test_an_unknown_type_is_quoted() -> None:
    """The sentence is the seed's, to the letter."""
    error = refusal('{"type": "ping", "request_id": "r1"}')
    assert (error.code, str(error)) == ("unknown_message_type", "Unknown message type: ping")
    assert (error.path, error.request_id) == ("type", "r1")


def test_a_long_unknown_type_is_cut() -> None:
    """Nobody is echoed 16 MiB."""
    assert str(refusal(json.dumps({"type": "x" * 1_000}))) == "Unknown message type: " + "x" * 100


@pytest.mark.parametrize("wire_type", ["error", "node_status_update", "ClientMessage", "__class__"])
def test_only_clients_messages_are_taken(wire_type: str) -> None:
    """What a daemon says is nothing a client may say."""
    assert refusal(json.dumps({"type": wire_type})).code == "unknown_message_type"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request_id", 5),
        ("request_id", "a\nb"),
        ("event_types", "node_status"),
        ("event_types", ["a", 5]),
        ("run_id", 5),
        ("run_id", True),
        ("workflow_id", ["w"]),
    ],
)
def test_nothing_is_coerced(field: str, value: Json) -> None:
    """A value of another type is an error at its place."""
    error = refusal(json.dumps({"type": "subscribe", field: value}))
    assert error.code == "bad_message"
    assert error.path.startswith(field)


def test_rules_are_checked() -> None:
    """A message that fits its types may still contradict itself."""
    error = refusal('{"type": "subscribe", "request_id": "r1", "run_id": "a", "workflow_id": "b"}')
    assert (error.code, error.path, error.request_id) == ("bad_message", "workflow_id", "r1")


def test_depth_can_be_limited_further() -> None:
    """The limit is the caller's to set."""
    text = '{"type": "validate_workflow", "workflow": {"a": []}}'
    decode_client(text, max_depth=3)
    with pytest.raises(ProtocolError, match="deeper than 2"):
        decode_client(text, max_depth=2)


def test_a_large_graph_passes() -> None:
    """Neither its size nor its shape trips a rule that is meant for bombs."""
    nodes = [{"id": f"n{i}", "type": "noop", "params": {"a": [{"b": [i]}]}} for i in range(10_000)]
    message = decode_client(json.dumps({"type": "execute_workflow", "workflow": {"nodes": nodes}}))
    assert isinstance(message, ExecuteWorkflow)


# --- REST -------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(CLIENT_MESSAGES)), json_objects())
def test_rest_gets_the_sockets_verdict(wire_type: str, body: JsonObject) -> None:
    """An address that says the type is as good as the field."""
    from_socket = answer(json.dumps({**body, "type": wire_type}))
    try:
        from_rest: ClientMessage | ProtocolError = structure_client(body, wire_type)
    except ProtocolError as error:
        from_rest = error
    assert repr(from_rest) == repr(from_socket)


def test_the_address_beats_the_body() -> None:
    """A `type` in a REST body is an unknown key like any other."""
    made = structure_client({"type": "stop", "run_id": "r", "action": "pause"}, "control_workflow")
    assert made == ControlWorkflow(run_id="r", action="pause")


# --- what a daemon says -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{", "\ud800", b"\xff"])
def test_a_daemons_text_must_be_json(text: str | bytes) -> None:
    """Otherwise it is no daemon of ours."""
    with pytest.raises(ProtocolError) as caught:
        decode_server(text)
    assert caught.value.code == "bad_json"


def test_a_daemons_text_must_be_an_object() -> None:
    """Even broadcasts are objects."""
    with pytest.raises(ProtocolError) as caught:
        decode_server("[]")
    assert caught.value.code == "bad_message"


@given(json_objects())
def test_any_object_can_be_read(body: JsonObject) -> None:
    """A broadcast may look like anything, and no client dies of it."""
    assert isinstance(decode_server(json.dumps(body)), ServerMessage | UnknownMessage)


@given(st.sampled_from(sorted(SERVER_MESSAGES)), json_objects())
def test_a_broadcast_may_pose_as_anything(wire_type: str, body: JsonObject) -> None:
    """What has a known type but not its fields is handed over with the reason."""
    made = decode_server(json.dumps({**body, "type": wire_type}))
    assert isinstance(made, UnknownMessage)
    assert (made.type, made.body) == (wire_type, {**body, "type": wire_type})
    assert made.misfit is not None


@pytest.mark.parametrize(("body", "wire_type"), [({"type": "news", "a": 1}, "news"), ({"a": 1}, "")])
def test_unknown_types_are_handed_over(body: JsonObject, wire_type: str) -> None:
    """With all that was said, since the program may know better."""
    assert decode_server(json.dumps(body)) == UnknownMessage(wire_type, body)


def test_a_newer_daemon_is_understood() -> None:
    """Unknown fields and words are let through, missing optional fields have their defaults."""
    body = {**json.loads(encode(STATUS)), "status": "dreaming", "depth": 3}
    made = decode_server(json.dumps(body))
    assert isinstance(made, NodeStatusUpdate)
    assert (made.status, made.outputs) == ("dreaming", None)


def test_a_daemons_values_may_be_nested_deeply() -> None:
    """A value of 64 levels stands inside a message, which adds its own."""
    deep: Json = 1
    for _ in range(64):
        deep = [deep]
    message = evolve(STATUS, status="completed", outputs={"value": deep})
    assert decode_server(encode(message)) == message


# --- what is written --------------------------------------------------------------------------------------


def test_type_comes_first_and_absent_fields_are_left_out() -> None:
    """A person who reads the wire sees at once what it is about."""
    assert encode(Heartbeat(timestamp=NOW)) == b'{"type":"heartbeat","timestamp":"%s"}' % NOW.encode()
    body = json.loads(encode(STATUS))
    assert next(iter(body)) == "type"
    assert set(body) == {
        *("type", "timestamp", "workflow_id", "run_id", "seq", "cursor", "node_id", "attempt", "status")
    }


def test_a_field_without_a_default_is_there_as_null() -> None:
    """`snapshot` of a `watching` tells by null that events follow."""
    assert json.loads(encode(Watching(timestamp=NOW, run_id="r", snapshot=None)))["snapshot"] is None
    event = NodeEventMessage(
        timestamp=NOW, workflow_id="w", run_id="r", seq=1, node_id="n", attempt=1, name="e", data=None
    )
    assert json.loads(encode(event))["data"] is None


def test_objects_inside_are_written() -> None:
    """Options and what is in them are attrs classes too."""
    options = RunOptions(rerun=Rerun(from_run="r", mode="from_nodes", nodes=("a",)))
    body = json.loads(encode(ExecuteWorkflow(workflow_id="w", options=options)))
    assert body["options"]["rerun"] == {"from_run": "r", "mode": "from_nodes", "nodes": ["a"]}


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**64, "\ud800", STATUS.__class__])
def test_an_unwritable_output_is_an_error_of_its_own(value: object) -> None:
    """One bad value never looks like a broken connection."""
    with pytest.raises(ProtocolError) as caught:
        encode(evolve(STATUS, outputs={"value": value}))
    assert caught.value.code == "not_json"


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Signal(run_id="r", node_id="n", payload=float("nan")), "payload"),
        (ExecuteWorkflow(workflow={"nodes": [float("inf")]}), "workflow"),
        (ExecuteWorkflow(workflow={}, inputs={"a": object()}), "inputs"),
        (ExecuteWorkflow(workflow={}, options=RunOptions(timeout=float("inf"))), "options"),
        (Subscribe(run_id="\ud800"), "run_id"),
    ],
)
def test_a_client_learns_of_its_flaw_before_it_sends(message: ClientMessage, path: str) -> None:
    """A NaN would otherwise arrive as null without a word."""
    with pytest.raises(ProtocolError) as caught:
        encode(message)
    assert (caught.value.code, caught.value.path) == ("not_json", path)


@given(json_values())
def test_values_arrive_as_they_were(value: Json) -> None:
    """Every plain value survives the wire."""
    made = decode_client(encode(Signal(run_id="r", node_id="n", payload=value)))
    assert isinstance(made, Signal)
    assert made.payload == value


# --- the seed ---------------------------------------------------------------------------------------------

SEED_CLIENT: list[JsonObject] = [
    {
        "type": "execute_workflow",
        "workflow": {
            "id": "workflow_123",
            "nodes": [{"id": "a", "type": "constant"}, {"id": "b", "type": "echo"}],
            "connections": [
                {"from_node": "a", "from_output": "value", "to_node": "b", "to_input": "value"},
            ],
        },
    },
    {"type": "control_workflow", "workflow_id": "workflow_123", "action": "pause"},
    {"type": "control_workflow", "workflow_id": "workflow_123", "action": "resume"},
    {"type": "control_workflow", "workflow_id": "workflow_123", "action": "stop"},
    {"type": "subscribe", "event_types": ["node_status", "workflow_status"]},
    {"type": "unsubscribe", "event_types": ["node_status"]},
    {"type": "heartbeat_response", "timestamp": "2026-07-31T12:00:00"},
]


@pytest.mark.parametrize("body", SEED_CLIENT)
def test_a_client_of_the_seed_is_understood(body: JsonObject) -> None:
    """Its messages mean what they meant."""
    message = decode_client(json.dumps(body))
    fields = {key: value for key, value in body.items() if key != "timestamp"}
    assert fields.items() <= json.loads(encode(message)).items()


SEED_SERVER: dict[str, JsonObject] = {
    "connection_established": {"session_id": "s"},
    "subscription_confirmed": {"subscriptions": ["node_status"]},
    "subscription_updated": {"subscriptions": []},
    "heartbeat": {},
    "error": {"message": "Unknown message type: X"},
    "workflow_validation_error": {"errors": []},
    "workflow_execution_started": {"workflow_id": "w"},
    "workflow_execution_error": {"error": "boom"},
    "workflow_control_response": {"workflow_id": "w", "action": "pause", "status": "acknowledged"},
    "node_status_update": {"node_id": "n", "status": "failed", "outputs": {"a": 1}, "error": "boom"},
    "workflow_completed": {"results": {"n": {"a": 1}}, "summary": {}},
    "workflow_failed": {"error": "boom", "summary": {}},
}


@pytest.mark.parametrize("wire_type", SEED_SERVER)
@given(data=st.data())
def test_a_client_of_the_seed_finds_its_fields(wire_type: str, data: st.DataObject) -> None:
    """Each message still has the fields that the seed's front end reads, under the same names."""
    message = data.draw(MESSAGES[SERVER_MESSAGES[wire_type]])
    fields = {name: _as_field(value) for name, value in SEED_SERVER[wire_type].items()}
    body = json.loads(encode(evolve(message, **fields)))
    assert {"type": wire_type, **SEED_SERVER[wire_type]}.items() <= body.items()
    assert body["timestamp"].endswith("Z")


def _as_field(value: Json) -> Json:
    return tuple(value) if type_name(value) == "list" else value
