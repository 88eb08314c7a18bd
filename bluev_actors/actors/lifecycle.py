"""The states of an actor and the moves between them that are legal.

Everything an actor may do with its life is in the table `MOVES`; only the cell changes a state, by this table.
An *incarnation* is one life of an actor, from its factory to its exit. The actor that others know by its ref may
have many of them, one after another, and never two at a time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Never

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where an actor is in its life."""

    STARTING = "starting"
    """An incarnation is being made; its `on_start` has not ended."""
    RUNNING = "running"
    """It takes messages, or does the one thing it was made for."""
    STOPPING = "stopping"
    """It takes no more messages and cleans up."""
    EXITED = "exited"
    """The incarnation is over; the supervisor has yet to start the next one or to give the actor up."""
    STOPPED = "stopped"
    """Gone for good."""


STARTING: Final = State.STARTING
RUNNING: Final = State.RUNNING
STOPPING: Final = State.STOPPING
EXITED: Final = State.EXITED
STOPPED: Final = State.STOPPED
# The same as plain names, for the runtime: it costs 0.1 us to look one up in its class, and each restart needs a dozen.

MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.STARTING: frozenset({State.RUNNING, State.STOPPING, State.EXITED}),
    State.RUNNING: frozenset({State.STOPPING, State.EXITED}),
    State.STOPPING: frozenset({State.EXITED}),
    State.EXITED: frozenset({State.STARTING, State.STOPPED}),
    State.STOPPED: frozenset(),
}
"""From each state, the states that may follow it."""

ALIVE: Final = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
"""The states in which an incarnation's task exists."""


class IllegalMoveError(RuntimeError):
    """A bug in the runtime: an actor was moved to a state that cannot follow its present one."""


def refuse_move(actor: str, old: State, new: State) -> Never:
    """Raise `IllegalMoveError`: `new` does not follow `old` in `MOVES`."""
    raise IllegalMoveError(f"{actor}: {old.value} cannot become {new.value}")
