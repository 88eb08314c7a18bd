"""How long the nodes of a run took, without the time for which a pause held them up."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.workflows.run_events import Pause
    from bluev_actors.workflows.run_state import NodeState


class Durations:
    """The durations of one run's nodes.

    A node that ended during a pause was at work until then, so only pauses that a node outlasted are left out.

    Args:
        pauses: those of the run, in order.
    """

    def __init__(self, pauses: Iterable[Pause]) -> None:
        over = [(pause.at, pause.until) for pause in pauses if pause.until is not None]
        self._ends = [until for _, until in over]
        self._paused = [0.0, *accumulate(max(0.0, until - at) for at, until in over)]

    def of(self, node: NodeState) -> float:
        """Seconds from a node's first start to its end; 0 when it has not both."""
        began, ended = node.first_started_at, node.finished_at
        if began is None or ended is None:
            return 0.0
        if not self._ends:
            return max(0.0, ended - began)
        return max(0.0, ended - began - self._paused_until(ended) + self._paused_until(began))

    def _paused_until(self, time: float) -> float:
        return self._paused[bisect_right(self._ends, time)]
