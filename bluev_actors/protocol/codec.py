"""Text to message, or a polite error; message to text.

What clients say is read strictly. What a daemon says is read tolerantly, since it may be newer than its
reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import fields, frozen
from cattrs import Converter
from cattrs.fns import identity
from cattrs.gen import make_dict_unstructure_fn, override

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.ids import request_id_of
from bluev_actors.protocol.json_text import dump_json, parse_object
from bluev_actors.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, ClientMessage, ServerMessage
from bluev_actors.protocol.rules import check_rules
from bluev_actors.protocol.structuring import structure_strictly, structure_tolerantly
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.values import MAX_DEPTH, Json, JsonObject, find_flaw, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_ECHO: Final = 100


@frozen
class UnknownMessage:
    """Something from a daemon that this version has no class for: a newer message, or somebody's broadcast.

    Attributes:
        type: its `type`, empty when it has none.
        body: all of it.
        misfit: why a message of a known type could not be read as one; None for other types.
    """

    type: str
    body: JsonObject
    misfit: str | None = None


# --- reading ----------------------------------------------------------------------------------------------


def decode_client(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> ClientMessage:
    """Read a client's message.

    Args:
        text: one frame.
        max_depth: how deep its JSON may be nested, see `parse_json`.

    Raises:
        ProtocolError: and nothing else, for any text. Its code is `bad_json`, `bad_message` or
            `unknown_message_type`.
    """
    return structure_client(parse_object(text, max_depth=max_depth))


def structure_client(body: JsonObject, wire_type: str | None = None) -> ClientMessage:
    """Make a message of a decoded JSON object; REST and the socket give the same verdicts by it.

    Args:
        body: the fields, as `parse_object` gives them.
        wire_type: the type, where an address says it; otherwise it is the body's `type`.

    Raises:
        ProtocolError: with the code `bad_message` or `unknown_message_type`, a `path` and the `request_id`.
    """
    try:
        cls = _client_class(body.get("type") if wire_type is None else wire_type)
        message = structure_strictly(body, cls)
        check_rules(message)
    except ProtocolError as error:
        error.request_id = request_id_of(body)
        raise
    return message


def _client_class(wire_type: Json) -> type[ClientMessage]:
    if not isinstance(wire_type, str):
        raise ProtocolError("bad_message", "`type` must be a string that names the message's type.", "type")
    cls = CLIENT_MESSAGES.get(wire_type)
    if cls is None:
        raise ProtocolError("unknown_message_type", f"Unknown message type: {wire_type[:_LONGEST_ECHO]}", "type")
    return cls


def decode_server(text: str | bytes) -> ServerMessage | UnknownMessage:
    """Read a daemon's message; unknown types, fields and words are let through.

    Raises:
        ProtocolError: with the code `bad_json` or `bad_message` when the text is no JSON object, and for no
            other reason: a broadcast may look like anything.
    """
    try:
        body: Json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProtocolError("bad_json", f"The daemon's text is not JSON: {error}.") from None
    if not is_object(body):
        raise ProtocolError("bad_message", "The daemon's text is not a JSON object.")
    return _structure_server(body)


def _structure_server(body: JsonObject) -> ServerMessage | UnknownMessage:
    wire_type: Json = body.get("type")
    if not isinstance(wire_type, str):
        return UnknownMessage("", body)
    cls = SERVER_MESSAGES.get(wire_type)
    if cls is None:
        return UnknownMessage(wire_type, body)
    try:
        return structure_tolerantly(body, cls)
    except ProtocolError as error:
        return UnknownMessage(wire_type, body, str(error))


# --- writing ----------------------------------------------------------------------------------------------


def encode(message: ServerMessage | ClientMessage) -> bytes:
    """Write a message as JSON, `type` first; a field that is None by default is left out when it is None.

    Raises:
        ProtocolError: with the code `not_json`, when a value in it cannot be written. A client's values are
            looked at one by one, so that it learns of a NaN here; a node's were, when it gave them out.
    """
    body = {"type": message.type, **_as_object(message)}
    if isinstance(message, ClientMessage):
        _refuse_flaws(body)
    return dump_json(body, _as_object)


def _as_object(record: object) -> JsonObject:
    """The fields of an attrs instance; those that are attrs instances themselves stay as they are."""
    writer = _WRITERS.get(type(record))
    if writer is None:
        raise TypeError(f"a {type(record).__name__} is not JSON")
    return writer(record)


def _writer(cls: type[Any]) -> Callable[[Any], JsonObject]:
    # cattrs writes a function for the class, which takes half the time of a loop over its fields. The
    # identity says that every value is JSON already: nothing in it is copied or looked at on the way out.
    as_it_is = {
        field.name: override(omit_if_default=field.default is None, unstruct_hook=identity) for field in fields(cls)
    }
    # The names of fields and the function's own options share one signature, which no type can tell apart.
    return make_dict_unstructure_fn(cls, _WRITING, **as_it_is)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def _refuse_flaws(body: JsonObject) -> None:
    for name, value in body.items():
        flaw = find_flaw(_plain(value), name, 1)
        if flaw is not None:
            raise ProtocolError("not_json", f"{flaw}.", name)


def _plain(value: Json) -> Json:
    if type(value) not in _WRITERS:
        return value
    return {name: _plain(item) for name, item in _as_object(value).items()}


_WRITING: Final = Converter()
_WRITERS: Final[dict[type, Callable[[Any], JsonObject]]] = {
    cls: _writer(cls) for cls in (*CLIENT_MESSAGES.values(), *SERVER_MESSAGES.values(), RunOptions, Rerun)
}
