"""How much of its time each node of a run has used; the clocks stand still while it is paused.

Plain bookkeeping over a time function. An executor's own cancel scope ends an attempt in time; what is kept here lets a
node that was paused, or was cut short by a crash, go on with the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.graph import Node, RetryPolicy


@define
class _Used:
    """Seconds a node has used: in attempt `number`, and in all of them with the waits between."""

    number: int = 0
    began: float | None = None
    attempt: float = 0.0
    total: float = 0.0


@define
class TimeLimit:
    """What an attempt may still use, and the error code when that is not enough."""

    seconds: float | None = None
    code: str = "timeout"


class Clocks:
    """Keeps the time of one run.

    Args:
        time: a clock that only goes forward, in seconds.
        default_retry: the policy of nodes that have none.
    """

    def __init__(self, time: Callable[[], float], default_retry: RetryPolicy) -> None:
        self._time = time
        self._default_retry = default_retry
        self._used: dict[str, _Used] = {}

    def start(self, node_id: str, node: Node, number: int) -> TimeLimit:
        """An attempt begins, or goes on when its number is the last one's."""
        if not self._is_timed(node):
            return TimeLimit()
        used = self._used.setdefault(node_id, _Used())
        used.began = self._time()
        if used.number != number:
            used.number, used.attempt = number, 0.0
        attempt = _left(node.timeout, used.attempt, "timeout")
        return _tighter(attempt, _left(node.total_timeout, used.total, "total_timeout"))

    def _is_timed(self, node: Node) -> bool:
        policy = node.retry or self._default_retry
        return node.timeout is not None or node.total_timeout is not None or policy.max_elapsed is not None

    def stop(self, node_id: str) -> float:
        """An attempt ended, or was cut short.

        Returns:
            The seconds the node has used in all; 0 for a node without any limit.
        """
        used = self._used.get(node_id)
        if used is None or used.began is None:
            return 0.0
        seconds = self._time() - used.began
        used.began = None
        used.attempt += seconds
        used.total += seconds
        return used.total

    def count(self, node_id: str, seconds: float) -> None:
        """A node waits so long before its next attempt, which counts towards all it may use."""
        if node_id in self._used:
            self._used[node_id].total += seconds

    def restore(self, node_id: str, node: Node, number: int, attempt: float, total: float) -> None:
        """Take over what a node had used before a crash.

        Args:
            node_id: its id in the run.
            node: the node.
            number: the attempt.
            attempt: seconds that this attempt has used.
            total: seconds since its first attempt began.
        """
        if self._is_timed(node):
            self._used[node_id] = _Used(number, None, attempt, total)


def _left(limit: float | None, used: float, code: str) -> TimeLimit:
    return TimeLimit(None if limit is None else max(0.0, limit - used), code)


def _tighter(one: TimeLimit, other: TimeLimit) -> TimeLimit:
    if one.seconds is None or (other.seconds is not None and other.seconds < one.seconds):
        return other
    return one
