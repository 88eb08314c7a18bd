from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.outside import database
from bluev_actors.engine.outside.database import commit, is_busy, name_of, open_database
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    from pathlib import Path


def look_up() -> None:
    """Nobody has cancelled anything."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a database of one table, beside another database that is outside."""
    (tmp_path / "root").mkdir()
    for path in (tmp_path / "root" / "it.db", tmp_path / "outside.db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("CREATE TABLE city (name TEXT PRIMARY KEY); INSERT INTO city VALUES ('Oslo')")
    return tmp_path / "root"


def ask(root: Path, sql: str, path: str | None = "it.db", *, write: bool = False) -> list[tuple[object, ...]]:
    """The rows of one statement, committed."""
    with open_database(Outside(files_root=root), path, write=write, look_up=look_up) as connection:
        rows = connection.execute(sql).fetchall()
        commit(connection, look_up)
    return rows


def test_read_and_write(root: Path) -> None:
    """What is committed is there afterwards."""
    assert ask(root, "SELECT name FROM city") == [("Oslo",)]
    ask(root, "INSERT INTO city VALUES ('Rome')", write=True)
    assert ask(root, "SELECT count(*) FROM city") == [(2,)]


def test_what_is_not_committed_is_undone(root: Path) -> None:
    """A statement that fails half-way, or a node that is cancelled, changes nothing."""
    with open_database(Outside(files_root=root), "it.db", write=True, look_up=look_up) as connection:
        connection.execute("DELETE FROM city")
    assert ask(root, "SELECT count(*) FROM city") == [(1,)]


def test_it_is_made_where_it_may_be_written(root: Path) -> None:
    """A new database, in a new folder; to read one that is not there is an error."""
    ask(root, "CREATE TABLE a (b)", "new/a?b#c %41.db", write=True)
    assert (root / "new/a?b#c %41.db").exists()
    with pytest.raises(NodeError) as caught:
        ask(root, "SELECT 1", "none.db")
    assert caught.value.code == "file_not_found"


def test_in_memory(root: Path) -> None:
    """Without a file it is empty each time, and may be written."""
    assert ask(root, "CREATE TABLE a (b)", None) == []
    assert ask(root, "SELECT count(*) FROM sqlite_schema", None) == [(0,)]


@pytest.mark.parametrize("path", ["../outside.db", "link.db", "folder", "folder/../it.db", ":memory:/x/..", "pipe"])
def test_only_a_regular_file_below_the_root(root: Path, path: str) -> None:
    """Not above it, not by a link, and no folder."""
    (root / "link.db").symlink_to("../outside.db")
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    for write in (False, True):
        with pytest.raises(NodeError) as caught:
            ask(root, "SELECT 1", path, write=write)
        assert caught.value.code == "forbidden_path"


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_its_journals_may_be_no_links(root: Path, suffix: str) -> None:
    """SQLite writes to these, too."""
    (root / f"it.db{suffix}").symlink_to("../victim")
    with pytest.raises(Permanent):
        ask(root, "SELECT 1", write=True)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '{}/outside.db' AS o",
        "ATTACH ':memory:' AS o",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '{}/copy.db'",
        "SELECT load_extension('evil')",
        "SELECT fts3_tokenizer('simple')",
        "PRAGMA journal_mode = WAL",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA database_list",
        "PRAGMA temp_store_directory = '/'",
        "PRAGMA trusted_schema = 1",
        "PRAGMA Data_Version",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
    ],
)
def test_what_reaches_beyond_the_statement(root: Path, sql: str, *, write: bool) -> None:
    """Other files, extensions, settings and the transaction itself are out of reach, also where writing is allowed."""
    with pytest.raises(sqlite3.Error, match=r"not authorized|prohibited|no such function|cannot VACUUM") as caught:
        ask(root, sql.format(root.parent), write=write)
    assert name_of(caught.value) in ("SQLITE_AUTH", "SQLITE_ERROR")
    assert not (root.parent / "copy.db").exists()


@pytest.mark.parametrize("sql", ["DELETE FROM city", "CREATE TABLE a (b)", "DROP TABLE city", "REINDEX"])
def test_reading_changes_nothing(root: Path, sql: str) -> None:
    """Without `write` every change is refused."""
    before = (root / "it.db").read_bytes()
    with pytest.raises(sqlite3.Error) as caught:
        ask(root, sql)
    assert name_of(caught.value).startswith("SQLITE_READONLY")
    assert (root / "it.db").read_bytes() == before


def test_what_tells_of_tables(root: Path) -> None:
    """These PRAGMAs are safe and of use."""
    assert ask(root, "PRAGMA table_info(city)")[0][1] == "name"
    assert ask(root, "SELECT name FROM pragma_Table_Info('city')") == [("name",)]


def test_settings(root: Path) -> None:
    """Foreign keys are enforced, one value has its limit, and damaged text is text."""
    ask(root, "CREATE TABLE visit (name REFERENCES city (name))", write=True)
    with pytest.raises(sqlite3.IntegrityError):
        ask(root, "INSERT INTO visit VALUES ('nowhere')", write=True)
    with pytest.raises(sqlite3.Error, match="too big"):
        ask(root, "SELECT zeroblob(100000000)")
    assert ask(root, "SELECT CAST(x'ff' AS TEXT)") == [("\N{REPLACEMENT CHARACTER}",)]


def test_a_statement_that_never_ends(root: Path) -> None:
    """It is interrupted as soon as whoever looks up raises."""
    looks: list[int] = []

    def enough() -> None:
        looks.append(1)
        if len(looks) > 5:
            raise KeyError

    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with (
        open_database(Outside(files_root=root), "it.db", write=False, look_up=enough) as connection,
        pytest.raises(sqlite3.OperationalError, match="interrupted"),
    ):
        connection.execute(endless)
    assert len(looks) > 5


def test_a_lock_is_waited_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while, looking up meanwhile; then it is an error of its own kind."""
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    looks: list[int] = []
    with closing(sqlite3.connect(root / "it.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for write in (False, True):
            looks.clear()
            with (
                pytest.raises(sqlite3.OperationalError) as caught,
                open_database(Outside(files_root=root), "it.db", write=write, look_up=lambda: looks.append(1)),
            ):
                pass
            assert is_busy(caught.value)
            assert looks
        other.execute("ROLLBACK")
    assert ask(root, "SELECT 1") == [(1,)]


def test_looking_at_a_file_keeps_its_locks(root: Path) -> None:
    """A file that this process opens and closes would lose the locks of all its connections."""
    with closing(sqlite3.connect(root / "it.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ask(root, "SELECT 1")
        code = f"import sqlite3; sqlite3.connect({str(root / 'it.db')!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        tried = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)  # noqa: S603 - our own code
        assert b"database is locked" in tried.stderr


def test_what_is_no_database(root: Path) -> None:
    """It is told by SQLite."""
    (root / "text.db").write_text("hello " * 1000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        ask(root, "SELECT 1", "text.db")
