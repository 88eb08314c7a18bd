"""The daemon's settings as flags: `serve` takes them, `config show` explains what they come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import click

from bluev_actors.cli.options import allow_host_option, allow_option, files_root_option, nodes_option, secrets_option
from bluev_actors.daemon.config import LATER

F = TypeVar("F", bound=Callable[..., Any])

FLAGS: Final = (
    click.option("--host", metavar="ADDRESS", help="The address to listen on.  [default: 127.0.0.1]"),
    click.option("--port", type=int, metavar="N", help="The port; 0 for any free one.  [default: 8765]"),
    click.option("--data-dir", metavar="DIR", help="Where runs are kept.  [default: your state folder]"),
    click.option("--memory", is_flag=True, default=None, help="No disk: runs die with the process."),
    click.option(
        "--sync", type=click.Choice(["full", "normal"]), help="Survive a power cut, or a crash.  [default: full]"
    ),
    nodes_option,
    allow_option,
    allow_host_option,
    files_root_option,
    secrets_option,
    click.option("--program", multiple=True, metavar="NAME", help="A program `subprocess` may start. Repeatable."),
    click.option("--insecure", is_flag=True, default=None, help="Allow another host than loopback."),
    click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="Pages that may use it. Repeatable."),
    click.option("--allow-host-header", multiple=True, metavar="NAME", help="Names it may be called by. Repeatable."),
    click.option("--heartbeat", type=float, metavar="SECONDS", help="[default: 30]"),
    click.option("--drain-timeout", type=float, metavar="SECONDS", help="[default: 10]"),
    click.option("--watchdog", type=float, metavar="SECONDS", help="Name a node that blocks all others.  [default: 1]"),
    click.option("--log-format", type=click.Choice(["auto", "pretty", "json"]), help="[default: auto]"),
    click.option("--config", metavar="FILE", help="TOML with the same keys."),
    # Known by name, so that they are refused in words and not taken for slips of the pen.
    *(click.option("--" + name.replace("_", "-"), hidden=True) for name in sorted(LATER)),
)


def daemon_flags(command: F) -> F:
    """Give a command the daemon's settings as options; they arrive as keyword arguments by their names."""
    for option in reversed(FLAGS):
        command = option(command)
    return command


def as_text(value: object) -> str:
    """A setting's value as a person reads it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value))) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value) or "-"
