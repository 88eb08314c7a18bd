"""How the nodes of a run are heard: their lines, named events, progress and checkpoints."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from bluev_actors.errors import StorageUnavailableError
from bluev_actors.workflows.run_events import NodeEmitted, NodeLog, NodeProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.values import Json

PROGRESS_INTERVAL: Final = 0.1
"""Seconds between two rounds of progress; between them the newest of each node wins."""


class RunVoice:
    """Passes on what nodes say, within limits.

    Args:
        desk: what the run works with.
        writer: writes what is stored; when its incarnation is over, nothing is heard any more.
        arm: sets a timer of the run, which calls `flush_progress` when it goes off.
    """

    def __init__(self, desk: RunDesk, writer: RunWriter, arm: Callable[[str, float], None]) -> None:
        self._desk = desk
        self._writer = writer
        self._arm = arm
        self._mask = desk.secrets.mask
        self._lines: Counter[str] = Counter()
        self._newest: dict[str, NodeProgress] = {}
        self._progress_is_due = True

    def now(self) -> float:
        """Wall time, in seconds since 1970."""
        return self._desk.now()

    def mask(self, text: str) -> str:
        """Cover what the run was told in confidence."""
        return self._mask.text(text)

    async def stored(self) -> None:
        """Wait until what was said and saved is where the journal keeps it, however long the store is in trouble."""
        while True:
            try:
                await self._desk.journal.stored()
            except StorageUnavailableError:
                continue  # it has waited for a while; a pause, a stop or a time limit ends the node here
            return

    def save(self, node_id: str, state: Json) -> None:
        """Keep a node's newest checkpoint."""
        if not self._writer.closed:
            self._desk.journal.save_checkpoint(self._desk.record.run_id, node_id, self._mask.json(state))

    def say(self, event: NodeLog | NodeEmitted) -> None:
        """Record a line or a named event; beyond the limit of a node one last line says so."""
        self._lines[event.node_id] += 1
        excess = self._lines[event.node_id] - self._desk.limits.log_lines
        if excess > 1:
            return
        if excess == 1:
            message = f"more than {self._desk.limits.log_lines} lines; what follows is left out"
            event = NodeLog(event.node_id, event.attempt, "warning", message, "log_limit")
        self._write(event)

    def remark(self, line: NodeLog) -> None:
        """Record a line about a node, which is none of its own and counts towards no limit."""
        self._write(line)

    def _write(self, event: NodeLog | NodeEmitted) -> None:
        """Record it, unless the run has ended: its last event stays the last."""
        if not self._writer.state.ended:
            self._writer.add(event)
            self._writer.commit()

    def show_progress(self, progress: NodeProgress) -> None:
        """Show how far a node is: at once when nothing was shown lately, else with the next round."""
        if self._writer.closed:
            return
        self._newest[progress.node_id] = self._mask.event(progress)
        if self._progress_is_due:
            self._progress_is_due = False
            self.flush_progress()

    def flush_progress(self) -> None:
        """Show the newest progress of each node that has any, and begin another interval."""
        newest, self._newest = self._newest, {}
        for progress in newest.values():
            self._desk.show_progress(progress)
        if newest:
            self._arm("progress", PROGRESS_INTERVAL)
        else:
            self._progress_is_due = True
