"""The client's socket on a real port: every way a peer can be wrong, slow or gone."""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
from trio_websocket import CloseReason, ConnectionClosed

from bluev_actors.client.address import Address, parse_address
from bluev_actors.client.socket import connection_lost, open_socket, refusal
from bluev_actors.errors import ConnectionLostError, ServerRefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.client.conftest import Peer

    Serve = Callable[[Callable[[Peer], Awaitable[None]]], Awaitable[str]]
    Raw = Callable[[trio.SocketStream], Awaitable[None]]


async def raw_server(nursery: trio.Nursery, handle: Raw) -> Address:
    """A server that does as it likes with the bytes."""
    listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, handle, 0)
    return Address("127.0.0.1", listeners[0].socket.getsockname()[1])


async def test_texts_both_ways(scripted: Serve) -> None:
    """What one end says the other hears, whole, however large."""

    async def echo(peer: Peer) -> None:
        while True:
            await peer.socket.send_message(await peer.socket.get_message())

    async with open_socket(parse_address(await scripted(echo)), "/ws/s", timeout=5) as socket:
        greeting = orjson.loads(await socket.receive())
        assert greeting["type"] == "connection_established"
        for text in ("x", "ä" * 1_000_000):
            await socket.send(text)
            assert await socket.receive() == text


async def test_a_closed_peer(scripted: Serve) -> None:
    """Receiving and sending raise the same loss, with its code."""

    async def close(peer: Peer) -> None:
        await peer.socket.aclose(4008, "too slow")

    async with open_socket(parse_address(await scripted(close)), "/ws/s", timeout=5) as socket:
        await socket.receive()
        with pytest.raises(ConnectionLostError, match=r"4008 \(too slow\)") as caught:
            await socket.receive()
        assert caught.value.close_code == 4008
        with pytest.raises(ConnectionLostError):
            await socket.send("x")


async def test_leaving_says_good_bye(scripted: Serve) -> None:
    """The peer sees a normal close, not a broken pipe."""
    reasons = list[CloseReason | None]()
    seen = trio.Event()

    async def note(peer: Peer) -> None:
        try:
            await peer.hear()
        except ConnectionClosed as error:
            reasons.append(error.reason)
            seen.set()

    async with open_socket(parse_address(await scripted(note)), "/ws/s", timeout=5):
        pass
    await seen.wait()
    assert reasons[0] is not None
    assert reasons[0].code == 1000


async def test_a_refusal_by_a_daemon(nursery: trio.Nursery) -> None:
    """Its code and sentence, as in any other answer."""
    body = b'{"code":"forbidden","message":"This origin is not allowed."}'

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        head = b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        await stream.send_all(head % len(body) + body)

    with pytest.raises(ServerRefusedError, match="origin") as caught:
        async with open_socket(await raw_server(nursery, refuse), "/ws", timeout=5):
            pytest.fail("it let us in")
    assert caught.value.code == "forbidden"


async def test_another_web_server(nursery: trio.Nursery) -> None:
    """Somebody else's page is no daemon."""

    async def not_found(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nnope!")

    with pytest.raises(UnreachableError, match="something else does, with HTTP status 404"):
        async with open_socket(await raw_server(nursery, not_found), "/ws", timeout=5):
            pytest.fail("it let us in")


async def test_somebody_who_speaks_something_else(nursery: trio.Nursery) -> None:
    """Bytes that are no HTTP end in a plain word, within the time limit."""

    async def ssh(stream: trio.SocketStream) -> None:
        await stream.send_all(b"SSH-2.0-OpenSSH_9.2\r\n")

    with pytest.raises(UnreachableError, match="does not answer as a daemon does"):
        async with open_socket(await raw_server(nursery, ssh), "/ws", timeout=0.2):
            pytest.fail("it let us in")


async def test_somebody_who_says_nothing(nursery: trio.Nursery) -> None:
    """A port that accepts and stays silent does not keep us."""

    async def silent(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    with pytest.raises(UnreachableError, match="does not answer"):
        async with open_socket(await raw_server(nursery, silent), "/ws", timeout=0.1):
            pytest.fail("it let us in")


async def test_no_time_to_connect() -> None:
    """The connecting itself has its limit too."""
    with pytest.raises(UnreachableError, match="within 0 s"):
        async with open_socket(Address("127.0.0.1", 9), "/ws", timeout=0):
            pytest.fail("it let us in")


async def test_a_plain_port_asked_for_tls(nursery: trio.Nursery) -> None:
    """The handshake of a secure address fails in our words, not in OpenSSL's."""

    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    address = await raw_server(nursery, plain)
    with pytest.raises(UnreachableError, match="TLS"):
        async with open_socket(Address(address.host, address.port, secure=True), "/ws", timeout=5):
            pytest.fail("it let us in")


class HandshakenStream:
    """A TLS stream that is satisfied with its peer at once."""

    def __init__(self, stream: trio.SocketStream, context: ssl.SSLContext, options: dict[str, object]) -> None:
        self.inner = stream
        self.verifies = context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
        self.options = options

    async def do_handshake(self) -> None:
        """It goes well."""
        await trio.lowlevel.checkpoint()

    async def send_all(self, data: bytes) -> None:
        """Pass it on."""
        await self.inner.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Pass it on."""
        return bytes(await self.inner.receive_some(max_bytes))

    async def aclose(self) -> None:
        """Pass it on."""
        await self.inner.aclose()


async def test_a_secure_address_is_verified(scripted: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is checked against the very name that was typed, and then all is as ever."""
    streams = list[HandshakenStream]()

    def secured(stream: trio.SocketStream, context: ssl.SSLContext, **options: object) -> HandshakenStream:
        streams.append(HandshakenStream(stream, context, options))
        return streams[-1]

    async def listen(peer: Peer) -> None:
        await peer.hear()

    address = parse_address(await scripted(listen))
    monkeypatch.setattr(trio, "SSLStream", secured)
    async with open_socket(Address("localhost", address.port, secure=True), "/ws", timeout=5) as socket:
        assert orjson.loads(await socket.receive())["type"] == "connection_established"
    assert streams[0].verifies
    assert streams[0].options["server_hostname"] == "localhost"


async def test_a_torn_text_is_followed_by_nothing(nursery: trio.Nursery) -> None:
    """When a send is cut off in the middle of a frame, the stream ends there, without a close frame in its middle."""
    received, ended = bytearray(), trio.Event()

    async def stuck(stream: trio.SocketStream) -> None:
        head = await stream.receive_some()
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")).split()[1]
        await stream.send_all(upgrade(key))
        await release.wait()
        async for data in stream:
            received.extend(data)
        ended.set()

    release = trio.Event()
    with trio.move_on_after(0.2) as scope:
        async with open_socket(await raw_server(nursery, stuck), "/ws", timeout=5) as socket:
            await socket.send("x" * 20_000_000)
    assert scope.cancelled_caught
    release.set()
    with trio.fail_after(5):
        await ended.wait()
    assert len(received) < 20_000_000


def upgrade(key: bytes) -> bytes:
    """The answer to a WebSocket handshake."""
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455's
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: "
    return head + accept + b"\r\n\r\n"


@pytest.mark.parametrize("body", [None, b"", b"[]", b"5", b"<html>", b'{"x": 1}'])
def test_a_refusal_that_is_not_ours(body: bytes | None) -> None:
    """Any body that is not an error of the contract is somebody else's."""
    assert isinstance(refusal(Address("h"), 502, body), UnreachableError)


def test_a_close_without_a_reason() -> None:
    """Our own close has none."""
    assert str(connection_lost(ConnectionClosed(None))) == "the connection is closed"
    assert connection_lost(ConnectionClosed(CloseReason(1000, None))).close_code == 1000
