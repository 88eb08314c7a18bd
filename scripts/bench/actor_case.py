"""What every contestant of the actor bench is given: the message, the crash, and the shape of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BATCH: Final = 256
"""Messages a sender puts, or a batched receiver takes, between two checkpoints."""

ASKERS: Final = 100
SENDERS: Final = 100
RING: Final = 1000

WATCHED: Final = 1000
"""Actors in a tree that is looked at; at four looks a second, 5 ms each are 2 % of a core."""


@frozen
class Tick:
    """The message: two fields, so that what it costs to build one is counted for all."""

    node: str
    number: int


class CrashError(Exception):
    """What a child of the restart bench is ended by."""


@frozen
class Case:
    """One contestant in one discipline.

    Args:
        name: whose it is and what it does, such as `ours: ask`.
        figure: measures it; takes how often to do the thing, and returns a rate per second unless it says otherwise.
        times: how often.
        once: whether one repetition says all, because nothing in it is a matter of time.
    """

    name: str
    figure: Callable[[int], float]
    times: int
    once: bool = False


def on_trio(case: Callable[[int], Awaitable[float]]) -> Callable[[int], float]:
    """A case that needs a run of Trio, as one that brings its own."""
    return lambda times: trio.run(case, times)
