from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store import opening, schema
from bluev_actors.engine.store.connection import connect
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.opening import open_journal, prepare_file
from bluev_actors.errors import StoreCorruptError, StoreLockedError, StoreOpenError, StoreTooNewError
from bluev_actors.workflows.run_events import NodeStarted, RunStarted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.engine.store.conftest import MakeRecord, OpenFolder


async def test_a_journal_is_opened_again(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Everything that was in it is in it, and it goes on where it was."""
    async with reopen() as journal:
        epoch = journal.epoch
        journal.open_run(record_of("r"))
        journal.append("r", [(RunStarted(), 1.0), (NodeStarted("n0"), 2.0)])
        await journal.stored()
        history = list(journal.history("r"))
    async with reopen() as journal:
        assert (journal.epoch, journal.cursor) == (epoch, 2)
        assert list(journal.history("r")) == list(journal.read_all(0)) == list(journal.replay("r")) == history
        assert journal.append("r", [(NodeStarted("n0"), 3.0)]) == 3
        await journal.stored()
        assert [it.seq for it in journal.history("r", 1)] == [2, 3]


async def test_what_was_not_waited_for_is_there_too(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Closing a journal commits what is left, and publishes it."""
    heard = list[str]()
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [(RunStarted(), 1.0)], lambda: heard.append("then"))
    assert heard == ["then"]
    async with reopen() as journal:
        assert len(journal.history("r")) == 1


async def test_a_journal_without_its_actor_is_closed_well(tmp_path: Path, record_of: MakeRecord) -> None:
    """Nobody committed, and nothing is lost."""
    async with open_journal(tmp_path) as journal:
        journal.open_run(record_of("r"))
    async with open_journal(tmp_path) as journal:
        assert [it.run_id for it in journal.held()] == ["r"]


def modes_in(folder: Path) -> set[int]:
    """Who may do what with the files of a folder."""
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_files_are_for_their_owner_alone(reopen: OpenFolder, tmp_path: Path) -> None:
    """Outputs may hold what is nobody else's business."""
    async with reopen() as journal:
        await journal.stored()
        assert modes_in(tmp_path) == {0o600}


async def test_one_at_a_time(reopen: OpenFolder) -> None:
    """A second daemon is refused by name."""
    async with reopen():
        with pytest.raises(StoreLockedError, match=f"pid {os.getpid()}"):
            async with reopen():
                pass


def content_of(path: Path) -> bytes:
    """All bytes of a file."""
    return path.read_bytes()


# --- what is no journal -----------------------------------------------------------------------------------


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")
        connection.commit()


def _marked_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


def _garbage(path: Path) -> None:
    path.write_bytes(b"no journal at all" * 1_000)


def _broken(path: Path) -> None:
    prepare_file(path)
    body = path.read_bytes()
    path.write_bytes(body[:100] + b"\xff" * (len(body) - 100))


def _robbed(path: Path) -> None:
    prepare_file(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM meta")
        connection.commit()


def _stripped(path: Path) -> None:
    prepare_file(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE runs")


@pytest.mark.parametrize("spoil", [_foreign, _marked_foreign, _garbage, _broken])
async def test_what_is_no_journal_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """The file is left as it is, and the sentence says how to learn more."""
    path = tmp_path / JOURNAL
    spoil(path)
    before = content_of(path)
    with pytest.raises(StoreCorruptError, match="bluev-actors doctor"):
        async with open_journal(tmp_path):
            pass
    assert content_of(path) == before


async def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """In one plain line."""
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(StoreOpenError, match="Is a directory"):
        async with open_journal(tmp_path):
            pass


@pytest.mark.parametrize(("spoil", "why"), [(_robbed, "its expired is missing"), (_stripped, "no such table: runs")])
async def test_a_journal_that_lost_a_part_is_refused(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    """It is told what is missing; nothing is made up in its place."""
    spoil(tmp_path / JOURNAL)
    with pytest.raises(StoreOpenError, match=why):
        async with open_journal(tmp_path):
            pass


async def test_a_journal_of_the_future_is_refused(tmp_path: Path) -> None:
    """A newer version may keep things that this one would lose."""
    prepare_file(tmp_path / JOURNAL)
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(StoreTooNewError, match=f"version {schema.VERSION + 1}"):
        async with open_journal(tmp_path):
            pass


async def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    """A crash between making the file and filling it does no harm."""
    (tmp_path / JOURNAL).touch()
    async with open_journal(tmp_path) as journal:
        assert journal.cursor == 0


async def test_a_file_that_may_only_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is accepted, not with the first event. Root may write anything, so SQLite is told not to."""
    prepare_file(tmp_path / JOURNAL)

    def reading(path: Path, **_: str) -> sqlite3.Connection:
        return connect(path, mode="ro")

    monkeypatch.setattr(opening, "connect", reading)
    with pytest.raises(StoreOpenError, match="may only be read"):
        async with open_journal(tmp_path):
            pass


async def test_a_file_system_without_shared_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some that are reached over a network cannot hold a write-ahead log; SQLite keeps another mode then."""
    pragma = opening._pragma  # pyright: ignore[reportPrivateUsage] - no such file system is at hand

    def refusing(connection: sqlite3.Connection, text: str) -> object:
        return "delete" if text.startswith("journal_mode") else pragma(connection, text)

    monkeypatch.setattr(opening, "_pragma", refusing)
    with pytest.raises(StoreOpenError, match="cannot hold a write-ahead log"):
        async with open_journal(tmp_path):
            pass


async def test_a_file_that_another_program_holds_is_refused(tmp_path: Path) -> None:
    """The lock of the folder keeps out daemons; SQLite's own keeps out everybody else."""
    prepare_file(tmp_path / JOURNAL)
    with closing(sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreOpenError, match="another program holds"):
            async with open_journal(tmp_path):
                pass


# --- migration --------------------------------------------------------------------------------------------


async def test_an_older_journal_is_brought_up_to_date(
    reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, each all or nothing, with everything that is in it."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [(RunStarted(), 1.0)])
    steps = (*schema.STEPS, ("CREATE TABLE moods (run)", "CREATE TABL oops"))
    monkeypatch.setattr(opening, "STEPS", steps)
    monkeypatch.setattr(opening, "VERSION", len(steps))
    with pytest.raises(StoreOpenError, match="syntax error"):
        async with reopen():
            pass
    monkeypatch.setattr(opening, "STEPS", (*schema.STEPS, ("CREATE TABLE moods (run)",)))
    async with reopen() as journal:
        assert len(journal.history("r")) == 1
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
        assert connection.execute("SELECT count(*) FROM moods").fetchone() == (0,)


async def test_a_torn_log_loses_its_last_commits_alone(
    reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path
) -> None:
    """Wherever the log is cut, the journal opens and holds a beginning of what was written."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        for number in range(20):
            journal.append("r", [(NodeStarted(f"n{number}"), 1.0)])
            await journal.stored()
        whole = list(journal.history("r"))
        log = (tmp_path / f"{JOURNAL}-wal").read_bytes()
        body = (tmp_path / JOURNAL).read_bytes()
    found = set[int]()
    for cut in (*range(0, len(log), 1_499), len(log)):
        folder = tmp_path / f"cut {cut}"
        folder.mkdir()
        (folder / JOURNAL).write_bytes(body)
        (folder / f"{JOURNAL}-wal").write_bytes(log[:cut])
        async with open_journal(folder) as journal:
            held = list(journal.history("r")) if journal.held() else []
            assert held == whole[: len(held)]
            assert journal.cursor == len(held)
            found.add(len(held))
        shutil.rmtree(folder)
    assert found == set(range(21))
