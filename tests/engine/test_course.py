"""How a run stands: its scopes, what ends, and whom that cancels."""

from __future__ import annotations

import pytest

from bluev_actors.engine.course import Course
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import ErrorDetail, NodeStarted, RunStarted, RunStatusChanged
from flow_bench import KINDS, leaf_body

FLOP = ErrorDetail("flop", "it went wrong")
BODY = Workflow("body", (Node("b", "map"), Node("x", "leaf")), bodies={"b": leaf_body("y")})
WORKFLOW = Workflow("w", (Node("a", "map"), Node("z", "leaf")), bodies={"a": BODY})


def course(now: float = 7.0) -> Course:
    """A run that has begun."""
    journal, record = MemoryJournal(), RunRecord("r", WORKFLOW, {}, 0.0)
    journal.open_run(record)
    writer = RunWriter(journal, record, lambda: 7.0)
    writer.add(RunStarted())
    return Course(writer, KINDS, lambda: now)


def opened(it: Course) -> tuple[Scope, Scope]:
    """The scopes of `a[0]/` and of `a[0]/b[0]/`, with all of their leaves in flight."""
    outer = it.openings["a"] = Opening(it.root, WORKFLOW.nodes[0], 1)
    scope = it.scopes["a[0]/"] = outer.begin({})
    inner = it.openings["a[0]/b"] = Opening(scope, BODY.nodes[0], 1)
    deep = it.scopes["a[0]/b[0]/"] = inner.begin({})
    for node_id in ("z", "a[0]/x", "a[0]/b[0]/y"):
        it.writer.add(NodeStarted(node_id))
    return scope, deep


def test_a_node_is_found_whether_or_not_its_item_is_there() -> None:
    """Its scope is not."""
    it = course()
    assert (it.scope("z"), it.scope("a[0]/x"), it.scope("a[0]/b[0]/y")) == (it.root, None, None)
    scope, deep = opened(it)
    assert (it.scope("a[0]/x"), it.scope("a[0]/b[0]/y"), it.scope("a[1]/x")) == (scope, deep, None)
    for node_id, kind in (("z", "leaf"), ("a[0]/b", "map"), ("a[7]/x", "leaf"), ("a[7]/b[7]/y", "leaf")):
        assert (it.node(node_id).id, it.kind(node_id).name) == (node_id[-1], kind)
    assert it.graph("a[7]/b[7]/y") == BODY.bodies["b"]


def test_what_is_around_a_scope_dooms_it() -> None:
    """Its own failure, that of an attempt around it, and the end of the run; not what is inside."""
    for doom in ("deep", "inner", "outer", "root", "stop"):
        it = course()
        scope, deep = opened(it)
        assert not it.is_doomed(deep)
        if doom == "stop":
            it.writer.add(RunStatusChanged("stopping"))
        else:
            around: dict[str, Scope | Opening] = {"deep": deep, "root": it.root}
            around |= {"inner": it.openings["a[0]/b"], "outer": it.openings["a"]}
            around[doom].failure = FLOP
        assert it.is_doomed(deep)
        assert it.is_doomed(scope) == (doom in ("outer", "root", "stop"))
        assert it.is_doomed(None) == it.is_doomed(it.root) == it.ending == (doom in ("root", "stop"))
        assert it.moving != it.ending
        assert it.reason == ("stopped" if doom == "stop" else "fail_fast")


def test_a_suspended_run_does_not_move() -> None:
    """It does not end either."""
    it = course()
    it.suspended = True
    assert (it.moving, it.ending) == (False, False)


def test_all_that_is_at_work_in_a_scope_is_cancelled() -> None:
    """However deep, those that stand still as well; what is beside it is not."""
    it = course()
    scope, deep = opened(it)
    it.state.in_flight.pop("a[0]/b[0]/y")
    it.cancel_in([scope])
    assert it.effects.cancels == ["a[0]/x"]
    it.still.halt("a[0]/b[0]/y", deep)
    it.cancel_in([deep])
    assert it.causes == {"a[0]/x": "fail_fast", "a[0]/b[0]/y": "fail_fast"}
    assert it.still.leaving


def test_seconds_count_from_the_first_attempt() -> None:
    """A node that never started has used up nothing."""
    it = course(now=17.0)
    it.writer.add(NodeStarted("z"))
    it.writer.add(NodeStarted("z", 2))
    assert it.elapsed("z") == 10.0
    it.state.nodes["z"].first_started_at = None
    assert it.elapsed("z") == 0.0


@pytest.mark.parametrize("node_id", ["a", "z"])
def test_the_ports_of_a_body_are_worked_out_once(node_id: str) -> None:
    """For all items and rounds; a kind without a body is what it is."""
    it = course()
    node = it.node(node_id)
    kind = it.kind_in_place(it.root, node)
    assert it.kind_in_place(it.root, node) is kind
    assert (kind is KINDS[node.type]) == (node_id == "z")
