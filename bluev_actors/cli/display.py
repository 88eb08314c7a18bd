"""The ways in which a followed run is shown: as JSON lines, as plain lines, or as a living picture."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol

import click

from bluev_actors.cli.lines import closing_lines, line_of
from bluev_actors.protocol.codec import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.cli.outline import Outline
    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.workflows.run_events import RunEvent
    from bluev_actors.workflows.run_state import RunState


class Display(Protocol):
    """Shows a run to somebody."""

    pace: float
    """Seconds between two looks at the run."""

    @property
    def wants(self) -> tuple[type[RunEvent], ...] | None:
        """The events it has to be shown, besides the state; None for all, and the progress between them too."""
        ...

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Show what has happened."""
        ...

    def close(self, state: RunState) -> None:
        """Show how it ended, or stop in the middle when the run is left."""
        ...


class JsonLines:
    """One JSON object a line: the messages of the wire as they are, and nothing else on standard output."""

    pace = 0.05
    wants = None

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Write the messages."""
        del state
        if updates:
            click.echo(b"".join(encode(update) + b"\n" for update in updates), nl=False)

    def close(self, state: RunState) -> None:
        """Nothing: the terminal message has said it."""


class PlainLines:
    """One line an event, without colours."""

    pace = 0.05
    wants = None

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Write a line for each event that deserves one."""
        lines = [line for update in updates if (line := line_of(update, state)) is not None]
        if lines:
            click.echo("\n".join(lines))

    def close(self, state: RunState) -> None:
        """Write how it ended."""
        if state.ended:
            click.echo("\n".join(closing_lines(state)))


def choose_display(outline: Outline, *, as_json: bool) -> Display:
    """The display that suits the standard output."""
    if as_json:
        return JsonLines()
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from bluev_actors.cli.live import LivePicture  # noqa: PLC0415 - rich takes longer to load than most runs last

        return LivePicture(outline)
    return PlainLines()


def note(text: str) -> None:
    """Say something beside the run itself."""
    click.echo(text, err=True)
