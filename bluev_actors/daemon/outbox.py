"""All outgoing bytes of one socket, in one queue with one writer.

Whoever has something to send hands over whole frames with a plain call, which neither waits nor can be cancelled
half way; only the writer task touches the stream. So no cancellation, wherever it strikes, puts one frame inside
another, and a client that does not read costs its own queue and nobody's time.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final, final

import trio
from attrs import define, field, frozen, setters

from bluev_actors.daemon.streams import transport_of

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK: Final = 64 * 1024
"""How many bytes of small frames are joined for one write."""

PIECE: Final = 16 * 1024
"""How many bytes a stream takes at a time that cannot say how far it got, such as TLS."""


@frozen
class OutboxStatistics:
    """What an outbox holds and has done.

    Attributes:
        queued_bytes: bytes not yet taken by the stream.
        high_water: the most it ever held.
        sent_bytes: bytes the stream has taken.
        sent_frames: frames it has taken whole.
        dropped_frames: frames that were refused or given up.
        stalled_for: seconds for which bytes have waited and none was taken.
    """

    queued_bytes: int
    high_water: int
    sent_bytes: int
    sent_frames: int
    dropped_frames: int
    stalled_for: float


@final
@define(eq=False, on_setattr=setters.NO_OP)  # the hooks of its one converter would run at every count
class Outbox:
    """The queue of one socket; `run` is its writer.

    Args:
        stream: where the bytes go; a `trio.SocketStream` gives the finest figures.
        on_overflow: called once, when the peer takes too little. Nothing is accepted from then on but the farewell
            of `close`; the owner has to close, and to end what it owns within a time of its choice.
        soft_limit: bytes from which `above_soft_limit` is true.
        hard_limit: bytes that may wait; with one more it overflows. A frame of any size is taken while no more than the
            soft limit waits: that a frame is large says nothing about the peer.
        stall_limit: seconds that bytes may wait without any being taken; then it overflows.
    """

    stream: trio.abc.Stream = field(converter=transport_of)
    on_overflow: Callable[[], None]
    soft_limit: int
    hard_limit: int
    stall_limit: float
    overflowed: bool = field(default=False, init=False)
    closed: bool = field(default=False, init=False)
    broken: bool = field(default=False, init=False)
    _frames: deque[bytes] = field(factory=deque[bytes], init=False)
    _queued: int = field(default=0, init=False)
    _in_flight: int = field(default=0, init=False)
    _high_water: int = field(default=0, init=False)
    _sent_bytes: int = field(default=0, init=False)
    _sent_frames: int = field(default=0, init=False)
    _dropped: int = field(default=0, init=False)
    _progress_at: float = field(default=0.0, init=False)
    _work: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _progress: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def put(self, data: bytes) -> None:
        """Queue one or more whole frames; after the end of this outbox they are counted and dropped."""
        if self.closed or self.overflowed:
            self._dropped += 1
            return
        backlog = self._queued
        self._append(data)
        if backlog > min(self.soft_limit, self.hard_limit) and self._queued > self.hard_limit:
            self._overflow()

    def close(self, farewell: bytes = b"") -> None:
        """Accept nothing more after `farewell`, a whole frame; what was accepted is still sent."""
        if self.closed:
            return
        self.closed = True
        if farewell:
            self._append(farewell)
        self._work.unpark()
        self._progress.unpark_all()

    @property
    def above_soft_limit(self) -> bool:
        """Whether so much waits that updates should be joined before they are put here."""
        return self._queued > self.soft_limit

    async def run(self) -> None:
        """Write until everything is sent after `close`, or the stream breaks.

        A write that fails, or that is cancelled with a frame half sent, closes the stream: nothing can follow a
        torn frame.
        """
        try:
            while await self._has_work():
                await self._send(self._take())
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await self._end()

    async def flush(self, within: float) -> bool:
        """Wait until all that waits now is sent, for `within` seconds at most; whether it was."""
        goal = self._sent_bytes + self._queued
        with trio.move_on_after(within):
            while self._sent_bytes < goal and self._queued and not self.broken:
                await self._progress.park()
        return self._sent_bytes >= goal

    async def room(self) -> None:
        """Wait until less than the soft limit waits, or nothing is accepted any more; for whoever has much to say."""
        while self.above_soft_limit and not self.closed:
            await self._progress.park()

    def statistics(self) -> OutboxStatistics:
        """What it holds and has done."""
        return OutboxStatistics(
            queued_bytes=self._queued,
            high_water=self._high_water,
            sent_bytes=self._sent_bytes,
            sent_frames=self._sent_frames,
            dropped_frames=self._dropped,
            stalled_for=trio.current_time() - self._progress_at if self._queued else 0.0,
        )

    def _append(self, data: bytes) -> None:
        if not self._queued:
            self._progress_at = trio.current_time()
        self._frames.append(data)
        self._queued += len(data)
        self._high_water = max(self._high_water, self._queued)
        self._work.unpark()

    def _overflow(self) -> None:
        """Give up what no byte has been sent of; what is in flight goes on, so that a farewell can follow it."""
        if self.overflowed:
            return
        self.overflowed = True
        self._drop_waiting()
        self.on_overflow()

    def _drop_waiting(self) -> None:
        self._dropped += len(self._frames)
        self._frames.clear()
        self._queued = self._in_flight

    async def _has_work(self) -> bool:
        while not self._frames:
            if self.closed:
                return False
            await self._work.park()
        return True

    def _take(self) -> list[bytes]:
        frames = [self._frames.popleft()]
        size = len(frames[0])
        while self._frames and size + len(self._frames[0]) <= CHUNK:
            size += len(self._frames[0])
            frames.append(self._frames.popleft())
        self._in_flight = size
        return frames

    async def _send(self, frames: list[bytes]) -> None:
        with memoryview(frames[0] if len(frames) == 1 else b"".join(frames)) as data:
            while self._in_flight:
                self._sent(await self._send_some(data[len(data) - self._in_flight :]))
        self._sent_frames += len(frames)

    def _sent(self, size: int) -> None:
        self._in_flight -= size
        self._queued -= size
        self._sent_bytes += size
        self._progress_at = trio.current_time()
        self._progress.unpark_all()

    async def _send_some(self, data: memoryview) -> int:
        """Send the beginning of `data`; its length, which is 0 after a wait as long as the stall limit."""
        with trio.move_on_after(math.inf if self.overflowed else self.stall_limit):
            return await self._write(data)
        self._overflow()
        if not isinstance(self.stream, trio.SocketStream):
            raise trio.BrokenResourceError("the write that took no byte in time is torn")
        return 0

    async def _write(self, data: memoryview) -> int:
        """Write once. To a socket this can be cancelled without loss, for it says how far it got."""
        if isinstance(self.stream, trio.SocketStream):
            return await self.stream.socket.send(data)
        piece = data[:PIECE]
        await self.stream.send_all(piece)
        return len(piece)

    async def _end(self) -> None:
        self.closed = True
        self.broken = self._queued > 0
        self._drop_waiting()
        self._progress.unpark_all()
        if self.broken:
            await trio.aclose_forcefully(self.stream)
