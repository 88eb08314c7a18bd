from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store.connection import connect, connect_writer, transaction

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.engine.store.connection import Sync


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a table, under a name that an address would take amiss."""
    path = tmp_path / "a ?#%.db"
    with closing(connect(path, mode="rwc")) as connection:
        connection.execute("CREATE TABLE t (n)")
    return path


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    """A journal that is gone is trouble, not a new journal."""
    with pytest.raises(sqlite3.OperationalError):
        connect(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


def insert(connection: sqlite3.Connection, number: int, *, error: BaseException | None = None) -> None:
    """Write a number in a transaction, and fail then if there is an error."""
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
        if error is not None:
            raise error


def test_all_or_nothing(path: Path) -> None:
    """Whatever ends the block early undoes what it did."""
    with closing(connect(path)) as connection:
        insert(connection, 1)
        with pytest.raises(KeyboardInterrupt):
            insert(connection, 2, error=KeyboardInterrupt())
        insert(connection, 3)
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,), (3,)]


def test_a_transaction_that_sqlite_ended_is_not_ended_again(path: Path) -> None:
    """Some failures undo everything by themselves; the failure is what the caller hears."""

    def fail(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("ROLLBACK")
            connection.execute("INSERT INTO missing VALUES (1)")

    with closing(connect(path)) as connection, pytest.raises(sqlite3.OperationalError, match="no such table"):
        fail(connection)


@pytest.mark.parametrize(("sync", "number"), [("full", 2), ("normal", 1)])
def test_a_writer_waits_for_what_it_is_told_to(path: Path, sync: Sync, number: int) -> None:
    """And leaves the log to others; any thread may use it."""
    with closing(connect_writer(path, sync)) as connection:
        found = list[object]()
        thread = threading.Thread(
            target=lambda: found.extend(
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "wal_autocheckpoint")
            )
        )
        thread.start()
        thread.join()
        assert found == [number, 0]
