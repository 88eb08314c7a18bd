"""The journal that dies with the process: whatever is appended is committed at once."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import trio

from bluev_actors.engine.store.journal_base import JournalBase
from bluev_actors.engine.store.ledger import NODE_ENDS, STATUS_EVENTS, Ledger, RunLog
from bluev_actors.engine.store.memory_shelves import CacheShelf, DocumentShelf, RequestShelf
from bluev_actors.engine.store.records import Entry, RunRecord, Signal, line_of
from bluev_actors.engine.store.shelf import Shelf
from bluev_actors.errors import HistoryExpiredError
from bluev_actors.workflows.run_events import TERMINAL_EVENTS, Recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.actors import ChildSpec
    from bluev_actors.engine.requests import Answered
    from bluev_actors.workflows.values import Json, JsonObject

_Step: TypeAlias = tuple[RunLog, Sequence[Recorded], Callable[[], None] | None]


class MemoryJournal(JournalBase):
    """A journal without a disk; it fulfils `Journal`, where each method is described.

    The events of a live run are all kept, for the run may have to be rebuilt from them. Beyond `capacity` events in
    all, and some slack, the oldest of runs that have ended go.

    Args:
        capacity: how many events to hold for replay.
    """

    durable = False
    trouble: str | None = None
    pending = 0
    pending_bytes = 0

    def __init__(self, capacity: int = 100_000) -> None:
        super().__init__(Ledger())
        self.epoch = uuid.uuid4().hex
        self._capacity = capacity
        self._slack = capacity // 16
        self._records: dict[str, RunRecord] = {}
        self._shelves: dict[str, Shelf] = {}
        self._requests = RequestShelf()
        self._cache = CacheShelf()
        self._documents = DocumentShelf()
        self._steps: deque[_Step] = deque()
        self._stepping = False
        self._signal_numbers = count(1)

    # --- committing ---------------------------------------------------------------------------------------------

    def spec(self) -> ChildSpec | None:
        """Nobody is needed to commit."""
        return None

    async def stored(self, cursor: int | None = None) -> None:  # noqa: ARG002 - all there is, is stored
        """A checkpoint, for everything is where it stays."""
        await trio.lowlevel.checkpoint()

    def on_trouble(self, listener: Callable[[str | None], None]) -> Callable[[], None]:  # noqa: ARG002 - it never comes
        """Memory knows no trouble."""
        return lambda: None

    # --- events -------------------------------------------------------------------------------------------------

    def append(self, run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
        """Keep events, publish them, and call `then`."""
        log = self._ledger.log_of(run_id)
        added = self._ledger.add(log, entries)
        self._note_effects(self._shelf(log), entries)
        self._steps.append((log, added, then))
        if not self._stepping:
            self._take_steps()
        return self._ledger.added

    def _note_effects(self, shelf: Shelf, entries: Sequence[Entry]) -> None:
        """Drop the checkpoints that are not needed any more."""
        for event, _ in entries:
            if event.__class__ in STATUS_EVENTS:
                if isinstance(event, TERMINAL_EVENTS):
                    shelf.clear_live()
            elif shelf.checkpoints and isinstance(event, NODE_ENDS):
                shelf.checkpoints.pop(event.node_id, None)

    def _take_steps(self) -> None:
        """Commit and publish one append after the other, so that everybody hears everything in the global order.

        Whoever hears of one may append another; that one has its turn after it.
        """
        self._stepping, failure = True, None
        while self._steps:
            try:
                self._take_step(*self._steps.popleft())
            except Exception as error:  # noqa: BLE001 - the rest comes first
                failure = failure or error
        self._stepping = False
        if failure is not None:
            raise failure

    def _take_step(self, log: RunLog, added: Sequence[Recorded], then: Callable[[], None] | None) -> None:
        if added:
            self._ledger.commit(log, added)
            self._readers.wake(log.line.run_id)
            if len(self._ledger) > self._capacity + self._slack:
                self._ledger.trim(self._ledger.cursor - self._capacity, live=False)
            self._subscribers.tell(added)
        if then is not None:
            then()

    def history(self, run_id: str, after: int = 0, limit: int | None = None) -> Sequence[Recorded]:
        """The events of a run with a `seq` above `after`."""
        log = self._ledger.log_of(run_id)
        if after < log.dropped:
            raise HistoryExpiredError(f"the events of run {run_id} up to {log.dropped} are no longer held")
        return log.after(after, limit)

    def replay(self, run_id: str) -> Sequence[Recorded]:
        """All events of a run."""
        return tuple(self._ledger.log_of(run_id).events)

    def read_all(self, after: int, limit: int | None = None) -> Sequence[Recorded]:
        """The events of all runs with a cursor above `after`."""
        if after + 1 < self._ledger.first:
            raise HistoryExpiredError(f"the events up to {self._ledger.first - 1} are no longer held")
        return self._ledger.read_all(after, limit)

    # --- runs ---------------------------------------------------------------------------------------------------

    def open_run(self, record: RunRecord) -> None:
        """Keep a newly accepted run."""
        self._records[record.run_id] = record
        self._shelves[record.run_id] = Shelf()
        self._ledger.logs[record.run_id] = RunLog(line_of(record))

    def record(self, run_id: str) -> RunRecord:
        """A run as it was accepted."""
        self._ledger.log_of(run_id)
        return self._records[run_id]

    def forget_run(self, run_id: str) -> None:
        """Drop a run and everything about it; its readers wake up and find it gone."""
        if self._ledger.logs.pop(run_id, None) is not None:
            del self._records[run_id], self._shelves[run_id]
            self._requests.forget_run(run_id)
            self._readers.wake(run_id)

    # --- the small facts of a run -------------------------------------------------------------------------------

    def _shelf(self, log: RunLog) -> Shelf:
        return self._shelves[log.line.run_id]

    def save_checkpoint(self, run_id: str, node_id: str, state: Json) -> None:
        """Keep the newest checkpoint of a node; of a run that is gone, none."""
        if run_id in self._ledger.logs:
            self._shelf_of(run_id).checkpoints[node_id] = state

    def keep_signal(self, run_id: str, node_id: str, payload: Json) -> None:
        """Have a signal wait for its node."""
        shelf = self._shelf_of(run_id)
        shelf.check_room(node_id)
        shelf.keep_signal(node_id, Signal(next(self._signal_numbers), payload))

    def take_signal(self, run_id: str, node_id: str) -> Signal | None:
        """The signal that has waited longest for a node, which waits no longer; None when there is none."""
        return self._shelf_of(run_id).take_signal(node_id)

    def note(self, run_id: str, name: str, value: Json) -> None:
        """Keep a small fact of a run that is no event."""
        self._shelf_of(run_id).notes[name] = value

    # --- what belongs to no run ---------------------------------------------------------------------------------

    def remember_request(self, session_id: str, request_id: str, answered: Answered) -> None:
        """Keep the answer to a request as long as the run it is about; of a run that is gone, none."""
        if answered.run_id in self._ledger.logs:
            self._requests.remember((session_id, request_id), answered)

    def find_request(self, session_id: str, request_id: str) -> Answered | None:
        """The first answer to this request; None when it was not made."""
        return self._requests.find((session_id, request_id))

    def keep_cached(self, fingerprint: bytes, outputs: JsonObject, now: float, ttl: float | None = None) -> None:
        """Keep outputs under their fingerprint."""
        self._cache.keep(fingerprint, outputs, None if ttl is None else now + ttl)

    def cached(self, fingerprint: bytes, now: float) -> JsonObject | None:
        """The outputs that are kept under a fingerprint and still good."""
        return self._cache.find(fingerprint, now)

    def put_document(self, family: str, name: str, body: JsonObject) -> None:
        """Keep a document under its name, in place of the one that has it."""
        self._documents.put(family, name, body)

    def document(self, family: str, name: str) -> JsonObject | None:
        """The document of this name, or None."""
        return self._documents.find(family, name)

    def documents(self, family: str) -> Mapping[str, JsonObject]:
        """All documents of a family, in the order of their names."""
        return self._documents.all_of(family)

    def drop_document(self, family: str, name: str) -> bool:
        """Drop a document; says whether there was one."""
        return self._documents.drop(family, name)
