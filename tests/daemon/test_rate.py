"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.rate import TokenBucket


def test_a_burst_passes_and_one_more_does_not() -> None:
    """A full bucket gives as many tokens as it holds."""
    bucket = TokenBucket(rate=1.0, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_with_time() -> None:
    """An empty bucket gives again after as long as one token takes."""
    bucket = TokenBucket(rate=2.0, burst=1, now=10.0)
    assert bucket.take(10.0)
    assert not bucket.take(10.25)
    assert bucket.take(10.5)


def test_a_long_rest_fills_it_to_the_brim_and_no_further() -> None:
    """Nobody saves up more than a burst."""
    bucket = TokenBucket(rate=100.0, burst=2, now=0.0)
    assert [bucket.take(1_000.0) for _ in range(3)] == [True, True, False]


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_never_more_than_burst_and_rate_allow(pauses: list[float], burst: int, rate: float) -> None:
    """Whatever the rhythm, what passes in a time is a burst and what the rate gives."""
    bucket, now, passed = TokenBucket(rate, burst, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        passed += bucket.take(now)
    assert passed <= burst + rate * now + 1e-6
