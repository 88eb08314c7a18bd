"""The journal in a folder: what is committed is on the disk, and outlives the process.

The newest events are held in memory, so that live readers never touch the disk; so is whatever small is kept of a run
that somebody asked for. What is not committed yet is looked up in the batches that carry it.
"""

from __future__ import annotations

import logging
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.actors import Actor, child
from bluev_actors.engine.store import statements as sql
from bluev_actors.engine.store.backup import back_up
from bluev_actors.engine.store.batch import ROW_BYTES, Batch
from bluev_actors.engine.store.cache_index import CacheIndex
from bluev_actors.engine.store.commits import Commits, Performer
from bluev_actors.engine.store.journal_base import JournalBase
from bluev_actors.engine.store.json_bytes import from_bytes, to_bytes
from bluev_actors.engine.store.ledger import NODE_ENDS, STATUS_EVENTS, Ledger, RunLog, status_after
from bluev_actors.engine.store.record_codec import document_body, record_body
from bluev_actors.engine.store.records import Entry, RunRecord, Signal, line_of
from bluev_actors.engine.store.shelf import Shelf
from bluev_actors.errors import HistoryExpiredError
from bluev_actors.workflows.run_events import RUN_ENDED, Recorded, RunStatus

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from bluev_actors.actors import ChildSpec
    from bluev_actors.engine.requests import Answered
    from bluev_actors.engine.store.store_limits import StoreLimits
    from bluev_actors.engine.store.store_reader import StoreReader
    from bluev_actors.engine.store.store_writer import StoreWriter
    from bluev_actors.workflows.values import Json, JsonObject

_log = logging.getLogger(__name__)

LAST_PATIENCE: Final = 5.0
"""Seconds to go on trying when the journal is closed and there is trouble."""
LARGE: Final = 64 * 1024
"""Bytes above which an event is stored apart from the others."""


class SqliteJournal(JournalBase):
    """A journal on SQLite; it fulfils `Journal`, where each method is described. `open_journal` makes it.

    Args:
        reader: reads the store.
        writer: writes it.
        perform: has the writer do something, where it suits.
        limits: how much is held.
    """

    durable = True

    def __init__(self, reader: StoreReader, writer: StoreWriter, perform: Performer, limits: StoreLimits) -> None:
        super().__init__(Ledger(reader.last_cursor(), {log.line.run_id: log for log in reader.runs()}))
        self.epoch: str = reader.meta("epoch")
        self._reader = reader
        self._limits = limits
        self._expired: int = reader.meta("expired")
        self._commits = Commits(writer, perform, self._publish)
        self._held: deque[tuple[int, int]] = deque()
        self._held_bytes = 0
        self._cache = CacheIndex(limits.cache_entries, limits.cache_bytes)
        self._run_numbers = count(reader.last_run() + 1)
        self._signal_numbers = count(reader.last_signal() + 1)
        self._uses = count(self._load_cache() + 1)
        for shape in reader.codec.new_shapes:
            self._batch.write(sql.ADD_SHAPE, shape.number, shape.name, to_bytes(shape.fields))
            self._commits.ring_softly()

    def _load_cache(self) -> int:
        last = 0
        for fingerprint, size, expires_at, last in self._reader.cache_entries():  # noqa: B007 - the last one is wanted
            self._drop_cached(self._cache.keep(fingerprint, size, expires_at))
        return last

    # --- committing ---------------------------------------------------------------------------------------------

    def spec(self) -> ChildSpec:
        """The actor that commits."""
        return child("journal", lambda: Committer(self._commits), kind="journal")

    async def drain(self) -> None:
        """Commit what is left, in the place of the actor, when that has ended; in vain while there is trouble."""
        with trio.move_on_after(LAST_PATIENCE, shield=True):
            await self._commits.drain()
        if self.pending:
            _log.error("%d writes of the journal are lost: %s", self.pending, self.trouble)

    async def stored(self, cursor: int | None = None) -> None:
        """Wait until everything up to now is committed."""
        await self._commits.stored(self._last_batch() if cursor is None else self._batch_with(cursor))

    def _last_batch(self) -> Batch | None:
        return next(filter(None, self._commits.batches()), None)

    def _batch_with(self, cursor: int) -> Batch | None:
        if cursor <= self.cursor:
            return None
        at_hand = self._commits.at_hand
        return at_hand if at_hand is not None and _reaches(at_hand, cursor) else self._commits.open

    async def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the journal to a new file, as it is at one moment; see `back_up`.

        Raises:
            StorageUnavailableError: what was appended before cannot be stored.
            StorageError: the copy cannot be written.
        """
        await self.stored()
        await back_up(self._reader.path, path)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at present, in one sentence; None when all is well."""
        return self._commits.trouble

    def on_trouble(self, listener: Callable[[str | None], None]) -> Callable[[], None]:
        """Have `listener` told when trouble begins (why) and when it ends (None); the answer ends that."""
        return self._commits.listeners.add(listener)

    @property
    def pending(self) -> int:
        """How many events and other writes are not committed yet."""
        return sum(map(len, self._commits.batches()))

    @property
    def pending_bytes(self) -> int:
        """About how large they are."""
        return sum(batch.size for batch in self._commits.batches())

    @property
    def _batch(self) -> Batch:
        return self._commits.open

    def _write(self, statement: str, *values: object) -> None:
        self._batch.write(statement, *values)
        self._commits.ring()

    # --- events -------------------------------------------------------------------------------------------------

    def append(self, run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
        """Take events that belong together; once they are committed, publish them and call `then`."""
        log = self._ledger.log_of(run_id)
        if entries:
            bodies = [self._reader.codec.encode(event) for event, _ in entries]
            self._note_effects(log, entries)
            self._add(log, self._ledger.add(log, entries), bodies)
        if then is not None:
            self._batch.effects.append(then)
        self._commits.ring()
        return self._ledger.added

    def _add(self, log: RunLog, added: Sequence[Recorded], bodies: Sequence[tuple[int, bytes]]) -> None:
        batch, run = self._batch, log.number
        for recorded, (shape, body) in zip(added, bodies, strict=True):
            cursor, size = recorded.cursor, len(body)
            if size > LARGE:
                batch.outputs.append((cursor, body))
                batch.events.append((cursor, run, recorded.seq, recorded.at, shape, None))
            else:
                batch.events.append((cursor, run, recorded.seq, recorded.at, shape, body))
            batch.size += size + ROW_BYTES
        batch.added.append((log, added))

    def _note_effects(self, log: RunLog, entries: Sequence[Entry]) -> None:
        """Write what follows from events: the status of the run, checkpoints that are not needed any more."""
        shelf = self._shelf(log)
        for event, at in entries:
            if event.__class__ in STATUS_EVENTS:
                self._set_status(log, status_after(event), at)
            elif shelf.checkpoints and isinstance(event, NODE_ENDS):
                self._drop_checkpoint(log, shelf, event.node_id)

    def _set_status(self, log: RunLog, status: RunStatus, at: float) -> None:
        ended = status in RUN_ENDED
        self._batch.write(sql.SET_STATUS, status, at if ended else None, log.number)
        if ended:
            self._clear_live(log, self._shelf(log))

    def _drop_checkpoint(self, log: RunLog, shelf: Shelf, node_id: str) -> None:
        if node_id in shelf.checkpoints:
            del shelf.checkpoints[node_id]
            self._batch.checkpoints.pop((log.number, node_id), None)
            self._batch.write(sql.DROP_CHECKPOINT, log.number, node_id)

    def _clear_live(self, log: RunLog, shelf: Shelf) -> None:
        for node_id in shelf.checkpoints:
            self._batch.checkpoints.pop((log.number, node_id), None)
        if shelf.checkpoints:
            self._batch.write(sql.DROP_CHECKPOINTS, log.number)
        if shelf.signals():
            self._batch.write(sql.DROP_SIGNALS, log.number)
        shelf.clear_live()

    def _publish(self, batch: Batch) -> None:
        """Show what a batch has committed, and call what waited for it; what was done once is not done again."""
        before = self._ledger.cursor
        while batch.added:
            self._ledger.commit(*batch.added[0])
            self._readers.wake(batch.added.popleft()[0].line.run_id)
        if self._ledger.cursor > before:
            self._subscribers.tell(self._ledger.read_all(before))
            self._hold(self._ledger.cursor, batch.size)
        while batch.effects:
            _call(batch.effects.popleft())

    def _hold(self, cursor: int, size: int) -> None:
        """Hold the events of a batch in memory, and let go of the oldest beyond the limits, many at a time."""
        self._held.append((cursor, size))
        self._held_bytes += size
        most, most_bytes = self._limits.recent_events, self._limits.recent_bytes
        if len(self._ledger) <= most + most // 16 and self._held_bytes <= most_bytes + most_bytes // 16:
            return
        oldest, excess = 0, cursor - most
        while self._held and (self._held[0][0] <= excess or self._held_bytes > most_bytes):
            oldest, gone = self._held.popleft()
            self._held_bytes -= gone
        self._ledger.trim(max(oldest, excess), live=True)

    def history(self, run_id: str, after: int = 0, limit: int | None = None) -> Sequence[Recorded]:
        """The committed events of a run with a `seq` above `after`, at most `limit`."""
        log = self._ledger.log_of(run_id)
        if after >= log.dropped:
            return log.after(after, limit)
        older = self._reader.history(log.number, after, log.dropped, limit)
        return older + log.after(log.dropped, None if limit is None else limit - len(older))

    def replay(self, run_id: str) -> Sequence[Recorded]:
        """All events of a run, committed or on their way."""
        log = self._ledger.log_of(run_id)
        older = self._reader.history(log.number, 0, log.dropped, None) if log.dropped else []
        return older + log.events

    def read_all(self, after: int, limit: int | None = None) -> Sequence[Recorded]:
        """The committed events of all runs with a cursor above `after`, at most `limit`."""
        first = self._ledger.first
        if after + 1 >= first:
            return self._ledger.read_all(after, limit)
        if after < self._expired:
            raise HistoryExpiredError(f"the events up to {self._expired} are no longer all held")
        older = self._reader.read_all(after, first, limit)
        return older + self._ledger.read_all(first - 1, None if limit is None else limit - len(older))

    # --- runs ---------------------------------------------------------------------------------------------------

    def open_run(self, record: RunRecord) -> None:
        """Keep a newly accepted run."""
        line, number = line_of(record), next(self._run_numbers)
        digest, document = document_body(record)
        self._write(sql.ADD_GRAPH, digest, document)
        self._write(
            sql.OPEN_RUN,
            number,
            line.run_id,
            line.workflow_id,
            line.session_id,
            line.principal,
            line.accepted_at,
            line.status,
            digest,
            record_body(record),
        )
        self._batch.records[record.run_id] = record
        self._ledger.logs[record.run_id] = RunLog(line, number, shelf=Shelf())

    def record(self, run_id: str) -> RunRecord:
        """A run as it was accepted."""
        log = self._ledger.log_of(run_id)
        for batch in self._commits.batches():
            if run_id in batch.records:
                return batch.records[run_id]
        return self._reader.record(log.number, log.line)

    def forget_run(self, run_id: str) -> None:
        """Drop a run and everything about it; its readers wake up and find it gone."""
        log = self._ledger.logs.pop(run_id, None)
        if log is None:
            return
        self._expired = max(self._expired, log.last_cursor)
        for node_id in log.shelf.checkpoints if log.shelf is not None else ():
            self._batch.checkpoints.pop((log.number, node_id), None)
        self._write(sql.DIG_GRAVE, log.number)
        self._write(sql.DROP_RUN, log.number)
        self._write(sql.EXPIRE, log.last_cursor)
        self._readers.wake(run_id)

    # --- the small facts of a run -------------------------------------------------------------------------------

    def _shelf(self, log: RunLog) -> Shelf:
        if log.shelf is None:
            log.shelf = self._reader.shelf(log.number)
        return log.shelf

    def save_checkpoint(self, run_id: str, node_id: str, state: Json) -> None:
        """Keep the newest checkpoint of a node; of a run that is gone, none."""
        log = self._ledger.logs.get(run_id)
        if log is not None:
            self._shelf(log).checkpoints[node_id] = state
            self._batch.checkpoints[(log.number, node_id)] = state
            self._commits.ring_softly()

    def keep_signal(self, run_id: str, node_id: str, payload: Json) -> None:
        """Have a signal wait for its node."""
        log = self._ledger.log_of(run_id)
        shelf = self._shelf(log)
        shelf.check_room(node_id)
        signal = Signal(next(self._signal_numbers), payload)
        shelf.keep_signal(node_id, signal)
        self._write(sql.KEEP_SIGNAL, signal.number, log.number, node_id, to_bytes(payload))

    def take_signal(self, run_id: str, node_id: str) -> Signal | None:
        """The signal that has waited longest for a node, which waits no longer; None when there is none."""
        signal = self._shelf_of(run_id).take_signal(node_id)
        if signal is not None:
            self._write(sql.TAKE_SIGNAL, signal.number)
        return signal

    def note(self, run_id: str, name: str, value: Json) -> None:
        """Keep a small fact of a run that is no event."""
        log = self._ledger.log_of(run_id)
        self._shelf(log).notes[name] = value
        self._write(sql.KEEP_NOTE, log.number, name, to_bytes(value))

    # --- what belongs to no run ---------------------------------------------------------------------------------

    def remember_request(self, session_id: str, request_id: str, answered: Answered) -> None:
        """Keep the answer to a request as long as the run it is about; of a run that is gone, none."""
        log = self._ledger.logs.get(answered.run_id)
        if log is not None:
            self._batch.requests[(session_id, request_id)] = (log.number, answered)
            answer = to_bytes(answered.answer)
            self._write(sql.REMEMBER_REQUEST, session_id, request_id, log.number, answered.digest, answer)

    def find_request(self, session_id: str, request_id: str) -> Answered | None:
        """The first answer to this request; None when it was not made."""
        key = (session_id, request_id)
        fresh = (batch.requests[key] for batch in self._commits.batches() if key in batch.requests)
        run, answered = next(fresh, None) or self._reader.request(key) or (0, None)
        log = self._ledger.logs.get(answered.run_id) if answered is not None else None
        return answered if log is not None and log.number == run else None

    def keep_cached(self, fingerprint: bytes, outputs: JsonObject, now: float, ttl: float | None = None) -> None:
        """Keep outputs under their fingerprint."""
        body, expires_at = to_bytes(outputs), None if ttl is None else now + ttl
        self._batch.cached[fingerprint] = body
        self._write(sql.KEEP_CACHED, fingerprint, body, expires_at, next(self._uses))
        self._drop_cached(self._cache.keep(fingerprint, len(body), expires_at))

    def _drop_cached(self, fingerprints: Sequence[bytes]) -> None:
        for fingerprint in fingerprints:
            self._batch.cached.pop(fingerprint, None)
            self._write(sql.DROP_CACHED, fingerprint)

    def cached(self, fingerprint: bytes, now: float) -> JsonObject | None:
        """The outputs that are kept under a fingerprint and still good."""
        if not self._cache.find(fingerprint, now):
            return None
        self._batch.write(sql.TOUCH_CACHED, next(self._uses), fingerprint)
        self._commits.ring_softly()
        fresh = (batch.cached[fingerprint] for batch in self._commits.batches() if fingerprint in batch.cached)
        body = next(fresh, None) or self._reader.cached(fingerprint)
        return None if body is None else from_bytes(body)

    def put_document(self, family: str, name: str, body: JsonObject) -> None:
        """Keep a document under its name, in place of the one that has it."""
        self._batch.documents[(family, name)] = body
        self._write(sql.PUT_DOCUMENT, family, name, to_bytes(body))

    def document(self, family: str, name: str) -> JsonObject | None:
        """The document of this name, or None."""
        for batch in self._commits.batches():
            if (family, name) in batch.documents:
                return batch.documents[(family, name)]
        return self._reader.document(family, name)

    def documents(self, family: str) -> Mapping[str, JsonObject]:
        """All documents of a family, in the order of their names."""
        found: dict[str, JsonObject | None] = {**self._reader.documents(family)}
        for batch in reversed(self._commits.batches()):
            found.update({name: body for (kin, name), body in batch.documents.items() if kin == family})
        return {name: body for name, body in sorted(found.items()) if body is not None}

    def drop_document(self, family: str, name: str) -> bool:
        """Drop a document; says whether there was one."""
        if self.document(family, name) is None:
            return False
        self._batch.documents[(family, name)] = None
        self._write(sql.DROP_DOCUMENT, family, name)
        return True


class Committer(Actor[object]):
    """The actor that takes what is appended to the disk."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def run(self) -> None:
        """Write whatever comes, until it is ended; what is left then is written when the journal is closed."""
        await self._commits.run()


def _reaches(batch: Batch, cursor: int) -> bool:
    """Whether a batch has the event at this place, or one after it."""
    return bool(batch.events) and batch.events[-1][0] >= cursor


def _call(effect: Callable[[], None]) -> None:
    try:
        effect()
    except Exception:  # noqa: BLE001 - one run must not keep the others from being written
        _log.exception("what was to follow a commit raised; the journal goes on without it")
