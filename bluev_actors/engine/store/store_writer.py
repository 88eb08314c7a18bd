"""The hand that writes to the disk: batches, and the chores that keep the file small. It works in any one thread."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from bluev_actors.engine.store import statements as sql
from bluev_actors.engine.store.connection import Sync, connect_writer, transaction
from bluev_actors.engine.store.json_bytes import to_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.engine.store.batch import Batch

SWEEP_EVENTS: Final = 2_000
"""How many events of a forgotten run are deleted in one transaction."""
VACUUM_PAGES: Final = 1_000
"""How many empty pages are given back to the system at a time."""
SPARE_PAGES: Final = 256
"""How many empty pages the file may keep for what comes next."""
LOG_BYTES: Final = 8 * 1024 * 1024
"""About how large the write-ahead log may grow before what it has is carried into the file proper."""
PAGE_BYTES: Final = 4096
COMMIT_BYTES: Final = 6 * PAGE_BYTES
"""About what any commit adds to the log: whole pages, of tables and their indexes."""

_statement_of = itemgetter(0)


class StoreWriter:
    """Writes to one store.

    Args:
        path: the file.
        sync: what a commit waits for.
    """

    def __init__(self, path: Path, sync: Sync) -> None:
        self._path = path
        self._sync: Sync = sync
        self._logged = 0
        self._spare = 0
        self._connection = connect_writer(path, sync)
        self.graves = self._count_graves()

    def close(self) -> None:
        """Carry everything into the file proper, and close it; where that fails, the next one to open it does it."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.close()

    # --- batches ------------------------------------------------------------------------------------------------

    def commit(self, batch: Batch) -> None:
        """Write a batch, all or nothing, and say so in it."""
        with transaction(self._connection):
            self._write(batch)
        batch.committed = True
        self.graves += sum(statement is sql.DIG_GRAVE for statement, _ in batch.writes)
        self._logged += batch.size + COMMIT_BYTES

    def _write(self, batch: Batch) -> None:
        many = self._connection.executemany
        if batch.events:
            many(sql.ADD_EVENT, batch.events)
        if batch.outputs:
            many(sql.ADD_OUTPUTS, batch.outputs)
        for statement, rows in groupby(batch.writes, _statement_of):
            many(statement, [values for _, values in rows])
        if batch.checkpoints:
            many(sql.SAVE_CHECKPOINT, [(*key, to_bytes(state)) for key, state in batch.checkpoints.items()])

    def commit_again(self, batch: Batch) -> None:
        """Write a batch after a failure, which may have been the connection's, and may have been none at all."""
        self._reopen()
        batch.committed = bool(batch.events) and self._has_event(batch.events[-1][0])
        if not batch.committed:
            self.commit(batch)

    def _reopen(self) -> None:
        connection = connect_writer(self._path, self._sync)
        self._connection.close()
        self._connection = connection
        self.graves = self._count_graves()

    def _count_graves(self) -> int:
        count: int = self._connection.execute("SELECT count(*) FROM graves").fetchone()[0]
        return count

    def _has_event(self, cursor: int) -> bool:
        return self._connection.execute("SELECT 1 FROM events WHERE cursor = ?", (cursor,)).fetchone() is not None

    # --- chores -------------------------------------------------------------------------------------------------

    @property
    def log_is_long(self) -> bool:
        """Whether the write-ahead log should be carried into the file proper."""
        return self._logged > LOG_BYTES

    def shorten_log(self) -> None:
        """Carry what is in the write-ahead log into the file proper; when nobody reads it any more, it begins anew."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._logged = 0

    @property
    def has_chores(self) -> bool:
        """Whether something waits to be deleted, or room to be given back."""
        return bool(self.graves) or self._spare > SPARE_PAGES

    def sweep(self) -> None:
        """Delete some of what forgotten runs have left, and give some room back."""
        grave = self._connection.execute("SELECT run, graph FROM graves ORDER BY run LIMIT 1").fetchone()
        if grave is None:
            self.graves = 0
        elif not self._sweep_events(grave[0]):
            self._sweep_rest(*grave)
            self.graves -= 1
        self._give_room_back()

    def _give_room_back(self) -> None:
        before = self._empty_pages()
        if before > SPARE_PAGES:
            # A single statement would give back a single page, for it is stepped as if it had rows to give.
            self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
            self._logged += VACUUM_PAGES * PAGE_BYTES
        after = self._empty_pages()
        self._spare = after if after < before else 0

    def _empty_pages(self) -> int:
        count: int = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        return count

    def _sweep_events(self, run: int) -> bool:
        """Delete some events, and say whether there may be more."""
        self._logged += COMMIT_BYTES
        with transaction(self._connection):
            self._connection.execute(sql.SWEEP_OUTPUTS, (run, SWEEP_EVENTS))
            gone = self._connection.execute(sql.SWEEP_EVENTS, (run, SWEEP_EVENTS)).rowcount
        return gone == SWEEP_EVENTS

    def _sweep_rest(self, run: int, graph: bytes) -> None:
        drops = (sql.DROP_CHECKPOINTS, sql.DROP_SIGNALS, sql.DROP_NOTES, sql.DROP_REQUESTS)
        with transaction(self._connection):
            for statement in (*drops, sql.FILL_GRAVE):
                self._connection.execute(statement, (run,))
            self._connection.execute(sql.DROP_GRAPH, (graph, graph))
