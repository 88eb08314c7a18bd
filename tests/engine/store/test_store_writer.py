from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store import statements as sql
from bluev_actors.engine.store.batch import Batch
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.opening import prepare_file
from bluev_actors.engine.store.store_writer import LOG_BYTES, SWEEP_EVENTS, StoreWriter

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a new store."""
    prepare_file(tmp_path / JOURNAL)
    return tmp_path / JOURNAL


@pytest.fixture
def writer(path: Path) -> Generator[StoreWriter]:
    """Writes to it."""
    writer = StoreWriter(path, "normal")
    yield writer
    writer.close()


def counts(path: Path, *tables: str) -> list[int]:
    """How many rows the tables have."""
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608 - our own tables


def with_events(count: int) -> Batch:
    """A batch with a run and its events."""
    batch = Batch(1)
    batch.write(sql.ADD_GRAPH, b"digest", b"{}")
    batch.write(sql.OPEN_RUN, 1, "r", "w", "", "", 0.0, "running", b"digest", b"{}")
    batch.events.extend((number, 1, number, 0.0, 1, b"[]") for number in range(1, count + 1))
    return batch


def test_a_batch_is_written_as_a_whole(writer: StoreWriter, path: Path) -> None:
    """In the order of its writes; and it knows afterwards."""
    batch = with_events(3)
    batch.write(sql.PUT_DOCUMENT, "f", "a", b"1")
    batch.write(sql.DROP_DOCUMENT, "f", "a")
    batch.write(sql.PUT_DOCUMENT, "f", "b", b"2")
    batch.outputs.append((3, b"[]"))
    batch.checkpoints[(1, "a")] = {"page": 3}
    writer.commit(batch)
    assert batch.committed
    assert counts(path, "events", "outputs", "documents", "checkpoints", "runs", "graphs") == [3, 1, 1, 1, 1, 1]


def test_a_batch_that_fails_leaves_nothing(writer: StoreWriter, path: Path) -> None:
    """And can be tried again."""
    batch = with_events(3)
    batch.events.append(batch.events[0])
    with pytest.raises(sqlite3.IntegrityError):
        writer.commit(batch)
    assert not batch.committed
    assert counts(path, "events", "runs") == [0, 0]
    batch.events.pop()
    writer.commit_again(batch)
    assert counts(path, "events", "runs") == [3, 1]


def test_a_batch_that_is_there_is_not_written_again(writer: StoreWriter, path: Path) -> None:
    """Its last event tells; one without events may be written twice without harm."""
    batch = with_events(3)
    writer.commit(batch)
    batch.committed = False
    writer.commit_again(batch)
    without = Batch(2)
    without.write(sql.PUT_DOCUMENT, "f", "a", b"1")
    writer.commit(without)
    writer.commit_again(without)
    assert (batch.committed, counts(path, "events", "documents")) == (True, [3, 1])


def test_graves_are_filled_little_by_little(writer: StoreWriter, path: Path) -> None:
    """No transaction deletes more than a few events; what was left by another life is found."""
    writer.commit(with_events(SWEEP_EVENTS + 1))
    farewell = Batch(2)
    farewell.write(sql.DIG_GRAVE, 1)
    farewell.write(sql.DROP_RUN, 1)
    writer.commit(farewell)
    assert (writer.graves, writer.has_chores) == (1, True)
    with closing(StoreWriter(path, "full")) as another:
        assert another.graves == 1
    writer.sweep()
    assert counts(path, "events", "graves", "graphs") == [1, 1, 1]
    writer.sweep()
    assert counts(path, "events", "graves", "graphs") == [0, 0, 0]
    assert writer.graves == 0
    writer.graves = 5
    writer.sweep()
    assert writer.graves == 0


def test_the_log_is_shortened_when_it_is_long(writer: StoreWriter) -> None:
    """By what was written to it since the last time."""
    found = [writer.log_is_long]
    batch = with_events(1)
    batch.size = LOG_BYTES
    writer.commit(batch)
    found.append(writer.log_is_long)
    writer.shorten_log()
    found.append(writer.log_is_long)
    assert found == [False, True, False]


def test_closing_never_fails(path: Path) -> None:
    """Another program may hold the file; the next one to open it finds the log and reads it."""
    writer = StoreWriter(path, "normal")
    writer.commit(with_events(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer.close()
    assert counts(path, "events") == [1]
