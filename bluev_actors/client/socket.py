"""One WebSocket, the client's side: whole texts out, whole frames in, our own errors for what can break."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from bluev_actors.client.helpers import open_helpers
from bluev_actors.errors import ClientError, ConnectionLostError, ServerRefusedError, UnreachableError
from bluev_actors.protocol.messages import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.client.address import Address
    from bluev_actors.workflows.values import JsonObject

    Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]

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
async def open_socket(address: Address, path: str, *, timeout: float) -> AsyncGenerator[Socket]:
    """Connect within `timeout` seconds, and close when the block ends.

    Raises:
        UnreachableError: nobody answers there, or nobody who speaks WebSocket.
        ServerRefusedError: whoever answers there refuses the connection.
    """
    try:
        async with _open_stream(address, timeout) as stream, open_helpers() as nursery:
            socket = Socket(await _shake_hands(address, path, stream, nursery, timeout))
            try:
                yield socket
            finally:
                await socket.close()
    except ConnectionRejected as error:
        raise refusal(address, error.status_code, error.body) from None


@asynccontextmanager
async def _open_stream(address: Address, timeout: float) -> AsyncGenerator[Stream]:
    """The stream is closed here, since the library leaves it open when the other side has closed first."""
    stream: trio.SocketStream | None = None
    try:
        with trio.move_on_after(timeout):
            stream = await trio.open_tcp_stream(address.host, address.port)
    except OSError as error:
        raise UnreachableError(f"no daemon answers at {address}: {error}") from error
    if stream is None:
        raise UnreachableError(f"no daemon answers at {address} within {timeout:g} s")
    try:
        yield await _secured(stream, address, timeout) if address.secure else stream
    finally:
        await trio.aclose_forcefully(stream)


async def _secured(stream: trio.SocketStream, address: Address, timeout: float) -> Stream:
    context = ssl.create_default_context()
    secured = trio.SSLStream(stream, context, server_hostname=address.host, https_compatible=True)
    try:
        with trio.fail_after(timeout):
            await secured.do_handshake()
    except (trio.BrokenResourceError, trio.TooSlowError) as error:
        raise UnreachableError(f"{address} does not speak TLS as it should: {error.__cause__ or error}") from error
    return secured


async def _shake_hands(
    address: Address, path: str, stream: Stream, nursery: trio.Nursery, timeout: float
) -> WebSocketConnection:
    connection: WebSocketConnection | None = None
    with trio.move_on_after(timeout):
        connection = await wrap_client_stream(
            nursery,
            stream,
            address.authority,
            path,
            subprotocols=[PROTOCOL],
            max_message_size=MAX_FRAME,
            message_queue_size=FRAMES_AHEAD,
            receive_buffer_size=READ_AT_ONCE,
        )
    if connection is None:
        raise UnreachableError(f"somebody at {address} accepts connections, but does not answer as a daemon does")
    return connection


def connection_lost(error: ConnectionClosed) -> ConnectionLostError:
    """Say in our words why the socket is closed."""
    reason = error.reason
    if reason is None:
        return ConnectionLostError("the connection is closed")
    said = f" ({reason.reason})" if reason.reason else ""
    return ConnectionLostError(f"the daemon closed the connection with {reason.code}{said}", reason.code)


def refusal(address: Address, status: int, body: bytes | None) -> ClientError:
    """Read an HTTP answer that is no upgrade: a daemon says why in JSON, somebody else does not."""
    try:
        said: JsonObject = dict(orjson.loads(body or b"{}"))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        said = {}
    if "code" in said:
        return ServerRefusedError(str(said["code"]), str(said.get("message", "")), str(said.get("path", "")))
    return UnreachableError(f"no daemon answers at {address}, but something else does, with HTTP status {status}")
