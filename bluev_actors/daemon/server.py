"""`bluev-actors serve`: the daemon from its first breath to its last.

It comes up whole or not at all, says when it is ready, and on SIGTERM or SIGINT goes down in order: nothing new is
taken, clients are told, runs have their time, sockets are closed. A second signal ends the process at once.
"""

from __future__ import annotations

import gc
import math
import signal
import stat
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from bluev_actors.daemon.engine import open_engine, user_path
from bluev_actors.daemon.logs import configure_logging
from bluev_actors.daemon.tree import Daemon, open_daemon_tree, try_port
from bluev_actors.engine.plugins import gather_catalogue
from bluev_actors.errors import StorageUnavailableError
from bluev_actors.protocol.codes import CloseCode
from bluev_actors.protocol.messages import PROTOCOL, ServerDraining

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from bluev_actors.daemon.config import Settings
    from bluev_actors.engine.runtime import Runtime

MEMORY: Final = "memory (runs die with the process)"
NEAREST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
"""Where to reach a daemon that listens on every address of its machine."""
NEED_ROOT: Final = frozenset({"file_read", "file_write"})
"""Node types that are of no use without a folder for files."""
FILE_TYPES: Final = NEED_ROOT | {"sql_query", "subprocess"}
"""Those that the folder is for."""
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
        recovered: what was found there that has not ended; empty when there was nothing.
        warnings: what is unsafe, or was left out.
    """

    host: str
    port: int
    console_url: str
    socket_url: str
    store: str
    recovered: str
    warnings: tuple[str, ...]


def run_daemon(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
    """Be the daemon, for the rest of this process: logging, event loop and signals.

    Raises:
        ConfigError, NodeTypeError, ListenError, StoreOpenError: it cannot come up; each is one plain sentence.
    """
    configure_logging(settings.log_format)
    trio.run(partial(serve, settings, partial(_settle, on_ready)))


def _settle(on_ready: Callable[[Ready], None], ready: Ready) -> None:
    """Have the collector never look again at what was loaded on the way up; that costs it more than all the rest."""
    gc.freeze()
    on_ready(ready)


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
        ConfigError: the secrets or the folder for files cannot be read.
        NodeTypeError: a node type cannot be loaded, or its name is taken.
        ListenError: the port cannot be opened.
        StoreOpenError: the folder that runs are kept in cannot be used.
        StorageUnavailableError: it has gone down while its last events could not be stored.
    """
    catalogue, problems = gather_catalogue(settings.nodes, settings.allow)
    await try_port(settings)  # before any run goes on: a daemon that cannot be reached is to touch none
    async with (
        open_engine(settings, catalogue, watchdog=settings.watchdog or None) as runtime,
        open_daemon_tree(runtime, settings) as daemon,
        _time_to_go(until) as time_to_go,
    ):
        recovered = _recovered(runtime)
        await daemon.listen()
        on_ready(_ready(daemon, recovered, problems))
        await time_to_go()
        await drain(daemon)
        trouble = runtime.journal.trouble
    if trouble is not None:
        raise StorageUnavailableError(f"the last events could not be stored: {trouble}")


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


def _recovered(runtime: Runtime) -> str:
    """What the daemon found that had not ended when the one before it did."""
    live = [run.status for run in runtime.list_runs() if not run.ended]
    paused = sum(status in {"paused", "pausing"} for status in live)
    on = len(live) - paused
    going = [f"{on} run{'s' * (on != 1)} go{'es' * (on == 1)} on"] if on else []
    return ", ".join([*going, *([f"{paused} paused"] if paused else [])])


def _ready(daemon: Daemon, recovered: str, problems: Iterable[str]) -> Ready:
    settings = daemon.hub.settings
    host, port = daemon.address or (settings.host, settings.port)
    host = NEAREST.get(host, host)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Ready(
        host=host,
        port=port,
        console_url=f"http://{authority}/",
        socket_url=f"ws://{authority}/ws/{{session_id}}",
        store=MEMORY if settings.folder is None else f"{settings.folder} (sync {settings.sync})",
        recovered=recovered,
        warnings=(*_unsafe(settings), *_useless(settings), *problems),
    )


def _unsafe(settings: Settings) -> Iterable[str]:
    """What may harm."""
    if not settings.is_loopback:
        yield f"anyone who reaches {settings.host} may do everything: there are no tokens (--insecure)"
    if settings.allow:
        yield f"workflows may use {', '.join(sorted(settings.allow))} (--allow)"
    file = user_path(settings.secrets_file)
    if file is not None and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield f"other users of this machine can read the secrets in {file} (chmod 600)"


def _useless(settings: Settings) -> Iterable[str]:
    """What has no effect, because something that goes with it was forgotten."""
    allowed = set(settings.allow)
    if settings.files_root and not allowed & FILE_TYPES:
        yield f"files_root has no effect: none of {', '.join(sorted(FILE_TYPES))} is allowed (--allow)"
    if allowed & NEED_ROOT and not settings.files_root:
        yield f"{', '.join(sorted(allowed & NEED_ROOT))} can reach no file: there is no folder for them (--files-root)"
    if settings.allow_host and "http_request" not in allowed:
        yield "allow_host has no effect: http_request is not allowed (--allow http_request)"


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
