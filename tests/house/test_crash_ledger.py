"""The judge of the crash harness: every kind of loss it is there for is found, and nothing else is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from crash_ledger import Event, Ledger, node_problems, order_problems, pause_problems

RUN = "run-1"


def event(seq: int, type_: str = "node_status_update", **fields: Any) -> Event:  # noqa: ANN401 - whatever JSON
    """One event of the run, as a daemon gives it."""
    return {"type": type_, "run_id": RUN, "seq": seq, "cursor": f"c{seq}", **fields}


def node(seq: int, node_id: str, status: str, **fields: Any) -> Event:  # noqa: ANN401 - whatever JSON
    """One event of a node."""
    return event(seq, node_id=node_id, status=status, **fields)


def story() -> list[Event]:
    """A whole run: one node, and its end."""
    return [
        event(1, "workflow_execution_started", workflow_id="w"),
        node(2, "a", "running"),
        node(3, "a", "completed", outputs={"value": 1}),
        event(4, "workflow_completed", results={}),
    ]


def told(*events: Event) -> Ledger:
    """A ledger that was told these events, and that the run has started."""
    ledger = Ledger()
    ledger.hear({**story()[0], "duplicate": True})
    for each in events:
        ledger.see(each)
    return ledger


def test_a_whole_run_has_no_problems() -> None:
    """What was told is on record, whole and in order."""
    ledger = told(*story())
    executed = Counter({(RUN, "a"): 1})
    assert ledger.problems({RUN: story()}, executed) == []
    assert ledger.problems({RUN: story()}, executed) == []
    assert ledger.unfinished({RUN: story()}) == []


def test_a_lost_run() -> None:
    """A start that was acknowledged and is not on record."""
    assert told().problems({}, Counter()) == [f"{RUN} was acknowledged and is lost"]


def test_a_lost_event() -> None:
    """An event that was delivered has to be there after the crash."""
    (problem,) = told(*story()).problems({RUN: story()[:3]}, Counter())
    assert "event 4 was delivered and is lost" in problem


def test_a_changed_event() -> None:
    """What a client was shown is never taken back, nor told differently."""
    changed = [*story()[:2], node(3, "a", "completed", outputs={"value": 2}), story()[3]]
    (problem,) = told(*story()).problems({RUN: changed}, Counter())
    assert "event 3 was" in problem


def test_an_event_that_comes_twice() -> None:
    """A resume shows what was missed, and nothing again; unless it was sent too late."""
    ledger = told(*story())
    ledger.see(story()[3], may_repeat=True)
    assert ledger.problems({RUN: story()}, Counter()) == []
    ledger.see(story()[3])
    assert ledger.problems({RUN: story()}, Counter()) == [f"{RUN} seq 4 was delivered twice"]


def test_a_completed_node_that_runs_again() -> None:
    """Its own log says so, whatever the events say."""
    ledger = told(*story())
    assert ledger.problems({RUN: story()}, Counter({(RUN, "a"): 1})) == []
    assert ledger.problems({RUN: story()}, Counter({(RUN, "a"): 2})) == [f"{RUN}: a had completed and was run again"]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([story()[0], *story()[2:]], "seq has holes"),
        (story()[1:], "it begins with"),
        ([*story(), event(5, "workflow_stopped")], "it ends at [4, 5] of 5"),
        ([*story(), node(5, "a", "running")], "it ends at [4] of 5"),
    ],
)
def test_a_torn_order(events: list[Event], words: str) -> None:
    """Holes, a missing beginning, two ends, something after the end."""
    assert any(words in problem for problem in order_problems(events))


def test_what_no_node_may_do() -> None:
    """To go on after its end, and to start twice without having been cut short."""
    assert list(node_problems([node(1, "a", "completed"), node(2, "a", "running")])) == [
        "a was completed and is running at 2"
    ]
    assert list(node_problems([node(1, "a", "running"), node(2, "a", "running")])) == ["a runs twice at 2"]
    assert list(node_problems([node(1, "a", "running"), node(2, "a", "running", recovered=True)])) == []
    assert list(node_problems([node(1, "a", "running"), node(2, "a", "paused"), node(3, "a", "running")])) == []


def test_a_start_after_a_pause() -> None:
    """Between the answer to a pause and the resume nothing starts; what goes on after a crash does not start."""
    paused = event(2, "workflow_status_update", state="paused")
    resumed = event(3, "workflow_status_update", state="running")
    assert list(pause_problems([paused, node(3, "b", "running")], 2)) == ["b starts at 3, after the pause at 2"]
    assert list(pause_problems([paused, resumed, node(4, "b", "running")], 2)) == []
    assert list(pause_problems([node(1, "b", "running"), paused], 2)) == []


def test_promises_that_are_not_kept() -> None:
    """A stop that did not stop, a signal that is not in its node, a run that never ends."""
    ledger = told(*story())
    control = {"type": "control_workflow", "action": "stop"}
    ledger.answer(control, {"type": "workflow_control_response", "status": "acknowledged", "run_id": RUN, "seq": 2})
    assert ledger.unfinished({RUN: story()}) == [f"{RUN} was stopped and is workflow_completed"]
    ledger = told(*story())
    signal = {"type": "signal", "node_id": "a", "payload": 7}
    ledger.answer(signal, {"type": "signal_response", "status": "acknowledged", "run_id": RUN})
    assert ledger.unfinished({RUN: story()}) == [f"{RUN}: a was given 7 and has None"]
    assert "never came to its end" in told(*story()).unfinished({RUN: story()[:3]})[0]
    assert told(*story()[:2]).unfinished({RUN: story()}) == [f"{RUN}: events [3, 4] were never delivered"]


def test_a_request_that_acted_twice() -> None:
    """Two runs of one workflow, although it was asked for once."""
    ledger = told()
    ledger.hear({**story()[0], "run_id": "run-2"})
    found = ledger.problems({RUN: story(), "run-2": story()}, Counter())
    assert "w was asked for once and runs 2 times" in found
