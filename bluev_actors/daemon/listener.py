"""Accepts what knocks at the port, and hands each stream on."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING, Final, Never, final

import trio

from bluev_actors.actors import Actor
from bluev_actors.daemon.streams import hang_up, peer_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import Exit
    from bluev_actors.daemon.limits import Limits

_LOG: Final = logging.getLogger(__name__)

_OUT_OF_SOMETHING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_REST: Final = 0.1
"""Seconds to wait when the machine has no file descriptor or memory left for another socket."""

_MOST_GOODBYES: Final = 64
"""How many refused streams are told so at one time; of more, the stream is closed without a word."""

_BODY: Final = b'{"code":"limit_reached","message":"The daemon has as many connections as it may."}'
FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


@final
class Listener(Actor[Never]):
    """Listens from its start to its stop.

    An address that cannot be listened on fails its start, so that the daemon does not come up half.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.
        on_stream: gets each new stream, and its peer's address as text. A plain call that must not raise.
        on_ready: told host and port once connections are accepted.
        open_connections: how many there are now.
        limits: how many there may be.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        on_stream: Callable[[trio.SocketStream, str], None],
        on_ready: Callable[[str, int], None],
        open_connections: Callable[[], int],
        limits: Limits,
    ) -> None:
        self._host = host
        self._port = port
        self._on_stream = on_stream
        self._on_ready = on_ready
        self._open_connections = open_connections
        self._limits = limits
        self._listeners: list[trio.SocketListener] = []
        self._full = False
        self._goodbyes = 0

    async def on_start(self) -> None:
        """Open the port."""
        self._listeners = await trio.open_tcp_listeners(self._port, host=self._host)
        host, port, *_ = self._listeners[0].socket.getsockname()
        self._on_ready(host, port)

    async def on_stop(self, exit: Exit) -> None:  # noqa: ARG002 - the hook's own signature
        """Close the port."""
        for listener in self._listeners:
            await trio.aclose_forcefully(listener)

    async def run(self) -> None:
        """Accept, on every address that the host's name has."""
        async with trio.open_nursery() as nursery:
            for listener in self._listeners:
                nursery.start_soon(self._accept_all, listener, nursery)

    async def _accept_all(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        while True:
            stream = await _accept(listener)
            if self._has_room():
                self._on_stream(stream, peer_text(stream))
            else:
                nursery.start_soon(self._turn_away, stream)

    def _has_room(self) -> bool:
        """Whether another connection may be; that there is no room any more is logged, once."""
        full = self._open_connections() >= self._limits.connections
        if full and not self._full:
            _LOG.warning("there are %d connections, more are refused", self._limits.connections)
        self._full = full
        return not full

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        """Tell a stream for which there is no room, if not too many are being told already."""
        if self._goodbyes >= _MOST_GOODBYES:
            return await trio.aclose_forcefully(stream)
        self._goodbyes += 1
        try:
            await _say_full(stream, self._limits.close_time)
        finally:
            self._goodbyes -= 1


async def _accept(listener: trio.SocketListener) -> trio.SocketStream:
    """Accept one stream. That there is no room for it on this machine passes, so it is waited out."""
    while True:
        try:
            return await listener.accept()
        except OSError as error:
            if error.errno not in _OUT_OF_SOMETHING:
                raise
            _LOG.error("no stream can be accepted now, trying again in %s s: %s", _REST, error)
            await trio.sleep(_REST)


async def _say_full(stream: trio.SocketStream, within: float) -> None:
    try:
        with trio.move_on_after(within):
            await stream.send_all(FULL)
    except trio.BrokenResourceError:
        pass
    finally:
        await hang_up(stream, within=within)
