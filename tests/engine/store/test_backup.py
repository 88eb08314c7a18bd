from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.engine.store import backup
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.health import check
from bluev_actors.engine.store.opening import open_journal
from bluev_actors.errors import StorageError
from bluev_actors.workflows.run_events import NodeStarted, RunStarted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.store.conftest import MakeRecord, OpenFolder


@pytest.mark.usefixtures("running_clock")
async def test_a_copy_is_a_journal_of_its_own(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """It holds what was appended before, and its cursors mean nothing in the other."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [(RunStarted(), 1.0)])
        await journal.backup(tmp_path / "copy" / JOURNAL)
        journal.append("r", [(NodeStarted("n0"), 2.0)])
        await journal.stored()
        async with open_journal(tmp_path / "copy") as copy:
            assert copy.epoch != journal.epoch
            assert list(copy.history("r")) == list(journal.history("r"))[:1]
    assert check(tmp_path / "copy").problems == ()


@pytest.mark.usefixtures("running_clock")
async def test_a_copy_is_made_while_others_write(
    reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends although the journal never stands still, and is what it was at one moment."""
    monkeypatch.setattr(backup, "STEP_PAGES", 1)
    stop = trio.Event()
    async with reopen() as journal, trio.open_nursery() as nursery:
        journal.open_run(record_of("r"))
        for _ in range(2_000):
            journal.append("r", [(NodeStarted("n0"), 1.0)])

        async def write() -> None:
            while not stop.is_set():
                journal.append("r", [(NodeStarted("n0"), 1.0)])
                await journal.stored()

        await journal.stored()
        nursery.start_soon(write)
        await journal.backup(tmp_path / "copy" / JOURNAL)
        stop.set()
    health = check(tmp_path / "copy")
    assert health.problems == ()
    assert health.events >= 2_000


def names_in(folder: Path, pattern: str) -> list[str]:
    """The files in a folder whose names are like the pattern."""
    return [path.name for path in folder.glob(pattern)]


@pytest.mark.usefixtures("running_clock")
async def test_nothing_is_overwritten(reopen: OpenFolder, tmp_path: Path) -> None:
    """A copy that cannot be made leaves nothing behind, and no other file is harmed."""
    there = tmp_path / "there"
    there.touch()
    async with reopen() as journal:
        for target in (there, there / "below"):
            with pytest.raises(StorageError, match="cannot be written"):
                await journal.backup(target)
    assert names_in(tmp_path, "*.part") == []


@pytest.mark.usefixtures("running_clock")
async def test_a_copy_may_be_given_up(reopen: OpenFolder, tmp_path: Path) -> None:
    """Then no half of it stays."""
    async with reopen() as journal:
        await journal.stored()
        with trio.CancelScope() as scope:
            scope.cancel()
            await backup.back_up(tmp_path / JOURNAL, tmp_path / "copy")
        assert scope.cancelled_caught
    assert names_in(tmp_path, "copy*") == []


@pytest.mark.usefixtures("running_clock")
async def test_what_is_no_journal_cannot_be_copied(tmp_path: Path) -> None:
    """It is told in one line."""
    with pytest.raises(StorageError, match="cannot be opened"):
        await backup.back_up(tmp_path / "missing", tmp_path / "copy")
