"""The timers of one incarnation: which message is due when.

Nothing here reads a clock or waits: a time goes in, the messages that are due at it come out. An incarnation
makes its `Timers` with its first timer, so that the many actors without any pay nothing, and drops it when it ends.
"""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Hashable

M = TypeVar("M")

SHORTEST_PERIOD: Final = 1e-6
"""Seconds; of a shorter period no clock could tell one tick from the next."""


@frozen(eq=False)
class _Timer(Generic[M]):
    """A message, and when it is due first and then again."""

    first: float
    message: M
    key: Hashable
    every: float | None


def next_tick(first: float, period: float, now: float) -> float:
    """The first tick later than `now`.

    It is counted from the very first one, so errors of rounding do not add up; and the nearest tick is tried before
    the one after it, so a tick that `now` hits all but exactly is neither given twice nor left out.
    """
    nearest = round((now - first) / period)
    tick = first + nearest * period
    return tick if tick > now else first + (nearest + 1) * period


class Timers(Generic[M]):
    """Messages that are due at some time, each once or again and again.

    Times are seconds on the caller's clock. Starting, cancelling and taking one cost O(log n). A cancelled timer
    lets go of its message at once; the place that it leaves in the heap is swept when such places are the majority.
    """

    __slots__ = ("_by_key", "_heap", "_orders", "_timers")

    def __init__(self) -> None:
        # What is in the heap but not in the table is dead. The top of the heap never is.
        self._heap: list[tuple[float, int]] = []
        self._timers: dict[int, _Timer[M]] = {}
        self._by_key: dict[Hashable, int] = {}
        self._orders = count()

    def __len__(self) -> int:
        """How many are running."""
        return len(self._timers)

    @property
    def next_at(self) -> float:
        """When the next one is due; inf if none is running."""
        return self._heap[0][0] if self._heap else math.inf

    def start(self, at: float, message: M, *, key: Hashable = None, every: float | None = None) -> None:
        """Have a message due.

        Args:
            at: when; inf is never.
            message: what is handed out then.
            key: a name to cancel it by; it replaces the timer that has this name. None: it has no name.
            every: seconds after which it is due again, and again; None: it is due once.

        Raises:
            ValueError: `at` is no time, or `every` is shorter than `SHORTEST_PERIOD` or infinite.
        """
        if not at > -math.inf:
            raise ValueError(f"a timer cannot be due at {at}")
        if every is not None and not SHORTEST_PERIOD <= every < math.inf:
            raise ValueError(f"every must be {SHORTEST_PERIOD:g} s or more, and finite, not {every}")
        self.cancel(key)
        order = next(self._orders)
        self._timers[order] = _Timer(at, message, key, every)
        if key is not None:
            self._by_key[key] = order
        heappush(self._heap, (at, order))

    def cancel(self, key: Hashable) -> bool:
        """Stop the timer of this name; returns whether there was one."""
        order = self._by_key.pop(key, None)
        if order is None:
            return False
        del self._timers[order]
        self._sweep()
        return True

    def due(self, now: float) -> list[M]:
        """Take the messages that are due, in the order of their deadlines, and of their starts where these agree.

        One that comes again and is late is handed out once, however many of its ticks have passed; the next is
        due at its next regular tick.
        """
        orders: list[int] = []
        while self._heap and self._heap[0][0] <= now:
            order = heappop(self._heap)[1]
            if order in self._timers:
                orders.append(order)
        messages = [self._timers[order].message for order in orders]
        for order in orders:
            self._go_on(order, now)
        self._sweep()
        return messages

    def _go_on(self, order: int, now: float) -> None:
        """Wind up a timer for its next tick, or forget it if it has none."""
        timer = self._timers[order]
        if timer.every is not None:
            heappush(self._heap, (next_tick(timer.first, timer.every, now), order))
            return
        del self._timers[order]
        self._by_key.pop(timer.key, None)

    def _sweep(self) -> None:
        """Take the dead off the top of the heap, and all of them when they are the majority."""
        if len(self._heap) > 2 * len(self._timers):
            self._heap = [entry for entry in self._heap if entry[1] in self._timers]
            heapify(self._heap)
        while self._heap and self._heap[0][1] not in self._timers:
            heappop(self._heap)
