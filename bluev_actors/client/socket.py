"""One WebSocket, the client's side: whole texts out, whole frames in, our own errors for what can break."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import orjson
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

from bluev_actors.errors import ClientError, ConnectionLostError, ServerRefusedError, UnreachableError
from bluev_actors.protocol.messages import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.workflows.values import JsonObject

MAX_FRAME: Final = 64 * 1024 * 1024
"""What a daemon may send at once, in bytes: a snapshot of the largest run fits well within."""
CLOSING_TIME: Final = 2.0
"""Seconds for the closing handshake; a daemon that is gone does not answer it."""
READ_AT_ONCE: Final = 64 * 1024
FRAMES_AHEAD: Final = 64
"""Frames that wait between the socket and us; with fewer, a ping would wait for the application."""


class Socket:
    """An open WebSocket. One task sends and one receives."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self._whole = True

    async def send(self, text: str) -> None:
        """Send one text frame. A send that is cancelled tears the stream: only a task that ends with it may.

        Raises:
            ConnectionLostError: the socket is closed.
        """
        self._whole = False
        try:
            await self._connection.send_message(text)
        except ConnectionClosed as error:
            raise connection_lost(error) from None
        self._whole = True

    async def receive(self) -> str | bytes:
        """Wait for the next frame.

        Raises:
            ConnectionLostError: the socket is closed.
        """
        try:
            return await self._connection.get_message()
        except ConnectionClosed as error:
            raise connection_lost(error) from None

    async def close(self) -> None:
        """Say good-bye, for a short while at most, and not at all in the middle of a frame."""
        with trio.move_on_after(CLOSING_TIME if self._whole else 0):
            await self._connection.aclose()


@asynccontextmanager
async def open_socket(url: str, *, timeout: float) -> AsyncGenerator[Socket]:
    """Connect within `timeout` seconds, and close when the block ends.

    Raises:
        UnreachableError: nobody answers there, or nobody who speaks WebSocket.
        ServerRefusedError: whoever answers there refuses the connection.
    """
    async with AsyncExitStack() as stack:
        socket = Socket(await _open(stack, url, timeout))
        try:
            yield socket
        finally:
            await socket.close()


async def _open(stack: AsyncExitStack, url: str, timeout: float) -> WebSocketConnection:
    opening = open_websocket_url(
        url,
        subprotocols=[PROTOCOL],
        max_message_size=MAX_FRAME,
        message_queue_size=FRAMES_AHEAD,
        receive_buffer_size=READ_AT_ONCE,
        connect_timeout=timeout,
        disconnect_timeout=CLOSING_TIME,
    )
    try:
        return await stack.enter_async_context(opening)
    except ConnectionRejected as error:
        raise refusal(error.status_code, error.body) from None
    except HandshakeError as error:
        why = error.__cause__ or "no answer in time"
        raise UnreachableError(f"no daemon answers at {url}: {why}") from error


def connection_lost(error: ConnectionClosed) -> ConnectionLostError:
    """Say in our words why the socket is closed."""
    reason = error.reason
    if reason is None:
        return ConnectionLostError("the connection is closed")
    said = f" ({reason.reason})" if reason.reason else ""
    return ConnectionLostError(f"the daemon closed the connection with {reason.code}{said}", reason.code)


def refusal(status: int, body: bytes | None) -> ClientError:
    """Read an HTTP answer that is no upgrade: a daemon says why in JSON, somebody else does not."""
    try:
        said: JsonObject = dict(orjson.loads(body or b"{}"))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        said = {}
    if "code" in said:
        return ServerRefusedError(str(said["code"]), str(said.get("message", "")), str(said.get("path", "")))
    return UnreachableError(f"no daemon answers here, but something else does, with HTTP status {status}")
