"""Nodes that a pause has halted without ending their tasks: alone, and in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bluev_actors.engine.outcome import Failed, Waits
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.engine.standstill import Standstill
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.graph import Node, RetryPolicy, Settings, Workflow
from bluev_actors.workflows.run_events import ErrorDetail, NodeStarted
from flow_bench import FAILURE, Bench, leaf_body, one

if TYPE_CHECKING:
    from bluev_actors.engine.outcome import Outcome

FATAL = Failed(ErrorDetail("flop", "it went wrong"))


def starts(bench: Bench, node_id: str) -> list[int]:
    """The attempts of a node that were started, as often as they were."""
    return [it.attempt for it in bench.events if isinstance(it, NodeStarted) and it.node_id == node_id]


def mapped(names: str = "x", **how: Any) -> Bench:  # noqa: ANN401 - those of `Node`
    """A map of one item, whose leaves are at work."""
    params = {"items": 1, "policy": how.pop("policy", "fail")}
    settings = {it: how.pop(it) for it in ("max_concurrency", "on_error") if it in how}
    return Bench(one("map", leaf_body(names, **settings), params, **how)).accept().settle()


# --- alone ------------------------------------------------------------------------------------------------------


def scopes() -> tuple[Scope, Scope]:
    """The scope of a run, and that of an item in it."""
    workflow = Workflow("w", (Node("a", "map"),), bodies={"a": leaf_body()})
    root = Scope(workflow, Frontier(workflow, {}), {})
    return root, Opening(root, workflow.nodes[0], 1).begin({})


def test_who_stands_still_keeps_its_place() -> None:
    """It goes on with it, and gives it back once; in a scope that began anew it takes one."""
    _, item = scopes()
    _, again = scopes()
    still = Standstill({})
    still.go_on("x", item)
    still.halt("x", item)
    assert ("x" in still, len(still), still.has_place("x", item), still.has_place("x", again)) == (True, 1, True, False)
    still.go_on("x", item)
    assert (item.busy, len(still)) == (1, 0)
    still.halt("x", item)
    assert still.leave("x", item) is None
    assert item.busy == 0
    still.halt("x", item)
    still.go_on("x", again)
    assert (item.busy, again.busy) == (0, 1)


def test_who_has_no_scope_any_more_leaves_all_the_same() -> None:
    """What its place was in is gone."""
    _, item = scopes()
    still = Standstill({})
    still.halt("x", item)
    assert still.leave("x", None) is None
    assert (item.busy, len(still)) == (0, 0)


def test_a_node_waits_behind_its_own_task() -> None:
    """Only while that is on its way out; it comes back when the task has left."""
    _, item = scopes()
    causes: dict[str, str] = {}
    still, node = Standstill(causes), item.workflow.nodes[0]
    node_id = item.prefix + node.id
    still.halt(node_id, item)
    assert (still.leaving, still.waits_behind(item, node)) == (False, False)
    causes[node_id] = "fail_fast"
    assert (still.leaving, still.waits_behind(item, node)) == (True, True)
    assert still.leave(node_id, None) == (item, node)
    assert not still.waits_behind(item, node)


# --- in a run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_it_goes_on_under_the_same_number(kind: str) -> None:
    """After a rest, with its task of before."""
    bench, node_id = (Bench(leaf_body()).accept(), "x") if kind == "flat" else (mapped(), "a[0]/x")
    bench.pause("checkpoint", node_id)
    assert (bench.state.status, bench.status(node_id)) == ("paused", "paused")
    bench.resume()
    bench.settle()
    assert (bench.status(node_id), starts(bench, node_id), bench.launched) == ("running", [1, 1], [node_id])
    bench.end(node_id)
    assert bench.state.status == "completed"


@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_it_may_complete_while_the_run_rests(kind: str) -> None:
    """Completion wins: it is not started again."""
    bench, node_id = (Bench(leaf_body("xy")).accept(), "x") if kind == "flat" else (mapped("xy"), "a[0]/x")
    other = node_id[:-1] + "y"
    bench.pause("checkpoint", node_id, other)
    bench.end(node_id)
    assert (bench.state.status, bench.status(node_id)) == ("paused", "completed")
    bench.resume()
    bench.settle()
    assert list(bench.living) == [other]
    bench.end(other)
    assert (bench.state.status, starts(bench, node_id)) == ("completed", [1])


def test_it_may_fail_while_the_run_rests() -> None:
    """It is tried again after the resume, when its time has come, and not before."""
    bench = mapped("xy", retry=None)
    bench.pause("checkpoint", "a[0]/x", "a[0]/y")
    bench.end("a[0]/y", FATAL)
    assert (bench.state.status, bench.status("a[0]/y")) == ("paused", "failed")
    bench.end("a[0]/x")
    bench.resume()
    bench.settle()
    assert (bench.state.status, bench.status("a")) == ("failed", "failed")


def test_its_next_attempt_waits_for_its_time() -> None:
    """Also when the item had begun again before it failed."""
    policy = RetryPolicy(2, "fixed", 5.0)
    body = Workflow("body", (Node("x", "leaf", retry=policy),))
    bench = Bench(one("sub", body)).accept().settle()
    bench.pause("checkpoint", "a/x")
    bench.end("a/x", FAILURE)
    assert (bench.status("a/x"), bench.waits) == ("retrying", {"a/x": 5.0})
    bench.resume()
    bench.settle()
    assert not bench.living
    bench.retry("a/x")
    assert starts(bench, "a/x") == [1, 2]
    bench.end("a/x")
    assert bench.state.status == "completed"


def test_one_that_waits_in_line_is_not_started_before_its_time() -> None:
    """It was to go on, had to wait for room, and failed meanwhile."""
    policy = RetryPolicy(2, "fixed", 5.0)
    nodes = (Node("x", "leaf", retry=policy), Node("y", "leaf"))
    bench = Bench(Workflow("w", nodes, settings=Settings(max_concurrency=2))).accept()
    bench.pause("checkpoint", "x", "y")
    bench.flow.resume()
    bench.flow.failed("x", FAILURE, 0.0)
    del bench.living["x"]
    bench.halted.discard("x")
    bench.go_on()
    assert (bench.status("x"), list(bench.living)) == ("retrying", ["y"])
    bench.retry("x")
    assert starts(bench, "x") == [1, 2]


def test_it_may_begin_to_wait_for_a_signal() -> None:
    """Its task is over then, and nobody starts it again."""
    bench = mapped()
    bench.pause("checkpoint", "a[0]/x")
    del bench.living["a[0]/x"]
    bench.halted.clear()
    bench.flow.waits("a[0]/x", Waits())
    bench.go_on()
    assert bench.status("a[0]/x") == "waiting"
    bench.resume()
    bench.settle()
    bench.flow.signalled("a[0]/x", 7)
    bench.go_on()
    bench.settle()
    assert bench.state.status == "completed"


def test_a_pause_that_is_withdrawn_lets_it_go_on_at_once() -> None:
    """It needs no room for that: the room it has is its own."""
    nodes = (Node("a", "map", {"items": 1}), Node("slow", "leaf", pause_mode="drain"))
    bench = Bench(Workflow("w", nodes, bodies={"a": leaf_body("xy", max_concurrency=1)})).accept().settle()
    assert list(bench.living) == ["slow", "a[0]/x"]
    bench.pause("checkpoint", "a[0]/x")
    assert bench.state.status == "pausing"
    bench.resume()
    assert (bench.status("a[0]/x"), list(bench.living)) == ("running", ["slow", "a[0]/x"])
    bench.end("a[0]/x")
    assert list(bench.living) == ["slow", "a[0]/y"]


@pytest.mark.parametrize("outcome", [None, FATAL])
def test_it_is_told_to_end_when_its_item_fails(outcome: Outcome | None) -> None:
    """While others still drain; the run does not rest before it is gone."""
    nodes = (Node("x", "leaf"), Node("s", "leaf", pause_mode="drain"))
    bench = Bench(one("map", Workflow("body", nodes), {"items": 1, "policy": "collect"})).accept().settle()
    bench.pause("checkpoint", "a[0]/x")
    bench.end("a[0]/s", FATAL)
    assert (bench.state.status, bench.living) == ("pausing", {"a[0]/x": True})
    bench.end("a[0]/x", outcome)
    assert bench.status("a[0]/x") == ("cancelled" if outcome is None else "failed")
    bench.settle()
    assert bench.state.results == {"a": {"out": ["error"]}}


@pytest.mark.parametrize("late", [True, False])
def test_a_new_attempt_waits_for_the_task_of_the_old_one(late: bool) -> None:
    """The item failed while the run rested, so after the resume its halted nodes are told to end, each in its time."""
    bench = mapped("sx", retry=RetryPolicy(2, "fixed", 1.0))
    bench.pause("checkpoint", "a[0]/s", "a[0]/x")
    bench.end("a[0]/s", FAILURE)
    bench.resume()
    bench.settle()
    assert (bench.status("a"), bench.status("a[0]/x"), bench.living) == ("retrying", "pending", {"a[0]/x": True})
    bench.retry("a")
    assert bench.living == {"a[0]/x": True, "a[0]/s": False}
    outcome = FATAL if late else None
    bench.end("a[0]/x", outcome)
    assert bench.living == {"a[0]/s": False, "a[0]/x": False}
    assert (starts(bench, "a[0]/s"), starts(bench, "a[0]/x")) == ([1, 2], [1, 2])
    bench.end("a[0]/s")
    bench.end("a[0]/x")
    assert bench.state.status == "completed"


def test_what_it_comes_to_after_its_end_is_no_end() -> None:
    """It had been cancelled on record with its item, which is not tried again."""
    bench = mapped("sx", policy="collect")
    bench.pause("checkpoint", "a[0]/s", "a[0]/x")
    bench.end("a[0]/s", FATAL)
    bench.resume()
    bench.call("a")
    assert (bench.status("a[0]/x"), bench.living) == ("cancelled", {"a[0]/x": True})
    news = bench.state.seq
    bench.flow.executor_crashed("a[0]/x", too_often=False)
    bench.flow.waits("a[0]/x", Waits())
    bench.end("a[0]/x")
    assert bench.status("a[0]/x") == "cancelled"
    assert not [it for it in bench.journal.history("run", news) if getattr(it.event, "node_id", "") == "a[0]/x"]
    assert bench.state.status == "completed"


@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_a_crash_of_its_executor_leaves_it_paused(kind: str) -> None:
    """After the resume it has a new one."""
    bench, node_id = (Bench(leaf_body()).accept(), "x") if kind == "flat" else (mapped(), "a[0]/x")
    bench.pause("checkpoint", node_id)
    del bench.living[node_id]
    bench.halted.clear()
    seq = bench.state.seq
    bench.flow.executor_crashed(node_id, too_often=False)
    bench.go_on()
    assert (bench.status(node_id), bench.state.seq) == ("paused", seq)
    bench.resume()
    bench.settle()
    assert bench.launched == [node_id, node_id]


def test_a_drain_of_the_process_leaves_it_paused() -> None:
    """Nothing is written; the next process starts it again."""
    bench = mapped()
    bench.pause("checkpoint", "a[0]/x")
    seq = bench.state.seq
    bench.flow.suspend()
    bench.flow.causes["a[0]/x"] = "drain"
    bench.living["a[0]/x"] = True
    bench.end("a[0]/x", None)
    assert (bench.status("a[0]/x"), bench.state.seq) == ("paused", seq)


def test_a_crash_of_the_run_ends_it() -> None:
    """Its task does not outlive the run's actor; after the resume it begins again."""
    bench = mapped()
    bench.pause("checkpoint", "a[0]/x")
    bench.crash()
    bench.resume()
    bench.settle()
    assert (list(bench.living), starts(bench, "a[0]/x")) == (["a[0]/x"], [1, 1])
