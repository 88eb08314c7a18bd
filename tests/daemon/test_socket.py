"""One WebSocket: conversations with a client that is not ours, and everything a hostile one can do."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
import wsproto
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)

from bluev_actors.daemon.frames import text_frame
from bluev_actors.daemon.http_stream import HttpStream
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.socket import Socket, SocketClosed, open_socket

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable


VIRTUAL_TIME = True

HANDSHAKE = (
    b"GET /ws/a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Peer:
    """A client on one end of a stream, speaking by another library than the server's."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._heard: deque[Event] = deque()

    async def say(self, *events: Event) -> None:
        """Send events in one write."""
        await self.stream.send_all(b"".join(self.protocol.send(event) for event in events))

    async def hear(self) -> Event | None:
        """The next event; None at the end of the stream, however it ends."""
        while not self._heard:
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self.protocol.receive_data(bytes(data))
            self._heard.extend(self.protocol.events())
        return self._heard.popleft()

    async def hear_text(self) -> str:
        """The next message."""
        event = await self.hear()
        assert isinstance(event, TextMessage), event
        return event.data

    async def hear_close(self) -> tuple[int, str]:
        """The close frame, which must come next; it is answered, and the end of the stream must follow."""
        event = await self.hear()
        assert isinstance(event, CloseConnection), event
        if self.protocol.state is ConnectionState.REMOTE_CLOSING:
            await self.say(event.response())
        assert await self.hear() is None
        return event.code, event.reason or ""

    async def open(self, *subprotocols: str) -> AcceptConnection:
        """Do the handshake."""
        await self.say(Request(host="localhost", target="/ws/a", subprotocols=list(subprotocols)))
        answer = await self.hear()
        assert isinstance(answer, AcceptConnection), answer
        return answer


async def serve(
    stream: trio.abc.Stream,
    use: Callable[[Socket], Awaitable[None]],
    *,
    limits: Limits | None = None,
    subprotocol: str | None = None,
    on_overflow: Callable[[], None] = lambda: None,
) -> None:
    """What the front door and a connection do with a stream, in short."""
    limits = limits or Limits()
    door = HttpStream(stream, limits, lambda: False)
    head = await door.read_head()
    assert head is not None
    async with open_socket(
        door.hand_over(head), head, limits=limits, subprotocol=subprotocol, on_overflow=on_overflow
    ) as socket:
        await use(socket)


async def echo(socket: Socket) -> None:
    """Say again what was said, to the end."""
    with suppress(SocketClosed):
        while True:
            message = await socket.receive()
            socket.send(text_frame(message if isinstance(message, bytes) else message.encode()))


def served(
    nursery: trio.Nursery,
    use: Callable[[Socket], Awaitable[None]] = echo,
    *,
    limits: Limits | None = None,
    subprotocol: str | None = None,
) -> Peer:
    """A client whose server is running in the nursery."""
    near, far = trio.testing.memory_stream_pair()
    nursery.start_soon(partial(serve, near, use, limits=limits, subprotocol=subprotocol))
    return Peer(far)


async def idle(socket: Socket) -> None:
    """Never read: the application is busy with something else for ever."""
    del socket
    await trio.sleep_forever()


# --- conversation -----------------------------------------------------------------------------------------


async def test_text_and_bytes_go_both_ways(nursery: trio.Nursery) -> None:
    """A message is what the client sent, whole, however many fragments it came in."""
    peer = served(nursery)
    await peer.open()
    await peer.say(TextMessage(data="hel", message_finished=False), Ping(), TextMessage(data="lo"))
    assert isinstance(await peer.hear(), Pong)
    assert await peer.hear_text() == "hello"
    await peer.say(BytesMessage(data=b"bytes"))
    assert await peer.hear_text() == "bytes"
    await peer.say(CloseConnection(code=1000))
    assert await peer.hear_close() == (1000, "")


async def test_the_subprotocol_is_answered(nursery: trio.Nursery) -> None:
    """As the owner says; without a word there is none."""
    told: list[str | None] = []

    async def tell(socket: Socket) -> None:
        told.append(socket.subprotocol)
        await echo(socket)

    assert (await served(nursery, tell, subprotocol="bluev.v1").open("x", "bluev.v1")).subprotocol == "bluev.v1"
    assert (await served(nursery, tell).open("x", "bluev.v1")).subprotocol is None
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(map(str, told)) == ["None", "bluev.v1"]
    nursery.cancel_scope.cancel()


async def test_no_compression_is_ever_agreed_on(nursery: trio.Nursery) -> None:
    """So there is no bomb to inflate; a compressed frame breaks the protocol (T9)."""
    near, far = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, near, echo)
    await far.send_all(HANDSHAKE[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    answer = bytes(await far.receive_some()).lower()
    assert answer.startswith(b"http/1.1 101")
    assert b"extensions" not in answer
    await far.send_all(b"\xc1\x81mask" + b"x")
    closing = bytes(await far.receive_some())
    assert (closing[0], int.from_bytes(closing[2:4])) == (0x88, 1002)
    nursery.cancel_scope.cancel()


async def test_a_client_in_a_hurry_loses_nothing(nursery: trio.Nursery) -> None:
    """Frames that come with the handshake, before its answer, are kept."""
    near, far = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, near, echo)
    frame = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT).send(TextMessage(data="early"))
    await far.send_all(HANDSHAKE + frame)
    answer = b""
    with trio.fail_after(5):
        while not answer.endswith(text_frame(b"early")):
            answer += await far.receive_some()
    nursery.cancel_scope.cancel()


async def test_pings_are_answered_while_the_application_works(nursery: trio.Nursery) -> None:
    """It need not read for that, until it is far behind."""
    peer = served(nursery, idle, limits=Limits(inbox_messages=4))
    await peer.open()
    await peer.say(*(TextMessage(data="x") for _ in range(4)), Ping(payload=b"there?"))
    with trio.fail_after(5):
        event = await peer.hear()
    assert isinstance(event, Pong)
    assert event.payload == b"there?"
    nursery.cancel_scope.cancel()


async def test_our_pings_are_pings_and_pongs_are_signs_of_life() -> None:
    """A pong counts as much as a message does."""
    sockets: list[Socket] = []

    async def ping(socket: Socket) -> None:
        sockets.append(socket)
        await trio.sleep(7)
        socket.ping()
        await echo(socket)

    async with trio.open_nursery() as nursery:
        peer = served(nursery, ping)
        await peer.open()
        event = await peer.hear()
        assert isinstance(event, Ping)
        assert sockets[0].last_seen == 0
        await peer.say(event.response())
        await trio.testing.wait_all_tasks_blocked()
        assert sockets[0].last_seen == 7
        nursery.cancel_scope.cancel()


async def test_a_peer_is_not_silent_while_we_are_deaf() -> None:
    """With a full inbox its pongs lie unread: the fault is not the peer's, so it must not die of it."""
    sockets: list[Socket] = []

    async def busy(socket: Socket) -> None:
        sockets.append(socket)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        peer = served(nursery, busy, limits=Limits(inbox_messages=2))
        await peer.open()
        await peer.say(*(TextMessage(data="x") for _ in range(5)))
        await trio.sleep(1000)
        assert sockets[0].last_seen == trio.current_time()
        nursery.cancel_scope.cancel()


async def test_statistics_count_both_ways(nursery: trio.Nursery) -> None:
    """Frames and bytes, and what is still unread."""
    sockets: list[Socket] = []

    async def busy(socket: Socket) -> None:
        sockets.append(socket)
        socket.send(text_frame(b"hello"))
        assert not socket.above_soft_limit
        assert await socket.receive() == "one"
        await trio.sleep_forever()

    peer = served(nursery, busy)
    await peer.open()
    await peer.say(TextMessage(data="one"), TextMessage(data="three"))
    assert await peer.hear_text() == "hello"
    await trio.testing.wait_all_tasks_blocked()
    statistics = sockets[0].statistics()
    assert (statistics.received_messages, statistics.inbox_messages, statistics.inbox_bytes) == (2, 1, 5)
    assert statistics.outbox.sent_frames == 2
    assert sockets[0].remote == "unknown"
    nursery.cancel_scope.cancel()


async def test_who_has_much_to_say_can_wait_for_room(nursery: trio.Nursery) -> None:
    """Then no limit is met, however long the story."""
    near, far = trio.testing.lockstep_stream_pair()

    async def tell(socket: Socket) -> None:
        for number in range(50):
            await socket.room()
            socket.send(text_frame(b"%d" % number + b"x" * 100))
        assert not await socket.flush(0)

    limits = Limits(outbox_soft=300, outbox_hard=500)
    nursery.start_soon(partial(serve, near, tell, limits=limits))
    peer = Peer(far)
    await peer.open()
    assert [(await peer.hear_text()).rstrip("x") for _ in range(50)] == [str(number) for number in range(50)]
    assert await peer.hear_close() == (1000, "")


# --- closing ----------------------------------------------------------------------------------------------


async def test_leaving_the_block_says_goodbye(nursery: trio.Nursery) -> None:
    """With what was to be sent before it."""

    async def say_and_leave(socket: Socket) -> None:
        socket.send(text_frame(b"last"))
        await trio.lowlevel.checkpoint()

    peer = served(nursery, say_and_leave)
    await peer.open()
    assert await peer.hear_text() == "last"
    assert await peer.hear_close() == (1000, "")


async def test_close_soon_ends_the_reading_at_once(nursery: trio.Nursery) -> None:
    """The first call counts, and everything that was put before it still goes."""
    closed: list[SocketClosed] = []

    async def close(socket: Socket) -> None:
        nursery.start_soon(receive, socket)
        await trio.testing.wait_all_tasks_blocked()
        socket.send(text_frame(b"last"))
        socket.close_soon(1012, "down")
        socket.close_soon(4409, "too late")
        socket.send(text_frame(b"too late"))
        await trio.testing.wait_all_tasks_blocked()
        await receive(socket)

    async def receive(socket: Socket) -> None:
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        closed.append(error.value)

    peer = served(nursery, close)
    await peer.open()
    assert await peer.hear_text() == "last"
    assert await peer.hear_close() == (1012, "down")
    assert [(end.code, end.reason, str(end)) for end in closed] == [(1012, "down", "1012 down")] * 2


async def test_the_peers_closing_comes_after_its_messages(nursery: trio.Nursery) -> None:
    """What it said before it left is still heard, and then its code and reason."""
    heard: list[object] = []

    async def listen(socket: Socket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        heard.extend([await socket.receive(), await socket.receive()])
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        heard.append((error.value.code, error.value.reason))

    peer = served(nursery, listen)
    await peer.open()
    await peer.say(TextMessage(data="1"), TextMessage(data="2"), CloseConnection(code=3000, reason="bye"))
    assert await peer.hear_close() == (3000, "bye")
    assert heard == ["1", "2", (3000, "bye")]


async def test_a_close_without_a_code_is_answered_too(nursery: trio.Nursery) -> None:
    """1005 is its name, which never goes over the wire."""
    ends: list[int] = []

    async def listen(socket: Socket) -> None:
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)

    near, far = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, near, listen)
    await far.send_all(HANDSHAKE)
    await far.receive_some()
    await far.send_all(b"\x88\x80mask")
    assert await far.receive_some() == b"\x88\x00"
    assert await far.receive_some() == b""
    assert ends == [1005]


async def test_an_exception_of_the_block_comes_out_as_it_is() -> None:
    """Not wrapped in a group; and the peer is told goodbye all the same."""

    async def fail(socket: Socket) -> None:
        del socket
        await trio.lowlevel.checkpoint()
        raise KeyError("mine")

    near, far = trio.testing.memory_stream_pair()
    peer = Peer(far)

    async def talk() -> None:
        await peer.open()
        assert await peer.hear_close() == (1000, "")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        with pytest.raises(KeyError, match="mine"):
            await serve(near, fail)


async def test_a_cancel_from_outside_still_says_goodbye() -> None:
    """Whole frames, the close frame, the end: within the closing time, although the peer does not answer."""
    near, far = trio.testing.memory_stream_pair()
    peer = Peer(far)

    async def talk(socket: Socket) -> None:
        socket.send(text_frame(b"x" * 1000))
        await trio.sleep_forever()

    async def cancelled() -> None:
        with trio.move_on_after(5):
            await serve(near, talk)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancelled)
        await peer.open()
    assert trio.current_time() == pytest.approx(5 + 2)
    assert await peer.hear_text() == "x" * 1000
    assert isinstance(await peer.hear(), CloseConnection)
    assert await peer.hear() is None


@given(st.integers(0, 200), st.integers(1, 30_000))
async def test_a_cancel_at_any_moment_tears_nothing(moment: int, size: int) -> None:
    """What a reading client gets is whole messages in order, the close frame, and the end."""
    near, far = (trio.SocketStream(end) for end in trio.socket.socketpair())

    async def tell(socket: Socket) -> None:
        for number in range(1000):
            await socket.room()
            socket.send(text_frame(b"%d:" % number + b"x" * size))
            await trio.lowlevel.checkpoint()

    async def serve_for_a_while() -> None:
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_after, scope, moment)
            await serve(near, tell)
        await trio.aclose_forcefully(near)

    async with near, far, trio.open_nursery() as nursery:
        nursery.start_soon(serve_for_a_while)
        peer = Peer(far)
        await peer.say(Request(host="localhost", target="/ws/a"))
        heard = "".join([type(event).__name__[0] async for event in until_the_end(peer)])
    assert heard in {"", "AC"} or heard == "A" + "T" * (len(heard) - 2) + "C"


async def cancel_after(scope: trio.CancelScope, checkpoints: int) -> None:
    """Cancel at some moment."""
    for _ in range(checkpoints):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def until_the_end(peer: Peer) -> AsyncGenerator[Event]:
    """Every event; fragments of a message are put together, and the close frame is answered."""
    expected = 0
    text = ""
    while (event := await peer.hear()) is not None:
        if isinstance(event, TextMessage):
            text += event.data
            if not event.message_finished:
                continue
            assert text.startswith(f"{expected}:")
            expected, text = expected + 1, ""
        if isinstance(event, CloseConnection):
            await peer.say(event.response())
        yield event


async def test_a_close_in_answer_ends_the_closing_at_once() -> None:
    """A drain of thousands of idle clients must not take the closing time."""

    async def leave(socket: Socket) -> None:
        socket.close_soon(1012)
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        peer = served(nursery, leave)
        await peer.open()
        await peer.hear_close()
    assert trio.current_time() == 0


async def test_closing_hears_the_peer_out(nursery: trio.Nursery) -> None:
    """More messages than the inbox holds may stand before its close frame."""

    async def leave(socket: Socket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        socket.close_soon(1012)

    peer = served(nursery, leave, limits=Limits(inbox_messages=2, inbox_size=20))
    await peer.open()
    await peer.say(*(TextMessage(data="0123456789") for _ in range(50)))
    assert await peer.hear_close() == (1012, "")


# --- hostile peers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 426),
        (HANDSHAKE.replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
        (HANDSHAKE.replace(b"GET", b"POST"), 400),
    ],
)
async def test_a_malformed_handshake_is_answered(lines: bytes, status: int) -> None:
    """And the block is not entered; nobody hangs until a time limit."""
    near, far = trio.testing.memory_stream_pair()
    await far.send_all(lines)
    await far.send_eof()
    with pytest.raises(SocketClosed):
        await serve(near, echo)
    assert trio.current_time() == 0
    answer = b""
    while piece := await far.receive_some():
        answer += piece
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert answer.count(b"\r\n\r\n") == 1
    assert b"\x88" not in answer


@pytest.mark.parametrize("name", [b"Host: \xff", b"Connection: \xff, upgrade", b"Sec-WebSocket-Protocol: \xff"])
async def test_a_handshake_on_which_the_library_fails_harms_nobody(
    name: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes beyond ASCII in a header raise inside the library; that ends this stream, with a line in the log."""
    near, far = trio.testing.memory_stream_pair()
    field = name.partition(b":")[0] + b":"
    lines = [line for line in HANDSHAKE.split(b"\r\n") if not line.startswith(field)]
    await far.send_all(b"\r\n".join([lines[0], name, *lines[1:]]))
    await far.send_eof()
    with pytest.raises(SocketClosed):
        await serve(near, echo)
    assert "broke on what it sent" in caplog.text


@pytest.mark.parametrize(("handshake_time", "patience"), [(3, math.inf), (math.inf, 3)])
async def test_a_handshake_that_never_ends_is_ended(handshake_time: float, patience: float) -> None:
    """By the time limit or by a cancel from outside, and the closing adds its two seconds at most."""
    near, far = trio.testing.memory_stream_pair()
    await far.send_all(HANDSHAKE)
    head = await HttpStream(near, Limits(), lambda: False).read_head()
    assert head is not None
    with trio.move_on_after(patience), suppress(SocketClosed):
        async with open_socket(near, head, limits=Limits(handshake_time=handshake_time)):
            pytest.fail("the head was not sent again")
    assert 3 <= trio.current_time() <= 5
    assert await far.receive_some() == b""


async def test_a_handshake_whose_answer_nobody_reads_is_ended() -> None:
    """Nothing is queued behind an answer that is not out."""
    near, far = trio.testing.lockstep_stream_pair()
    ends: list[SocketClosed] = []

    async def server() -> None:
        with pytest.raises(SocketClosed) as error:
            await serve(near, echo, limits=Limits(handshake_time=3))
        ends.append(error.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server)
        await far.send_all(HANDSHAKE)
    assert [end.code for end in ends] == [1006]
    assert trio.current_time() <= 3 + 2


async def test_a_burst_right_after_the_handshake_cannot_swallow_its_answer(nursery: trio.Nursery) -> None:
    """An overflow gives up what waits, and the answer must not be among it."""

    async def flood(socket: Socket) -> None:
        for _ in range(100):
            socket.send(text_frame(b"x" * 98))
        await echo(socket)

    peer = served(nursery, flood, limits=Limits(outbox_soft=500, outbox_hard=1000))
    await peer.open()
    assert (await peer.hear_close())[0] == 4008


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(b"\x81\x01x", 1002, id="unmasked"),
        pytest.param(b"\x83\x80mask", 1002, id="unknown opcode"),
        pytest.param(b"\xb1\x80mask", 1002, id="reserved bits"),
        pytest.param(b"\x80\x80mask", 1002, id="continuation of nothing"),
        pytest.param(b"\x09\x80mask", 1002, id="fragmented ping"),
        pytest.param(b"\x89\xfe\x00\x7emask" + b"x" * 126, 1002, id="long ping"),
        pytest.param(b"\x81\xfe\x00\x01maskx", 1002, id="length too long for itself"),
        pytest.param(b"\x81\x81\x00\x00\x00\x00\xff", 1007, id="not UTF-8"),
        pytest.param(b"\x88\x81mask\x00", 1002, id="half a close code"),
        pytest.param(b"\x88\x82\x00\x00\x00\x00" + (999).to_bytes(2), 1002, id="forbidden close code"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 1002, id="another request"),
    ],
)
async def test_who_breaks_the_protocol_is_told_so(frames: bytes, code: int, nursery: trio.Nursery) -> None:
    """With a close frame, and the application hears the same code."""
    ends: list[int] = []

    async def listen(socket: Socket) -> None:
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)

    near, far = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, near, listen)
    await far.send_all(HANDSHAKE)
    await far.receive_some()
    await far.send_all(frames)
    closing = bytes(await far.receive_some())
    assert (closing[0], int.from_bytes(closing[2:4])) == (0x88, code)
    assert await far.receive_some() == b""
    assert ends == [code]
    await far.send_eof()


@pytest.mark.parametrize(("size", "code"), [(1000, 1000), (1001, 1009)])
async def test_a_message_at_the_limit_and_one_past_it(size: int, code: int, nursery: trio.Nursery) -> None:
    """1009, and the limit counts bytes: a character may be four (T8)."""
    ends: list[int] = []

    async def listen(socket: Socket) -> None:
        with suppress(SocketClosed):
            await socket.receive()
            socket.close_soon(1000)
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)

    peer = served(nursery, listen, limits=Limits(message_size=1000))
    await peer.open()
    await peer.say(TextMessage(data="\N{GRINNING FACE}" * (size // 4) + "x" * (size % 4)))
    assert (await peer.hear_close())[0] == code
    assert ends == [code]


async def test_endless_fragments_end(nursery: trio.Nursery) -> None:
    """Empty ones are counted, large ones summed up (T8)."""
    for part in ("", "x" * 100):
        peer = served(nursery, limits=Limits(message_size=1000, message_fragments=50))
        await peer.open()
        for _ in range(60):
            await peer.say(TextMessage(data=part, message_finished=False))
        assert (await peer.hear_close())[0] == 1009


async def test_a_ping_behind_a_message_too_large_breaks_nothing(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    """The library alone would answer it in a state in which it cannot, and take the server down."""
    peer = served(nursery, limits=Limits(message_size=10))
    await peer.open()
    await peer.say(TextMessage(data="x" * 11), Ping())
    assert (await peer.hear_close())[0] == 1009
    assert caplog.text == ""


async def test_a_stream_that_just_ends_is_1006(nursery: trio.Nursery) -> None:
    """There was no closing, so there is no code on the wire and no close frame in answer."""
    ends: list[int] = []

    async def listen(socket: Socket) -> None:
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)

    peer = served(nursery, listen)
    await peer.open()
    await peer.stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert ends == [1006]


async def test_who_does_not_read_is_closed_with_4008(nursery: trio.Nursery) -> None:
    """The rest of its queue is given up; if it reads after all it learns why (T14)."""
    near, far = trio.testing.lockstep_stream_pair()
    told: list[bool] = []
    ends: list[int] = []

    async def flood(socket: Socket) -> None:
        for _ in range(11):
            socket.send(text_frame(b"x" * 98))
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)

    limits = Limits(outbox_soft=500, outbox_hard=1000)
    nursery.start_soon(partial(serve, near, flood, limits=limits, on_overflow=lambda: told.append(True)))
    peer = Peer(far)
    await peer.open()
    await trio.testing.wait_all_tasks_blocked()
    assert (told, ends) == ([True], [4008])
    assert await peer.hear_close() == (4008, "the client reads too slowly")


async def test_who_takes_no_byte_is_cut_off() -> None:
    """After ten seconds for the stall and two for the closing, and its queue is gone (T14)."""
    near, far = trio.testing.lockstep_stream_pair()

    async def say(socket: Socket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        socket.send(text_frame(b"x"))
        await echo(socket)

    async with trio.open_nursery() as nursery:
        peer = Peer(far)
        nursery.start_soon(serve, near, say)
        await peer.open()
    assert 10 <= trio.current_time() <= 12.1


async def test_pings_without_end_and_without_reading_are_too_much() -> None:
    """Pongs go through the same queue, so they have the same limit."""
    near, far = trio.testing.lockstep_stream_pair()
    ends: list[int] = []

    async def listen(socket: Socket) -> None:
        with pytest.raises(SocketClosed) as error:
            await socket.receive()
        ends.append(error.value.code)

    async with trio.open_nursery() as nursery:
        peer = Peer(far)
        nursery.start_soon(partial(serve, near, listen, limits=Limits(outbox_soft=500, outbox_hard=1000)))
        await peer.open()
        with suppress(trio.BrokenResourceError):
            for _ in range(20):
                await peer.say(Ping(payload=b"x" * 100))
    assert ends == [4008]


@given(st.binary(max_size=400), st.integers(0, 3))
def test_garbage_ends_cleanly(garbage: bytes, messages: int) -> None:
    """Whatever a client sends, the block ends with `SocketClosed`, in time, and nothing else gets out."""

    async def main() -> None:
        near, far = trio.testing.memory_stream_pair()
        peer = Peer(far)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, near, echo)
            await peer.open()
            await peer.say(*(TextMessage(data="fine") for _ in range(messages)))
            await far.send_all(garbage)
            await far.send_eof()
            answer = b""
            while piece := await far.receive_some():
                answer += piece
            assert answer.startswith(text_frame(b"fine") * messages)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
