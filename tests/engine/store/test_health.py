from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store import schema
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.health import check
from bluev_actors.workflows.run_events import NodeCompleted, RunStarted, RunStopped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.store.conftest import MakeRecord, OpenFolder


async def _fill(reopen: OpenFolder, record_of: MakeRecord) -> None:
    async with reopen() as journal:
        for run_id in "rst":
            journal.open_run(record_of(run_id))
            journal.append(run_id, [(RunStarted(), 1.0), (NodeCompleted("n0", 1, {"out": "x" * 70_000}), 2.0)])
        journal.append("r", [(RunStopped({}, {}), 3.0)])
        await journal.stored()
        journal.forget_run("t")


async def test_a_sound_journal_is_told_so(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """With what it holds; what was forgotten does not count, whether it is swept yet or not."""
    await _fill(reopen, record_of)
    health = check(tmp_path)
    assert health.problems == ()
    assert (health.path, health.version, health.owner) == (tmp_path / JOURNAL, schema.VERSION, os.getpid())
    assert (health.runs, health.live) == (2, 1)
    assert health.size > 0


async def test_a_journal_in_use_may_be_looked_at(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """The daemon goes on meanwhile."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
        journal.append("r", [(RunStarted(), 1.0)])
        await journal.stored()
        health = check(tmp_path)
        assert (health.runs, health.events, health.problems) == (1, 1, ())
        assert health.log_size > 0


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("DELETE FROM events WHERE seq = 1 AND run = 1", "run r has 2 events, and the last one is number 3"),
        ("DELETE FROM outputs", "the bodies of 2 events are missing"),
        ("DELETE FROM graphs", "the workflow of run r is missing"),
        ("DELETE FROM runs WHERE run_id = 's'", "2 events belong to no run"),
        ("UPDATE runs SET ended_at = NULL", "run r has a time of its end"),
        ("DELETE FROM shapes", "nothing says how events of shape"),
    ],
)
async def test_damage_is_found(
    reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path, damage: str, problem: str
) -> None:
    """Each kind is told in a sentence."""
    await _fill(reopen, record_of)
    async with reopen() as journal:
        await journal.stored()
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as connection:
        connection.execute("DELETE FROM events WHERE run = 3")
        connection.execute("DELETE FROM outputs WHERE cursor NOT IN (SELECT cursor FROM events)")
        connection.execute(damage)
        connection.commit()
    assert any(problem in it for it in check(tmp_path).problems)


async def test_a_broken_page_is_found(reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path) -> None:
    """SQLite's own check is part of ours."""
    await _fill(reopen, record_of)
    _spoil(tmp_path / JOURNAL)
    assert check(tmp_path).problems


def _spoil(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[8_192:] = b"\xff" * (len(body) - 8_192)
    path.write_bytes(body)


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    """Nothing there, garbage, another program's file, one of the future: each has its sentence."""
    path = tmp_path / JOURNAL
    assert check(tmp_path).problems == (f"there is no journal at {path}",)
    path.write_bytes(b"garbage" * 100)
    assert "cannot be read" in check(tmp_path).problems[0]
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")
        assert check(tmp_path).problems == ("it is the file of another program",)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 99")
    assert "version 99" in check(tmp_path).problems[0]
