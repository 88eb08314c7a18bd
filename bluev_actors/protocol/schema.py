"""JSON Schemas (2020-12) for front ends and editors: of each message, of all of them, of a workflow document.

They say what has which shape. Rules between fields are in `rules.py` and `workflows/validation.py`, and are
told on the reference page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.protocol.class_schemas import ClassSchemas
from bluev_actors.protocol.ids import CONTROLS, MAX_ID_LENGTH, MAX_NAME_LENGTH
from bluev_actors.protocol.kind_schemas import kind_rule
from bluev_actors.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, ClientMessage, ServerMessage
from bluev_actors.protocol.rules import ID_FIELDS
from bluev_actors.protocol.structuring import CLOSED
from bluev_actors.workflows.graph import Edge, Node, RetryPolicy, Settings, WorkflowInput, WorkflowOutput
from bluev_actors.workflows.shapes import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.values import JsonObject

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def _text_without(characters: str, longest: int = MAX_ID_LENGTH) -> JsonObject:
    pattern = {"pattern": f"[{characters}]"}
    return {"type": "string", "minLength": 1, "maxLength": longest, "not": pattern}


_ID: Final = _text_without(CONTROLS)
_NODE_ID: Final = _text_without(f"{CONTROLS}/")
_NAME: Final = _text_without(CONTROLS, MAX_NAME_LENGTH)

# Ids that a daemon sends may be longer than those it takes: inside a map they name a path.
_CLIENT: Final = ClassSchemas(
    CLOSED, {**dict.fromkeys((*ID_FIELDS, "from_run", "nodes", "watch"), _ID), "event_types": _NAME}
)
_SERVER: Final = ClassSchemas()
_GRAPH: Final = ClassSchemas((Settings, RetryPolicy))
_NODE: Final = ClassSchemas((RetryPolicy,), {"id": _NODE_ID})


def message_schema(cls: type[ClientMessage | ServerMessage]) -> JsonObject:
    """The schema of one class of messages, complete in itself."""
    return {"$schema": DIALECT, **_message(cls)}


def messages_schema() -> JsonObject:
    """The schema of every message, those of a client and those of a daemon each under their wire type.

    Its `$defs` hold `client` and `server` as well, for any message of that side.
    """
    messages: Mapping[str, type[ClientMessage | ServerMessage]] = {**CLIENT_MESSAGES, **SERVER_MESSAGES}
    return {
        "$schema": DIALECT,
        "title": "Messages",
        "description": "Everything that clients and daemons say to each other.",
        "$defs": {
            "client": _one_of(CLIENT_MESSAGES),
            "server": _one_of(SERVER_MESSAGES),
            **{wire_type: _message(cls) for wire_type, cls in messages.items()},
        },
        "oneOf": [{"$ref": "#/$defs/client"}, {"$ref": "#/$defs/server"}],
    }


def workflow_schema(kinds: Kinds) -> JsonObject:
    """The schema of a workflow document, with the params of each kind in the catalogue."""
    node = _NODE.of(Node)
    node["properties"]["type"]["enum"] = sorted(kinds)
    node["allOf"] = [kind_rule(kind) for kind in kinds.values()]
    return {
        "$schema": DIALECT,
        "title": "Workflow",
        "description": "Nodes, and the connections that carry values between them.",
        "type": "object",
        "properties": {
            "$schema": {"type": "string"},
            "schema": {"const": SCHEMA},
            "id": _ID,
            "name": {"type": "string"},
            "description": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "nodes": {"type": "array", "items": node, "minItems": 1},
            "connections": {"type": "array", "items": _GRAPH.of(Edge)},
            "inputs": {"type": "object", "additionalProperties": _GRAPH.of(WorkflowInput)},
            "outputs": {"type": "object", "additionalProperties": _GRAPH.of(WorkflowOutput)},
            "settings": _GRAPH.of(Settings),
        },
        "required": ["nodes"],
    }


def _message(cls: type[ClientMessage | ServerMessage]) -> JsonObject:
    schema = (_CLIENT if issubclass(cls, ClientMessage) else _SERVER).of(cls)
    schema["properties"] = {"type": {"const": cls.type}, **schema["properties"]}
    schema["required"] = ["type", *schema["required"]]
    return schema


def _one_of(wire_types: Iterable[str]) -> JsonObject:
    return {"oneOf": [{"$ref": f"#/$defs/{wire_type}"} for wire_type in wire_types]}
