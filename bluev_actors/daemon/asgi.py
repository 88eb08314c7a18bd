"""Runs one request through an ASGI 3 application."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final
from urllib.parse import unquote

import h11
import trio

from bluev_actors.daemon.guard import Refused

if TYPE_CHECKING:
    from bluev_actors.daemon.http_stream import HttpStream
    from bluev_actors.daemon.request import RequestHead

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_LOG: Final = logging.getLogger(__name__)

# With 2.4 Starlette would notice a client that has gone only by the next send, so an event stream in which
# nothing happens would never end. Below it Starlette waits for `http.disconnect` as well.
_VERSIONS: Final = {"version": "3.0", "spec_version": "2.3"}


async def run_app(app: ASGIApp, door: HttpStream, head: RequestHead, peer: tuple[str, int] | None = None) -> None:
    """Let `app` answer one request.

    An exception out of it, or an answer without an end, is logged under an error id. The client gets a 500 with
    that id while no byte of another answer has left; later the connection is closed with the answer cut short.
    """
    exchange = Exchange(door, head)
    try:
        await app(scope_of(head, peer), exchange.receive, exchange.send)
        if not exchange.gone and not door.answered:
            raise RuntimeError("the application ended without a complete answer")  # noqa: TRY301 - one place for all
    except Exception as error:  # noqa: BLE001 - the boundary: whatever an application raises becomes an answer
        if not exchange.gone:
            await _answer_crash(door, head, error)


async def _answer_crash(door: HttpStream, head: RequestHead, error: Exception) -> None:
    error_id = log_crash(head.method, head.path, error)
    if door.can_answer:
        message = f"The daemon made a mistake; its log has more under {error_id}."
        await door.send_json(500, {"code": "internal_error", "message": message, "error_id": error_id})


def log_crash(method: str, path: str, error: BaseException) -> str:
    """Log an exception that a request handler did not mean to raise; the id to tell the client.

    The same exception is logged once, however many layers report it. The query is left out: it may hold secrets.
    """
    known: str | None = getattr(error, "error_id", None)
    if known is not None:
        return known
    error_id = uuid.uuid4().hex[:12]
    error.error_id = error_id  # type: ignore[attr-defined]  # exceptions take attributes; ours travels with it
    _LOG.error("%s %r failed, error_id=%s", method, path, error_id, exc_info=error)
    return error_id


def scope_of(head: RequestHead, peer: tuple[str, int] | None) -> dict[str, Any]:
    """What ASGI calls the scope of an HTTP request."""
    return {
        "type": "http",
        "asgi": _VERSIONS,
        "http_version": head.http_version,
        "method": head.method,
        "scheme": "http",
        "path": unquote(head.path),
        "raw_path": head.path.encode(),
        "query_string": head.query.encode(),
        "root_path": "",
        "headers": list(head.headers),
        "client": peer,
        "server": None,
    }


@final
class Exchange:
    """One request and its answer, as an application sees them.

    Attributes:
        gone: whether nobody waits for the answer any more: the client has left, or was refused meanwhile.
    """

    def __init__(self, door: HttpStream, head: RequestHead) -> None:
        self.gone = False
        self._door = door
        self._sends_body = head.method != "HEAD"
        self._body_ended = False
        self._start: h11.Response | None = None

    async def receive(self) -> Message:
        """ASGI's `receive`: the body in pieces, then `http.disconnect` once the client has gone."""
        try:
            if not self._body_ended:
                return await self._receive_body()
            await self._door.wait_disconnected()
        except Refused as refused:
            await self._door.refuse(refused.refusal)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.gone = True
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's `send`. The head waits for the first of the body, so that a small answer is one write.

        Raises:
            OSError: the client has gone.
        """
        if self.gone:
            raise BrokenPipeError("the client has gone")
        if message["type"] == "http.response.start":
            self._start = self._door.response(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body":
            await self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"an HTTP answer has no message {message['type']!r}")

    async def _receive_body(self) -> Message:
        piece = await self._door.read_body()
        self._body_ended = not piece
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        events: list[h11.Event] = []
        if self._start is not None:
            events.append(self._start if more else _with_length(self._start, len(body)))
            self._start = None
        if body and self._sends_body:
            events.append(h11.Data(data=body))
        if not more:
            events.append(h11.EndOfMessage())
        try:
            await self._door.send(*events)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.gone = True
            raise BrokenPipeError("the client has gone") from None


def _with_length(start: h11.Response, length: int) -> h11.Response:
    """Say how long a body is that is known whole, unless the application has said it, or there can be none."""
    named = {name for name, _ in start.headers}
    if named & {b"content-length", b"transfer-encoding"} or start.status_code in {204, 304}:
        return start
    headers = [*start.headers, (b"content-length", b"%d" % length)]
    return h11.Response(status_code=start.status_code, headers=headers, reason=start.reason)
