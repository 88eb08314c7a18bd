"""The time-outs of all asks of a system, kept by one task.

A cancel scope around each ask would cost a third of the ask. Here it costs one push on a heap, which is next to
nothing, because what is asked later is mostly due later too. Calls that are answered in time stay in the heap until
no call is open, or until there are too many of them and all are swept out at once.
"""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import trio

from bluev_actors.errors import AskTimeoutError

if TYPE_CHECKING:
    from bluev_actors.actors.call import Call

_SWEEP: Final = 1024
"""Calls that may be in the heap before it is looked through for those that are done."""


class Deadlines:
    """Fails each call that is not answered in time."""

    __slots__ = ("_closed", "_heap", "_jumps", "_open", "_orders", "_scope", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, float, Call[Any]]] = []
        self._orders = count()
        self._open = 0
        # Only a clock that jumps minds a deadline that nobody waits for any more, and taking it back costs 7 us an ask.
        self._jumps = hasattr(trio.lowlevel.current_clock(), "autojump_threshold")
        self._sweep_at = _SWEEP
        self._closed = False
        # Shielded: when a program is cancelled, its actors still ask each other while they stop.
        self._scope = trio.CancelScope(shield=True)

    def __len__(self) -> int:
        """How many calls are in the heap, some of which may be done."""
        return len(self._heap)

    def add(self, call: Call[Any], timeout: float, spent: float = 0.0) -> None:
        """Have a call fail with `AskTimeoutError`, unless it is answered in time.

        Args:
            call: what is to be answered.
            timeout: seconds that the asker allows in all.
            spent: how many of them have passed already.
        """
        at = trio.current_time() + timeout - spent
        call.timed = True
        self._open += 1
        heappush(self._heap, (at, next(self._orders), timeout, call))
        if len(self._heap) > self._sweep_at:
            self._sweep()
        if at < self._scope.deadline:  # noqa: PLR1730 - setting it costs far more than the comparison
            self._scope.deadline = at

    def release(self) -> None:
        """One of the calls is done; when none is open, there is nothing to keep."""
        self._open -= 1
        if not self._open:
            self._heap.clear()
            if self._jumps:
                self._scope.deadline = math.inf

    async def run(self) -> None:
        """Keep the time until `close`."""
        while not self._closed:
            with self._scope:
                await trio.sleep_forever()
            self._scope = trio.CancelScope(shield=True, deadline=self._expire(trio.current_time()))

    def close(self) -> None:
        """End `run`."""
        self._closed = True
        self._scope.cancel(reason="its system is closed")

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if not entry[3].done]
        heapify(self._heap)
        self._sweep_at = 2 * len(self._heap) + _SWEEP

    def _expire(self, now: float) -> float:
        """Fail what is due; returns when the next is."""
        while self._heap and (self._heap[0][3].done or self._heap[0][0] <= now):
            _, _, timeout, call = heappop(self._heap)
            if not call.done:
                call.fail(_late(call, timeout))
        return self._heap[0][0] if self._heap else math.inf


def _late(call: Call[Any], timeout: float) -> AskTimeoutError:
    name = type(call.message).__name__
    return AskTimeoutError(f"{call.target.path}: no answer to {name} within {timeout:g} s")
