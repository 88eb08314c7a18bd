"""What starts, and when: after what ended, after a crash, after a wait."""

from __future__ import annotations

from bluev_actors.engine.outcome import Waits
from bluev_actors.workflows.graph import Edge, Node, RetryPolicy, Settings, Workflow
from bluev_actors.workflows.run_events import NodeCompleted
from flow_bench import FAILURE, Bench, leaf_body, one

# --- after a crash ----------------------------------------------------------------------------------------------


def test_suspects_run_one_by_one() -> None:
    """Nothing else starts before each of them has ended; those inside bodies are suspects too."""
    workflow = Workflow(
        "w",
        (Node("p", "leaf"), Node("q", "leaf"), Node("a", "map", {"items": 2, "concurrency": 1})),
        settings=Settings(max_concurrency=3),
        bodies={"a": leaf_body("x")},
    )
    bench = Bench(workflow).accept().settle()
    assert list(bench.living) == ["p", "q", "a[0]/x"]
    bench.crash(one_at_a_time=True)
    assert (list(bench.living), bench.flow.suspect) == (["p"], "p")
    bench.settle()
    bench.end("p")
    assert list(bench.living) == ["q"]
    bench.end("q")
    assert (list(bench.living), bench.flow.suspect) == (["a[0]/x"], "a[0]/x")
    bench.end("a[0]/x")
    assert (list(bench.living), bench.flow.suspect) == (["a[1]/x"], None)


def test_a_poisoned_node_fails_by_its_on_error() -> None:
    """And the item it stands in with it."""
    bench = Bench(one("map", leaf_body(), {"items": 2, "policy": "collect"})).accept().settle()
    bench.crash(poisoned=("a[0]/x",))
    bench.settle()
    assert bench.state.nodes["a[0]/x"].error is not None
    assert bench.state.nodes["a[0]/x"].error.code == "poison"
    bench.end("a[1]/x")
    assert bench.state.results == {"a": {"out": ["error", {"x": {"out": 1}}]}}


def test_what_runs_at_most_once_is_interrupted() -> None:
    """It does not run again, neither after a crash nor after one of its executor."""
    workflow = Workflow("w", (Node("a", "once", on_error="continue"), Node("b", "once", on_error="continue")))
    bench = Bench(workflow).accept()
    del bench.living["b"]
    bench.flow.executor_crashed("b", too_often=False)
    bench.go_on()
    bench.crash()
    errors = [bench.state.nodes[it].error for it in "ab"]
    assert [error and error.code for error in errors] == ["interrupted"] * 2
    assert bench.state.status == "completed"


def test_what_was_in_flight_in_a_failed_item_does_not_start_again() -> None:
    """Its item had failed before the crash, and waited for it only."""
    body = leaf_body("xy", on_error="finish_running")
    bench = Bench(one("map", body, {"items": 1, "policy": "collect"})).accept().settle()
    bench.end("a[0]/x", FAILURE)
    bench.crash()
    bench.settle()
    assert (bench.status("a[0]/y"), bench.state.status) == ("cancelled", "completed")
    assert not bench.living


def test_a_pause_finds_what_has_not_started_again() -> None:
    """Nodes inside a body that were in flight at a crash are paused without ever having a task."""
    bench = Bench(one("map", leaf_body(), {"items": 2})).accept().settle()
    bench.crash()
    bench.pause("drain")
    assert bench.status("a[0]/x") == "paused"
    bench.settle()
    assert bench.state.status == "paused"
    bench.resume()
    bench.settle()
    assert list(bench.living) == ["a[0]/x", "a[1]/x"]


def test_what_was_reused_is_on_record_first() -> None:
    """In the order of the graph, whatever order it is given in; what follows from it starts."""
    edges = (Edge("a", "out", "b", "in"), Edge("b", "out", "c", "in"))
    workflow = Workflow("w", tuple(Node(it, "leaf") for it in "abc"), edges)
    bench = Bench(workflow).accept(reused={"b": {"out": 2}, "a": {"out": 1}})
    assert [it.node_id for it in bench.events if isinstance(it, NodeCompleted)] == ["a", "b"]
    assert bench.state.nodes["a"].cached
    assert list(bench.living) == ["c"]


# --- waits and gates --------------------------------------------------------------------------------------------


def test_a_node_waits_without_a_task() -> None:
    """A signal gives its payload; a signal nobody waits for is none."""
    bench = Bench(one("sub", leaf_body())).accept().settle()
    del bench.living["a/x"]
    bench.flow.waits("a/x", Waits(seconds=5.0))
    bench.go_on()
    assert (bench.status("a/x"), bench.state.nodes["a/x"].next_at) == ("waiting", 1005.0)
    bench.flow.signalled("a/x", {"ok": True})
    bench.flow.signalled("a/x", {"ok": False})
    bench.go_on()
    bench.settle()
    assert bench.state.nodes["a/x"].outputs == {"payload": {"ok": True}}
    assert bench.state.status == "completed"


def test_a_signal_may_come_before_the_body_is_open_again() -> None:
    """It is on record, and found there; so is a time-out."""
    bench = Bench(one("map", leaf_body(), {"items": 2, "policy": "collect"})).accept().settle()
    for node_id in list(bench.living):
        del bench.living[node_id]
        bench.flow.waits(node_id, Waits())
    bench.go_on()
    bench.crash()
    bench.flow.signalled("a[0]/x", 1)
    bench.flow.wait_over("a[1]/x")
    bench.go_on()
    bench.settle()
    assert [bench.status(f"a[{it}]/x") for it in (0, 1)] == ["completed", "failed"]
    assert bench.state.status == "completed"


def test_a_wait_in_a_run_that_ends() -> None:
    """Nobody waits any more."""
    bench = Bench(leaf_body("xy")).accept()
    bench.stop()
    bench.flow.waits("x", Waits())
    del bench.living["x"]
    bench.go_on()
    bench.end("y", None)
    assert bench.status("x") == "cancelled"


def test_a_suspended_run_leaves_its_nodes_as_they_are() -> None:
    """What is cut short is still in flight on record, so the next process goes on with it."""
    bench = Bench(leaf_body("xy")).accept()
    bench.flow.suspend()
    bench.flow.causes["x"] = "drain"
    bench.living["x"] = True
    bench.end("x", None)
    bench.end("y")
    assert (bench.status("x"), bench.state.status) == ("running", "running")
    bench.crash()
    assert list(bench.living) == ["x"]


def test_a_body_that_begins_again_finds_what_came_due() -> None:
    """The wait of a nested node was over before its item was there."""
    policy = RetryPolicy(2, "fixed", 1.0)
    bench = Bench(one("map", Workflow("body", (Node("x", "leaf", retry=policy),)), {"items": 1})).accept().settle()
    bench.end("a[0]/x", FAILURE)
    bench.crash()
    bench.flow.retry_due("a[0]/x")
    bench.settle()
    assert (bench.status("a[0]/x"), bench.state.nodes["a[0]/x"].attempt) == ("running", 2)


def test_a_wait_that_is_over_twice_is_over_once() -> None:
    """Who is not waiting any more is left alone."""
    bench = Bench(leaf_body("xy")).accept()
    del bench.living["x"]
    bench.flow.waits("x", Waits(seconds=1.0))
    bench.go_on()
    bench.flow.retry_due("x")
    assert bench.status("x") == "waiting"
    bench.flow.wait_over("x")
    bench.flow.wait_over("x")
    assert bench.status("x") == "failed"
