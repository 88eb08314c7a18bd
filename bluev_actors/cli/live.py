"""The living picture on a terminal, redrawn at most ten times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from bluev_actors.cli.lines import closing_lines, line_of
from bluev_actors.cli.picture import ASCII_ICONS, frame
from bluev_actors.protocol.messages import Gap, NodeEventMessage, NodeLogMessage
from bluev_actors.workflows.run_events import NodeEmitted, NodeLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import ConsoleOptions, RenderResult

    from bluev_actors.cli.outline import Outline
    from bluev_actors.cli.picture import Row
    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.workflows.run_state import RunState


FASTEST_PACE: Final = 0.1
"""Seconds between two frames, at the least."""
DRAWING_SHARE: Final = 0.02
"""The part of the time that drawing may take from a run in the same process."""


class LivePicture:
    """Draws a run in place, and what its nodes say above it.

    A frame is drawn when the run is looked at and not when something happens, so a busy run costs no more than a
    quiet one; the first comes after a tenth of a second, or at the end if that is sooner. A frame of a very large run
    takes its time, so the next ones come the later.
    """

    wants = (NodeLog, NodeEmitted)

    def __init__(self, outline: Outline, console: Console | None = None) -> None:
        self._outline = outline
        self._console = console or Console(highlight=False, markup=False)
        self._ascii = self._console.encoding.lower() not in ("utf-8", "utf8")
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self.pace = FASTEST_PACE

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Draw a frame."""
        began = time.perf_counter()
        self._live.start()
        for update in updates:
            if isinstance(update, NodeLogMessage | NodeEventMessage | Gap):
                self._console.print(line_of(update, state), soft_wrap=True)
        self._live.update(self._frame(state), refresh=True)
        self.pace = max(FASTEST_PACE, (time.perf_counter() - began) / DRAWING_SHARE)

    def close(self, state: RunState) -> None:
        """Leave the last frame standing, drawn even of a run too quick to be watched, and write how it ended below."""
        if state.ended:
            self.show((), state)
        self._live.stop()
        if state.ended:
            self._console.print("\n".join(closing_lines(state)), soft_wrap=True)

    def _frame(self, state: RunState) -> Frame:
        width, height = self._console.size
        rows = frame(state, self._outline, time.time(), (width, height - 1))
        return Frame([self._in_ascii(row) for row in rows] if self._ascii else list(rows))

    @staticmethod
    def _in_ascii(row: Row) -> Row:
        return [word._replace(text=word.text.translate(ASCII_ICONS)) for word in row]


class Frame:
    """Rows of styled words, handed to rich as they are: nothing is measured or wrapped again."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give rich the words."""
        del console, options
        for row in self._rows:
            for text, style in row:
                yield Segment(text, Style.parse(style))
            yield Segment.line()
