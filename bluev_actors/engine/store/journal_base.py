"""What both journals do alike with what they hold in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bluev_actors.engine.store.audience import Audience, Readers
from bluev_actors.errors import HistoryExpiredError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluev_actors.engine.store.ledger import Ledger, RunLog
    from bluev_actors.engine.store.records import RunLine, Subscriber
    from bluev_actors.engine.store.shelf import Shelf
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import Json


class JournalBase(ABC):
    """The part of a `Journal`, where each method is described, that is the same with and without a disk.

    Args:
        ledger: the runs and events in memory.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._subscribers: Audience[Sequence[Recorded]] = Audience()
        self._readers = Readers()

    @property
    def cursor(self) -> int:
        """The place of the last committed event in the global order; 0 before the first."""
        return self._ledger.cursor

    def last(self, run_id: str) -> Recorded | None:
        """The last committed event of a run."""
        committed = self._ledger.log_of(run_id).committed
        try:
            return next(iter(self.history(run_id, committed - 1, 1)), None) if committed else None
        except HistoryExpiredError:
            return None

    @abstractmethod
    def history(self, run_id: str, after: int = 0, limit: int | None = None) -> Sequence[Recorded]:
        """The committed events of a run with a `seq` above `after`, at most `limit`."""

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's terminal event is committed."""
        return self._ledger.log_of(run_id).ended

    async def changed(self, run_id: str) -> None:
        """Wait until something more of this run is committed, or until it is forgotten."""
        self._ledger.log_of(run_id)
        await self._readers.wait(run_id)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have `subscriber` called with every committed batch; the answer ends that."""
        return self._subscribers.add(subscriber)

    # --- runs ---------------------------------------------------------------------------------------------------

    def held(self) -> Sequence[RunLine]:
        """Every run that is held, the oldest first."""
        return [log.line for log in self._ledger.logs.values()]

    @abstractmethod
    def forget_run(self, run_id: str) -> None:
        """Drop a run and everything about it; its readers wake up and find it gone."""

    def retain(self, keep: int, not_before: float) -> Sequence[str]:
        """Forget the ended runs beyond the newest `keep`, and those that ended before a time."""
        forgotten = self._ledger.oldest_ended(keep, not_before)
        for run_id in forgotten:
            self.forget_run(run_id)
        return forgotten

    # --- the small facts of a run -------------------------------------------------------------------------------

    @abstractmethod
    def _shelf(self, log: RunLog) -> Shelf:
        """What lies beside the events of a run."""

    def _shelf_of(self, run_id: str) -> Shelf:
        return self._shelf(self._ledger.log_of(run_id))

    def checkpoint(self, run_id: str, node_id: str) -> Json | None:
        """The newest checkpoint of a node, or None."""
        return self._shelf_of(run_id).checkpoints.get(node_id)

    def signals(self, run_id: str) -> Mapping[str, Sequence[Json]]:
        """The payloads of the signals that wait, by node, the oldest first."""
        return self._shelf_of(run_id).signals()

    def notes(self, run_id: str) -> Mapping[str, Json]:
        """The notes of a run, by name."""
        return dict(self._shelf_of(run_id).notes)
