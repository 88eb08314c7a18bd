from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store.memory_journal import MemoryJournal
from bluev_actors.errors import HistoryExpiredError
from bluev_actors.workflows.run_events import NodeStarted, RunStarted, RunStopped

if TYPE_CHECKING:
    from tests.engine.store.conftest import MakeRecord

STARTED, NODE, STOPPED = (RunStarted(), 1.0), (NodeStarted("n0"), 2.0), (RunStopped({}, {}), 3.0)


def test_the_events_of_a_live_run_are_all_kept(record_of: MakeRecord) -> None:
    """A run has to be rebuilt from them, however long it is; once it has ended, the oldest go."""
    journal = MemoryJournal(10)
    journal.open_run(record_of("r"))
    journal.append("r", [STARTED])
    for _ in range(50):
        journal.append("r", [NODE])
    assert len(journal.history("r")) == 51
    with pytest.raises(HistoryExpiredError, match="up to 41 "):
        journal.read_all(40)
    assert len(journal.read_all(41)) == 10
    journal.append("r", [STOPPED])
    assert [it.seq for it in journal.history("r", 42)] == list(range(43, 53))
    with pytest.raises(HistoryExpiredError, match="run r up to 42"):
        journal.history("r", 41)


def test_a_run_may_be_forgotten_before_its_events_expire(record_of: MakeRecord) -> None:
    """The global order still has them, until others push them out."""
    journal = MemoryJournal(2)
    for run_id in "rs":
        journal.open_run(record_of(run_id))
    journal.append("r", [STARTED, STOPPED])
    journal.forget_run("r")
    assert len(journal.read_all(0)) == 2
    journal.append("s", [STARTED, NODE])
    assert [it.run_id for it in journal.read_all(2)] == ["s", "s"]


def test_everything_is_committed_at_once(record_of: MakeRecord) -> None:
    """Before `append` comes back, and its effect has been called."""
    journal, heard = MemoryJournal(), list[str]()
    journal.open_run(record_of("r"))
    journal.append("r", [STARTED], lambda: heard.append("then"))
    assert (journal.cursor, journal.pending, heard) == (1, 0, ["then"])


def test_an_effect_that_raises_is_its_callers(record_of: MakeRecord) -> None:
    """After everybody else had their turn."""
    journal, heard = MemoryJournal(), list[str]()
    journal.open_run(record_of("r"))

    def broken() -> None:
        journal.append("r", [NODE], lambda: heard.append("later"))
        raise RuntimeError("nobody home")

    with pytest.raises(RuntimeError, match="nobody home"):
        journal.append("r", [STARTED], broken)
    assert heard == ["later"]
    journal.append("r", [], lambda: heard.append("again"))
    assert heard == ["later", "again"]
