"""Back-off: bounded, growing, jittered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.client.reconnect import Backoff

shares = st.floats(0, 1, exclude_max=True)
seconds = st.floats(0.001, 1000)


@given(st.lists(shares, min_size=1, max_size=50), seconds, st.floats(1, 10), seconds)
def test_every_delay_is_below_its_ceiling(draws: list[float], base: float, factor: float, cap: float) -> None:
    """Whatever is drawn, no delay exceeds the cap or the exponential ceiling of its attempt."""
    numbers = iter(draws)
    backoff = Backoff(base, factor, cap, lambda: next(numbers))
    for attempt in range(len(draws)):
        ceiling = backoff.ceiling
        assert 0 <= backoff.next_delay() <= ceiling <= min(cap, base * factor**attempt)


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    """With the greatest draw the delays are the ceilings themselves."""
    backoff = Backoff(base=1, factor=2, cap=5, draw=lambda: 1.0)
    assert [backoff.next_delay() for _ in range(4)] == [1, 2, 4, 5]


def test_a_success_begins_a_new_row() -> None:
    """After a connection that worked, the next break is met with a short delay again."""
    backoff = Backoff(base=1, draw=lambda: 1.0)
    first = [backoff.next_delay() for _ in range(3)]
    backoff.reset()
    assert [backoff.next_delay() for _ in range(3)] == first


def test_an_endless_outage_does_not_overflow() -> None:
    """After thousands of attempts the power no longer fits a float, and the cap holds."""
    backoff = Backoff(base=1, factor=10.0, cap=30, draw=lambda: 1.0)
    backoff.attempts = 100_000
    assert backoff.next_delay() == 30


def test_delays_differ_by_default() -> None:
    """Two clients that were cut off together do not come back together."""
    delays = {Backoff(base=1).next_delay() for _ in range(20)}
    assert len(delays) > 1
