"""The one writer of a socket: order, bounds, patience, and never a torn frame with another behind it."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.outbox import CHUNK, Outbox
from bluev_actors.daemon.streams import ReplayStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


VIRTUAL_TIME = True


def outbox_for(
    stream: trio.abc.Stream,
    on_overflow: Callable[[], None] = lambda: None,
    *,
    soft: int = 100,
    hard: int = 1000,
    stall: float = 10.0,
) -> Outbox:
    """An outbox with small limits."""
    return Outbox(stream, on_overflow, soft, hard, stall)


class Recorder(trio.abc.Stream):
    """Notes every write; each waits for `pace` seconds first, or fails."""

    def __init__(self, pace: float = 0.0, failure: Exception | None = None) -> None:
        self.writes: list[bytes] = []
        self.closed = False
        self._pace = pace
        self._failure = failure

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Take the data."""
        await trio.sleep(self._pace)
        if self._failure is not None:
            raise self._failure
        self.writes.append(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Not asked for."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Nothing comes."""
        del max_bytes
        return b""

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True
        await trio.lowlevel.checkpoint()


Pair: TypeAlias = "tuple[trio.SocketStream, trio.SocketStream]"


@asynccontextmanager
async def socket_pair() -> AsyncGenerator[Pair]:
    """Two ends of a real socket with small buffers."""
    ends = trio.socket.socketpair()
    for end in ends:
        end.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, 8192)
        end.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 8192)
    near, far = (trio.SocketStream(end) for end in ends)
    async with near, far:
        yield near, far


@pytest.fixture
async def pair() -> AsyncGenerator[Pair]:
    """Two ends of a real socket, for a test."""
    async with socket_pair() as ends:
        yield ends


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything up to the end, or up to a reset."""
    data = b""
    try:
        while piece := await stream.receive_some():
            data += piece
    except trio.BrokenResourceError:
        pass
    return data


async def test_what_waits_is_sent_in_one_write(nursery: trio.Nursery) -> None:
    """In the order it was put."""
    stream = Recorder()
    outbox = outbox_for(stream)
    for frame in (b"a", b"b", b"c"):
        outbox.put(frame)
    nursery.start_soon(outbox.run)
    assert await outbox.flush(1)
    assert stream.writes == [b"abc"]
    outbox.put(b"d")
    assert await outbox.flush(1)
    assert stream.writes == [b"abc", b"d"]
    nursery.cancel_scope.cancel()


async def test_a_write_is_bounded(pair: Pair, nursery: trio.Nursery) -> None:
    """Joining stops at a chunk, so that one busy socket does not hold up the others; TLS gets still smaller pieces."""
    pieces: list[int] = []
    near, far = pair
    stream = Recorder()
    for outbox in (outbox_for(stream, hard=10 * CHUNK), outbox_for(near, hard=10 * CHUNK)):
        for _ in range(5):
            outbox.put(b"x" * (CHUNK // 2))
        outbox.close()
        nursery.start_soon(outbox.run)
    with trio.fail_after(5):
        while sum(pieces) < 5 * CHUNK // 2:
            pieces.append(len(await far.receive_some()))
    await trio.testing.wait_all_tasks_blocked()
    assert b"".join(stream.writes) == b"x" * (5 * CHUNK // 2)
    assert max(map(len, stream.writes)) <= CHUNK


async def test_run_ends_when_a_closed_outbox_is_empty() -> None:
    """The farewell is the last, and what comes later is counted and dropped."""
    stream = Recorder()
    outbox = outbox_for(stream)
    outbox.put(b"a")
    outbox.close(b"bye")
    outbox.close(b"bye again")
    outbox.put(b"late")
    await outbox.run()
    assert b"".join(stream.writes) == b"abye"
    assert outbox.statistics().dropped_frames == 1
    assert not stream.closed


async def test_a_waiting_writer_notices_the_closing(nursery: trio.Nursery) -> None:
    """It does not sleep for ever on an empty queue."""
    outbox = outbox_for(Recorder())
    nursery.start_soon(outbox.run)
    await trio.testing.wait_all_tasks_blocked()
    outbox.close()
    with trio.fail_after(1):
        await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks


async def test_at_the_hard_limit_and_one_byte_past_it() -> None:
    """At the limit all is well; past it the owner is told once and everything that waits is given up."""
    told: list[bool] = []
    outbox = outbox_for(Recorder(), lambda: told.append(True), soft=5, hard=10)
    outbox.put(b"12345")
    outbox.put(b"67890")
    assert (told, outbox.overflowed) == ([], False)
    outbox.put(b"!")
    outbox.put(b"?")
    assert (told, outbox.overflowed) == ([True], True)
    statistics = outbox.statistics()
    assert (statistics.queued_bytes, statistics.high_water, statistics.dropped_frames) == (0, 11, 4)


async def test_one_frame_of_any_size_is_taken_while_little_waits() -> None:
    """A large answer to a client that reads is no reason to lose it; a second one behind it would be."""
    outbox = outbox_for(Recorder(), soft=5, hard=10)
    outbox.put(b"hello")
    outbox.put(b"x" * 100)
    behind_little = outbox.overflowed
    outbox.put(b"x")
    assert (behind_little, outbox.overflowed) == (False, True)


async def test_room_is_when_less_waits_than_the_soft_limit(pair: Pair, nursery: trio.Nursery) -> None:
    """Whoever has a long history to send goes at the reader's pace."""
    near, far = pair
    outbox = outbox_for(near, soft=50_000, hard=1_000_000)
    nursery.start_soon(outbox.run)
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(20):
            await outbox.room()
            outbox.put(b"x" * 30_000)
            sent += 1
        outbox.close()

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    assert sent < 20
    received = 0
    while received < 20 * 30_000:
        received += len(await far.receive_some())
    assert (sent, outbox.overflowed) == (20, False)


async def test_nobody_waits_for_room_in_a_closed_outbox(nursery: trio.Nursery) -> None:
    """Nor in one that closes meanwhile."""
    outbox = outbox_for(Recorder(), soft=1)
    outbox.put(b"xx")
    nursery.start_soon(outbox.room)
    await trio.testing.wait_all_tasks_blocked()
    assert nursery.child_tasks
    outbox.close()
    await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks
    await outbox.room()


async def test_at_the_soft_limit_and_one_byte_past_it() -> None:
    """It is only a hint."""
    outbox = outbox_for(Recorder(), soft=3)
    outbox.put(b"123")
    at_the_limit = outbox.above_soft_limit
    outbox.put(b"4")
    assert (at_the_limit, outbox.above_soft_limit, outbox.overflowed) == (False, True, False)


async def test_after_an_overflow_the_farewell_follows_what_was_in_flight(pair: Pair, nursery: trio.Nursery) -> None:
    """So a client that reads after all gets whole frames, and then the reason."""
    near, far = pair
    outbox = outbox_for(near, lambda: outbox.close(b"<bye>"), hard=400_000)
    outbox.put(b"<" + b"x" * 200_000 + b">")
    nursery.start_soon(outbox.run)
    await trio.testing.wait_all_tasks_blocked()
    outbox.put(b"<" + b"y" * 250_000 + b">")
    assert outbox.overflowed
    nursery.start_soon(close_when_done, outbox, near)
    with trio.fail_after(5):
        assert await read_all(far) == b"<" + b"x" * 200_000 + b"><bye>"


async def close_when_done(outbox: Outbox, stream: trio.abc.Stream) -> None:
    """What an owner does: everything out, then the end."""
    assert await outbox.flush(5)
    await stream.aclose()


async def test_a_peer_that_takes_nothing_is_given_up(pair: Pair) -> None:
    """After the stall limit, to the second; and over a socket nothing is torn by it."""
    near, far = pair
    stalled: list[float] = []

    def on_overflow() -> None:
        stalled.append(trio.current_time())
        outbox.close(b"<bye>")

    outbox = outbox_for(near, on_overflow, hard=1_000_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(b"<" + b"x" * 500_000 + b">")
        await trio.sleep(9)
        assert outbox.statistics().stalled_for == pytest.approx(9)
        await trio.sleep(60)
        assert stalled == [pytest.approx(10)]
        nursery.start_soon(close_when_done, outbox, near)
        assert await read_all(far) == b"<" + b"x" * 500_000 + b"><bye>"


async def test_a_stall_behind_an_overflow_is_not_told_again(pair: Pair, nursery: trio.Nursery) -> None:
    """The owner knows already, and the write goes on for as long as the owner lets it."""
    near, far = pair
    told: list[float] = []
    outbox = outbox_for(near, lambda: told.append(trio.current_time()), hard=1_000_000)
    nursery.start_soon(outbox.run)
    outbox.put(b"x" * 500_000)
    await trio.sleep(3)
    outbox.put(b"y" * 600_000)
    outbox.close(b"<bye>")
    await trio.sleep(60)
    nursery.start_soon(close_when_done, outbox, near)
    assert await read_all(far) == b"x" * 500_000 + b"<bye>"
    assert told == [3]


async def test_any_byte_taken_is_progress(pair: Pair) -> None:
    """A slow reader is no dead one: the patience begins anew with each write."""
    near, far = pair
    outbox = outbox_for(near, hard=1_000_000)
    outbox.put(b"x" * 300_000)
    outbox.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        received = 0
        while received < 300_000:
            await trio.sleep(9)
            received += len(await far.receive_some(20_000))
    assert not outbox.overflowed
    assert trio.current_time() > 60


async def test_a_stream_that_cannot_say_how_far_it_got_is_closed_by_a_stall() -> None:
    """The write had to be cut off, so the frame is torn, and nothing may follow."""
    told: list[float] = []
    stream = Recorder(pace=math.inf)
    outbox = outbox_for(stream, lambda: told.append(trio.current_time()))
    outbox.put(b"x")
    await outbox.run()
    assert told == [pytest.approx(10)]
    assert (outbox.broken, stream.closed) == (True, True)
    assert not await outbox.flush(1)


@pytest.mark.parametrize(
    "failure", [trio.BrokenResourceError("gone"), trio.ClosedResourceError("closed"), OSError("reset")]
)
async def test_a_failed_write_closes_the_stream(failure: Exception) -> None:
    """And ends the writer quietly: that a peer has gone is no failure of ours."""
    stream = Recorder(failure=failure)
    outbox = outbox_for(stream)
    outbox.put(b"a")
    outbox.put(b"b")
    await outbox.run()
    outbox.put(b"c")
    assert (outbox.broken, stream.closed, stream.writes) == (True, True, [])
    assert not await outbox.flush(1)


async def test_a_cancel_in_the_midst_of_a_frame_closes_the_stream(pair: Pair, nursery: trio.Nursery) -> None:
    """The torn frame is the last thing that the peer sees, and then the end."""
    near, far = pair
    outbox = outbox_for(near, hard=1_000_000)
    outbox.put(b"<" + b"x" * 500_000 + b">")
    with trio.CancelScope() as scope:
        nursery.start_soon(cancel_when_blocked, scope)
        await outbox.run()
    outbox.put(b"<next>")
    received = await read_all(far)
    assert received.startswith(b"<xxx")
    assert b">" not in received
    assert outbox.broken


async def cancel_when_blocked(scope: trio.CancelScope) -> None:
    """Wait until nothing moves, then cancel."""
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_a_cancel_between_frames_leaves_the_stream_whole(nursery: trio.Nursery) -> None:
    """There is nothing torn, so there is nothing to close."""
    stream = Recorder()
    outbox = outbox_for(stream)
    outbox.put(b"a")
    with trio.CancelScope() as scope:
        nursery.start_soon(cancel_when_blocked, scope)
        await outbox.run()
    assert (stream.writes, stream.closed, outbox.closed, outbox.broken) == ([b"a"], False, True, False)


async def test_flush_waits_for_what_was_there_and_no_longer(pair: Pair, nursery: trio.Nursery) -> None:
    """Who keeps on putting does not keep the flush from ending."""
    near, far = pair
    outbox = outbox_for(near, hard=10_000_000)
    nursery.start_soon(outbox.run)
    outbox.put(b"x" * 100_000)
    done: list[bool] = []

    async def flush() -> None:
        done.append(await outbox.flush(math.inf))

    nursery.start_soon(flush)
    await trio.testing.wait_all_tasks_blocked()
    outbox.put(b"y" * 1_000_000)
    received = 0
    while not done:
        received += len(await far.receive_some(1000))
    assert done == [True]
    assert received < 200_000
    nursery.cancel_scope.cancel()


async def test_flush_gives_up_in_time() -> None:
    """A peer that does not read cannot hold up whoever waits."""
    outbox = outbox_for(Recorder())
    outbox.put(b"a")
    assert not await outbox.flush(3)
    assert trio.current_time() == pytest.approx(3)


async def test_statistics_tell_the_whole_story(nursery: trio.Nursery) -> None:
    """Nothing stalls while nothing waits."""
    outbox = outbox_for(Recorder())
    outbox.put(b"abc")
    outbox.put(b"de")
    nursery.start_soon(outbox.run)
    await outbox.flush(1)
    statistics = outbox.statistics()
    assert (statistics.sent_bytes, statistics.sent_frames) == (5, 2)
    assert (statistics.queued_bytes, statistics.high_water, statistics.stalled_for) == (0, 5, 0)
    nursery.cancel_scope.cancel()


async def test_the_stream_behind_a_replay_is_the_one_written_to(pair: Pair, nursery: trio.Nursery) -> None:
    """So that the figures stay as fine as a socket's."""
    near, far = pair
    outbox = outbox_for(ReplayStream(near, [b"head"]))
    assert outbox.stream is near
    outbox.put(b"a")
    nursery.start_soon(outbox.run)
    assert await far.receive_some() == b"a"
    nursery.cancel_scope.cancel()


@given(st.lists(st.binary(min_size=1, max_size=40_000), max_size=20), st.integers(1, 30_000))
def test_whatever_is_put_arrives_in_order(frames: list[bytes], step: int) -> None:
    """Over a real socket, to a reader of any appetite."""

    async def main() -> None:
        async with socket_pair() as (near, far), trio.open_nursery() as nursery:
            outbox = outbox_for(near, hard=10_000_000)
            nursery.start_soon(outbox.run)
            nursery.start_soon(put_all, outbox, frames)
            received = b""
            while len(received) < sum(map(len, frames)):
                received += await far.receive_some(step)
            assert received == b"".join(frames)
            await trio.testing.wait_all_tasks_blocked()
            assert outbox.statistics().sent_frames == len(frames)

    trio.run(main)


async def put_all(outbox: Outbox, frames: list[bytes]) -> None:
    """Put every frame, now and then letting others run."""
    for index, frame in enumerate(frames):
        outbox.put(frame)
        if index % 3 == 0:
            await trio.lowlevel.checkpoint()
    outbox.close()
