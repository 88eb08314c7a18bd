"""The whole process on one page: which supervisor owns what. Read this file first.

    /                        the root of the runtime's actor system, one for one
    |- runs                  the engine's: one child per run, whose children are the executors of its nodes
    |- connections           one temporary child per accepted stream, HTTP or WebSocket
    |- heartbeat             asks every connection whether it lives
    |- schedules             starts stored workflows when they are due
    `- listener              accepts streams and hands each to `connections`

Where runs are kept on a disk, the runtime's `journal` comes before them all. What they share is the `Hub`. Run events
do not pass through an actor: the journal calls the `Publisher`, which puts bytes into the connections' outboxes. A
connection that crashes is forgotten, and its client comes back through the listener; the others are started again
when they crash. Children end in reverse order: the listener first.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Never

import trio
from attrs import define, field

from bluev_actors.actors import Ref, StartChild, Supervisor, child
from bluev_actors.daemon.connection import Connection
from bluev_actors.daemon.heartbeat import HeartbeatKeeper
from bluev_actors.daemon.hub import Hub
from bluev_actors.daemon.listener import Listener
from bluev_actors.daemon.publisher import Publisher
from bluev_actors.engine.scheduler import Scheduler
from bluev_actors.engine.schedules import Schedules
from bluev_actors.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.daemon.asgi import ASGIApp
    from bluev_actors.daemon.config import Settings
    from bluev_actors.engine.runtime import Runtime


@asynccontextmanager
async def open_daemon_tree(runtime: Runtime, settings: Settings) -> AsyncGenerator[Daemon]:
    """Grow the daemon's part of a runtime's tree, for the block; it has no port until it is told to listen."""
    from bluev_actors.daemon.rest import rest_app  # noqa: PLC0415 - Starlette takes long to load: only who serves pays

    hub = Hub(runtime, settings)
    publisher = Publisher(hub)
    schedules = Schedules(runtime)
    with publisher.listening():
        connections = await runtime.system.start(child("connections", Supervisor, kind="supervisor"))
        heartbeat = await runtime.system.start(child("heartbeat", lambda: HeartbeatKeeper(hub), kind="heartbeat"))
        scheduler = await runtime.system.start(
            child("schedules", lambda: Scheduler(runtime, schedules), kind="schedules")
        )
        daemon = Daemon(hub, rest_app(hub, publisher, schedules), connections)
        try:
            yield daemon
        finally:
            for ref in (daemon.listener, scheduler, heartbeat, connections):
                if ref is not None:
                    ref.stop("the daemon ends")


@define(eq=False)
class Daemon:
    """The daemon's actors, and the door to them.

    Attributes:
        hub: what the actors share.
        app: answers HTTP requests.
        connections: the supervisor of all connections.
        listener: accepts streams; None until the daemon listens.
        address: host and port that it listens on; None until it does.
    """

    hub: Hub
    app: ASGIApp
    connections: Ref[Any]
    listener: Ref[Never] | None = field(default=None, init=False)
    address: tuple[str, int] | None = field(default=None, init=False)

    def accept(self, stream: trio.abc.Stream, _peer: str = "") -> None:
        """Give a new stream an actor of its own."""
        spec = child(
            f"connection-{self.hub.next_number()}",
            partial(Connection, self.hub, stream, self.app),
            restart="temporary",
            kind="connection",
        )
        self.connections.tell(StartChild(spec), urgent=True)

    async def listen(self) -> None:
        """Open the port.

        Raises:
            ListenError: it cannot be opened.
        """
        await try_port(self.hub.settings)
        self.listener = await self.hub.runtime.system.start(child("listener", self._listener, kind="listener"))

    def _listener(self) -> Listener:
        """Make the listener; one that is made again takes the port that the first one was given."""
        settings = self.hub.settings
        return Listener(
            settings.host,
            settings.port if self.address is None else self.address[1],
            on_stream=self.accept,
            on_ready=self._listens,
            open_connections=lambda: self.hub.open_streams,
            limits=settings.limits,
        )

    def _listens(self, host: str, port: int) -> None:
        self.address = (host, port)


async def try_port(settings: Settings) -> None:
    """Open the port and close it again: that it is taken is a mistake of the operator's, not a crash of an actor's.

    Raises:
        ListenError: it cannot be opened.
    """
    try:
        for listener in await trio.open_tcp_listeners(settings.port, host=settings.host):
            await listener.aclose()
    except OSError as error:
        why = error.strerror or str(error)
        raise ListenError(f"cannot listen on {settings.host} port {settings.port}: {why}") from error
