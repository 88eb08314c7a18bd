"""`serve`: the daemon in the foreground, and the few lines it says when it is ready."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import click

from bluev_actors.cli.daemon_flags import daemon_flags
from bluev_actors.cli.words import duration
from bluev_actors.daemon.config import load_settings
from bluev_actors.daemon.server import run_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.daemon.server import Ready


@click.command()
@daemon_flags
@click.pass_obj
def serve(began: float | None, /, **flags: object) -> None:
    """Run the daemon in the foreground: WebSocket, REST and console on one port.

    Runs are kept in a folder, and go on when the daemon is started again. Ctrl-C or SIGTERM drains it: runs come to
    rest, or with --memory are stopped after some time. A second one ends it at once.

    A flag beats the environment (BLUEV_ACTORS_...), which beats the file given by --config.
    """
    run_daemon(load_settings(flags), partial(_say_ready, time.perf_counter() if began is None else began))


def _say_ready(began: float, ready: Ready) -> None:
    click.echo("\n".join(banner(ready, time.perf_counter() - began)))


def banner(ready: Ready, took: float) -> Iterator[str]:
    """What a person wants to know of a daemon that has just come up."""
    yield f"  console   {ready.console_url}"
    yield f"  socket    {ready.socket_url}"
    yield f"  store     {ready.store}"
    if ready.recovered:
        yield f"  recovered {ready.recovered}"
    yield from (f"  warning   {warning}" for warning in ready.warnings)
    yield f"  ready in {duration(took)}. Ctrl-C to stop."
