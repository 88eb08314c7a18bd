"""Whether a journal is sound: what `bluev-actors doctor` says of a data folder."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from bluev_actors.engine.store.connection import connect
from bluev_actors.engine.store.folder import JOURNAL, owner_of
from bluev_actors.engine.store.schema import APPLICATION_ID, VERSION

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_HOLES: Final = """
    SELECT run_id, count(seq), max(seq) FROM runs JOIN events ON run = number
    GROUP BY number HAVING count(seq) <> max(seq) OR min(seq) <> 1"""
_STRAYS: Final = """
    SELECT count(*) FROM events
    WHERE run NOT IN (SELECT number FROM runs) AND run NOT IN (SELECT run FROM graves)"""
_BARE: Final = "SELECT count(*) FROM events WHERE body IS NULL AND cursor NOT IN (SELECT cursor FROM outputs)"
_GRAPHLESS: Final = "SELECT run_id FROM runs WHERE graph NOT IN (SELECT digest FROM graphs)"
_SHAPELESS: Final = "SELECT DISTINCT shape FROM events WHERE shape NOT IN (SELECT number FROM shapes)"
_UNFINISHED: Final = """
    SELECT run_id FROM runs
    WHERE (status IN ('completed', 'failed', 'stopped')) <> (ended_at IS NOT NULL)"""


@frozen
class StoreHealth:
    """What was found in a data folder.

    Attributes:
        path: the journal's file.
        owner: the process id of the daemon that works in it, or did when it ended without tidying up.
        version: the version of its tables; 0 when that could not be read.
        runs: how many runs it holds.
        live: how many of them have not ended.
        events: how many events it holds.
        size: the bytes of the file.
        log_size: the bytes of its write-ahead log.
        problems: everything that is wrong, a sentence each; none when it is sound.
    """

    path: Path
    owner: int | None
    version: int = 0
    runs: int = 0
    live: int = 0
    events: int = 0
    size: int = 0
    log_size: int = 0
    problems: tuple[str, ...] = ()


def check(data_dir: str | os.PathLike[str]) -> StoreHealth:
    """Look through a journal, also while a daemon works in it; nothing is changed.

    It reads the whole file, so it takes its time: call it in a thread.

    Args:
        data_dir: the folder.
    """
    folder = Path(data_dir)
    path = folder / JOURNAL
    if not path.is_file():
        return StoreHealth(path, owner_of(folder), problems=(f"there is no journal at {path}",))
    try:
        with closing(connect(path)) as connection:
            return _examine(connection, path)
    except sqlite3.Error as error:
        return StoreHealth(path, owner_of(folder), size=_size(path), problems=(f"it cannot be read: {error}",))


def _examine(connection: sqlite3.Connection, path: Path) -> StoreHealth:
    connection.execute("PRAGMA query_only = 1")
    connection.execute("BEGIN")
    version = _number(connection, "PRAGMA user_version")
    problems = tuple(_foreign(connection, version)) or tuple(_damages(connection))
    readable = 0 < version <= VERSION
    return StoreHealth(
        path=path,
        owner=owner_of(path.parent),
        version=version,
        runs=_number(connection, "SELECT count(*) FROM runs") if readable else 0,
        live=_number(connection, "SELECT count(*) FROM runs WHERE ended_at IS NULL") if readable else 0,
        events=_number(connection, "SELECT count(*) FROM events") if readable else 0,
        size=_size(path),
        log_size=_size(path.with_name(f"{path.name}-wal")),
        problems=problems,
    )


def _foreign(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    if _number(connection, "PRAGMA application_id") != APPLICATION_ID:
        yield "it is the file of another program"
    elif version > VERSION:
        yield f"it has version {version}, and this program reads up to {VERSION}"


def _damages(connection: sqlite3.Connection) -> Iterator[str]:
    for (finding,) in connection.execute("PRAGMA integrity_check"):
        if finding != "ok":
            yield f"SQLite says: {finding}"
    for run_id, count, last in connection.execute(_HOLES):
        yield f"run {run_id} has {count} events, and the last one is number {last}"
    for (run_id,) in connection.execute(_GRAPHLESS):
        yield f"the workflow of run {run_id} is missing"
    for (run_id,) in connection.execute(_UNFINISHED):
        yield f"run {run_id} has a time of its end, or none, that does not fit its status"
    for (shape,) in connection.execute(_SHAPELESS):
        yield f"nothing says how events of shape {shape} are to be read"
    if strays := _number(connection, _STRAYS):
        yield f"{strays} events belong to no run"
    if bare := _number(connection, _BARE):
        yield f"the bodies of {bare} events are missing"


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
