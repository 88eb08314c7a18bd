"""One WebSocket of the server side.

trio-websocket does the handshake, control frames and fragments. It is given a stream of ours instead of the real
one: what it writes goes through the `Outbox` like everything else, and what it reads is measured on the way.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, final

import trio
from attrs import frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from bluev_actors.daemon.frames import PING, close_frame
from bluev_actors.daemon.outbox import Outbox, OutboxStatistics
from bluev_actors.daemon.streams import hang_up, peer_text, transport_of
from bluev_actors.daemon.wire import Wire
from bluev_actors.protocol.codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bluev_actors.daemon.limits import Limits
    from bluev_actors.daemon.request import RequestHead

_LOG: Final = logging.getLogger(__name__)

NORMAL: Final = 1000
BROKEN: Final = 1006


@final
class SocketClosed(Exception):  # noqa: N818 - the end of a conversation is no error
    """The socket is closed, or was never opened.

    Args:
        code: the close code, of whoever closed first; 1006 where there was no closing.
        reason: the text that came with it.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


@frozen
class SocketStatistics:
    """What went through a socket.

    Attributes:
        outbox: its outgoing half.
        received_bytes: bytes that came in, all protocol included.
        received_messages: messages that came in whole.
        inbox_messages: messages read ahead of the application.
        inbox_bytes: their bytes.
    """

    outbox: OutboxStatistics
    received_bytes: int
    received_messages: int
    inbox_messages: int
    inbox_bytes: int


@asynccontextmanager
async def open_socket(
    stream: trio.abc.Stream,
    head: RequestHead,
    *,
    limits: Limits,
    subprotocol: str | None = None,
    on_overflow: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Socket]:
    """Answer the handshake, and keep the socket open for the block.

    Leaving the block sends a close frame, unless one was sent or received, and closes the stream, all within
    `limits.close_time`, also when the block is cancelled.

    Args:
        stream: a stream that gives the request's head first, as `serve_stream` hands it over.
        head: that head.
        limits: sizes and times.
        subprotocol: what to answer; must be one that the client offered.
        on_overflow: called once when the peer reads too slowly, after the closing with 4008 has begun.

    Raises:
        SocketClosed: the handshake failed; the peer got its 400, when there was still a peer.
    """
    failure: BaseException | None = None
    socket = Socket(stream, head, limits, on_overflow)
    async with trio.open_nursery() as nursery:
        try:
            await socket.start(nursery, subprotocol)
            yield socket
        except BaseException as error:  # noqa: BLE001 - raised again below, outside the nursery that would wrap it
            failure = error
        nursery.cancel_scope.shield = True
        await socket.aclose()
    if failure is not None:
        raise failure


@final
class Socket:
    """An open WebSocket; made by `open_socket`.

    Attributes:
        remote: the peer's address as text.
        subprotocol: the sub-protocol that was agreed on.
    """

    def __init__(
        self, stream: trio.abc.Stream, head: RequestHead, limits: Limits, on_overflow: Callable[[], None]
    ) -> None:
        self.remote = peer_text(stream)
        self.subprotocol: str | None = None
        self._limits = limits
        self._transport = transport_of(stream)
        self._told_overflow = on_overflow
        self._outbox = Outbox(stream, self._on_overflow, limits.outbox_soft, limits.outbox_hard, limits.outbox_stall)
        self._wire = Wire(stream, len(head.raw), self._outbox, limits, self.close_soon)
        self._library: WebSocketConnection | None = None
        self._life = trio.CancelScope(shield=True)
        self._settled = trio.Event()
        self._receiving = trio.CancelScope()
        self._closing = False
        self._heard_all = trio.Event()
        self._ending: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        """Queue a whole frame, or several. Once the socket is closing it is dropped."""
        self._outbox.put(frame)

    async def receive(self) -> str | bytes:
        """Wait for the next message; for one task at a time.

        Raises:
            SocketClosed: there will be none. What had come before is still given out, unless the closing is our
                own.
        """
        if not self._closing:
            with trio.CancelScope() as self._receiving:
                return await self._next_message()
        raise self._closed()

    def ping(self) -> None:
        """Send a protocol ping; the pong shows in `last_seen`."""
        self._outbox.put(PING)

    def close_soon(self, code: int = NORMAL, reason: str = "") -> None:
        """Begin the closing: `receive` ends, nothing more is sent but the close frame. The first call counts."""
        self._closing = True
        self._end(code, reason)
        self._outbox.close(close_frame(code, reason) if self._library is not None else b"")
        self._receiving.cancel()

    @property
    def last_seen(self) -> float:
        """When the last byte of the peer came, in `trio.current_time()`.

        While the daemon itself is behind with reading, the peer's silence cannot be told from its own deafness;
        then it is now.
        """
        return self._wire.last_seen if self._wire.listening else trio.current_time()

    @property
    def above_soft_limit(self) -> bool:
        """Whether so much waits to be sent that updates should be joined."""
        return self._outbox.above_soft_limit

    async def flush(self, within: float) -> bool:
        """Wait until everything is sent, for `within` seconds at most; whether it was."""
        return await self._outbox.flush(within)

    async def room(self) -> None:
        """Wait until less waits to be sent than the soft limit, or the socket is closing."""
        await self._outbox.room()

    def statistics(self) -> SocketStatistics:
        """What went through it."""
        return SocketStatistics(
            outbox=self._outbox.statistics(),
            received_bytes=self._wire.received_bytes,
            received_messages=self._wire.received_messages,
            inbox_messages=len(self._wire.unread),
            inbox_bytes=self._wire.unread_bytes,
        )

    async def start(self, nursery: trio.Nursery, subprotocol: str | None) -> None:
        """Start reading and writing, and wait for the end of the handshake; `SocketClosed` when it failed."""
        nursery.start_soon(self._live, subprotocol)
        await self._settled.wait()
        # The answer is out before anything else is queued, so that no overflow can ever drop it.
        if self._library is None or not await self._outbox.flush(self._limits.handshake_time):
            raise self._closed()

    async def aclose(self) -> None:
        """End the conversation and close the stream, within the limit's time."""
        self.close_soon()
        try:
            with trio.move_on_after(self._limits.close_time):
                await self._outbox.flush(self._limits.close_time)
                await self._hear_out()
                if self._heard_all.is_set() and not self._wire.peer_closed:
                    await hang_up(self._transport, within=self._limits.close_time)
        finally:
            self._life.cancel()
            await trio.aclose_forcefully(self._transport)

    async def _live(self, subprotocol: str | None) -> None:
        """Read and write until `aclose` ends it: a cancel from outside must not come before the goodbye."""
        with self._life:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._outbox.run)
                await self._listen(subprotocol)

    async def _listen(self, subprotocol: str | None) -> None:
        """Let the library read to the end. Whatever it raises stays here: what a peer sends harms nobody else."""
        try:
            async with trio.open_nursery() as nursery:
                await self._shake_hands(nursery, subprotocol)
        except* Exception as errors:  # noqa: BLE001 - the boundary to code that reads what strangers send
            _LOG.warning("the WebSocket of %s broke on what it sent: %r", self.remote, errors.exceptions)
        finally:
            self._heard_all.set()
            self._note_end()

    async def _shake_hands(self, nursery: trio.Nursery, subprotocol: str | None) -> None:
        with trio.move_on_after(self._limits.handshake_time) as patience:
            # The library answers a malformed request with 400 and then waits for a better one for ever.
            self._wire.on_close = patience.cancel
            request = await wrap_server_stream(
                nursery,
                self._wire,
                message_queue_size=self._limits.inbox_messages,
                max_message_size=self._limits.message_size,
            )
            self._library = await request.accept(subprotocol=subprotocol)
            self.subprotocol = subprotocol
            self._wire.accepted.set()
            self._settled.set()
        if self._library is None:
            nursery.cancel_scope.cancel()

    async def _next_message(self) -> str | bytes:
        if self._library is None:
            raise self._closed()
        try:
            message = await self._library.get_message()
        except ConnectionClosed:
            self._note_end()
            raise self._closed() from None
        self._wire.taken()
        return message

    async def _hear_out(self) -> None:
        """Take what the peer still says, up to its own close frame: an unread byte would reset the connection."""
        with suppress(SocketClosed):
            while True:
                await self._next_message()
        if self._library is not None:
            await self._heard_all.wait()

    def _note_end(self) -> None:
        """Note who closed and why, and tell a peer who broke the rules; one who closed has its answer already."""
        closed = self._library.closed if self._library is not None else None
        code, reason = (closed.code, closed.reason or "") if closed is not None else (BROKEN, "")
        self._end(code, reason)
        self._outbox.close(b"" if code == BROKEN else close_frame(code, reason))
        self._settled.set()

    def _on_overflow(self) -> None:
        self.close_soon(CloseCode.SLOW, "the client reads too slowly")
        self._told_overflow()

    def _end(self, code: int, reason: str) -> None:
        self._ending = self._ending or (code, reason)

    def _closed(self) -> SocketClosed:
        return SocketClosed(*(self._ending or (BROKEN, "")))
