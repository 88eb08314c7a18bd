"""Tests of `protocol/schema.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    SERVER_MESSAGES,
    ClientMessage,
    ControlWorkflow,
    NodeStatusUpdate,
    ServerMessage,
)
from bluev_actors.protocol.rules import RULES, Rule, ids_are_ids, names_are_names
from bluev_actors.protocol.schema import message_schema, messages_schema, workflow_schema
from bluev_actors.protocol.structuring import structure_strictly
from bluev_actors.testing.strategies import MESSAGES, mutated, workflow_documents
from bluev_actors.workflows.kinds import NodeKind, Param, Port
from bluev_actors.workflows.validation import parse_workflow
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.workflows.values import Json, JsonObject

ALL: Mapping[str, type[ClientMessage | ServerMessage]] = {**CLIENT_MESSAGES, **SERVER_MESSAGES}
CHECKS: dict[type[ClientMessage | ServerMessage], Any] = {
    cls: Draft202012Validator(message_schema(cls)) for cls in ALL.values()
}
EVERYTHING: Any = Draft202012Validator(messages_schema())
KINDS = {
    "noop": NodeKind("noop", inputs=(Port("in", required=False, multi=True),), free_inputs=True, free_outputs=True),
    "delay": NodeKind(
        "delay",
        inputs=(Port("in", required=False, multi=True),),
        params=(Param("seconds", "number", minimum=0),),
        free_inputs=True,
        free_outputs=True,
    ),
    "constant": NodeKind("constant", outputs=(Port("value"),), params=(Param("value"),)),
}
WORKFLOW: Any = Draft202012Validator(workflow_schema(KINDS))


# --- messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", ALL.values())
@settings(max_examples=20)
@given(data=st.data())
def test_valid_messages_pass(cls: type[ClientMessage | ServerMessage], data: st.DataObject) -> None:
    """A front end may check by the schema whatever is sent."""
    body = json.loads(encode(data.draw(MESSAGES[cls])))
    CHECKS[cls].validate(body)


@pytest.mark.parametrize("cls", CLIENT_MESSAGES.values())
@given(data=st.data())
def test_the_schema_and_the_codec_agree(cls: type[ClientMessage], data: st.DataObject) -> None:
    """A changed message has the right shape for both or for neither."""
    body: JsonObject = json.loads(encode(data.draw(MESSAGES[cls])))
    changed = {**data.draw(mutated(body).filter(is_object)), "type": cls.type}
    if not _has_whole_float(changed):
        assert CHECKS[cls].is_valid(changed) == _has_the_shape(changed, cls)


def _has_the_shape(body: JsonObject, cls: type[ClientMessage]) -> bool:
    """What the codec says, without the rules between fields, which no schema here tells."""
    try:
        message = structure_strictly(body, cls)
    except ProtocolError:
        return False
    rules: list[Rule] = [rule for rule in RULES[cls] if rule in (ids_are_ids, names_are_names)]
    return all(rule(message) is None for rule in rules)


def _has_whole_float(value: Json) -> bool:
    """JSON Schema takes 1.0 for an integer; the codec does not."""
    if is_object(value) or is_list(value):
        return any(map(_has_whole_float, value.values() if is_object(value) else value))
    return isinstance(value, float) and value.is_integer()


def test_a_schema_stands_alone() -> None:
    """With its dialect, its type and what has to be there."""
    schema = message_schema(ControlWorkflow)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["properties"]["type"] == {"const": "control_workflow"}
    assert schema["required"] == ["type", "action"]


@pytest.mark.parametrize("request_id", ["", "r" * 201, "a\n", "a\x00", 5])
def test_ids_of_clients_are_checked(request_id: object) -> None:
    """By the rule of the daemon."""
    check = CHECKS[CLIENT_MESSAGES["heartbeat_response"]]
    assert not check.is_valid({"type": "heartbeat_response", "request_id": request_id})
    assert check.is_valid({"type": "heartbeat_response", "request_id": "\N{SNOWMAN}" * 200})


def test_ids_of_the_daemon_may_be_paths() -> None:
    """Inside a map, a node's id is longer than any in a document."""
    update = NodeStatusUpdate(
        timestamp="", workflow_id="w", run_id="r", seq=1, node_id="each[3]/" * 100, attempt=1, status="running"
    )
    CHECKS[NodeStatusUpdate].validate(json.loads(encode(update)))


@given(st.one_of(*MESSAGES.values()))
def test_the_whole_takes_every_message(message: ClientMessage | ServerMessage) -> None:
    """One document for all of them."""
    EVERYTHING.validate(json.loads(encode(message)))


def test_the_whole_tells_the_sides_apart() -> None:
    """A client can be checked against what clients may say."""
    schema = messages_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$defs"].keys() == {"client", "server", *ALL}
    client: Any = Draft202012Validator({**schema, "oneOf": [{"$ref": "#/$defs/client"}]})
    assert client.is_valid({"type": "heartbeat_response"})
    assert not client.is_valid({"type": "heartbeat", "timestamp": "now"})


# --- workflows --------------------------------------------------------------------------------------------


@given(workflow_documents())
def test_valid_workflows_pass(document: JsonObject) -> None:
    """What the daemon accepts, an editor does not mark."""
    assert parse_workflow(document, KINDS).errors == ()
    WORKFLOW.validate(document)


@pytest.mark.parametrize(
    "node",
    [
        {"id": "a"},
        {"id": "a/b", "type": "noop"},
        {"id": "", "type": "noop"},
        {"id": "a", "type": "nope"},
        {"id": "a", "type": "delay"},
        {"id": "a", "type": "delay", "params": {"seconds": -1}},
        {"id": "a", "type": "constant", "params": {"value": 1, "x": 2}},
        {"id": "a", "type": "noop", "retry": {"max_attempt": 2}},
        {"id": "a", "type": "noop", "on_error": "ignore"},
    ],
)
def test_a_wrong_node_is_marked(node: JsonObject) -> None:
    """By the editor as by the daemon."""
    document = {"id": "w", "nodes": [node], "connections": []}
    assert not WORKFLOW.is_valid(document)
    assert parse_workflow(document, KINDS).errors


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": []},
        {"id": ""},
        {"settings": {"timeot": 5}},
        {"settings": {"on_error": "ignore"}},
        {"outputs": {"a": {"node": "a"}}},
        {"connections": [{"from_node": "a"}]},
        {"schema": 2},
    ],
)
def test_a_wrong_document_is_marked(change: JsonObject) -> None:
    """Outside of its nodes too."""
    document = {"id": "w", "nodes": [{"id": "a", "type": "noop"}], "connections": [], **change}
    assert not WORKFLOW.is_valid(document)
    assert parse_workflow(document, KINDS).errors


def test_what_front_ends_keep_is_no_error() -> None:
    """Layout and notes belong to them."""
    node = {"id": "a", "type": "noop", "position": {"x": 1}, "label": "A"}
    WORKFLOW.validate({"$schema": "workflow.schema.json", "nodes": [node], "metadata": {"by": "hand"}})
    Draft202012Validator.check_schema(workflow_schema(KINDS))
