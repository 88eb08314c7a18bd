"""What the daemon does with byte streams, whatever they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast, final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

READ_SIZE: Final = 64 * 1024


@final
class ReplayStream(trio.abc.Stream):
    """A stream that first gives back bytes which were already read from it.

    Args:
        transport: the stream itself.
        read: the pieces that were read; each is given back as one piece.
    """

    def __init__(self, transport: trio.abc.Stream, read: Iterable[bytes]) -> None:
        self.transport = transport
        self._read = [piece for piece in read if piece]

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive what was read before, then what comes."""
        if not self._read:
            return await self.transport.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        piece = self._read.pop(0)
        if max_bytes is not None and len(piece) > max_bytes:
            self._read.insert(0, piece[max_bytes:])
        return piece[:max_bytes]

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send on the stream itself."""
        await self.transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait on the stream itself."""
        await self.transport.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream itself."""
        await self.transport.aclose()


def transport_of(stream: trio.abc.Stream) -> trio.abc.Stream:
    """The stream that a `ReplayStream` stands before; any other is its own."""
    return stream.transport if isinstance(stream, ReplayStream) else stream


def peer_of(stream: trio.abc.Stream) -> tuple[str, int] | None:
    """Host and port of the other end, through TLS too; None for a stream that has none or has lost it."""
    inner = transport_of(stream)
    while isinstance(inner, trio.SSLStream):
        inner = cast("trio.SSLStream[trio.abc.Stream]", inner).transport_stream
    if not isinstance(inner, trio.SocketStream):
        return None
    try:
        host, port, *_ = inner.socket.getpeername()
    except (OSError, ValueError):
        return None
    return host, port


def peer_text(stream: trio.abc.Stream) -> str:
    """The other end's address as people write it: `127.0.0.1:5000`, `[::1]:5000`, or `unknown`."""
    peer = peer_of(stream)
    if peer is None:
        return "unknown"
    host, port = peer
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def hang_up(stream: trio.abc.Stream, *, within: float) -> None:
    """Close a stream so that the peer can read the last bytes sent to it.

    A socket closed while bytes from the peer lie unread is reset, and a reset destroys what the peer has not read
    yet. So this ends the own side first and reads on, to the peer's end or for `within` seconds, whichever is
    sooner. Whatever goes wrong meanwhile, the stream ends closed.
    """
    stream = transport_of(stream)
    try:
        with trio.move_on_after(within):
            if isinstance(stream, trio.abc.HalfCloseableStream):
                await stream.send_eof()
            while await stream.receive_some(READ_SIZE):
                pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        await trio.aclose_forcefully(stream)
