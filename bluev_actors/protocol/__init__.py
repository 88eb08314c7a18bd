"""The wire, without a wire: what clients and daemons say to each other, and how that is read and written.

What is said:

- `messages`: one class per message; everything else here is made from them.
- `codes`: error codes and close codes with their meanings.
- `ids`, `cursors`: texts that name a thing or a place.

How it is read and written:

- `codec`: text to message, or a polite error; message to text.
- `json_text`: what counts as JSON.
- `structuring`: JSON objects to attrs classes, without coercion.
- `rules`: what a client's message must obey beyond its types.

What it means:

- `wire_events`: run events to messages and back.
- `references`: values too large for an event.
- `subscriptions`: which events a connection asked for.

How it is told:

- `schema`, `class_schemas`, `kind_schemas`: JSON Schemas of messages and of workflow documents.
- `reference`, `docstrings`: the reference page.

Nothing here does I/O or knows of Trio. It stands on `workflows` alone.
"""

from bluev_actors.protocol.codec import (
    UnknownMessage,
    decode_client,
    decode_server,
    encode,
    structure_client,
)
from bluev_actors.protocol.codes import ERROR_CODES, CloseCode
from bluev_actors.protocol.cursors import cursor_text, parse_cursor
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    PROTOCOL,
    SERVER_MESSAGES,
    SUBSCRIPTION_NAMES,
    ClientMessage,
    Reply,
    RunEventMessage,
    RunMessage,
    ServerMessage,
)
from bluev_actors.protocol.schema import message_schema, messages_schema, workflow_schema
from bluev_actors.protocol.subscriptions import Subscriptions
from bluev_actors.protocol.wire_events import from_message, progress_message, progress_of, to_message

__all__ = [
    "CLIENT_MESSAGES",
    "ERROR_CODES",
    "PROTOCOL",
    "SERVER_MESSAGES",
    "SUBSCRIPTION_NAMES",
    "ClientMessage",
    "CloseCode",
    "Reply",
    "RunEventMessage",
    "RunMessage",
    "ServerMessage",
    "Subscriptions",
    "UnknownMessage",
    "cursor_text",
    "decode_client",
    "decode_server",
    "encode",
    "from_message",
    "message_schema",
    "messages_schema",
    "parse_cursor",
    "progress_message",
    "progress_of",
    "structure_client",
    "to_message",
    "workflow_schema",
]
