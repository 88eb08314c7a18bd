"""The whole daemon in memory, without a port: its actors, its protocol, its REST half, and clients to talk to it.

    async with open_daemon() as daemon:
        client = await daemon.connect("alice")
        reply = await client.ask({"type": "execute_workflow", "workflow": {...}})

Its wall clock is Trio's, so under a `MockClock` an hour passes in a moment and every timestamp repeats.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

import trio
import trio.testing
from attrs import define, field

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.server import drain
from bluev_actors.daemon.tree import Daemon, open_daemon_tree
from bluev_actors.engine.runtime import Runtime, open_runtime
from bluev_actors.protocol.messages import PROTOCOL
from bluev_actors.testing.embedded_http import EmbeddedAnswer, exchange
from bluev_actors.testing.embedded_socket import EmbeddedSocket, keep_open, shake_hands_over

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping

    from bluev_actors.daemon.hub import Hub
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json

START: Final = 1_767_225_600.0
"""When an embedded daemon's wall clock begins: the first of January 2026."""

StreamPair: TypeAlias = tuple[trio.abc.Stream, trio.abc.Stream]


@asynccontextmanager
async def open_daemon(
    nodes: Iterable[NodeType] = (), *, settings: Settings | None = None
) -> AsyncGenerator[EmbeddedDaemon]:
    """Run a daemon for the block.

    Args:
        nodes: node types besides the built-in ones.
        settings: as for a daemon with a port, which they are not used for.
    """
    settings = Settings() if settings is None else settings
    began = trio.current_time()
    failure: BaseException | None = None
    async with (
        open_runtime(
            nodes, allow=settings.allow, limits=settings.runs, now=lambda: START + trio.current_time() - began
        ) as runtime,
        open_daemon_tree(runtime, settings) as daemon,
        trio.open_nursery() as nursery,
    ):
        embedded = EmbeddedDaemon(daemon, nursery)
        try:
            yield embedded
        except BaseException as error:  # noqa: BLE001 - raised again below, outside the nursery that would wrap it
            failure = error
        await embedded.unplug()
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


@define(eq=False)
class EmbeddedDaemon:
    """A daemon in memory, and the way to it."""

    daemon: Daemon
    _nursery: trio.Nursery
    _plugged: list[trio.abc.Stream] = field(factory=list[trio.abc.Stream], init=False)

    @property
    def hub(self) -> Hub:
        """What its actors share."""
        return self.daemon.hub

    @property
    def runtime(self) -> Runtime:
        """Its engine."""
        return self.daemon.hub.runtime

    async def connect(
        self,
        session_id: str | None = "test",
        *,
        query: str = "",
        protocols: Iterable[str] = (PROTOCOL,),
        headers: Mapping[str, str] | None = None,
        streams: Callable[[], StreamPair] = trio.testing.memory_stream_pair,
    ) -> EmbeddedSocket:
        """Open a WebSocket and read the greeting.

        Args:
            session_id: the session; None lets the daemon issue one.
            query: of the address, without the question mark.
            protocols: sub-protocols to offer.
            headers: more headers of the handshake.
            streams: makes the two ends of the line, the client's first.

        Raises:
            ConnectionRejected, HandshakeError: of trio-websocket, when the handshake is refused.
        """
        resource = "/ws" if session_id is None else f"/ws/{quote(session_id, safe='')}"
        shake_hands = partial(shake_hands_over, self.plug(streams), resource, query, protocols, headers or {})
        socket: EmbeddedSocket = await self._nursery.start(keep_open, shake_hands)
        socket.greeting = await socket.receive()
        return socket

    def plug(self, streams: Callable[[], StreamPair] = trio.testing.memory_stream_pair) -> trio.abc.Stream:
        """A raw line to the daemon, as if it had been accepted at a port: the client's end of it."""
        ours, theirs = streams()
        self.daemon.accept(theirs)
        self._plugged.append(ours)
        return ours

    async def unplug(self) -> None:
        """Break all lines, so that the daemon does not wait for clients that are no more."""
        with trio.CancelScope(shield=True):
            for stream in self._plugged:
                await trio.aclose_forcefully(stream)

    async def request(
        self, method: str, target: str, body: Json | bytes = None, headers: Mapping[str, str] | None = None
    ) -> EmbeddedAnswer:
        """Make one HTTP request on a line of its own.

        Args:
            method: such as `GET`.
            target: path and query.
            body: JSON, or bytes to send as they are; None for none.
            headers: more headers.
        """
        stream = self.plug()
        try:
            return await exchange(stream, method, target, body, headers or {})
        finally:
            await trio.aclose_forcefully(stream)

    async def drain(self) -> None:
        """Let it go down as at SIGTERM."""
        await drain(self.daemon)
