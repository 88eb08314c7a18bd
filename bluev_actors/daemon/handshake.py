"""What a client says of itself in the address and headers of its handshake, before there is a socket."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from attrs import frozen

from bluev_actors.daemon.guard import Refusal, Refused, session_id_of
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.json_text import parse_object
from bluev_actors.protocol.messages import PROTOCOL

if TYPE_CHECKING:
    from bluev_actors.daemon.request import RequestHead
    from bluev_actors.workflows.values import JsonObject

LONGEST_CLIENT_INFO: Final = 4 * 1024
"""Bytes of JSON that a client may say of itself: it is shown to operators and kept as long as the connection."""
MOST_FIELDS: Final = 32
DEEPEST_CLIENT_INFO: Final = 8


@frozen
class Introduction:
    """Who wants to talk.

    Attributes:
        session_id: the session it speaks for; one that the server made up where it named none.
        client_info: what it says of itself.
        takeover: whether the older connections of the session shall be closed.
        protocol: the sub-protocol to answer; None where it offers none of ours.
    """

    session_id: str
    client_info: JsonObject
    takeover: bool
    protocol: str | None


def introduction_of(head: RequestHead) -> Introduction:
    """Read a handshake.

    Raises:
        Refused: 404 for an address without a socket, 400 for one that says something wrong.
    """
    fields = _fields(head.query)
    return Introduction(
        session_id=session_id_of(head.path) or f"session-{uuid.uuid4().hex}",
        client_info=_client_info(fields.get("client", "")),
        takeover=fields.get("takeover") in ("1", "true"),
        protocol=PROTOCOL if PROTOCOL in _offered(head) else None,
    )


def _fields(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise _bad(f"The address has more than {MOST_FIELDS} query fields.") from None


def _client_info(text: str) -> JsonObject:
    if not text:
        return {}
    if len(text) > LONGEST_CLIENT_INFO:
        raise _bad(f"What ?client= says is longer than {LONGEST_CLIENT_INFO} bytes.")
    try:
        return parse_object(text, max_depth=DEEPEST_CLIENT_INFO)
    except ProtocolError as error:
        raise _bad(f"What ?client= says must be a JSON object. {error}") from None


def _offered(head: RequestHead) -> list[str]:
    return [item.strip() for value in head.values("sec-websocket-protocol") for item in value.split(",")]


def _bad(sentence: str) -> Refused:
    return Refused(Refusal(400, "bad_request", sentence))
