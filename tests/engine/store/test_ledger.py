from __future__ import annotations

import pytest

from bluev_actors.engine.store.ledger import Ledger, RunLog, status_after
from bluev_actors.engine.store.records import RunLine
from bluev_actors.errors import RunNotFoundError
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeStarted,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)


def ledger_of(*run_ids: str, cursor: int = 0) -> Ledger:
    """A ledger in which these runs are open."""
    logs = {run_id: RunLog(RunLine(run_id, "w", "", "", 0.0)) for run_id in run_ids}
    return Ledger(cursor, logs)


def add(ledger: Ledger, run_id: str, *events: RunEvent, commit: bool = True) -> None:
    """Add events of a run, one second after the other, and commit them."""
    log = ledger.log_of(run_id)
    added = ledger.add(log, [(event, float(at)) for at, event in enumerate(events)])
    if commit:
        ledger.commit(log, added)


def test_what_is_added_is_not_shown_before_it_is_committed() -> None:
    """It has its places all the same."""
    ledger = ledger_of("r")
    add(ledger, "r", NodeStarted("a"))
    add(ledger, "r", NodeStarted("b"), commit=False)
    log = ledger.log_of("r")
    assert (ledger.cursor, ledger.added, log.committed, log.last_cursor) == (1, 2, 1, 2)
    assert len(ledger) == len(log.events) == 2
    assert [it.seq for it in log.after(0)] == [it.cursor for it in ledger.read_all(0)] == [1]


def test_it_goes_on_where_another_ended() -> None:
    """The places of events that it never saw are not given again."""
    ledger = ledger_of("r", cursor=40)
    assert ledger.first == 41
    add(ledger, "r", NodeStarted("a"))
    assert [it.cursor for it in ledger.read_all(0)] == [41]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (RunStarted(), "running"),
        (RunStarted(queued=True), "queued"),
        (RunStatusChanged("pausing"), "pausing"),
        (RunCompleted({}, {}), "completed"),
        (RunFailed(ErrorDetail("c", "m"), {}), "failed"),
        (RunStopped({}, {}), "stopped"),
    ],
)
def test_the_status_follows_the_events(event: RunEvent, status: str) -> None:
    """Only those of the run itself change it."""
    ledger = ledger_of("r")
    add(ledger, "r", event, NodeStarted("a"))
    log = ledger.log_of("r")
    assert log.line.status == status_after(event) == status
    assert log.ended == (status in ("completed", "failed", "stopped")) == (log.ended_at is not None)


def test_the_oldest_can_be_dropped() -> None:
    """Up to a place; those that are not committed stay, and so do those of live runs unless all may go."""
    for live in (False, True):
        ledger = ledger_of("r", "s")
        add(ledger, "r", NodeStarted("a"), RunStopped({}, {}))
        add(ledger, "s", NodeStarted("a"), NodeStarted("b"))
        add(ledger, "s", NodeStarted("c"), commit=False)
        ledger.trim(99, live=live)
        assert (ledger.first, len(ledger)) == (5, 1)
        assert (ledger.log_of("r").dropped, ledger.log_of("s").dropped) == (2, 2 if live else 0)
        ledger.trim(0, live=live)
        assert ledger.first == 5


def test_dropping_does_not_touch_another_run_of_the_same_id() -> None:
    """The events that are dropped belong to the one before it."""
    ledger = ledger_of("r")
    add(ledger, "r", NodeStarted("a"), NodeStarted("b"))
    ledger.logs["r"] = RunLog(RunLine("r", "w", "", "", 0.0))
    add(ledger, "r", NodeStarted("a"), NodeStarted("b"))
    ledger.trim(2, live=True)
    assert ledger.log_of("r").dropped == 0
    ledger.trim(3, live=True)
    assert [it.seq for it in ledger.log_of("r").after(0)] == [2]


def test_a_run_that_is_not_held_is_not_found() -> None:
    """By name."""
    with pytest.raises(RunNotFoundError, match="no run r"):
        ledger_of().log_of("r")


def test_the_oldest_ended_runs_are_known() -> None:
    """By when they ended, not by when they began."""
    ledger = ledger_of("r", "s", "t")
    add(ledger, "r", NodeStarted("a"), NodeStarted("a"), RunStopped({}, {}))
    add(ledger, "s", NodeStarted("a"), RunStopped({}, {}))
    assert ledger.oldest_ended(1, 0.0) == ["s"]
    assert ledger.oldest_ended(0, 0.0) == ["s", "r"]
    assert ledger.oldest_ended(9, 2.0) == ["s"]
    assert ledger.oldest_ended(9, 0.0) == []
