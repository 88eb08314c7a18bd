"""A SQLite database as a workflow may use it: nothing outside its file, and an end to every statement."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from bluev_actors.engine.outside.files_root import folder_of, refuse, root_of
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Generator

    from bluev_actors.engine.outside.outside import Outside

STEPS: Final = 10_000
"""Steps of the database's machine between two looks at whether the node is cancelled."""
BUSY_SECONDS: Final = 0.05
"""How long SQLite waits for a lock; the node waits for `PATIENCE`, in turns of this, so that it can be cancelled."""
PATIENCE: Final = 5.0
LONGEST_VALUE: Final = 64 * 1024 * 1024
LONGEST_SQL: Final = 1024 * 1024
READABLE_PRAGMAS: Final = frozenset(
    {
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
"""Those that tell of tables and change nothing, whatever they are given."""

_REFUSED_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer", "writefile", "readfile", "edit"})
_REFUSED_ACTIONS: Final = frozenset(
    {
        sqlite3.SQLITE_ATTACH,  # `VACUUM INTO` attaches, too
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    }
)
_SETTINGS: Final = ("trusted_schema=off", "temp_store=memory", "foreign_keys=on")
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LENGTH: LONGEST_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: LONGEST_SQL,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
}


LookUp: TypeAlias = Callable[[], None]
"""Called again and again; when it raises, what is under way ends."""


@contextmanager
def open_database(outside: Outside, path: str | None, *, write: bool, look_up: LookUp) -> Generator[sqlite3.Connection]:
    """Open a database in a transaction, which is undone unless `commit` ends it.

    SQLite opens files by their path, so the way there is walked first, as for all files; a folder that somebody swaps
    for a link in the moment between is followed. File nodes make no links, so a workflow alone cannot.

    Args:
        outside: has the files root.
        path: the way to the file below it; None: an empty database in memory.
        write: it may be changed, and is made if it is not there.
        look_up: is called while a statement runs or a lock is waited for.

    Raises:
        NodeError: the path is not allowed, or there is no such file.
        sqlite3.Error: SQLite cannot open it, or others hold its lock for too long.
    """
    address = ":memory:" if path is None else _address(outside, path, write=write)
    write = write or path is None
    with closing(sqlite3.connect(address, BUSY_SECONDS, isolation_level=None, uri=True)) as connection:
        connection.text_factory = _text
        connection.set_progress_handler(look_up, STEPS)
        for category, limit in _LIMITS.items():
            connection.setlimit(category, limit)
        for setting in (*_SETTINGS, f"query_only={'off' if write else 'on'}"):
            connection.execute(f"PRAGMA {setting}")
        _patiently(connection, "BEGIN IMMEDIATE" if write else "BEGIN", look_up)
        _patiently(connection, "SELECT 1 FROM sqlite_schema LIMIT 1", look_up)
        connection.set_authorizer(authorize)
        yield connection


def commit(connection: sqlite3.Connection, look_up: LookUp) -> None:
    """End the transaction well."""
    connection.set_authorizer(None)
    _patiently(connection, "COMMIT", look_up)


def authorize(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
    """Say whether a statement may do this: all that stays in the database, and within its one transaction."""
    if action in _REFUSED_ACTIONS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and str(first).lower() not in READABLE_PRAGMAS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _address(outside: Outside, path: str, *, write: bool) -> str:
    root = root_of(outside).resolve()
    with folder_of(outside, path, make=write) as (folder, name):
        for suffix in ("", "-journal", "-wal", "-shm"):
            _look_at(folder, name + suffix, may_be_missing=write or bool(suffix))
    return f"file:{quote(str(root / path))}?mode={'rwc' if write else 'ro'}"


def _look_at(folder: int, name: str, *, may_be_missing: bool) -> None:
    """Refuse what is no regular file.

    It is not opened for that: to close it again would take away the locks that other connections of this process
    hold on it.
    """
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError as error:
        if isinstance(error, FileNotFoundError) and may_be_missing:
            return
        refuse(error)
    if not S_ISREG(mode):
        raise Permanent("it is no regular file", code="forbidden_path")


def _patiently(connection: sqlite3.Connection, statement: str, look_up: LookUp) -> None:
    """Execute a statement that may have to wait for a lock."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            look_up()
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        else:
            return


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else holds a lock."""
    return name_of(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def name_of(error: sqlite3.Error) -> str:
    """SQLite's own name of an error; nothing for those of the module."""
    return str(getattr(error, "sqlite_errorname", ""))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
