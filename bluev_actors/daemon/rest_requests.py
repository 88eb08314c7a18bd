"""Reading requests of the REST half: bodies by the codec of the socket, ids and numbers out of addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote, unquote

from bluev_actors.daemon.commands import Caller
from bluev_actors.daemon.guard import Refused, session_id_of
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import structure_client
from bluev_actors.protocol.json_text import parse_object
from bluev_actors.protocol.messages import ClientMessage

if TYPE_CHECKING:
    from starlette.requests import Request

    from bluev_actors.workflows.values import JsonObject

C = TypeVar("C", bound=ClientMessage)


async def read_body(request: Request, *, required: bool = False) -> JsonObject:
    """The JSON object in the body; no body is an empty one, unless there has to be one.

    Raises:
        ProtocolError: with the code `bad_json` or `bad_message`.
    """
    text = await request.body()
    return parse_object(text) if text or required else {}


def structure(body: JsonObject, cls: type[C], **known: str) -> C:
    """The message that a body is, with what the address says beside it.

    Raises:
        ProtocolError: as on the socket.
    """
    return cast("C", structure_client({**body, **known}, cls.type))


def caller_of(body: JsonObject) -> Caller:
    """For whom a request is made: the session that its body names, or nobody.

    Raises:
        ProtocolError: with the code `bad_message`.
    """
    session_id = body.get("session_id")
    if session_id is None:
        return Caller()
    if not isinstance(session_id, str):
        raise ProtocolError("bad_message", "`session_id` must be a string.", "session_id")
    try:
        session_id_of(f"/ws/{quote(session_id, safe='')}")
    except Refused as refused:
        raise ProtocolError("bad_message", str(refused), "session_id") from None
    return Caller(session_id)


def name_in_path(request: Request, name: str) -> str:
    """A percent-decoded part of the address."""
    return unquote(request.path_params[name])


def number_in_query(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number in the query.

    Raises:
        ProtocolError: with the code `bad_message`: it is none, or out of range.
    """
    text = request.query_params.get(name)
    return default if text is None else whole_number(name, text, least, most)


def whole_number(name: str, text: str, least: int, most: int) -> int:
    """A whole number that was sent as text.

    Raises:
        ProtocolError: with the code `bad_message`: it is none, or out of range.
    """
    if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    raise ProtocolError("bad_message", f"`{name}` must be a whole number from {least} to {most}.", name)
