from __future__ import annotations

import pytest
import trio

from bluev_actors.engine.store.journal_base import JournalBase
from bluev_actors.engine.store.memory_journal import MemoryJournal
from bluev_actors.engine.store.sqlite_journal import SqliteJournal
from bluev_actors.errors import RunNotFoundError


def test_both_journals_stand_on_it() -> None:
    """What they do alike is written once."""
    assert issubclass(MemoryJournal, JournalBase)
    assert issubclass(SqliteJournal, JournalBase)


async def test_nobody_waits_for_a_run_that_is_not_held() -> None:
    """It would be for ever."""
    with pytest.raises(RunNotFoundError), trio.fail_after(1):
        await MemoryJournal().changed("r")
