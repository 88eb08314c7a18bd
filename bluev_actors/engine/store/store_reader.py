"""The eye that reads what is committed on the disk: few rows at a time, for it reads where the caller waits."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bluev_actors.engine.requests import Answered
from bluev_actors.engine.store.connection import connect
from bluev_actors.engine.store.event_codec import EventCodec, Shape
from bluev_actors.engine.store.json_bytes import from_bytes
from bluev_actors.engine.store.ledger import RunLog
from bluev_actors.engine.store.record_codec import read_record
from bluev_actors.engine.store.records import RunLine, RunRecord, Signal
from bluev_actors.engine.store.shelf import Shelf
from bluev_actors.engine.store.trouble import sentence
from bluev_actors.errors import StorageUnavailableError, StoreCorruptError
from bluev_actors.workflows.run_events import Recorded

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from bluev_actors.engine.store.memory_shelves import RequestKey
    from bluev_actors.workflows.values import JsonObject

NEWEST = 2**63 - 1
"""Above every `seq` and every cursor."""

_RUNS = """
    SELECT number, run_id, workflow_id, session_id, principal, accepted_at, status, ended_at, seq, cursor
    FROM runs LEFT JOIN events ON run = number
        AND seq = (SELECT seq FROM events WHERE run = number ORDER BY seq DESC LIMIT 1)
    ORDER BY number"""
_EVENTS = """
    SELECT run_id, workflow_id, seq, events.cursor, at, shape, ifnull(events.body, outputs.body)
    FROM events JOIN runs ON number = run LEFT JOIN outputs ON outputs.cursor = events.cursor"""
_EVENTS_OF_RUN = f"{_EVENTS} WHERE run = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
_EVENTS_OF_ALL = f"{_EVENTS} WHERE events.cursor > ? AND events.cursor < ? ORDER BY events.cursor LIMIT ?"
_REQUEST = """
    SELECT number, requests.digest, answer, run_id FROM requests JOIN runs ON number = run
    WHERE session = ? AND request = ?"""


@contextmanager
def _reading() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailableError(sentence(error)) from error


@contextmanager
def _unpacking(what: str) -> Generator[None]:
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        raise StoreCorruptError(f"{what} in the journal cannot be read: {error}") from error


class StoreReader:
    """Reads one store. Where it can read nothing, `StorageUnavailableError` is raised.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connect(path)
        self._connection.execute("PRAGMA query_only = 1")
        self.codec = EventCodec(Shape(number, name, tuple(from_bytes(it))) for number, name, it in self._shapes())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with _reading():
            return self._connection.execute(statement, values).fetchall()

    def _row(self, statement: str, *values: object) -> Any:  # noqa: ANN401 - a row has what its statement names
        with _reading():
            return self._connection.execute(statement, values).fetchone()

    # --- what is read when the store is opened ------------------------------------------------------------------

    def _shapes(self) -> list[tuple[int, str, bytes]]:
        return self._connection.execute("SELECT number, name, fields FROM shapes ORDER BY number").fetchall()

    def meta(self, key: str) -> Any:  # noqa: ANN401 - a text or a number, as the key has it
        """A fact about the store."""
        row = self._row("SELECT value FROM meta WHERE key = ?", key)
        if row is None:
            raise sqlite3.DatabaseError(f"its {key} is missing")
        return row[0]

    def last_cursor(self) -> int:
        """The place of the last event that there ever was."""
        return self._highest("SELECT max(cursor) FROM events", self.meta("expired"))

    def last_run(self) -> int:
        """The highest number of a run whose rows are there."""
        return self._highest("SELECT max(number) FROM runs", self._highest("SELECT max(run) FROM graves"))

    def last_signal(self) -> int:
        """The highest number of a signal."""
        return self._highest("SELECT max(number) FROM signals")

    def _highest(self, statement: str, least: int = 0) -> int:
        return max(least, self._row(statement)[0] or 0)

    def runs(self) -> Iterator[RunLog]:
        """All runs that are held, the oldest first, without their events."""
        for number, *line, ended_at, seq, cursor in self._rows(_RUNS):
            seq, cursor = seq or 0, cursor or 0  # noqa: PLW2901 - a run without events has none
            yield RunLog(RunLine(*line), number, seq, seq, cursor, ended_at)

    def cache_entries(self) -> list[tuple[bytes, int, float | None, int]]:
        """Fingerprint, size, time of expiry and place in the order of use of all cached outputs, in that order."""
        return self._rows("SELECT fingerprint, length(body), expires_at, used FROM cache ORDER BY used")

    # --- what is read when it is asked for ----------------------------------------------------------------------

    def history(self, run: int, after: int, until: int, limit: int | None) -> list[Recorded]:
        """The events of a run with a `seq` above `after` and not above `until`."""
        return [self._recorded(*row) for row in self._rows(_EVENTS_OF_RUN, run, after, until, _limit(limit))]

    def read_all(self, after: int, before: int, limit: int | None) -> list[Recorded]:
        """The events of all runs with a cursor above `after` and below `before`."""
        return [self._recorded(*row) for row in self._rows(_EVENTS_OF_ALL, after, before, _limit(limit))]

    def _recorded(
        self, run_id: str, workflow_id: str, seq: int, cursor: int, at: float, shape: int, body: bytes
    ) -> Recorded:
        with _unpacking(f"event {seq} of run {run_id}"):
            return Recorded(run_id, workflow_id, seq, cursor, at, self.codec.decode(shape, body))

    def record(self, run: int, line: RunLine) -> RunRecord:
        """A run as it was accepted."""
        statement = "SELECT body, document FROM runs JOIN graphs ON digest = graph WHERE number = ?"
        with _unpacking(f"run {line.run_id}"):
            return read_record(line, *self._row(statement, run))

    def shelf(self, run: int) -> Shelf:
        """What is kept beside the events of a run."""
        shelf = Shelf()
        with _unpacking(f"what is kept beside run number {run}"):
            for node_id, body in self._rows("SELECT node, body FROM checkpoints WHERE run = ?", run):
                shelf.checkpoints[node_id] = from_bytes(body)
            for name, body in self._rows("SELECT name, body FROM notes WHERE run = ?", run):
                shelf.notes[name] = from_bytes(body)
            for number, node_id, body in self._rows(
                "SELECT number, node, body FROM signals WHERE run = ? ORDER BY number", run
            ):
                shelf.keep_signal(node_id, Signal(number, from_bytes(body)))
        return shelf

    def request(self, key: RequestKey) -> tuple[int, Answered] | None:
        """The first answer to a request, with the number of its run."""
        row = self._row(_REQUEST, *key)
        return None if row is None else (row[0], Answered(row[1], from_bytes(row[2]), row[3]))

    def cached(self, fingerprint: bytes) -> bytes | None:
        """The outputs under a fingerprint, as JSON."""
        row = self._row("SELECT body FROM cache WHERE fingerprint = ?", fingerprint)
        return None if row is None else row[0]

    def document(self, family: str, name: str) -> JsonObject | None:
        """The document of this name."""
        row = self._row("SELECT body FROM documents WHERE family = ? AND name = ?", family, name)
        return None if row is None else from_bytes(row[0])

    def documents(self, family: str) -> dict[str, JsonObject]:
        """All documents of a family."""
        rows = self._rows("SELECT name, body FROM documents WHERE family = ?", family)
        return {name: from_bytes(body) for name, body in rows}


def _limit(limit: int | None) -> int:
    return -1 if limit is None else limit
