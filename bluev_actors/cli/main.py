"""The command line's front desk: which commands there are. Each is loaded when it is called, so that help is quick."""

from __future__ import annotations

import importlib
import time
from typing import IO, TYPE_CHECKING, Any, Final

import click

from bluev_actors.errors import (
    BluevError,
    ConfigError,
    ConnectionLostError,
    InvalidWorkflowError,
    NodeTypeError,
    RequestTimeoutError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "The daemon": {
        "serve": ("serve", "Run the daemon in the foreground."),
        "config": ("config", "Show the settings and where each comes from."),
        "doctor": ("doctor", "Find out what would keep a daemon from working here."),
        "backup": ("backup", "Copy the runs of a daemon to a file, while it works."),
        "tree": ("insight", "Show the daemon's living supervision tree."),
        "connections": ("insight", "List who is connected to the daemon."),
        "broadcast": ("insight", "Send a message to every connection."),
    },
    "Workflows": {
        "run": ("run", "Run a workflow, here or on a daemon, and show its progress."),
        "validate": ("validate", "Check a workflow without running it."),
        "example": ("example", "Print an example workflow, or list them."),
        "nodes": ("nodes", "List the node types, or explain one."),
        "schema": ("schema", "Print a JSON Schema of workflows or of the wire's messages."),
    },
    "Runs on a daemon": {
        "ps": ("runs", "List runs, newest first."),
        "show": ("runs", "Show one run."),
        "watch": ("watch", "Follow a run until it ends."),
        "pause": ("control", "Pause a run."),
        "resume": ("control", "Let a paused run go on."),
        "stop": ("control", "Stop a run."),
        "signal": ("control", "Answer a node that waits."),
    },
}
"""The commands: the file of each, and what it does."""

_COMMANDS: Final = {name: place for section in SECTIONS.values() for name, place in section.items()}

EXIT_CODES: Final[Mapping[type[BluevError], int]] = {
    InvalidWorkflowError: 2,
    ConfigError: 2,
    NodeTypeError: 2,
    UnreachableError: 4,
    ConnectionLostError: 4,
    RequestTimeoutError: 4,
}
"""What a process ends with when one of these is why; every other error is a 1."""
INTERRUPTED: Final = 130
"""What it ends with when somebody pressed Ctrl-C."""


class Complaint(click.ClickException):
    """An error of ours, told in plain words and without a traceback."""

    def __init__(self, error: BluevError) -> None:
        super().__init__(str(error))
        # click gives each class of errors one code; ours depends on the error that is told.
        self.exit_code = next(  # type: ignore[misc] # a class variable there
            (code for cls, code in EXIT_CODES.items() if isinstance(error, cls)), 1
        )
        self.hint = "Start a daemon with: bluev-actors serve" if isinstance(error, UnreachableError) else ""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the sentence, and what may help, to standard error."""
        click.echo(f"Error: {self.message}", file, err=True)
        if self.hint:
            click.echo(self.hint, file, err=True)


class FrontDesk(click.Group):
    """Knows the name and the purpose of every command, and fetches the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the sections."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"bluev_actors.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without loading any."""
        del ctx
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, purpose) for name, (_, purpose) in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Call the command; an error of ours becomes one plain line and its exit code, and Ctrl-C a quiet end."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except BaseExceptionGroup as group:
            # An event loop that is interrupted while it starts or ends wraps it up.
            if group.split(KeyboardInterrupt)[1] is None:
                raise click.exceptions.Exit(INTERRUPTED) from None
            raise
        except BluevError as error:
            raise Complaint(error) from error


@click.group(cls=FrontDesk, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bluev-actors", prog_name="bluev-actors")
def cli() -> None:
    """BlueV Actors: run workflows, watch them and steer them."""


def main() -> None:
    """The command `bluev-actors`; the commands get the time it began at as click's `obj`."""
    cli(prog_name="bluev-actors", obj=time.perf_counter())
