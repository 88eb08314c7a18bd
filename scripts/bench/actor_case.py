"""What every contestant of the actor bench is given: the message, the crash, and how many of each."""

from __future__ import annotations

from typing import Final

from attrs import frozen

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
