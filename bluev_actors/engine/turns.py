"""Long work in short turns, so that a list of a million items holds nobody up.

async for piece in in_turns(items):
    found += [shout(item) for item in piece]
"""

from __future__ import annotations

from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import trio
from attrs import define, field

from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bluev_actors.workflows.values import Json

T = TypeVar("T")

TURN: Final = 0.005
"""Seconds of real time after which others have their turn."""
STRIDE: Final = 64
"""Items of a piece, unless told otherwise."""
SMALL: Final = 2000
"""Values up to this weight are dealt with at once; see `is_small`."""
_FREED: Final = 4096
_TEXT_UNIT: Final = 50


@define
class Turn:
    """The time for which long work may go on before others have theirs."""

    _until: float = field(factory=lambda: perf_counter() + TURN, init=False)

    async def pass_on(self) -> None:
        """Let the loop go round if the turn is over; a cancellation comes through then."""
        if perf_counter() > self._until:
            await trio.lowlevel.checkpoint()
            self._until = perf_counter() + TURN


@define
class Turns(Generic[T]):
    """The rest of some items, in pieces; `in_turns` makes it.

    It is no async generator, because those want to be closed by whoever leaves them early.
    """

    _rest: Iterator[T]
    _stride: int
    _turn: Turn

    def __aiter__(self) -> Turns[T]:
        return self

    async def __anext__(self) -> list[T]:
        await self._turn.pass_on()
        piece = [*islice(self._rest, self._stride)]
        if not piece:
            raise StopAsyncIteration
        return piece


def in_turns(items: Iterable[T], stride: int = STRIDE, turn: Turn | None = None) -> Turns[T]:
    """The items in pieces; when a turn is over, the loop goes round and a cancellation comes through.

    Args:
        items: what to work on.
        stride: items in a piece, that is, between two looks at the clock; fewer where each may take long.
        turn: shared by loops that are short, but many; when left out, one of its own.
    """
    return Turns(iter(items), stride, turn or Turn())


async def let_go(values: list[T]) -> None:
    """Empty a list that nobody else needs: to free a million values takes a while, too."""
    turn = Turn()
    while values:
        del values[-_FREED:]
        await turn.pass_on()


def is_small(value: Json, limit: int = SMALL) -> bool:
    """Whether a value has at most `limit` numbers, keys, containers and pieces of text."""
    return weight_within(value, limit) is not None


def weight_within(value: Json, limit: int) -> int | None:
    """How much there is of a value, None if it is more than `limit`; it looks at no more than that."""
    weight = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        weight += 1
        if isinstance(one, str):
            weight += len(one) // _TEXT_UNIT
        elif is_list(one):
            if weight + len(one) > limit:
                return None
            waiting += one
        elif is_object(one):
            if weight + len(one) > limit:
                return None
            waiting += one.values()
        if weight > limit:
            return None
    return weight
