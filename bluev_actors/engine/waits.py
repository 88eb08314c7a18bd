"""What the nodes of a run wait for: the signals that have come, and what each wait said it takes.

Both are kept by the journal, so that a wait outlives the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from bluev_actors.engine.mask import Mask
from bluev_actors.engine.outcome import Waits
from bluev_actors.workflows.kinds import NOTHING
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from bluev_actors.engine.journal import Journal
    from bluev_actors.workflows.values import Json, JsonObject

_NOTE: Final = "wait/"


@define
class WaitDesk:
    """The waits of one run.

    Args:
        journal: keeps them.
        run_id: the run.
        mask: covers what its nodes were told in confidence; an output would be covered as well.
    """

    _journal: Journal
    _run_id: str
    _mask: Mask = Factory(Mask)

    def keep(self, node_id: str, waits: Waits) -> None:
        """Remember what a node waits for."""
        note: JsonObject = {"seconds": waits.seconds, "schema": waits.schema, "reason": waits.reason}
        if waits.default is not NOTHING:
            note["default"] = waits.default
        self._journal.note(self._run_id, _NOTE + node_id, self._mask.json(note))

    def of(self, node_id: str) -> Waits | None:
        """What a node said it waits for; None for a node that never did."""
        note = self._journal.notes(self._run_id).get(_NOTE + node_id)
        return Waits(**note) if is_object(note) else None

    def next_signal(self, node_id: str) -> tuple[Json] | None:
        """The oldest signal for a node that fits what it waits for; those before it that do not are dropped."""
        waits = self.of(node_id) or Waits()
        for payload in self._journal.signals(self._run_id).get(node_id, ()):
            if waits.flaw(payload) is None:
                return (payload,)
            self.take(node_id)
        return None

    def take(self, node_id: str) -> None:
        """The oldest signal has been given to the node."""
        self._journal.take_signal(self._run_id, node_id)
