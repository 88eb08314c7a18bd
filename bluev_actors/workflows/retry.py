"""Whether a failed attempt is repeated, and after how long. Pure: the caller brings the clock and the dice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from bluev_actors.workflows.graph import RetryPolicy
    from bluev_actors.workflows.run_events import ErrorDetail


def may_retry(
    policy: RetryPolicy, attempt: int, error: ErrorDetail, class_names: Collection[str], elapsed: float
) -> bool:
    """Whether the policy allows another attempt.

    Args:
        policy: the node's, else the workflow's.
        attempt: the number of the attempt that failed, from 1.
        error: how it failed.
        class_names: names of the exception's class and its bases, which `retry_on` may name too.
        elapsed: seconds from the start of the first attempt to the start of the one in question, its wait included.
    """
    if not error.retryable or attempt >= policy.max_attempts:
        return False
    if policy.max_elapsed is not None and elapsed >= policy.max_elapsed:
        return False
    names = {error.code, *class_names, *_families(error.code)}
    if names.intersection(policy.never_on):
        return False
    return not policy.retry_on or bool(names.intersection(policy.retry_on))


def _families(code: str) -> list[str]:
    """`http_503` also answers to `http_5xx`."""
    match = re.fullmatch(r"http_(\d)\d\d", code)
    return [f"http_{match[1]}xx"] if match else []


def delay(policy: RetryPolicy, attempt: int, dice: Random) -> float:
    """Seconds to wait after the failure of attempt number `attempt`, counted from 1.

    `full` jitter draws between 0 and the delay, `equal` between half of it and all of it, as in
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
    """
    seconds = min(policy.max_delay, _base(policy, attempt))
    if policy.jitter == "full":
        return dice.uniform(0, seconds)
    if policy.jitter == "equal":
        return seconds / 2 + dice.uniform(0, seconds / 2)
    return seconds


def _base(policy: RetryPolicy, attempt: int) -> float:
    if policy.backoff == "fixed":
        return policy.initial
    if policy.backoff == "linear":
        return policy.initial * attempt
    try:
        return policy.initial * policy.factor ** (attempt - 1)
    except OverflowError:
        return policy.max_delay if policy.initial else 0.0
