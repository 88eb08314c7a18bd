"""A schedule, and how far it has come."""

from __future__ import annotations

import math

from attrs import evolve

from bluev_actors.engine.planned import AHEAD, Planned
from bluev_actors.engine.schedule import Schedule

MINUTELY = Schedule("quick", interval=60)


def planned(schedule: Schedule = MINUTELY) -> Planned:
    """One that was put at 1000, and planned."""
    made = Planned("a", schedule, 1000.0, 1000.0, 1000.0, 1000.0)
    assert made.next_at == math.inf
    made.plan()
    return made


def test_when_it_is_due() -> None:
    """One interval after it was put; never, when it is switched off."""
    assert planned().next_at == planned().wake_at == 1060
    assert planned(evolve(MINUTELY, enabled=False)).next_at == math.inf


def test_what_became_of_it() -> None:
    """The last run stays known over an error, and an error goes with the next run."""
    it = planned()
    it.settle(1061, {"run_id": "x"}, None)
    assert (it.next_at, it.last_run, it.last_error) == (1120, {"run_id": "x"}, None)
    it.settle(1300, None, {"code": "c"})
    assert (it.next_at, it.last_run, it.last_error) == (1360, {"run_id": "x"}, {"code": "c"})
    it.settle(1310, {"run_id": "y"}, None)
    assert (it.next_at, it.last_run, it.last_error) == (1360, {"run_id": "y"}, None)


def test_a_change_keeps_the_beat_unless_the_beat_changes() -> None:
    """And what was due before it is not made up for."""
    it = planned()
    it.change(evolve(MINUTELY, workflow_id="slow"), 1090)
    assert (it.next_at, it.updated_at, it.created_at) == (1120, 1090, 1000)
    it.change(evolve(MINUTELY, interval=10), 1095)
    assert it.next_at == 1105


def test_a_clock_that_was_ahead() -> None:
    """A little is nothing; by more, what is due is found anew, but not of one that is switched off or at work."""
    it = planned()
    it.settle(5000, None, None)
    it.correct(5000 - AHEAD)
    assert it.next_at == 5020
    it.correct(2000)
    assert (it.settled, it.next_at) == (2000, 2020)
    it.settle(5000, None, None)
    it.wake_at = math.inf
    it.correct(2000)
    assert it.settled == 5000


def test_what_is_kept() -> None:
    """All that is needed to make it again."""
    it = planned()
    it.settle(1061, {"run_id": "x"}, None)
    body = it.as_json()
    again = Planned("a", Schedule(**body.pop("schedule")), **body)
    again.plan()
    assert again.as_json() == it.as_json()
    assert again.next_at == it.next_at
