"""Finds the node that takes the process down with it: a run whose daemon dies again and again is not started for ever.

After three crashes with nothing new recorded between them, the nodes that were in flight are suspects. One alone is
guilty; of several each runs by itself, and the one in flight at the next crash is. Pure: the run's notes in, a verdict
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import Json

NOTE: Final = "crashes"
"""The name of the note in which a run keeps this."""
CLEAN: Final = "clean"
"""The note of a run that was left in order: its `seq` at that time."""
CRASHES: Final = 3
"""So many crashes of the process, with nothing new between them, make the nodes in flight suspects."""


@frozen
class Suspicion:
    """What is known of the crashes of one run.

    Attributes:
        news: the last event of the run that was new, by its `seq`.
        crashes: how often the process died since then.
        alone: the suspect that was started by itself.
        poisoned: the node that is found guilty now.
    """

    news: int = 0
    crashes: int = 0
    alone: str | None = None
    poisoned: str | None = None

    @property
    def one_at_a_time(self) -> bool:
        """Whether the nodes in flight are to be started one by one."""
        return self.crashes >= CRASHES and self.poisoned is None

    def as_note(self) -> Json:
        """What to keep of it."""
        return {"news": self.news, "crashes": self.crashes, "alone": self.alone}

    def watching(self, node_id: str | None) -> Suspicion:
        """The same, when `node_id` is the one that runs by itself."""
        return Suspicion(self.news, self.crashes, node_id)


def suspect(notes: Mapping[str, Json], state: RunState) -> Suspicion:
    """Judge a run that is found as it was when the process ended.

    Args:
        notes: what the run has noted.
        state: the run, replayed.
    """
    known = _read(notes.get(NOTE))
    if notes.get(CLEAN) == state.seq or not state.in_flight:
        return Suspicion(state.news)
    if known.alone is not None and known.alone in state.in_flight:
        return Suspicion(state.news, poisoned=known.alone)
    crashes = known.crashes + 1 if known.news == state.news else 1
    if crashes >= CRASHES and len(state.in_flight) == 1:
        return Suspicion(state.news, poisoned=next(iter(state.in_flight)))
    return Suspicion(state.news, crashes)


def _read(note: Json) -> Suspicion:
    return Suspicion(**note) if isinstance(note, dict) else Suspicion()
