"""The port: who is let in, who is told that there is no room, and what passes."""

from __future__ import annotations

import errno
import socket as stdlib_socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from bluev_actors.actors import child, open_system
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.listener import Listener
from bluev_actors.errors import ChildStartError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bluev_actors.actors import ChildSpec


class Port:
    """A listener's surroundings: what it hands over, and what it is told."""

    def __init__(self) -> None:
        self.address = ("", 0)
        self.open_connections = 0
        self.times_ready = 0
        self.ready = trio.Event()
        self._accepted, self._streams = trio.open_memory_channel[tuple[trio.SocketStream, str]](100)

    def spec(self, port: int = 0, host: str = "127.0.0.1", limits: Limits | None = None) -> ChildSpec:
        """How to start the listener."""
        factory = partial(
            Listener,
            host,
            port,
            on_stream=self._on_stream,
            on_ready=self._on_ready,
            open_connections=lambda: self.open_connections,
            limits=limits or Limits(),
        )
        return child("listener", factory)

    async def accepted(self) -> tuple[trio.SocketStream, str]:
        """The next stream."""
        with trio.fail_after(10):
            return await self._streams.receive()

    def _on_stream(self, stream: trio.SocketStream, peer: str) -> None:
        self._accepted.send_nowait((stream, peer))

    def _on_ready(self, host: str, port: int) -> None:
        self.address = (host, port)
        self.times_ready += 1
        self.ready.set()


@asynccontextmanager
async def listening(limits: Limits | None = None) -> AsyncGenerator[Port]:
    """A port that is listened on, for the block."""
    port = Port()
    async with open_system() as system:
        await system.start(port.spec(limits=limits))
        yield port


async def test_each_stream_is_handed_on_with_its_peer() -> None:
    """On the port that was told."""
    async with listening() as port:
        host, number = port.address
        assert (host, number > 0) == ("127.0.0.1", True)
        for _ in range(3):
            async with await trio.open_tcp_stream(host, number) as client:
                stream, peer = await port.accepted()
                async with stream:
                    assert peer == f"127.0.0.1:{client.socket.getsockname()[1]}"
                    await client.send_all(b"hello")
                    assert await stream.receive_some() == b"hello"


async def test_small_writes_leave_at_once() -> None:
    """Nagle's algorithm would hold an event back until the one before it is acknowledged."""
    async with listening() as port, await trio.open_tcp_stream(*port.address):
        stream, _ = await port.accepted()
        async with stream:
            assert stream.getsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY)


async def test_a_port_in_use_fails_the_start() -> None:
    """With the reason, so that the command line can say it in a line."""
    async with listening() as port, open_system() as system:
        with pytest.raises(ChildStartError) as error:
            await system.start(Port().spec(port.address[1]))
        assert isinstance(error.value.__cause__, OSError)
        assert error.value.__cause__.errno == errno.EADDRINUSE


async def test_stopping_closes_the_port() -> None:
    """Who comes later is refused by the kernel, and the port can be had again."""
    async with listening() as port:
        address = port.address
    with pytest.raises(OSError, match="onnect"):
        await trio.open_tcp_stream(*address)
    async with open_system() as system:
        await system.start(Port().spec(address[1]))


@pytest.mark.parametrize(("held", "status"), [(4, 200), (5, 503)])
async def test_at_the_limit_and_one_past_it(held: int, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Who is too much is told so, in HTTP, and may come again."""

    def client(url: str) -> httpx.Response:
        return httpx.get(url)

    async with listening(Limits(connections=5)) as port, trio.open_nursery() as nursery:
        port.open_connections = held
        nursery.start_soon(_answer_one, port, status)
        with trio.fail_after(10):
            answer = await trio.to_thread.run_sync(client, "http://{}:{}/".format(*port.address))
        nursery.cancel_scope.cancel()
    assert answer.status_code == status
    assert ("more are refused" in caplog.text) == (status == 503)
    if status == 503:
        assert answer.json()["code"] == "limit_reached"
        assert answer.headers["retry-after"] == "5"


async def _answer_one(port: Port, status: int) -> None:
    if status == 200:
        stream, _ = await port.accepted()
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def test_that_there_is_no_room_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Until there was room again: a flood of clients is no flood of lines (T13)."""
    async with listening(Limits(connections=1, close_time=0.01)) as port:
        for held in (1, 1, 1, 0, 1, 1):
            port.open_connections = held
            async with await trio.open_tcp_stream(*port.address) as client:
                if held:
                    assert bytes(await client.receive_some()).startswith(b"HTTP/1.1 503 ")
                else:
                    stream, _ = await port.accepted()
                    await stream.aclose()
    assert caplog.text.count("more are refused") == 2


async def test_a_flood_beyond_the_limit_costs_a_bounded_number_of_goodbyes() -> None:
    """The others are closed without a word, and the listener goes on."""
    async with listening(Limits(connections=1)) as port:
        port.open_connections = 1
        told, closed = 0, 0
        clients = [await trio.open_tcp_stream(*port.address) for _ in range(80)]
        for client in clients:
            if await client.receive_some():
                told += 1
            else:
                closed += 1
        for client in clients:
            await client.aclose()
        assert (told, closed) == (64, 16)
        port.open_connections = 0
        async with await trio.open_tcp_stream(*port.address):
            stream, _ = await port.accepted()
            await stream.aclose()


async def test_a_client_that_is_gone_before_it_is_told_is_no_matter() -> None:
    """A reset in the midst of the goodbye ends the goodbye alone."""

    def knock_and_run(address: tuple[str, int]) -> None:
        for _ in range(20):
            with stdlib_socket.create_connection(address) as raw:
                raw.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    async with listening(Limits(connections=1)) as port:
        port.open_connections = 1
        await trio.to_thread.run_sync(knock_and_run, port.address)
        async with await trio.open_tcp_stream(*port.address) as client:
            assert bytes(await client.receive_some()).startswith(b"HTTP/1.1 503 ")


def failing(monkeypatch: pytest.MonkeyPatch, failures: list[OSError]) -> None:
    """Make accepting fail as often as there are failures, first to last."""
    accept: Callable[..., object] = trio.SocketListener.accept

    async def fail_first(listener: trio.SocketListener) -> object:
        if failures:
            await trio.lowlevel.checkpoint()
            raise failures.pop(0)
        return await accept(listener)  # type: ignore[misc]  # the method, asynchronous as it is

    monkeypatch.setattr(trio.SocketListener, "accept", fail_first)


async def test_running_out_of_descriptors_passes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The listener rests, says so, and goes on."""
    failing(monkeypatch, [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ENFILE, "File table overflow")])
    async with listening() as port, await trio.open_tcp_stream(*port.address):
        stream, _ = await port.accepted()
        await stream.aclose()
    assert caplog.text.count("no stream can be accepted now") == 2


async def test_another_failure_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor starts it anew, on the same port."""
    async with listening() as port:
        first = port.address
    failing(monkeypatch, [OSError(errno.EINVAL, "Invalid argument")])
    port = Port()
    async with open_system() as system:
        await system.start(port.spec(first[1]))
        port.ready = trio.Event()
        with trio.fail_after(10):
            await port.ready.wait()
        async with await trio.open_tcp_stream(*first):
            stream, _ = await port.accepted()
            await stream.aclose()
    assert port.times_ready == 2
