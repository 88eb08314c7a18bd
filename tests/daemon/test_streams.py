"""Replaying, naming the peer, and hanging up so that the last word arrives."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bluev_actors.daemon.streams import ReplayStream, hang_up, peer_of, peer_text, transport_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


VIRTUAL_TIME = True


@asynccontextmanager
async def connected(host: str = "127.0.0.1") -> AsyncGenerator[tuple[trio.SocketStream, trio.SocketStream]]:
    """The server's and the client's end of a TCP connection."""
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    async with listener:
        client = await trio.open_tcp_stream(host, listener.socket.getsockname()[1])
        server = await listener.accept()
        async with client, server:
            yield server, client


async def test_a_replay_gives_back_what_was_read_and_then_goes_on() -> None:
    """Each piece on its own, empty ones left out."""
    near, far = trio.testing.memory_stream_pair()
    stream = ReplayStream(near, [b"head", b"", b"more"])
    await far.send_all(b"new")
    assert [await stream.receive_some() for _ in range(3)] == [b"head", b"more", b"new"]


async def test_a_replay_gives_no_more_than_was_asked_for() -> None:
    """The rest of a piece waits for the next time."""
    near, _ = trio.testing.memory_stream_pair()
    stream = ReplayStream(near, [b"head"])
    assert [bytes(await stream.receive_some(3)), bytes(await stream.receive_some(3))] == [b"hea", b"d"]


async def test_a_replay_changes_nothing_else() -> None:
    """What is sent, and the closing, is the stream's own."""
    near, far = trio.testing.memory_stream_pair()
    stream = ReplayStream(near, [])
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"x")
    assert await far.receive_some() == b"x"
    await stream.aclose()
    assert await far.receive_some() == b""
    assert (transport_of(stream), transport_of(near)) == (near, near)


async def test_the_peer_is_known_by_its_address() -> None:
    """Behind a replay and behind TLS too."""
    async with connected() as (server, client):
        host, port = client.socket.getsockname()
        assert peer_of(ReplayStream(server, [])) == (host, port)
        assert peer_text(server) == f"127.0.0.1:{port}"
        assert peer_of(trio.SSLStream(server, ssl.create_default_context(), server_hostname="x")) == (host, port)


async def test_an_ipv6_address_stands_in_brackets() -> None:
    """As it does in a URL."""
    async with connected("::1") as (server, client):
        assert peer_text(server) == f"[::1]:{client.socket.getsockname()[1]}"


async def test_a_peer_that_cannot_be_named_is_unknown() -> None:
    """A stream in memory has none, and a closed socket has it no longer."""
    near, _ = trio.testing.memory_stream_pair()
    assert (peer_of(near), peer_text(near)) == (None, "unknown")
    async with connected() as (server, _client):
        await server.aclose()
        assert peer_text(server) == "unknown"


async def test_hanging_up_lets_the_peer_read_the_last_word() -> None:
    """Although it was in the midst of sending, which would reset the connection of a server that just closes."""
    async with connected() as (server, client), trio.open_nursery() as nursery:
        await client.send_all(b"x" * 20_000)
        await server.send_all(b"last word")
        nursery.start_soon(partial(hang_up, server, within=5))
        assert await client.receive_some() == b"last word"
        assert await client.receive_some() == b""
        await client.send_eof()


async def test_hanging_up_does_not_wait_for_ever() -> None:
    """A peer that stays is left."""
    near, far = trio.testing.memory_stream_pair()
    await hang_up(near, within=2)
    assert trio.current_time() == pytest.approx(2)
    assert await far.receive_some() == b""
    with pytest.raises(trio.ClosedResourceError):
        await near.send_all(b"x")


async def test_hanging_up_on_who_is_gone_is_quiet() -> None:
    """And can be done twice."""
    near, far = trio.testing.memory_stream_pair()
    await far.aclose()
    await hang_up(near, within=2)
    await hang_up(near, within=2)


async def test_hanging_up_on_a_stream_that_cannot_end_one_side() -> None:
    """It reads to the peer's end and closes."""
    near, far = trio.testing.memory_stream_pair()
    await far.send_all(b"x")
    await far.send_eof()
    await hang_up(ReplayStream(ReplayStream(near, []), []), within=2)
    with pytest.raises(trio.ClosedResourceError):
        await near.send_all(b"x")
