"""What the WebSocket library takes for its stream.

Its writes are queued in the outbox, so they never wait. Its reads are measured on the way: a message too large is
refused before it is here, and the reader waits while the application has enough to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, final

import trio

from bluev_actors.daemon.frames import FrameMeter, is_close_frame
from bluev_actors.daemon.streams import READ_SIZE
from bluev_actors.protocol.codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.daemon.limits import Limits
    from bluev_actors.daemon.outbox import Outbox


@final
class Wire(trio.abc.Stream):
    """A stream between the library and the real one.

    Args:
        stream: the real one; it gives the request's head first.
        head_size: how long that head is.
        outbox: where everything goes that the library says.
        limits: how much may come in.
        refuse: called with close code and reason when the peer goes beyond them.

    Attributes:
        accepted: set once the handshake is answered; no frame is read before.
        on_close: called when the library closes the stream.
        peer_closed: whether the peer has sent a close frame, which the library has answered.
        listening: whether the library waits for the peer, and not for the application.
        last_seen: when the last bytes came.
        received_bytes: all that came in.
        received_messages: messages that came in whole.
        unread: the size of each message that the application has not taken yet.
        unread_bytes: their sum.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        head_size: int,
        outbox: Outbox,
        limits: Limits,
        refuse: Callable[[int, str], None],
    ) -> None:
        self.accepted = trio.Event()
        self.on_close: Callable[[], None] = lambda: None
        self.peer_closed = False
        self.listening = True
        self.last_seen = trio.current_time()
        self.received_bytes = 0
        self.received_messages = 0
        self.unread: list[int] = []
        self.unread_bytes = 0
        self._stream = stream
        self._head_left = head_size
        self._outbox = outbox
        self._limits = limits
        self._refuse = refuse
        self._closed = False
        self._meter = FrameMeter()
        self._room = trio.lowlevel.ParkingLot()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue what the library says; a close frame, which it sends only in answer to the peer's, is the last."""
        if is_close_frame(bytes(data[:1])):
            self.peer_closed = True
            self._outbox.close(bytes(data))
        else:
            self._outbox.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Never waits."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:  # noqa: ARG002 - see below
        """Receive what there is, in large reads: the library asks for 4 KiB, but takes what it gets."""
        await self._turn()
        self.listening = True
        try:
            data = await self._stream.receive_some(READ_SIZE)
        finally:
            self.listening = False
        self.last_seen = trio.current_time()
        self.received_bytes += len(data)
        self._measure(bytes(data))
        return data

    async def aclose(self) -> None:
        """End the library's reading; the stream itself is closed by the socket, after the last word is out."""
        self._closed = True
        self.on_close()

    def taken(self) -> None:
        """The application has taken one message."""
        self.unread_bytes -= self.unread.pop(0)
        self._room.unpark()

    async def _turn(self) -> None:
        """Wait until the peer may go on: first its head, then, once it is answered, frames while there is room."""
        if self._closed:
            raise trio.ClosedResourceError("this WebSocket is closed")
        if self._head_left <= 0:
            await self.accepted.wait()
        while self.unread_bytes > self._limits.inbox_size:
            await self._room.park()

    def _measure(self, data: bytes) -> None:
        if self._head_left > 0:
            self._head_left -= len(data)
            return
        sizes = self._meter.feed(data)
        if max([self._meter.size, *sizes]) > self._limits.message_size:
            self._too_big(f"a message has at most {self._limits.message_size} bytes")
        if self._meter.fragments > self._limits.message_fragments:
            self._too_big(f"a message has at most {self._limits.message_fragments} fragments")
        self.unread.extend(sizes)
        self.unread_bytes += sum(sizes)
        self.received_messages += len(sizes)

    def _too_big(self, reason: str) -> NoReturn:
        self._closed = True
        self._refuse(CloseCode.TOO_LARGE, reason)
        raise trio.ClosedResourceError(reason)
