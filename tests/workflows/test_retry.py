"""Whether and when an attempt is repeated."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.graph import Backoff, Jitter, RetryPolicy
from bluev_actors.workflows.retry import delay, may_retry
from bluev_actors.workflows.run_events import ErrorDetail

ERROR = ErrorDetail("timeout", "took too long", retryable=True)
POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 10),
    backoff=st.sampled_from(["fixed", "linear", "exponential"]),
    initial=st.floats(0, 100),
    factor=st.floats(1, 10),
    max_delay=st.floats(0, 1000),
    jitter=st.sampled_from(["none", "full", "equal"]),
)


def dice(seed: int = 0) -> Random:
    """Dice that fall the same way each time."""
    return Random(seed)  # noqa: S311 - spreads retries, guards no secret


def test_attempts_are_counted() -> None:
    """Of three attempts, the third is the last."""
    policy = RetryPolicy(max_attempts=3)
    assert [may_retry(policy, attempt, ERROR, (), 0) for attempt in (1, 2, 3, 4)] == [True, True, False, False]


def test_by_default_there_is_one_attempt() -> None:
    """Nobody gets retries without asking for them."""
    assert not may_retry(RetryPolicy(), 1, ERROR, (), 0)


def test_what_cannot_be_mended_is_not_tried_again() -> None:
    """An error says whether trying again may help."""
    assert not may_retry(RetryPolicy(max_attempts=9), 1, ErrorDetail("permanent", "no"), (), 0)


@pytest.mark.parametrize(
    ("retry_on", "never_on", "code", "classes", "expected"),
    [
        (("timeout",), (), "timeout", (), True),
        (("timeout",), (), "node_error", (), False),
        (("ValueError",), (), "node_error", ("ValueError", "Exception"), True),
        (("Exception",), ("ValueError",), "node_error", ("ValueError", "Exception"), False),
        ((), ("timeout",), "timeout", (), False),
        ((), ("timeout",), "node_error", (), True),
        (("http_5xx",), (), "http_503", (), True),
        (("http_5xx",), (), "http_404", (), False),
        (("http_5xx",), ("http_501",), "http_501", (), False),
        (("http_5xx",), (), "http_5030", (), False),
    ],
)
def test_errors_are_told_by_code_class_and_family(
    retry_on: tuple[str, ...], never_on: tuple[str, ...], code: str, classes: tuple[str, ...], expected: bool
) -> None:
    """An empty `retry_on` means all; `never_on` has the last word."""
    policy = RetryPolicy(max_attempts=5, retry_on=retry_on, never_on=never_on)
    assert may_retry(policy, 1, ErrorDetail(code, "", retryable=True), classes, 0) is expected


def test_time_runs_out() -> None:
    """No attempt starts when the first one began too long ago."""
    policy = RetryPolicy(max_attempts=9, max_elapsed=10)
    assert may_retry(policy, 1, ERROR, (), 9.9)
    assert not may_retry(policy, 1, ERROR, (), 10)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [("fixed", [2, 2, 2, 2]), ("linear", [2, 4, 6, 8]), ("exponential", [2, 6, 18, 50])],
)
def test_delays_grow_as_the_policy_says(backoff: Backoff, expected: list[float]) -> None:
    """Up to the longest it allows."""
    policy = RetryPolicy(backoff=backoff, initial=2, factor=3, max_delay=50)
    assert [delay(policy, attempt, dice()) for attempt in (1, 2, 3, 4)] == expected


def test_a_power_too_large_is_the_longest_delay() -> None:
    """The thousandth attempt does not overflow."""
    assert delay(RetryPolicy(factor=1e9, max_delay=60), 1000, dice()) == 60


def test_a_power_too_large_of_no_delay_is_no_delay() -> None:
    """Who asked for no delay has none, at the thousandth attempt too."""
    assert [delay(RetryPolicy(initial=0, factor=1e9), attempt, dice()) for attempt in (1, 2, 1000)] == [0, 0, 0]


@given(POLICIES, st.integers(1, 10_000), st.integers())
def test_delays_stay_within_bounds(policy: RetryPolicy, attempt: int, seed: int) -> None:
    """Never negative, never longer than the longest; with `equal` jitter at least half of what it would be."""
    seconds = delay(policy, attempt, dice(seed))
    assert 0 <= seconds <= policy.max_delay
    if policy.jitter != "full":
        least = delay(_with_jitter(policy, "none"), attempt, dice(seed)) / 2
        assert seconds >= least


@given(POLICIES, st.integers(1, 100), st.integers())
def test_the_same_dice_give_the_same_delay(policy: RetryPolicy, attempt: int, seed: int) -> None:
    """So a run under test repeats."""
    assert delay(policy, attempt, dice(seed)) == delay(policy, attempt, dice(seed))


def _with_jitter(policy: RetryPolicy, jitter: Jitter) -> RetryPolicy:
    return RetryPolicy(policy.max_attempts, policy.backoff, policy.initial, policy.factor, policy.max_delay, jitter)
