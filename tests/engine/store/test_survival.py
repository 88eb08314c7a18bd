"""Whatever is done to a journal, and whenever its process dies: what was stored is there, once, in order."""

from __future__ import annotations

import math
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest
import trio
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from bluev_actors.actors import open_system
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.requests import Answered
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.health import check
from bluev_actors.engine.store.opening import open_journal
from bluev_actors.engine.store.store_limits import StoreLimits
from bluev_actors.faultpoints import armed
from bluev_actors.workflows.graph import Workflow
from bluev_actors.workflows.run_events import NodeCompleted, NodeLog, NodeStarted, RunCompleted, RunStarted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bluev_actors.engine.journal import Journal
    from bluev_actors.engine.store.sqlite_journal import SqliteJournal

# --- against a model --------------------------------------------------------------------------------------

Operation: TypeAlias = tuple[str, str, str, Any]
"""What to do, with which run, with which node or name, and a value."""

QUICK: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder in memory, with a name of its own
"""A folder in memory, where there is one: what is tried here is not the disk."""
RUNS: Final = ("r", "s", "t")
NAMES: Final = ("a", "b")


def _append(journal: Journal, run_id: str, name: str, value: object) -> None:
    journal.append(run_id, [(NodeStarted(name), 1.0), (NodeLog(name, 1, "info", str(value)), 2.0)])


def _end_node(journal: Journal, run_id: str, name: str, value: object) -> None:
    journal.append(run_id, [(NodeCompleted(name, 1, {"out": value}), 3.0)])


def _end_run(journal: Journal, run_id: str, _name: str, value: object) -> None:
    journal.append(run_id, [(RunCompleted({"out": value}, {}), 4.0)])


def _begin(journal: Journal, run_id: str, _name: str, _value: object) -> None:
    journal.forget_run(run_id)
    _open(journal, run_id)


def _open(journal: Journal, run_id: str) -> None:
    journal.open_run(RunRecord(run_id, Workflow("w", (), document={}), {}, 1.0))
    journal.append(run_id, [(RunStarted(), 0.0)])


ACTS: Final[dict[str, Callable[[Journal, str, str, Any], object]]] = {
    "append": _append,
    "end node": _end_node,
    "end run": _end_run,
    "begin again": _begin,
    "save": lambda journal, run, name, value: journal.save_checkpoint(run, name, value),
    "signal": lambda journal, run, name, value: journal.keep_signal(run, name, value),
    "take": lambda journal, run, name, _value: journal.take_signal(run, name),
    "note": lambda journal, run, name, value: journal.note(run, name, value),
    "request": lambda journal, run, name, value: journal.remember_request("me", name, Answered(b"", {"v": value}, run)),
    "cache": lambda journal, _run, name, value: journal.keep_cached(name.encode(), {"v": value}, 0.0),
    "put": lambda journal, _run, name, value: journal.put_document("workflow", name, {"v": value}),
    "drop": lambda journal, _run, name, _value: journal.drop_document("workflow", name),
}
STEPS: Final = ("store", "reopen", "crash", "fail", "break")
OPERATIONS: Final = st.lists(
    st.tuples(
        st.sampled_from([*ACTS, *STEPS]),
        st.sampled_from(RUNS),
        st.sampled_from(NAMES),
        st.integers() | st.none() | st.text(max_size=3),
    ),
    max_size=60,
)


def _view(journal: Journal) -> dict[str, Any]:
    """Everything there is to see, but for what a memory keeps of runs that were forgotten."""
    return {
        "held": sorted((it.run_id, it.status) for it in journal.held()),
        "cursor": journal.cursor,
        "runs": {run_id: _view_run(journal, run_id) for run_id in RUNS},
        "requests": [journal.find_request("me", name) for name in NAMES],
        "cache": [journal.cached(name.encode(), 0.0) for name in NAMES],
        "documents": journal.documents("workflow"),
    }


def _view_run(journal: Journal, run_id: str) -> dict[str, Any]:
    return {
        "events": [(it.seq, it.cursor, it.at, it.event) for it in journal.history(run_id)],
        "ended": journal.has_ended(run_id),
        "checkpoints": [journal.checkpoint(run_id, name) for name in NAMES],
        "signals": journal.signals(run_id),
        "notes": journal.notes(run_id),
    }


@define
class _Fate:
    """Makes commits fail, or the one who makes them."""

    failures: int = 0
    error: type[Exception] = sqlite3.OperationalError

    def __call__(self, point: str, _key: str) -> None:
        if self.failures and point.startswith("journal."):
            self.failures -= 1
            raise self.error("fate")


@define
class _World:
    """A journal in a folder, the operations that were stored in it, and those that were not yet."""

    folder: Path
    few: int
    fate: _Fate
    stored: list[Operation]
    waiting: list[Operation]

    def model(self, *, whole: bool) -> MemoryJournal:
        journal = MemoryJournal()
        for run_id in RUNS:
            _open(journal, run_id)
        for act, *values in self.stored + (self.waiting if whole else []):
            ACTS[act](journal, *values)
        return journal

    async def live(self, operations: list[Operation]) -> list[Operation]:
        """Open the journal, do what is to be done until it is closed, and give back what is left."""
        async with _opened(self.folder, self.few) as journal:
            for run_id in RUNS if not journal.held() else ():
                _open(journal, run_id)
            await journal.stored()
            assert _view(journal) == _view(self.model(whole=True))
            for number, operation in enumerate(operations):
                if await self._do(journal, operation):
                    return operations[number + 1 :]
            await journal.stored()
            self._settle()
            assert _view(journal) == _view(self.model(whole=True))
        return []

    async def _do(self, journal: SqliteJournal, operation: Operation) -> bool:
        """Do one thing, and say whether the journal is to be opened anew."""
        act = operation[0]
        if act in ACTS:
            ACTS[act](journal, *operation[1:])
            self.waiting.append(operation)
        elif act == "crash":
            self.folder = _as_after_a_crash(self.folder)
            self.waiting.clear()
        elif act == "reopen":
            self._settle()
        elif act == "store":
            await journal.stored()
            self._settle()
        elif act == "fail":
            self.fate.failures, self.fate.error = 2, sqlite3.OperationalError
        else:
            self.fate.failures, self.fate.error = 1, RuntimeError
            await journal.stored()
            self._settle()
            await trio.sleep(10)
            self.fate.failures = 0
        return act in ("crash", "reopen")

    def _settle(self) -> None:
        self.stored += self.waiting
        self.waiting.clear()


def _as_after_a_crash(folder: Path) -> Path:
    """A copy of the files as they are now, which is what another process would find after a kill."""
    copy = folder.with_name(f"{folder.name}+")
    copy.mkdir()
    for name in (JOURNAL, f"{JOURNAL}-wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    return copy


@asynccontextmanager
async def _opened(folder: Path, few: int) -> AsyncGenerator[SqliteJournal]:
    limits = StoreLimits(recent_events=few, inline_writes=math.inf)
    async with open_journal(folder, sync="normal", limits=limits) as journal, open_system() as system:
        await system.start(journal.spec())
        yield journal


@given(st.sampled_from([1, 10, 1_000]), OPERATIONS)
@settings(deadline=None, max_examples=25)
def test_a_journal_is_what_its_model_is(few: int, operations: list[Operation]) -> None:
    """Through restarts, crashes of the process and of the actor, and failing commits."""
    trio.run(_play, few, operations, clock=MockClock(autojump_threshold=0))


async def _play(few: int, operations: list[Operation]) -> None:
    fate = _Fate()
    with TemporaryDirectory(dir=QUICK) as name, armed(fate):
        world = _World(Path(name) / "data", few, fate, [], [])
        while operations:
            operations = await world.live(operations)
            fate.failures = 0
        assert check(world.folder).problems == () or not world.stored


# --- kill -9 ----------------------------------------------------------------------------------------------

VICTIM: Final = """
import sys, trio
from bluev_actors.actors import open_system
from bluev_actors.engine.store.opening import open_journal
from bluev_actors.engine.store.records import RunRecord
from bluev_actors.workflows.graph import Workflow
from bluev_actors.workflows.run_events import NodeCompleted, NodeStarted

async def main(folder, sync):
    async with open_journal(folder, sync=sync) as journal, open_system() as system:
        await system.start(journal.spec())
        journal.subscribe(show)
        held = {line.run_id for line in journal.held()}
        async with trio.open_nursery() as nursery:
            for number in range(8):
                if f"r{number}" not in held:
                    journal.open_run(RunRecord(f"r{number}", Workflow("w", (), document={}), {}, 1.0))
                nursery.start_soon(work, journal, f"r{number}", number)

def show(batch):
    sys.stdout.write("".join(f"{it.run_id} {it.seq} {it.cursor}\\n" for it in batch))
    sys.stdout.flush()

async def work(journal, run_id, number):
    while True:
        journal.append(run_id, [(NodeCompleted("a", 1, {"out": "x" * number ** 5}), 1.0), (NodeStarted("b"), 1.0)])
        journal.save_checkpoint(run_id, "b", number)
        await journal.stored()

trio.run(main, *sys.argv[1:])
"""

Place: TypeAlias = tuple[str, int, int]


@pytest.mark.usefixtures("running_clock")
@pytest.mark.parametrize("sync", ["full", "normal"])
async def test_what_was_shown_outlives_the_process(tmp_path: Path, sync: str) -> None:
    """It is killed at random moments; all that it had shown is there, and no place is missing or given twice."""
    dice, shown = Random(7), set[Place]()  # noqa: S311 - the moments are to be the same each time
    for _ in range(5):
        shown |= await trio.to_thread.run_sync(_kill, tmp_path, sync, dice.uniform(0.05, 0.4))
        assert check(tmp_path).problems == ()
        async with open_journal(tmp_path) as journal:
            everything = journal.read_all(0)
            assert [it.cursor for it in everything] == list(range(1, len(everything) + 1))
            assert shown <= {(it.run_id, it.seq, it.cursor) for it in everything}
            for line in journal.held():
                assert [it.seq for it in journal.history(line.run_id)] == list(
                    range(1, len(journal.history(line.run_id)) + 1)
                )
    assert len(shown) > 100


def _kill(folder: Path, sync: str, seconds: float) -> set[Place]:
    """Let the victim work for a while, kill it, and tell what it had shown."""
    told = folder / "told"
    with told.open("wb") as out:
        victim = subprocess.Popen([sys.executable, "-c", VICTIM, str(folder), sync], stdout=out)  # noqa: S603 - ourselves
    with victim:
        while not told.stat().st_size and victim.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds)
        victim.kill()
    assert victim.returncode == -signal.SIGKILL
    lines = [line for line in told.read_text("ascii").splitlines(keepends=True) if line.endswith("\n")]
    return {(run_id, int(seq), int(cursor)) for run_id, seq, cursor in map(str.split, lines)}


def test_a_copy_of_the_files_at_any_moment_is_sound(tmp_path: Path) -> None:
    """A log that is cut anywhere is cut back to the last whole commit, whatever stands beyond it."""
    _kill(tmp_path, "normal", 0.2)
    log = (tmp_path / f"{JOURNAL}-wal").read_bytes()
    body = (tmp_path / JOURNAL).read_bytes()
    dice, counts = Random(7), list[int]()  # noqa: S311 - the cuts are to be the same each time
    for cut in sorted(dice.randrange(len(log)) for _ in range(100)):
        folder = tmp_path / "torn"
        folder.mkdir()
        (folder / JOURNAL).write_bytes(body)
        (folder / f"{JOURNAL}-wal").write_bytes(log[:cut] + dice.randbytes(min(500, len(log) - cut)))
        health = check(folder)
        assert [it for it in health.problems if "another program" not in it] == []
        counts.append(health.events)
        with closing(sqlite3.connect(folder / JOURNAL)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        shutil.rmtree(folder)
    assert counts == sorted(counts)
