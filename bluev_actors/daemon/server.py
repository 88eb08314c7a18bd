"""`bluev-actors serve`: the daemon from its first breath to its last.

It comes up whole or not at all, says when it is ready, and on SIGTERM or SIGINT goes down in order: nothing new is
taken, clients are told, runs have their time, sockets are closed. A second signal ends the process at once.
"""

from __future__ import annotations

import math
import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from bluev_actors.daemon.logs import configure_logging
from bluev_actors.daemon.tree import Daemon, open_daemon_tree
from bluev_actors.engine.plugins import gather_catalogue
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.protocol.codes import CloseCode
from bluev_actors.protocol.messages import PROTOCOL, ServerDraining

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from bluev_actors.daemon.config import Settings

STORE: Final = "memory (runs die with the process)"
NEAREST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
"""Where to reach a daemon that listens on every address of its machine."""
RETRY_AFTER: Final = 1.0
"""Seconds beyond the drain's own time after which a client may hope for another daemon."""
FAREWELL: Final = 3.0
"""Seconds that sockets have for their closing handshake when the daemon goes down."""


@frozen
class Ready:
    """What there is to say once the daemon accepts connections.

    Attributes:
        host: where it can be reached from this machine.
        port: likewise; the one it was given, where any free one was asked for.
        console_url: what to open in a browser.
        socket_url: what clients connect to.
        store: where runs are kept.
        warnings: what is unsafe, or was left out.
    """

    host: str
    port: int
    console_url: str
    socket_url: str
    store: str
    warnings: tuple[str, ...]


def run_daemon(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
    """Be the daemon, for the rest of this process: logging, event loop and signals.

    Raises:
        ConfigError, NodeTypeError, ListenError: it cannot come up; each is one plain sentence.
    """
    configure_logging(settings.log_format)
    trio.run(partial(serve, settings, on_ready))


async def serve(
    settings: Settings,
    on_ready: Callable[[Ready], None] = lambda _ready: None,
    *,
    until: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until it is time to go, and go in order.

    Args:
        settings: how.
        on_ready: told once, when connections are accepted.
        until: returns when it is time to go; by default at SIGTERM or SIGINT, for which this must be the main thread.

    Raises:
        NodeTypeError: a node type cannot be loaded, or its name is taken.
        ListenError: the port cannot be opened.
    """
    catalogue, problems = gather_catalogue(settings.nodes, settings.allow)
    async with (
        open_runtime(catalogue=catalogue, limits=settings.runs) as runtime,
        open_daemon_tree(runtime, settings) as daemon,
        _time_to_go(until) as time_to_go,
    ):
        await daemon.listen()
        on_ready(_ready(daemon, problems))
        await time_to_go()
        await drain(daemon)


@asynccontextmanager
async def _time_to_go(
    until: Callable[[], Awaitable[None]] | None,
) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    if until is not None:
        yield until
        return
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:

        async def first_signal() -> None:
            await anext(signals)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)

        yield first_signal


def _ready(daemon: Daemon, problems: Iterable[str]) -> Ready:
    settings = daemon.hub.settings
    host, port = daemon.address or (settings.host, settings.port)
    host = NEAREST.get(host, host)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Ready(
        host=host,
        port=port,
        console_url=f"http://{authority}/",
        socket_url=f"ws://{authority}/ws/{{session_id}}",
        store=STORE,
        warnings=(*_unsafe(settings), *problems),
    )


def _unsafe(settings: Settings) -> Iterable[str]:
    if not settings.is_loopback:
        yield f"anyone who reaches {settings.host} may do everything: there are no tokens (--insecure)"
    if settings.allow:
        yield f"workflows may use {', '.join(sorted(settings.allow))} (--allow)"


async def drain(daemon: Daemon) -> None:
    """Go down in order.

    The port stays open meanwhile, so that `/readyz` can say what is going on; new sockets and new runs are refused.
    """
    hub = daemon.hub
    hub.draining = True
    _tell_clients(daemon)
    await hub.runtime.drain(hub.settings.drain_timeout)
    for conversation in hub.sessions:
        conversation.socket.close_soon(CloseCode.DRAINING, "the daemon is going down")
    with trio.move_on_after(FAREWELL):
        await hub.sessions.wait_empty()


def _tell_clients(daemon: Daemon) -> None:
    hub = daemon.hub
    retry_after = math.ceil(hub.settings.drain_timeout + RETRY_AFTER)
    message = ServerDraining(timestamp=hub.timestamp(), retry_after=retry_after)
    for conversation in hub.sessions:
        if conversation.protocol == PROTOCOL:
            conversation.send(message)
