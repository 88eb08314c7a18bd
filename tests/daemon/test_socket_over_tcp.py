"""One WebSocket over TCP, with a client that is not ours and with none at all."""

from __future__ import annotations

import socket as stdlib_socket
import struct
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import websockets.exceptions
import websockets.sync.client

from bluev_actors.daemon.frames import text_frame
from bluev_actors.daemon.http_stream import HttpStream
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.socket import Socket, SocketClosed, open_socket

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

HANDSHAKE = (
    b"GET /ws/a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def serve(stream: trio.abc.Stream, use: Callable[[Socket], Awaitable[None]]) -> None:
    """What the front door and a connection do with a stream, in short."""
    door = HttpStream(stream, Limits(), lambda: False)
    head = await door.read_head()
    assert head is not None
    async with open_socket(door.hand_over(head), head, limits=Limits()) as socket:
        await use(socket)


async def echo(socket: Socket) -> None:
    """Say again what was said, to the end."""
    with suppress(SocketClosed):
        while True:
            message = await socket.receive()
            socket.send(text_frame(message if isinstance(message, bytes) else message.encode()))


@asynccontextmanager
async def tcp_server(
    use: Callable[[Socket], Awaitable[None]] = echo,
) -> AsyncGenerator[int]:
    """A server on a free port."""
    async with trio.open_nursery() as nursery:
        handler = partial(serve, use=use)
        listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def in_thread(client: Callable[[int], None], port: int) -> None:
    """Run a blocking client."""
    with trio.fail_after(30):
        await trio.to_thread.run_sync(client, port)


async def test_a_foreign_client_converses() -> None:
    """Text, a large message, a ping, and its own closing."""

    def client(port: int) -> None:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/ws/a", max_size=None) as socket:
            socket.send("hello")
            assert socket.recv() == "hello"
            socket.send("x" * 10_000_000)
            assert len(socket.recv()) == 10_000_000
            assert socket.ping().wait(5)
        assert socket.close_code == 1000

    async with tcp_server() as port:
        await in_thread(client, port)


async def test_a_foreign_client_learns_why_it_is_closed() -> None:
    """Although it was in the midst of sending 17 MiB when it was refused."""

    def client(port: int) -> None:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/ws/a") as socket:
            with suppress(websockets.exceptions.ConnectionClosed):
                socket.send("x" * (17 << 20))
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009

    async with tcp_server() as port:
        await in_thread(client, port)


async def test_an_abrupt_reset_ends_the_socket_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers end with 1006 and the server goes on."""
    ends: list[int] = []
    done = trio.Event()

    async def listen(socket: Socket) -> None:
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)
        done.set()

    def client(port: int) -> None:
        with stdlib_socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(HANDSHAKE)
            raw.recv(1000)
            raw.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with tcp_server(listen) as port:
        await in_thread(client, port)
        with trio.fail_after(10):
            await done.wait()
    assert ends == [1006]
    assert caplog.text == ""
