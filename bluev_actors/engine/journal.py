"""Where run events are kept: append-only, in one order for all runs and one order for each.

`append` is a plain call that takes what belongs together. Once it is *committed* it is published, and only then may the
effects follow that wait for it. In memory that is done at once; on a disk committing is a task of its own. `Journal`
is the interface of both.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import trio
from attrs import Factory, define, frozen

from bluev_actors.errors import HistoryExpiredError, RunNotFoundError
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.run_events import TERMINAL_EVENTS, Recorded, RunEvent

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.values import Json, JsonObject

_log = logging.getLogger(__name__)

Entry: TypeAlias = tuple[RunEvent, float]
"""An event and its wall time, in seconds since 1970."""
Subscriber: TypeAlias = Callable[[Sequence[Recorded]], None]
"""Called with each committed batch, in the global order. A plain function that does not raise."""


@frozen
class RunRecord:
    """What is kept of a run from the moment it is accepted. Times are seconds since 1970."""

    run_id: str
    workflow: Workflow
    inputs: JsonObject
    accepted_at: float
    session_id: str = ""
    principal: str = ""
    options: RunOptions = Factory(RunOptions)
    warnings: tuple[JsonObject, ...] = ()

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self.workflow.id


class Journal(Protocol):
    """An append-only log of run events."""

    epoch: str
    """Names the global order; a cursor means something only within it."""

    @property
    def cursor(self) -> int:
        """The place of the last committed event in the global order; 0 before the first."""
        ...

    def open_run(self, record: RunRecord) -> None:
        """Keep a newly accepted run."""
        ...

    def append(self, run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
        """Take events that belong together; once they are committed, publish them and call `then`.

        Args:
            run_id: whose events they are.
            entries: the events, each with its wall time.
            then: called after they are committed and published; not at all if that never happens.

        Returns:
            The place of the last of them in the global order.
        """
        ...

    def history(self, run_id: str, after: int = 0) -> Sequence[Recorded]:
        """The committed events of a run with a `seq` above `after`.

        Raises:
            HistoryExpiredError: some of them are no longer held.
            RunNotFoundError: no such run is held.
        """
        ...

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's terminal event is committed.

        Raises:
            RunNotFoundError: no such run is held.
        """
        ...

    def read_all(self, after: int) -> Sequence[Recorded]:
        """The committed events of all runs with a cursor above `after`.

        Raises:
            HistoryExpiredError: some of them are no longer held.
        """
        ...

    async def changed(self, run_id: str) -> None:
        """Wait until something more of this run is committed, or until it is forgotten."""
        ...

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have `subscriber` called with every committed batch; the answer ends that."""
        ...

    def save_checkpoint(self, run_id: str, node_id: str, state: Json) -> None:
        """Keep the newest checkpoint of a node."""
        ...

    def checkpoint(self, run_id: str, node_id: str) -> Json | None:
        """The newest checkpoint of a node, or None."""
        ...

    def forget_run(self, run_id: str) -> None:
        """Drop a run and everything about it."""
        ...


@define
class _RunLog:
    """The events of one run; `dropped` of them, the oldest, are no longer held."""

    record: RunRecord
    events: list[Recorded] = Factory(list[Recorded])
    dropped: int = 0
    ended: bool = False
    checkpoints: dict[str, Json] = Factory(dict[str, "Json"])
    readers: trio.lowlevel.ParkingLot = Factory(trio.lowlevel.ParkingLot)


class MemoryJournal:
    """A journal that dies with the process.

    The events of a live run are all kept, for the run may have to be rebuilt from them. Beyond `capacity` events in
    all, and some slack, the oldest of runs that have ended go.

    Args:
        capacity: how many events to hold for replay.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self.epoch = uuid.uuid4().hex
        self._capacity = capacity
        self._slack = capacity // 16
        self._cursor = 0
        self._runs: dict[str, _RunLog] = {}
        self._all: list[Recorded] = []
        self._subscribers: list[Subscriber] = []

    @property
    def cursor(self) -> int:
        """The place of the last committed event in the global order; 0 before the first."""
        return self._cursor

    def open_run(self, record: RunRecord) -> None:
        """Keep a newly accepted run."""
        self._runs[record.run_id] = _RunLog(record)

    def append(self, run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
        """Keep events, publish them, and call `then`."""
        if entries:
            self._publish(self._store(self._log_of(run_id), entries))
        if then is not None:
            then()
        return self._cursor

    def _store(self, log: _RunLog, entries: Sequence[Entry]) -> list[Recorded]:
        seq, cursor = log.dropped + len(log.events), self._cursor
        run_id, workflow_id = log.record.run_id, log.record.workflow_id
        batch = [
            Recorded(run_id, workflow_id, seq + n, cursor + n, at, event)
            for n, (event, at) in enumerate(entries, start=1)
        ]
        log.events.extend(batch)
        log.ended = log.ended or isinstance(batch[-1].event, TERMINAL_EVENTS)
        log.readers.unpark_all()
        self._cursor = batch[-1].cursor
        self._all.extend(batch)
        if len(self._all) > self._capacity + self._slack:
            self._trim()
        return batch

    def _trim(self) -> None:
        """Drop what is beyond the capacity, some at a time, for to shift a list costs its length."""
        excess = len(self._all) - self._capacity
        for oldest in self._all[:excess]:
            self._drop_oldest(oldest)
        del self._all[:excess]

    def _drop_oldest(self, oldest: Recorded) -> None:
        log = self._runs.get(oldest.run_id)
        if log is not None and log.ended:
            gone = oldest.seq - log.dropped
            del log.events[:gone]
            log.dropped += gone

    def _publish(self, batch: list[Recorded]) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(batch)
            except Exception:  # noqa: BLE001 - whoever listens, a run is never lost to it
                _log.exception("a subscriber of the journal raised; the run goes on without it")

    def history(self, run_id: str, after: int = 0) -> Sequence[Recorded]:
        """The events of a run with a `seq` above `after`."""
        log = self._log_of(run_id)
        if after < log.dropped:
            raise HistoryExpiredError(f"the events of run {run_id} up to {log.dropped} are no longer held")
        return log.events[after - log.dropped :]

    def has_ended(self, run_id: str) -> bool:
        """Whether the run has had its terminal event."""
        return self._log_of(run_id).ended

    def read_all(self, after: int) -> Sequence[Recorded]:
        """The events of all runs with a cursor above `after`."""
        first = self._all[0].cursor if self._all else self._cursor + 1
        if after + 1 < first:
            raise HistoryExpiredError(f"the events up to {first - 1} are no longer held")
        return self._all[after + 1 - first :]

    async def changed(self, run_id: str) -> None:
        """Wait until something more of this run is committed, or until it is forgotten."""
        await self._log_of(run_id).readers.park()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have `subscriber` called with every committed batch; the answer ends that."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def save_checkpoint(self, run_id: str, node_id: str, state: Json) -> None:
        """Keep the newest checkpoint of a node; of a run that is gone, none."""
        log = self._runs.get(run_id)
        if log is not None:
            log.checkpoints[node_id] = state

    def checkpoint(self, run_id: str, node_id: str) -> Json | None:
        """The newest checkpoint of a node, or None."""
        return self._log_of(run_id).checkpoints.get(node_id)

    def forget_run(self, run_id: str) -> None:
        """Drop a run and everything about it; its readers wake up and find it gone."""
        log = self._runs.pop(run_id, None)
        if log is not None:
            log.readers.unpark_all()

    def _log_of(self, run_id: str) -> _RunLog:
        try:
            return self._runs[run_id]
        except KeyError:
            raise RunNotFoundError(f"there is no run {run_id}") from None
