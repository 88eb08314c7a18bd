"""What the WebSocket library takes for its stream."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from attrs import evolve, field, frozen
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, Ping

from bluev_actors.daemon.frames import close_frame, text_frame
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.outbox import Outbox
from bluev_actors.daemon.wire import Wire

VIRTUAL_TIME = True

HEAD = b"GET /ws HTTP/1.1\r\n\r\n"


@frozen
class Line:
    """A wire, and what is at its ends."""

    wire: Wire
    outbox: Outbox
    far: trio.abc.Stream
    refusals: list[tuple[int, str]]
    client: Connection = field(factory=lambda: Connection(ConnectionType.CLIENT))

    async def say(self, *parts: bytes, finished: bool = True) -> None:
        """Send a message in fragments, as a client does."""
        for index, part in enumerate(parts):
            last = finished and index == len(parts) - 1
            await self.far.send_all(self.client.send(BytesMessage(data=part, message_finished=last)))


def line(limits: Limits | None = None, *, accepted: bool = True) -> Line:
    """A wire whose head has been read, if nothing else is said."""
    limits = limits or Limits()
    near, far = trio.testing.memory_stream_pair()
    outbox = Outbox(near, lambda: None, limits.outbox_soft, limits.outbox_hard, limits.outbox_stall)
    refusals: list[tuple[int, str]] = []
    wire = Wire(near, 0 if accepted else len(HEAD), outbox, limits, lambda code, why: refusals.append((code, why)))
    if accepted:
        wire.accepted.set()
    return Line(wire, outbox, far, refusals)


async def test_frames_wait_until_the_head_is_answered(nursery: trio.Nursery) -> None:
    """A client in a hurry loses nothing: the library would throw away what comes before its answer."""
    ends = line(accepted=False)
    await ends.far.send_all(HEAD)
    assert await ends.wire.receive_some() == HEAD
    await ends.say(b"early")
    received: list[bytes] = []

    async def receive() -> None:
        received.append(bytes(await ends.wire.receive_some()))

    nursery.start_soon(receive)
    await trio.testing.wait_all_tasks_blocked()
    assert received == []
    ends.wire.accepted.set()
    await trio.testing.wait_all_tasks_blocked()
    assert len(received) == 1
    assert (ends.wire.received_messages, ends.wire.unread_bytes) == (1, 5)


async def test_what_the_library_says_is_queued() -> None:
    """It never waits for the peer."""
    ends = line()
    await ends.wire.send_all(bytearray(text_frame(b"a")))
    await ends.wire.wait_send_all_might_not_block()
    assert ends.outbox.statistics().queued_bytes == 3
    assert not ends.outbox.closed


async def test_a_close_frame_of_the_library_is_the_last_thing_said() -> None:
    """The library sends one only in answer to the peer's."""
    ends = line()
    await ends.wire.send_all(close_frame(1000))
    await ends.wire.send_all(text_frame(b"late"))
    assert ends.wire.peer_closed
    statistics = ends.outbox.statistics()
    assert (statistics.queued_bytes, statistics.dropped_frames) == (len(close_frame(1000)), 1)


async def test_closing_ends_the_reading_and_not_the_stream() -> None:
    """The last word is still to be sent."""
    ends = line()
    closed: list[bool] = []
    ends.wire.on_close = lambda: closed.append(True)
    await ends.wire.aclose()
    assert closed == [True]
    with pytest.raises(trio.ClosedResourceError):
        await ends.wire.receive_some()
    await ends.far.send_all(b"the stream lives")


async def test_the_peer_is_seen_with_every_byte() -> None:
    """Pongs, pings and pieces of frames count."""
    ends = line()
    await trio.sleep(5)
    await ends.far.send_all(ends.client.send(Ping()))
    await ends.wire.receive_some()
    assert ends.wire.last_seen == trio.current_time()
    assert ends.wire.received_bytes == 6


async def test_while_it_waits_for_the_application_it_does_not_listen(nursery: trio.Nursery) -> None:
    """So the peer waits too, until the application has taken enough."""
    ends = line(Limits(inbox_size=10))
    await ends.say(b"x" * 6)
    await ends.say(b"y" * 6)
    await ends.wire.receive_some()
    assert ends.wire.unread_bytes == 12
    nursery.start_soon(ends.wire.receive_some)
    await trio.testing.wait_all_tasks_blocked()
    deaf = ends.wire.listening
    ends.wire.taken()
    await trio.testing.wait_all_tasks_blocked()
    assert (deaf, ends.wire.listening) == (False, True)
    assert (list(ends.wire.unread), ends.wire.unread_bytes) == ([6], 6)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("parts", [[b"x" * 100], [b"x" * 50, b"", b"x" * 50]])
async def test_a_message_at_the_limit_is_taken(parts: list[bytes]) -> None:
    """In one piece or in several."""
    ends = line(Limits(message_size=100))
    await ends.say(*parts)
    await ends.wire.receive_some()
    assert (ends.refusals, ends.wire.received_messages) == ([], 1)


@pytest.mark.parametrize("parts", [[b"x" * 101], [b"x" * 50, b"x" * 51]])
async def test_a_message_one_byte_past_the_limit_is_refused(parts: list[bytes]) -> None:
    """With 1009, and the reading is over."""
    ends = line(Limits(message_size=100))
    await ends.say(*parts)
    with pytest.raises(trio.ClosedResourceError):
        await ends.wire.receive_some()
    assert ends.refusals == [(1009, "a message has at most 100 bytes")]
    with pytest.raises(trio.ClosedResourceError):
        await ends.wire.receive_some()


async def test_a_message_too_large_is_refused_before_it_is_there() -> None:
    """Its header says how large it will be."""
    ends = line(Limits(message_size=100))
    await ends.far.send_all(bytes((0x81, 0xFF)) + (1 << 40).to_bytes(8) + b"mask")
    with pytest.raises(trio.ClosedResourceError):
        await ends.wire.receive_some()
    assert ends.refusals[0][0] == 1009


@pytest.mark.parametrize(("fragments", "refused"), [(3, False), (4, True)])
async def test_fragments_have_an_end(fragments: int, refused: bool) -> None:
    """Even if they are empty."""
    ends = line(evolve(Limits(), message_fragments=3))
    await ends.say(*([b""] * fragments), finished=False)
    if refused:
        with pytest.raises(trio.ClosedResourceError):
            await ends.wire.receive_some()
    else:
        await ends.wire.receive_some()
    assert ends.refusals == ([(1009, "a message has at most 3 fragments")] if refused else [])
