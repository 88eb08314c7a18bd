"""The small things that are kept of one run and are no events: checkpoints, signals, notes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from bluev_actors.errors import RefusedError

if TYPE_CHECKING:
    from bluev_actors.engine.store.records import Signal
    from bluev_actors.workflows.values import Json

MAX_SIGNALS: Final = 1_000
"""How many signals may wait for one node."""


@define
class Shelf:
    """What lies beside the events of a run."""

    checkpoints: dict[str, Json] = Factory(dict[str, "Json"])
    notes: dict[str, Json] = Factory(dict[str, "Json"])
    _signals: dict[str, deque[Signal]] = Factory(dict[str, "deque[Signal]"])

    def check_room(self, node_id: str) -> None:
        """See that one more signal may wait for a node.

        Raises:
            RefusedError: `too_many_signals`.
        """
        if len(self._signals.get(node_id, ())) >= MAX_SIGNALS:
            raise RefusedError("too_many_signals", f"{MAX_SIGNALS} signals are waiting for node {node_id!r} already")

    def keep_signal(self, node_id: str, signal: Signal) -> None:
        """Have a signal wait for its node."""
        self._signals.setdefault(node_id, deque()).append(signal)

    def take_signal(self, node_id: str) -> Signal | None:
        """The signal that has waited longest for a node, which waits no longer."""
        waiting = self._signals.get(node_id)
        if not waiting:
            return None
        signal = waiting.popleft()
        if not waiting:
            del self._signals[node_id]
        return signal

    def signals(self) -> dict[str, list[Json]]:
        """The payloads of the signals that wait, by node, the oldest first."""
        return {node_id: [signal.payload for signal in waiting] for node_id, waiting in self._signals.items()}

    def clear_live(self) -> None:
        """Drop what serves a live run alone."""
        self.checkpoints.clear()
        self._signals.clear()
