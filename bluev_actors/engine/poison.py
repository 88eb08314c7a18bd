"""Finds the node that takes the process down with it: a run whose daemon dies again and again is not started for ever.

After three crashes with nothing new recorded between them, the nodes that were in flight are suspects. One alone, in
the whole process, is guilty; of several each runs by itself, and the one in flight at the next crash is. Pure but for
the `Bench`, which lets one suspicious run after the other try its nodes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, frozen

from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluev_actors.workflows.kinds import NodeKind
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import Json

NOTE: Final = "crashes"
"""The name of the note in which a run keeps this."""
CLEAN: Final = "clean"
"""The note of a run that was left in order: its `seq` at that time."""
CRASHES: Final = 3
"""So many crashes of the process, with nothing new between them, make the nodes in flight suspects."""
SEAT: Final = 60.0
"""Seconds that a suspicious run may keep the others waiting: who lives so long is not what kills at once."""


def may_kill(kind: NodeKind) -> bool:
    """Whether code of this kind could take its process down; that of ours which stays inside cannot."""
    return kind.outside or kind.source != "built-in"


@frozen
class Suspicion:
    """What is known of the crashes of one run.

    Attributes:
        news: the last event of the run that was new, by its `seq`.
        crashes: how often the process died since then.
        alone: the suspect that was started by itself.
        marks: stands for the checkpoints that the suspects had, by node; another one is news, too.
        poisoned: the node that is found guilty now.
    """

    news: int = 0
    crashes: int = 0
    alone: str | None = None
    marks: Mapping[str, int] = Factory(dict[str, int])
    poisoned: str | None = None

    @property
    def one_at_a_time(self) -> bool:
        """Whether the nodes in flight are to be started one by one."""
        return self.crashes >= CRASHES and self.poisoned is None

    def as_note(self) -> Json:
        """What to keep of it."""
        return {"news": self.news, "crashes": self.crashes, "alone": self.alone, "marks": dict(self.marks)}

    def watching(self, node_id: str | None) -> Suspicion:
        """The same, when `node_id` is the one that runs by itself."""
        return Suspicion(self.news, self.crashes, node_id, self.marks)

    def knows(self, node_id: str, mark: int) -> bool:
        """Whether a node is where it was."""
        return self.marks.get(node_id) == mark


def suspect(notes: Mapping[str, Json], state: RunState, suspects: Mapping[str, int], *, others: int = 0) -> Suspicion:
    """Judge a run that is found as it was when the process ended.

    Args:
        notes: what the run has noted.
        state: the run, replayed.
        suspects: its nodes in flight that could have killed the process, each with what stands for its checkpoint.
        others: how many such nodes there were in other runs.
    """
    known = _read(notes.get(NOTE))
    if notes.get(CLEAN) == state.seq or not suspects:
        return Suspicion(state.news)
    if known.alone is not None and known.alone in suspects and known.knows(known.alone, suspects[known.alone]):
        return Suspicion(state.news, poisoned=known.alone)
    again = known.news == state.news and all(known.knows(*each) for each in suspects.items())
    crashes = known.crashes + 1 if again else 1
    if crashes >= CRASHES and len(suspects) == 1 and not others:
        return Suspicion(state.news, poisoned=next(iter(suspects)))
    return Suspicion(state.news, crashes, marks=suspects)


def _read(note: Json) -> Suspicion:
    return Suspicion(**note) if is_object(note) else Suspicion()


@define
class Bench:
    """Where suspicious runs wait until it is their turn to try their nodes, one run after the other."""

    _waiting: deque[tuple[str, Callable[[], None]]] = Factory(deque["tuple[str, Callable[[], None]]"])

    def take_seat(self, run_id: str, call: Callable[[], None]) -> bool:
        """Sit down; whether it is this run's turn already, else it is called.

        Args:
            run_id: the run.
            call: tells it that its turn has come.
        """
        self._waiting.append((run_id, call))
        return self._waiting[0][0] == run_id

    def leave(self, run_id: str) -> None:
        """The run has tried its nodes, or has ended: the next one's turn has come."""
        was_first = bool(self._waiting) and self._waiting[0][0] == run_id
        self._waiting = deque(it for it in self._waiting if it[0] != run_id)
        if was_first and self._waiting:
            self._waiting[0][1]()
