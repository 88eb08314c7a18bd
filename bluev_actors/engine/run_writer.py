"""The one pen that writes a run: every event is folded into the state and goes to the journal through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define, field

from bluev_actors.engine.mask import Mask
from bluev_actors.errors import StoreCorruptError
from bluev_actors.workflows.run_state import RunState, apply, apply_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.engine.journal import Entry, Journal, RunRecord
    from bluev_actors.workflows.run_events import RunEvent


@define
class RunWriter:
    """Writes one run for one incarnation of its actor.

    `state` is what the journal says, replayed. What was added and not committed is lost with the pen, which is right:
    it belongs to a step that crashed half-way. A closed pen writes nothing, so that what is left of a crashed
    incarnation cannot write beside the next one.
    """

    journal: Journal
    record: RunRecord
    now: Callable[[], float]
    mask: Mask = Factory(Mask)
    """Hides what its nodes were told in confidence."""
    closed: bool = False
    state: RunState = field(init=False)
    _entries: list[Entry] = Factory(list["Entry"])

    def __attrs_post_init__(self) -> None:
        self.state = RunState(self.record.run_id, self.record.workflow_id)
        for seq, recorded in enumerate(self.journal.replay(self.record.run_id), 1):
            if recorded.seq != seq and not self.closed:
                raise StoreCorruptError(f"event {seq} of run {self.record.run_id} is missing in the journal")
            apply(self.state, recorded)

    def add(self, event: RunEvent) -> None:
        """Fold an event into the state; nobody else sees it before the next commit."""
        if not self.closed:
            event = self.mask.event(event)
            at = self.now()
            apply_event(self.state, event, self.state.seq + 1, at)
            self._entries.append((event, at))

    def commit(self, then: Callable[[], None] | None = None) -> None:
        """Hand what was added to the journal; `then` is called once it is stored and published."""
        if self.closed or not (self._entries or then):
            return
        entries, self._entries = self._entries, []
        cursor = self.journal.append(self.record.run_id, entries, then)
        if entries:
            self.state.cursor = cursor
