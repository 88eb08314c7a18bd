"""How long to wait before the next attempt: exponential back-off with full jitter, as pure arithmetic.

Full jitter, a delay drawn evenly from zero up to the ceiling, spreads the clients that one restart of a
daemon has cut off better than any delay they could agree on.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable


@define
class Backoff:
    """The delays of one row of attempts, in seconds.

    Attributes:
        base: the ceiling of the first delay.
        factor: what the ceiling grows by with each attempt.
        cap: what the ceiling never exceeds.
        draw: gives a number from 0 up to, not including, 1; tests give their own.
    """

    base: float = 0.1
    factor: float = 2.0
    cap: float = 10.0
    draw: Callable[[], float] = field(default=random.random, repr=False)
    attempts: int = field(default=0, init=False)

    def next_delay(self) -> float:
        """Draw the next delay and count the attempt."""
        delay = self.draw() * self.ceiling
        self.attempts += 1
        return delay

    @property
    def ceiling(self) -> float:
        """What the next delay stays below."""
        try:
            return min(self.cap, self.base * self.factor**self.attempts)
        except OverflowError:
            return self.cap

    def reset(self) -> None:
        """Begin a new row: the last attempt went well."""
        self.attempts = 0
