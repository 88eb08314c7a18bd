"""How much of something is allowed in how much time: a token bucket.

It knows no clock; whoever asks says what time it is.
"""

from __future__ import annotations

from attrs import define, field


@define
class TokenBucket:
    """Holds up to `burst` tokens and gains `rate` of them a second; it begins full.

    Args:
        rate: tokens gained per second.
        burst: how many it holds.
        now: the time, in seconds on any clock that only goes forward.
    """

    rate: float
    burst: float
    now: float
    _tokens: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = self.burst

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        self._tokens = min(self.burst, self._tokens + (now - self.now) * self.rate)
        self.now = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
