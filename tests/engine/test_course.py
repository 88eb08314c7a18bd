"""How a run stands."""

from __future__ import annotations

import pytest

from bluev_actors.engine.course import Course
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.outcome import Opens
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.kinds import Body, NodeKind
from bluev_actors.workflows.run_events import ErrorDetail, NodeStarted, RunStarted, RunStatusChanged

KINDS = {"leaf": NodeKind("leaf"), "map": NodeKind("map", body=Body(item="item"))}
INNER = Workflow("inner", (Node("x", "leaf"), Node("y", "leaf")))
BODY = Workflow("body", (Node("sub", "map"), Node("z", "leaf")), bodies={"sub": INNER})
RUN = Workflow("w", (Node("a", "leaf"), Node("each", "map")), bodies={"each": BODY})
FAILURE = ErrorDetail("flop", "it went wrong")


@pytest.fixture
def course() -> Course:
    """A run that has begun, at 1000 seconds after 1970."""
    journal, record = MemoryJournal(), RunRecord("r", RUN, {}, 1000.0)
    journal.open_run(record)
    made = Course(RunWriter(journal, record, lambda: 1000.0), KINDS, lambda: 1010.0)
    made.writer.add(RunStarted())
    return made


def opened(course: Course, scope: Scope, node_id: str) -> Scope:
    """Open a node and begin its first item."""
    opening = Opening(scope, scope.workflow.by_id[node_id], 1)
    opening.take(Opens([{}, {}]))
    course.openings[opening.node_id] = opening
    inner = opening.begin(KINDS)
    course.scopes[inner.prefix] = inner
    return inner


def started(course: Course, *node_ids: str) -> None:
    """Put some nodes in flight."""
    for node_id in node_ids:
        course.writer.add(NodeStarted(node_id))


def test_a_run_moves_until_something_keeps_it(course: Course) -> None:
    """A pause, an end, or the end of the process."""
    assert (course.moving, course.ending) == (True, False)
    course.suspended = True
    assert not course.moving
    course.suspended = False
    course.writer.add(RunStatusChanged("pausing", None, "hard"))
    assert (course.moving, course.ending) == (False, False)
    course.writer.add(RunStatusChanged("running"))
    course.root.failure = FAILURE
    assert (course.moving, course.ending, course.reason) == (False, True, "fail_fast")


def test_a_run_that_is_told_to_stop_ends(course: Course) -> None:
    """And what is cancelled then says so."""
    course.writer.add(RunStatusChanged("stopping"))
    assert (course.moving, course.ending, course.reason) == (False, True, "stopped")
    assert course.is_doomed(None)


def test_what_fails_dooms_all_inside(course: Course) -> None:
    """A scope by its own failure, by that of the node it belongs to, and by those further out; never outward."""
    item = opened(course, course.root, "each")
    inner = opened(course, item, "sub")
    assert not any(map(course.is_doomed, (None, course.root, item, inner)))
    inner.failure = FAILURE
    assert [course.is_doomed(it) for it in (item, inner)] == [False, True]
    inner.failure = None
    course.openings["each"].failure = FAILURE
    assert [course.is_doomed(it) for it in (course.root, item, inner)] == [False, True, True]


def test_nodes_are_found_by_their_full_ids(course: Course) -> None:
    """Where their item has not begun too: then there is no scope, but a graph."""
    item = opened(course, course.root, "each")
    assert (course.scope("a"), course.scope("each[0]/z")) == (course.root, item)
    assert (course.scope("each[1]/z"), course.scope("each[0]/sub[0]/x")) == (None, None)
    assert (course.graph("a"), course.graph("each[1]/z")) == (RUN, BODY)
    assert course.node("each[7]/sub[0]/y") is INNER.by_id["y"]
    assert (course.kind("each"), course.kind("each[0]/z")) == (KINDS["map"], KINDS["leaf"])


def test_the_time_of_all_attempts(course: Course) -> None:
    """From the first start on; of a node that never started there is none."""
    started(course, "a")
    assert course.elapsed("a") == 10.0
    course.state.nodes["a"].first_started_at = None
    assert course.elapsed("a") == 0.0


def test_a_cancel_notes_its_cause(course: Course) -> None:
    """Before the executor learns of it."""
    course.cancel(["a", "b"], "pause")
    assert (course.causes, course.effects.cancels) == ({"a": "pause", "b": "pause"}, ["a", "b"])


def test_all_at_work_in_a_scope_are_told_to_end(course: Course) -> None:
    """Those in flight, those that stand still, and those further in; an open node itself has no task."""
    item = opened(course, course.root, "each")
    inner = opened(course, item, "sub")
    started(course, "a", "each[0]/sub[0]/x")
    course.still.halt("each[0]/sub[0]/y", inner)
    course.cancel_in([item])
    assert course.effects.cancels == ["each[0]/sub[0]/x", "each[0]/sub[0]/y"]
    course.effects.cancels.clear()
    started(course, "each[0]/z")
    course.cancel_in([item])
    assert course.effects.cancels == ["each[0]/sub[0]/x", "each[0]/sub[0]/y", "each[0]/z"]
    assert set(course.causes.values()) == {"fail_fast"}
