"""Connections to the SQLite file of a store."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

Sync: TypeAlias = Literal["full", "normal"]
"""Whether a commit waits until the disk has it, or leaves that to the system: then the last moments before a power
failure may be lost, and a crash of the process loses nothing all the same."""

PATIENCE: Final = 0.1
"""Seconds that SQLite itself waits for a lock."""


def connect(path: Path, *, mode: Literal["ro", "rw", "rwc"] = "rw") -> sqlite3.Connection:
    """Open the file; transactions begin and end where the code says so. Any thread may use it, one at a time."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=True)


def connect_writer(path: Path, sync: Sync) -> sqlite3.Connection:
    """Open the file to write to it; when its log goes into the file proper is the writer's business."""
    connection = connect(path)
    connection.execute(f"PRAGMA synchronous = {sync}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Do all of the block or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
