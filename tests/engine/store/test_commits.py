from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define

from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.health import check
from bluev_actors.engine.store.store_limits import StoreLimits
from bluev_actors.errors import StorageUnavailableError
from bluev_actors.faultpoints import armed
from bluev_actors.workflows.run_events import NodeStarted, RunStarted

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.engine.store.records import Entry
    from bluev_actors.engine.store.sqlite_journal import SqliteJournal
    from tests.engine.store.conftest import MakeRecord, OpenFolder

STARTED: Entry = (RunStarted(), 1.0)
NODE: Entry = (NodeStarted("n0"), 2.0)


@define
class Saboteur:
    """Fails at a point as often as it is told to."""

    point: str = "journal.commit"
    error: type[Exception] = sqlite3.OperationalError
    failures: float = 0

    def __call__(self, point: str, _key: str) -> None:
        """Raise, if it is the point and there are failures left."""
        if point == self.point and self.failures > 0:
            self.failures -= 1
            raise self.error("sabotage")


# --- trouble ----------------------------------------------------------------------------------------------


async def test_trouble_is_survived(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """What cannot be written is kept and tried again; nobody sees it before it is on the disk."""
    saboteur, told, heard = Saboteur(), list[str | None](), list[int]()
    with armed(saboteur):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            await journal.stored()
            unsubscribe = journal.on_trouble(told.append)
            journal.subscribe(lambda batch: heard.extend(it.cursor for it in batch))
            saboteur.failures = 3
            journal.append("r", [STARTED], lambda: heard.append(0))
            await trio.sleep(0.05)
            assert journal.trouble == "nothing can be stored: sabotage"
            assert told == ["nothing can be stored: sabotage"]
            assert (heard, journal.cursor) == ([], 0)
            journal.append("r", [NODE])
            assert journal.pending == 3
            await journal.stored()
            assert told[1:] == [None]
            assert heard == [1, 0, 2]
            assert not journal.trouble
            unsubscribe()


async def test_who_waits_is_told_of_trouble(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Not at once, for most trouble is short; and not for longer than two seconds."""
    saboteur = Saboteur(failures=1e9)
    with armed(saboteur):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            began = trio.current_time()
            with pytest.raises(StorageUnavailableError, match="sabotage") as refused:
                await journal.stored()
            assert 2 <= trio.current_time() - began <= 4
            assert refused.value.code == "storage_unavailable"
            saboteur.failures = 0
            await trio.sleep(3)
            await journal.stored()
            assert journal.trouble is None


async def test_trouble_without_end_ends_with_the_journal(
    reopen: OpenFolder, record_of: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing it does not take for ever; the log says what was lost, and nobody was told that it was kept."""
    with armed(Saboteur(failures=1e9)):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            journal.append("r", [STARTED])
    assert "writes of the journal are lost" in caplog.text
    async with reopen() as journal:
        assert list(journal.held()) == []


async def test_a_file_that_is_gone_is_trouble(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """No other one is made in its place; when it is back, the journal goes on."""
    saboteur = Saboteur()
    with armed(saboteur):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            await journal.stored()
            (tmp_path / JOURNAL).rename(tmp_path / "elsewhere")
            saboteur.failures = 1
            journal.append("r", [STARTED])
            await trio.sleep(1)
            assert (
                journal.trouble == "nothing can be stored: the journal cannot be opened (unable to open database file)"
            )
            (tmp_path / "elsewhere").rename(tmp_path / JOURNAL)
            await trio.sleep(5)
            assert not journal.trouble
            assert journal.cursor == 1


async def test_a_commit_that_only_seemed_to_fail_is_not_made_twice(
    reopen: OpenFolder, record_of: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may have taken what it said it had not."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        await journal.stored()
        writer = journal._commits._writer  # pyright: ignore[reportPrivateUsage] - to see what is inside
        commit, calls = writer.commit, list[int]()

        def deceive(batch: object) -> None:
            commit(batch)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - passed on as it came
            calls.append(1)
            batch.committed = False  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue] - so it looks
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(writer, "commit", deceive)
        journal.append("r", [STARTED])
        await journal.stored()
        assert (len(calls), len(journal.history("r"))) == (1, 1)


# --- crashes of the actor ---------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["journal.commit", "journal.publish"])
async def test_a_crash_of_the_actor_loses_nothing(reopen: OpenFolder, record_of: MakeRecord, point: str) -> None:
    """Nor does it double anything: whatever was at hand is at hand for the next incarnation."""
    saboteur, heard = Saboteur(point, RuntimeError), list[int]()
    with armed(saboteur):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            await journal.stored()
            journal.subscribe(lambda batch: heard.extend(it.cursor for it in batch))
            for number in range(10):
                saboteur.failures = number % 3 == 0
                journal.append("r", [NODE], lambda: heard.append(0))
                await journal.stored()
                await trio.sleep(10)
            assert heard == [it for number in range(1, 11) for it in (number, 0)]
            assert [it.seq for it in journal.history("r")] == list(range(1, 11))


async def test_an_effect_that_raises_harms_nobody(
    reopen: OpenFolder, record_of: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """One run must not keep the others from being written."""

    def broken() -> None:
        raise RuntimeError("nobody home")

    heard = list[str]()
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [STARTED], broken)
        journal.append("r", [NODE], lambda: heard.append("then"))
        await journal.stored()
        assert heard == ["then"]
    assert "nobody home" in caplog.text


# --- waiting ----------------------------------------------------------------------------------------------


async def test_one_may_wait_for_a_place(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """What was appended after it is none of one's business."""
    saboteur = Saboteur()
    with armed(saboteur):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            first = journal.append("r", [STARTED])
            await journal.stored()
            saboteur.failures = 1e9
            second = journal.append("r", [NODE])
            await trio.sleep(0.01)
            third = journal.append("r", [NODE])
            await journal.stored(first)
            saboteur.failures = 0
            await journal.stored(second)
            assert journal.cursor == second
            await journal.stored(third)
            assert journal.cursor == third


async def test_waiting_is_a_checkpoint(reopen: OpenFolder) -> None:
    """Even when there is nothing to wait for."""
    async with reopen() as journal:
        await journal.stored()
        with trio.testing.assert_checkpoints():
            await journal.stored()
        with trio.testing.assert_checkpoints():
            await journal.stored(0)


@pytest.mark.usefixtures("running_clock")
@pytest.mark.parametrize("limits", [StoreLimits(), StoreLimits(inline_writes=0)])
async def test_many_share_a_commit(
    reopen: OpenFolder, record_of: MakeRecord, limits: StoreLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is appended while a commit is made goes into the next one."""
    async with reopen(sync="full", limits=limits) as journal:
        journal.open_run(record_of("r"))
        await journal.stored()
        batches = list[int]()
        monkeypatch.setattr(journal._commits, "_perform", _counting(journal, batches))  # pyright: ignore[reportPrivateUsage] - to see what is inside

        async def append() -> None:
            for _ in range(5):
                journal.append("r", [NODE])
                await journal.stored()

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(append)
        assert sum(batches) == 250
        assert len(batches) <= 15
        assert len(journal.history("r")) == 250


def _counting(journal: SqliteJournal, batches: list[int]) -> object:
    perform = journal._commits._perform  # pyright: ignore[reportPrivateUsage] - to see what is inside

    async def counting(job: object, weight: float) -> None:
        batches.append(int(weight))
        await perform(job, weight)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - passed on as it came

    return counting


# --- chores -----------------------------------------------------------------------------------------------


async def test_the_log_stays_short(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """It is carried into the file proper from time to time, and begins anew."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        for _ in range(1_500):
            journal.append("r", [NODE])
            await journal.stored()
        assert 0 < check(tmp_path).log_size < 12 * 1024 * 1024
        assert check(tmp_path).size > 40_000


async def test_a_chore_that_fails_is_done_later(
    reopen: OpenFolder, record_of: MakeRecord, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Commits do not wait for it."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        await journal.stored()
        writer = journal._commits._writer  # pyright: ignore[reportPrivateUsage] - to see what is inside
        sweep, failures = writer.sweep, [1, 1]

        def broken() -> None:
            if failures:
                failures.pop()
                raise sqlite3.OperationalError("database is locked")
            sweep()

        monkeypatch.setattr(writer, "sweep", broken)
        journal.forget_run("r")
        await journal.stored()
        await trio.sleep(1)
        assert writer.graves == 0
    assert "has to wait: database is locked" in caplog.text


# --- real trouble -----------------------------------------------------------------------------------------


async def test_another_program_holds_the_file(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """As long as it does, nothing is lost; afterwards all is stored."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        await journal.stored()
        with closing(sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            journal.append("r", [STARTED])
            with pytest.raises(StorageUnavailableError, match="another program holds the journal locked"):
                await journal.stored()
            assert journal.cursor == 0
            other.execute("ROLLBACK")
        await trio.sleep(3)
        await journal.stored()
        assert journal.cursor == 1


async def test_a_full_disk(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """A real one, if this machine lets us have a small one."""
    with ExitStack() as stack:
        _mount_small_disk(tmp_path, stack)
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            await journal.stored()
            ballast = tmp_path / "ballast"
            _fill_up(ballast)
            journal.append("r", [(NodeStarted("n" * 200_000), 1.0)] * 3)
            with pytest.raises(StorageUnavailableError, match=r"the disk is full|reports an error"):
                await journal.stored()
            _remove(ballast)
            await trio.sleep(3)
            await journal.stored()
            assert journal.cursor == 3
        assert check(tmp_path).problems == ()


def _mount_small_disk(path: Path, stack: ExitStack) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    mounted = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - nobody else's words
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    stack.callback(subprocess.run, ["umount", "-l", str(path)], check=False)


def _fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4_096)
        except OSError:
            return


def _remove(path: Path) -> None:
    path.unlink()


CRAMPED = """
import logging, resource, signal, sys, trio
from bluev_actors.actors import open_system
from bluev_actors.engine.store.opening import open_journal
from bluev_actors.engine.store.records import RunRecord
from bluev_actors.errors import StorageUnavailableError
from bluev_actors.workflows.graph import Workflow
from bluev_actors.workflows.run_events import NodeStarted

async def main():
    async with open_journal(sys.argv[1], sync="normal") as journal, open_system() as system:
        await system.start(journal.spec())
        journal.open_run(RunRecord("r", Workflow("w", (), document={}), {}, 1.0))
        await journal.stored()
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
        journal.append("r", [(NodeStarted("n" * 200_000), 1.0)])
        try:
            await journal.stored()
        except StorageUnavailableError as error:
            print(error)
        print(journal.cursor)
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        await trio.sleep(2.5)
        await journal.stored()
        print(journal.cursor)

logging.disable()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
trio.run(main)
"""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The system refuses more than a size; once it does not, all is stored."""
    command = [sys.executable, "-c", CRAMPED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - ourselves
    told, before, after = done.stdout.splitlines()
    assert told.startswith("nothing can be stored: the disk")
    assert (before, after) == ("0", "1")
    assert check(tmp_path).problems == ()


async def test_trouble_is_logged_once(
    reopen: OpenFolder, record_of: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is tried again."""
    caplog.set_level(logging.INFO)
    with armed(Saboteur(failures=5)):
        async with reopen() as journal:
            journal.open_run(record_of("r"))
            await trio.sleep(20)
    assert caplog.text.count("it is tried again") == 1
    assert caplog.text.count("the journal can be written again") == 1
