"""What a run's actor is to do, once what led to it is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bluev_actors.engine.outcome import BodyEnd
    from bluev_actors.workflows.run_events import NodeProgress, NodeStarted

Cause: TypeAlias = Literal["pause", "stopped", "fail_fast", "drain"]
"""Why an executor is cancelled. Noted before the cancel, for to the node they all look alike."""


@frozen
class Round:
    """An open node is to be asked what comes next.

    Attributes:
        node_id: the node.
        attempt: its attempt.
        number: how often it has said what to open.
        finished: how the items of all rounds have ended, in order.
    """

    node_id: str
    attempt: int
    number: int
    finished: Sequence[BodyEnd]


class Effects:
    """What there is to do.

    One is made for every message of every run, so its lists are made by hand.

    Attributes:
        launches: nodes to start.
        rounds: open nodes to ask what comes next.
        cancels: nodes whose executors are to be cancelled.
        backoffs: nodes to try again, and in how many seconds.
        delays: open nodes whose next items begin in so many seconds.
        closed: open nodes whose attempt is over by what happened inside.
    """

    __slots__ = ("_progress", "backoffs", "cancels", "closed", "delays", "launches", "rounds")

    def __init__(self) -> None:
        self.launches: list[NodeStarted] = []
        self.rounds: list[Round] = []
        self.cancels: list[str] = []
        self.backoffs: list[tuple[str, float]] = []
        self.delays: list[tuple[str, float]] = []
        self.closed: list[str] = []
        self._progress: dict[str, NodeProgress] = {}

    @property
    def progress(self) -> Collection[NodeProgress]:
        """How far open nodes are, for each the newest."""
        return self._progress.values()

    def show(self, progress: NodeProgress) -> None:
        """Have it shown how far an open node is."""
        self._progress[progress.node_id] = progress
