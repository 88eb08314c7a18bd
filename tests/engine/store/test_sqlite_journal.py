from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.requests import Answered
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.sqlite_journal import LARGE
from bluev_actors.engine.store.store_limits import StoreLimits
from bluev_actors.errors import HistoryExpiredError, StorageUnavailableError
from bluev_actors.workflows.run_events import NodeCompleted, NodeLog, NodeStarted, Recorded, RunStarted, RunStopped

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.engine.store.records import Entry
    from bluev_actors.engine.store.sqlite_journal import SqliteJournal
    from tests.engine.store.conftest import MakeRecord, OpenFolder

STARTED: Entry = (RunStarted(), 1.0)
NODE: Entry = (NodeStarted("n0"), 2.0)
STOPPED: Entry = (RunStopped({}, {}), 3.0)


def on_disk(folder: Path, statement: str) -> list[Any]:
    """What another program would find in the file."""
    with closing(sqlite3.connect(folder / JOURNAL)) as connection:
        return connection.execute(statement).fetchall()


async def swept(journal: SqliteJournal) -> None:
    """Wait until nothing of what was forgotten is left."""
    await journal.stored()
    await trio.testing.wait_all_tasks_blocked()


# --- coming back ------------------------------------------------------------------------------------------


async def test_everything_comes_back(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """What lies beside the events is there after a restart, and goes on from there."""
    answered = Answered(b"d", {"type": "ack"}, "r")
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [STARTED])
        journal.save_checkpoint("r", "n0", {"page": 3})
        journal.keep_signal("r", "n0", "first")
        journal.keep_signal("r", "n0", None)
        journal.note("r", "crashes", 2)
        journal.remember_request("me", "1", answered)
        journal.keep_cached(b"print", {"out": 1}, 0.0)
        journal.put_document("workflow", "a", {"n": 1})
    async with reopen() as journal:
        assert journal.record("r") == record_of("r")
        assert journal.checkpoint("r", "n0") == {"page": 3}
        assert journal.signals("r") == {"n0": ["first", None]}
        assert journal.notes("r") == {"crashes": 2}
        assert journal.find_request("me", "1") == answered
        assert journal.cached(b"print", 1.0) == {"out": 1}
        assert journal.document("workflow", "a") == {"n": 1}
        journal.keep_signal("r", "n0", "third")
        journal.take_signal("r", "n0")
        journal.append("r", [(NodeCompleted("n0", 1, {}), 2.0)])
    async with reopen() as journal:
        assert journal.signals("r") == {"n0": [None, "third"]}
        assert journal.checkpoint("r", "n0") is None


async def test_the_end_of_a_run_comes_back(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """So it can be told how old it is."""
    async with reopen() as journal:
        for number, run_id in enumerate("rst"):
            journal.open_run(record_of(run_id))
            journal.append(run_id, [(RunStarted(), 0.0)])
            if run_id != "t":
                journal.append(run_id, [(RunStopped({}, {}), float(number))])
    async with reopen() as journal:
        assert [(it.run_id, it.status) for it in journal.held()] == [
            ("r", "stopped"),
            ("s", "stopped"),
            ("t", "running"),
        ]
        assert journal.has_ended("s")
        assert list(journal.retain(1, 0.0)) == ["r"]


async def test_a_text_that_is_none_comes_back(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """A node may have logged the name of a strange file; that must never stand in the way of a commit."""
    line = NodeLog("n0", 1, "info", "a\udcff")
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [(line, 1.0)])
    async with reopen() as journal:
        assert journal.history("r")[0].event == line


# --- memory and disk --------------------------------------------------------------------------------------


async def test_what_is_held_is_bounded(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """By number and by size; what is older is read from the disk, and nobody sees the seam."""
    for limits in (
        StoreLimits(recent_events=50, inline_writes=1e9),
        StoreLimits(recent_bytes=5_000, inline_writes=1e9),
    ):
        async with reopen(limits=limits) as journal:
            run_id = f"run {limits.recent_events}"
            before = journal.cursor
            journal.open_run(record_of(run_id))
            for number in range(500):
                journal.append(run_id, [(NodeStarted(f"n{number}"), 1.0)])
                if number % 10 == 9:
                    await journal.stored()
            assert len(journal._ledger) <= 70  # pyright: ignore[reportPrivateUsage] - to see what is inside
            assert [it.seq for it in journal.history(run_id)] == list(range(1, 501))
            assert [it.seq for it in journal.history(run_id, 440, 30)] == list(range(441, 471))
            assert [it.seq for it in journal.replay(run_id)] == list(range(1, 501))
            assert [it.cursor for it in journal.read_all(before, 499)] == list(range(before + 1, before + 500))


async def test_live_readers_never_touch_the_disk(
    reopen: OpenFolder, record_of: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest events come from memory."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [STARTED, NODE])
        await journal.stored()
        monkeypatch.setattr(journal, "_reader", None)
        assert len(journal.history("r")) == len(journal.read_all(0)) == 2


async def test_large_outputs_stand_apart(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """So what is small stays close together; whoever reads sees no difference."""
    large = NodeCompleted("n0", 1, {"out": "x" * LARGE})
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [STARTED, (large, 2.0), STOPPED])
        await journal.stored()
        assert journal.history("r")[1].event == large
    assert on_disk(tmp_path, "SELECT cursor, length(body) > 65536 FROM outputs") == [(2, 1)]
    assert on_disk(tmp_path, "SELECT max(length(body)) < 100 FROM events") == [(1,)]
    async with reopen() as journal:
        assert [it.event for it in journal.history("r")] == [RunStarted(), large, RunStopped({}, {})]
        assert journal.read_all(1, 1)[0].event == large


async def test_runs_share_their_workflow(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """It is stored once, and as long as one of them is held."""
    async with reopen() as journal:
        for run_id in "rst":
            journal.open_run(record_of(run_id, nodes=1 + (run_id == "t")))
            journal.append(run_id, [STARTED])
        await journal.stored()
        assert on_disk(tmp_path, "SELECT count(*) FROM graphs") == [(2,)]
        journal.forget_run("r")
        await swept(journal)
        assert on_disk(tmp_path, "SELECT count(*) FROM graphs") == [(2,)]
        journal.forget_run("s")
        await swept(journal)
        assert on_disk(tmp_path, "SELECT count(*) FROM graphs") == [(1,)]
        assert journal.record("t") == record_of("t", nodes=2)


async def test_checkpoints_wait_for_company(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """They go with the next event, and after half a second without one; of many the newest alone is written."""

    def stored() -> list[Any]:
        return on_disk(tmp_path, "SELECT node, CAST(body AS TEXT) FROM checkpoints ORDER BY node")

    async with reopen() as journal:
        journal.open_run(record_of("r"))
        await journal.stored()
        for page in range(10):
            journal.save_checkpoint("r", "n0", page)
        await trio.sleep(0.4)
        assert stored() == []
        await trio.sleep(0.2)
        assert stored() == [("n0", "9")]
        journal.save_checkpoint("r", "n1", 1)
        journal.append("r", [NODE])
        await trio.sleep(0.01)
        assert stored() == [("n0", "9"), ("n1", "1")]
        journal.save_checkpoint("r", "n1", 2)
        await journal.stored()
        assert stored() == [("n0", "9"), ("n1", "2")]


# --- forgetting -------------------------------------------------------------------------------------------


async def test_nothing_is_left_of_a_forgotten_run(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """All its rows are deleted, some at a time, also when the journal was closed in between."""
    async with reopen() as journal:
        for run_id in "rs":
            journal.open_run(record_of(run_id))
            journal.append(run_id, [NODE] * 5_000)
            journal.save_checkpoint(run_id, "n0", 1)
            journal.keep_signal(run_id, "n0", 1)
            journal.note(run_id, "n", 1)
            journal.remember_request("me", run_id, Answered(b"", {}, run_id))
        journal.append("r", [(NodeCompleted("n0", 1, {"out": "x" * LARGE}), 1.0)])
        await journal.stored()
        journal.forget_run("r")
    async with reopen() as journal:
        await swept(journal)
        assert len(journal.history("s")) == 5_000
    for table, left in {"events": 5_000, "outputs": 0, "graves": 0, "checkpoints": 1, "signals": 1, "notes": 1}.items():
        assert on_disk(tmp_path, f"SELECT count(*) FROM {table}") == [(left,)], table  # noqa: S608 - our own tables
    assert on_disk(tmp_path, "SELECT request FROM requests") == [("s",)]


async def test_the_file_shrinks(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """The room of what was forgotten is given back."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [(NodeCompleted("n0", 1, {"out": "x" * LARGE}), 1.0)] * 100)
    large = size_of(tmp_path / JOURNAL)
    async with reopen() as journal:
        journal.forget_run("r")
        await swept(journal)
    assert size_of(tmp_path / JOURNAL) < large / 4


def size_of(path: Path) -> int:
    """The bytes of a file."""
    return path.stat().st_size


async def test_a_gap_in_the_global_order_is_told(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Who comes back to a place before events that were forgotten is told so, unless memory still has them."""
    async with reopen() as journal:
        for run_id in "rst":
            journal.open_run(record_of(run_id))
            journal.append(run_id, [STARTED, STOPPED])
        await journal.stored()
        journal.forget_run("s")
        await journal.stored()
        assert len(journal.read_all(0)) == 6
    async with reopen() as journal:
        for after in range(4):
            with pytest.raises(HistoryExpiredError, match="up to 4 "):
                journal.read_all(after)
        assert [it.cursor for it in journal.read_all(4)] == [5, 6]


async def test_a_place_is_never_given_twice(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Not even when the newest events of all were forgotten."""
    async with reopen() as journal:
        for run_id in "rs":
            journal.open_run(record_of(run_id))
            journal.append(run_id, [STARTED, STOPPED])
        await journal.stored()
        journal.forget_run("s")
        await swept(journal)
    async with reopen() as journal:
        assert journal.cursor == 4
        assert journal.append("r", [NODE]) == 5
        await journal.stored()
        assert journal.history("r")[-1] == Recorded("r", "w", 3, 5, 2.0, NodeStarted("n0"))


async def test_a_run_that_began_in_another_life_is_forgotten_well(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Of a run whose small facts were never looked at, nothing is left either."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.save_checkpoint("r", "n0", 1)
    async with reopen() as journal:
        journal.forget_run("r")
        await journal.stored()
    async with reopen() as journal:
        assert list(journal.held()) == []


# --- the cache --------------------------------------------------------------------------------------------


async def test_the_cache_is_bounded(reopen: OpenFolder, tmp_path: Path) -> None:
    """Whatever was not used for the longest time gives way, in memory and on the disk, across restarts."""
    limits = StoreLimits(cache_entries=3, inline_writes=1e9)
    async with reopen(limits=limits) as journal:
        for name in (b"1", b"2", b"3"):
            journal.keep_cached(name, {"out": 1}, 0.0)
        await journal.stored()
        assert journal.cached(b"1", 0.0) is not None
    async with reopen(limits=limits) as journal:
        journal.keep_cached(b"4", {"out": 1}, 0.0)
        assert [journal.cached(it, 0.0) is not None for it in (b"1", b"2", b"3", b"4")] == [True, False, True, True]
    assert on_disk(tmp_path, "SELECT fingerprint FROM cache ORDER BY used") == [(b"1",), (b"3",), (b"4",)]
    async with reopen(limits=StoreLimits(cache_entries=1)) as journal:
        await journal.stored()
        assert journal.cached(b"4", 0.0) is not None
    assert on_disk(tmp_path, "SELECT fingerprint FROM cache") == [(b"4",)]


async def test_outputs_that_are_too_large_are_not_cached(reopen: OpenFolder) -> None:
    """They would push out everything else."""
    async with reopen(limits=StoreLimits(cache_bytes=100)) as journal:
        journal.keep_cached(b"small", {"out": 1}, 0.0)
        journal.keep_cached(b"large", {"out": "x" * 100}, 0.0)
        assert journal.cached(b"large", 0.0) is None
        await journal.stored()
        assert journal.cached(b"large", 0.0) is None


# --- counting and failing to read -------------------------------------------------------------------------


async def test_what_waits_is_counted(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """Everything that is not on the disk yet, with its size."""
    async with reopen() as journal:
        await journal.stored()
        assert (journal.pending, journal.pending_bytes) == (0, 0)
        journal.open_run(record_of("r"))
        journal.append("r", [STARTED, (NodeCompleted("n0", 1, {"out": "x" * 1_000}), 2.0)])
        assert journal.pending == 5  # the workflow, the run, its status, two events
        assert 1_000 < journal.pending_bytes < 2_000
        await journal.stored()
        assert (journal.pending, journal.pending_bytes) == (0, 0)


async def test_what_cannot_be_read_is_told(reopen: OpenFolder, record_of: MakeRecord) -> None:
    """In one sentence, to whoever asked for it."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        await journal.stored()
        journal._reader.close()  # pyright: ignore[reportPrivateUsage] - to see what is inside
        with pytest.raises(StorageUnavailableError, match="nothing can be stored"):
            journal.record("r")
