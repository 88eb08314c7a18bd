"""Open nodes in a run: by hand, and random nested graphs against an interpreter that knows nothing of time."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import Factory, define, evolve
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.outcome import BodyEnd, Opens, Succeeded
from bluev_actors.workflows.frontier import fires
from bluev_actors.workflows.graph import Edge, Node, RetryPolicy, Settings, Workflow, WorkflowInput
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodePaused,
    NodeStarted,
    RunFailed,
)
from bluev_actors.workflows.run_state import RunState, apply
from flow_bench import FAILURE, Bench, leaf_body, one, told

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import NodeOnError, PauseMode, RunOnError
    from bluev_actors.workflows.values import JsonObject

# --- random nested graphs -------------------------------------------------------------------------------------

POLICIES: Final = ("fail", "collect", "drop")
NODE_POLICIES: Final[tuple[NodeOnError, ...]] = ("fail", "fail", "continue", "error_output")
MODES: Final[tuple[PauseMode, ...]] = ("checkpoint", "drain", "hard")
ON_ERROR: Final[tuple[RunOnError, ...]] = ("fail_fast", "finish_running", "continue")


@st.composite
def nodes(draw: st.DrawFn, node_id: str, depth: int) -> tuple[Node, Workflow | None]:
    """A leaf, or a node with a body."""
    kind = draw(st.sampled_from(["leaf", "leaf", "map", "loop", "sub"] if depth else ["leaf"]))
    on_error = draw(st.sampled_from(NODE_POLICIES))
    attempts = draw(st.sampled_from([1, 1, 2])) if kind == "leaf" else 1
    node = Node(node_id, kind, on_error=on_error, retry=RetryPolicy(attempts, "fixed", 1.0))
    if kind == "leaf":
        flops: JsonObject = {
            "flops": draw(st.sampled_from([0] * 6 + [1, 9])),
            "gives": draw(st.sampled_from([True, True, False])),
        }
        return evolve(node, params=flops, disabled=draw(st.integers(0, 9)) == 9), None
    body = draw(graphs(depth - 1))
    if kind == "loop":
        return evolve(node, params={"count": draw(st.integers(0, 3))}), body
    params: JsonObject = {"items": 1}
    if kind == "map":
        params = {
            "items": draw(st.integers(0, 3)),
            "concurrency": draw(st.sampled_from([None, 1, 2])),
            "policy": draw(st.sampled_from(POLICIES)),
        }
    return evolve(node, params=params), body


@st.composite
def graphs(draw: st.DrawFn, depth: int = 2) -> Workflow:
    """A graph with bodies in bodies."""
    names = "abc"[: draw(st.integers(1, 3))]
    made = {name: draw(nodes(name, depth)) for name in names}
    pairs = [(a, b) for b in names for a in names if a < b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    edges = tuple(Edge(a, draw(st.sampled_from(["out", "out", "done", "error"])), b, "in") for a, b in chosen)
    settings_ = Settings(max_concurrency=draw(st.sampled_from([None, 1, 2])), on_error=draw(st.sampled_from(ON_ERROR)))
    bodies = {name: body for name, (_, body) in made.items() if body is not None}
    return Workflow("w", tuple(node for node, _ in made.values()), edges, settings=settings_, bodies=bodies)


@define
class Interpreter:
    """Runs a graph at once and in order, and knows what must become of it.

    Attributes:
        completed: the ids of leaves that certainly complete.
    """

    completed: set[str] = Factory(set[str])

    def run(self, workflow: Workflow, prefix: str = "") -> JsonObject | None:
        """The results of a graph; None when it fails."""
        ends: dict[str, tuple[str, ...] | None] = {}
        results: JsonObject = {}
        inner = Interpreter()
        failed = False
        for node in workflow.nodes:
            outputs = inner.node(workflow, node, prefix, ends)
            if outputs is None and ends[node.id] == ("!",) and node.on_error == "fail":
                failed = failed or workflow.settings.on_error != "continue"
            if outputs is not None and not workflow.outgoing[node.id]:
                results[node.id] = outputs
        if failed:
            return None
        self.completed |= inner.completed
        return results

    def node(
        self, workflow: Workflow, node: Node, prefix: str, ends: dict[str, tuple[str, ...] | None]
    ) -> JsonObject | None:
        """The outputs of a node; None when it is skipped or fails. `ends` says what its edges carry."""
        arrived = [self._carries(edge, ends) for edge in workflow.incoming[node.id]]
        dead = [it for it in arrived if it != "value"]
        runs = fires("all_success", len(arrived) - len(dead), failed="failed" in dead, dead=bool(dead))
        if node.disabled or not runs:
            ends[node.id] = ("failed",) if "failed" in dead and not node.disabled else ()
            return None
        outputs = self._outputs(workflow, node, prefix)
        if outputs is None:
            ends[node.id] = ("!", "error") if node.on_error == "error_output" else ("!",)
        else:
            ends[node.id] = (*outputs, "done")
        return outputs

    def _carries(self, edge: Edge, ends: dict[str, tuple[str, ...] | None]) -> str:
        there = ends[edge.from_node] or ()
        if edge.from_output in there and edge.from_output != "!":
            return "value"
        return "failed" if "!" in there or "failed" in there else "nothing"

    def _outputs(self, workflow: Workflow, node: Node, prefix: str) -> JsonObject | None:
        node_id = prefix + node.id
        if node.type == "leaf":
            if node.params["flops"] >= (node.retry or RetryPolicy()).max_attempts:
                return None
            self.completed.add(node_id)
            return {"out": 1} if node.params["gives"] else {}
        count = int(node.params.get("count") or node.params.get("items", "count" not in node.params))
        ends: list[BodyEnd] = []
        mine = Interpreter()
        for number in range(count):
            inside = f"{node_id}/" if node.type == "sub" else f"{node_id}[{number}]/"
            results = mine.run(workflow.bodies[node.id], inside)
            if results is None and node.params.get("policy", "fail") == "fail":
                return None
            ends.append(BodyEnd(results) if results is not None else BodyEnd(error=FAILURE.error))
        self.completed |= mine.completed
        outcome = told(ends)
        return outcome.outputs


@define
class Driver:
    """Lets a run happen in some order, with whatever else may happen to a run."""

    bench: Bench
    dice: Random
    crashes: bool = True
    pauses: bool = True
    flops: Counter[str] = Factory(Counter[str])
    paused_at: int | None = None

    def play(self) -> None:
        """Play until the run has ended."""
        self.bench.accept()
        for _ in range(5000):
            if self.bench.state.ended:
                return
            self._check()
            self.dice.choice(list(self._moves()))()
        raise AssertionError("the run does not end")

    def _moves(self) -> Any:  # noqa: ANN401 - callables of all kinds
        bench = self.bench
        moves: list[Any] = [lambda it=it: self._end(it) for it in bench.living]
        moves += [lambda it=it: bench.call(it) for it in bench.calls]
        if bench.state.status == "running":
            moves += [lambda it=it: self._retry(it) for it in bench.waits]
            moves += [self._pause] if self.pauses and self.dice.random() < 0.2 else []
        if bench.state.status in ("pausing", "paused") and (not moves or self.dice.random() < 0.3):
            moves.append(self._resume)
        if self.crashes and self.dice.random() < 0.1:
            moves.append(bench.crash)
        if not moves:
            raise AssertionError(f"nothing to do in a run that is {bench.state.status}: {bench.state.nodes}")
        return moves

    def _end(self, node_id: str) -> None:
        bench = self.bench
        told_to_end = bench.living.pop(node_id)
        bench.halted.discard(node_id)
        if told_to_end and self.dice.random() < 0.7:
            bench.flow.cancelled(node_id)
        elif self.flops[node_id] < bench.flow.node(node_id).params["flops"]:
            self.flops[node_id] += 1
            bench.flow.failed(node_id, FAILURE, 0.0)
        else:
            gives = bench.flow.node(node_id).params["gives"]
            bench.flow.succeeded(node_id, Succeeded({"out": 1} if gives else {}))
        bench.go_on()

    def _retry(self, node_id: str) -> None:
        del self.bench.waits[node_id]
        self.bench.flow.retry_due(node_id)
        self.bench.go_on()

    def _pause(self) -> None:
        mode: PauseMode = self.dice.choice(MODES)
        free = [it for it, told in self.bench.living.items() if not told]
        halted = [it for it in free if mode == "checkpoint" and self.dice.random() < 0.5]
        self.bench.pause(mode, *halted)
        self.paused_at = len(self.bench.events)

    def _resume(self) -> None:
        self.paused_at = None
        self.bench.resume()

    def _check(self) -> None:
        bench = self.bench
        if self.paused_at is not None:
            started = [it for it in bench.events[self.paused_at :] if isinstance(it, NodeStarted)]
            assert not started, "nothing starts after a pause"
        limit = bench.workflow.settings.max_concurrency
        assert self.crashes or limit is None or len(bench.living) <= limit


def play(workflow: Workflow, seed: int, *, crashes: bool, pauses: bool) -> Bench:
    """Run a graph in one of its orders."""
    bench = Bench(workflow)
    Driver(bench, Random(seed), crashes, pauses).play()  # noqa: S311 - a test that repeats
    return bench


def check_laws(bench: Bench) -> None:
    """What holds for every run that has ended."""
    completed = Counter(it.node_id for it in bench.events if isinstance(it, NodeCompleted))
    assert set(completed.values()) <= {1}, "no node completes twice"
    done: set[str] = set()
    for event in bench.events:
        if isinstance(event, NodeCompleted):
            done.add(event.node_id)
        assert not (isinstance(event, NodeStarted) and event.node_id in done), "what completed never runs again"
    assert all(node.ended for node in bench.state.nodes.values())
    replayed = RunState("run", "w")
    for recorded in bench.journal.history("run"):
        apply(replayed, recorded)
    assert replayed == bench.state
    assert not bench.living
    assert not bench.calls


@pytest.mark.parametrize("disturbed", [False, True])
def test_a_nested_run_comes_to_what_it_must(disturbed: bool) -> None:
    """In any order, with pauses and crashes anywhere, a run comes to the same, and each leaf completes once."""

    @given(graphs(), st.integers(0, 2**32))
    def check(workflow: Workflow, seed: int) -> None:
        interpreter = Interpreter()
        expected = interpreter.run(workflow)
        bench = play(workflow, seed, crashes=disturbed, pauses=disturbed)
        check_laws(bench)
        if expected is None:
            assert bench.state.status == "failed"
            return
        assert bench.state.status == "completed", bench.state.error
        assert bench.state.results == expected
        done = {it for it, node in bench.state.nodes.items() if node.status == "completed"}
        assert interpreter.completed <= done

    check()


# --- by hand ----------------------------------------------------------------------------------------------------


def test_a_map_runs_its_body_for_each_item() -> None:
    """The nodes inside are nodes of the run; the map ends with the last of them."""
    bench = Bench(one("map", leaf_body(), {"items": 2})).accept().settle()
    assert list(bench.living) == ["a[0]/x", "a[1]/x"]
    assert (list(bench.state.open), list(bench.state.in_flight)) == (["a"], list(bench.living))
    bench.end("a[1]/x")
    assert (bench.progress["a"].done, bench.progress["a"].total) == (1, 2)
    bench.end("a[0]/x")
    assert bench.state.results == {"a": {"out": [{"x": {"out": 1}}] * 2}}


def test_a_window_lets_so_many_items_in() -> None:
    """The next item begins when one has ended."""
    bench = Bench(one("map", leaf_body("xy"), {"items": 3, "concurrency": 1})).accept().settle()
    assert list(bench.living) == ["a[0]/x", "a[0]/y"]
    bench.end("a[0]/x")
    bench.end("a[0]/y")
    assert list(bench.living) == ["a[1]/x", "a[1]/y"]


def test_a_loop_goes_round_one_item_at_a_time() -> None:
    """Each round is asked for when the one before has ended."""
    bench = Bench(one("loop", leaf_body(), {"count": 2})).accept().settle()
    assert list(bench.living) == ["a[0]/x"]
    bench.end("a[0]/x")
    assert list(bench.living) == ["a[1]/x"]
    bench.end("a[1]/x")
    assert bench.state.status == "completed"


def test_a_body_in_a_body() -> None:
    """Ids tell the whole way."""
    inner = one("map", leaf_body(), {"items": 1})
    bench = Bench(one("sub", inner)).accept().settle()
    assert list(bench.living) == ["a/a[0]/x"]
    assert bench.flow.scope("a/a[0]/x").path == "a/a/"
    bench.end("a/a[0]/x")
    assert bench.state.status == "completed"


def test_an_item_that_fails_ends_the_others() -> None:
    """With `fail` the node waits for what it cancelled, then fails with the item's error."""
    bench = Bench(one("map", leaf_body("xy"), {"items": 3, "concurrency": 2})).accept().settle()
    bench.end("a[0]/x", FAILURE)
    assert bench.living == {"a[0]/y": True, "a[1]/x": False, "a[1]/y": False}
    bench.end("a[0]/y", None)
    assert bench.living == {"a[1]/x": True, "a[1]/y": True}
    bench.end("a[1]/x", None)
    bench.end("a[1]/y")
    assert bench.status("a") == "failed"
    assert isinstance(bench.events[-1], RunFailed)
    assert bench.events[-1].error.message == "node a failed: item 0: node x failed: it went wrong"
    assert bench.closed == ["a"]
    check_laws(bench)


def test_a_body_that_finishes_what_runs() -> None:
    """`finish_running` of a body's settings holds for its scope alone."""
    body = leaf_body("xy", on_error="finish_running")
    bench = Bench(one("map", body, {"items": 1, "policy": "collect"})).accept().settle()
    bench.end("a[0]/x", FAILURE)
    assert bench.living == {"a[0]/y": False}
    bench.end("a[0]/y")
    assert bench.state.results == {"a": {"out": ["error"]}}


def test_an_attempt_keeps_what_completed() -> None:
    """A map that is tried again runs only the nodes that had not completed."""
    node = {"retry": RetryPolicy(2, "fixed", 1.0), "on_error": "fail"}
    bench = Bench(one("map", leaf_body(), {"items": 2}, **node)).accept().settle()
    bench.end("a[0]/x")
    bench.end("a[1]/x", FAILURE)
    assert (bench.status("a"), bench.waits) == ("retrying", {"a": 1.0})
    bench.retry("a")
    assert list(bench.living) == ["a[1]/x"]
    bench.end("a[1]/x")
    assert bench.state.results == {"a": {"out": [{"x": {"out": 1}}] * 2}}


def test_an_open_node_whose_time_is_up() -> None:
    """What is under way inside is cancelled first; a time-out that comes late finds nobody."""
    bench = Bench(one("map", leaf_body(), {"items": 2}, retry=RetryPolicy(2, "fixed", 1.0))).accept().settle()
    bench.flow.time_out("a", "timeout")
    bench.flow.time_out("a", "timeout")
    bench.go_on()
    assert bench.living == {"a[0]/x": True, "a[1]/x": True}
    bench.end("a[0]/x", None)
    bench.end("a[1]/x")
    assert bench.state.nodes["a"].error == ErrorDetail("timeout", "took longer than its timeout", retryable=True)
    assert bench.status("a") == "retrying"
    bench.flow.time_out("a", "timeout")
    assert bench.status("a") == "retrying"


def test_a_time_out_while_all_inside_waits() -> None:
    """Nothing is under way, so the attempt fails at once."""
    bench = Bench(one("sub", leaf_body(retry=RetryPolicy(2)))).accept().settle()
    bench.end("a/x", FAILURE)
    bench.flow.time_out("a", "total_timeout")
    bench.go_on()
    assert {it: bench.status(it) for it in ("a", "a/x")} == {"a": "failed", "a/x": "cancelled"}
    bench.flow.retry_due("a/x")
    assert bench.state.status == "failed"


def test_a_loop_rests_between_its_rounds() -> None:
    """After a crash only the rest of the wait is left, without the time that the run was paused."""
    bench = Bench(one("loop", leaf_body(), {"count": 2, "after": 10.0})).accept()
    bench.settle()
    assert bench.delays == {"a": 10.0}
    bench.flow.delay_over("a")
    bench.go_on()
    bench.end("a[0]/x")
    bench.clock += 4
    bench.pause()
    bench.clock += 100
    bench.resume()
    bench.crash()
    bench.settle()
    assert bench.delays == {"a": 6.0}
    bench.flow.delay_over("a")
    bench.flow.delay_over("a")
    bench.go_on()
    assert list(bench.living) == ["a[1]/x"]
    bench.crash()
    bench.settle()
    assert (bench.delays, list(bench.living)) == ({}, ["a[1]/x"])


def test_a_loop_that_was_held_up_has_rested_already() -> None:
    """Its answer came later than the rest would have been."""
    bench = Bench(one("loop", leaf_body(), {"count": 2, "after": 5.0})).accept().settle()
    bench.flow.delay_over("a")
    bench.go_on()
    bench.clock += 1
    del bench.living["a[0]/x"]
    bench.flow.succeeded("a[0]/x", Succeeded({"out": 1}))
    bench.go_on()
    bench.clock += 5
    bench.delays.clear()
    bench.settle()
    assert (bench.delays, list(bench.living)) == ({}, ["a[1]/x"])


def test_a_pause_closes_the_bodies() -> None:
    """At rest the open node is paused too; it is asked again at the resume, and what completed does not run again."""
    bench = Bench(one("map", leaf_body(), {"items": 2})).accept().settle()
    bench.end("a[0]/x")
    bench.pause()
    bench.end("a[1]/x", None)
    assert [type(it) for it in bench.events[-3:-1]] == [NodePaused] * 2
    assert (bench.state.status, bench.status("a")) == ("paused", "paused")
    bench.resume()
    assert list(bench.living) == []
    bench.settle()
    assert list(bench.living) == ["a[1]/x"]
    assert bench.state.attempts == 3


def test_a_stop_reaches_what_is_nested() -> None:
    """All of it ends, what never started included where its scope had begun."""
    bench = Bench(one("map", one("sub", leaf_body()), {"items": 2, "concurrency": 1})).accept().settle()
    bench.stop()
    assert bench.living == {"a[0]/a/x": True}
    bench.end("a[0]/a/x", None)
    assert bench.state.status == "stopped"
    assert {it.reason for it in bench.events if isinstance(it, NodeCancelled)} == {"stopped"}


def test_a_body_has_a_limit_of_its_own() -> None:
    """`max_concurrency` of a body counts what is under way in it and below; others pass."""
    bench = Bench(one("map", leaf_body("xyz", max_concurrency=2), {"items": 2})).accept().settle()
    assert list(bench.living) == ["a[0]/x", "a[0]/y", "a[1]/x", "a[1]/y"]
    bench.end("a[0]/x")
    assert list(bench.living)[-1] == "a[0]/z"


def test_an_input_of_the_wrong_type_fails_the_item() -> None:
    """The body says what it takes, and is not run with anything else."""
    body = evolve(leaf_body(), inputs={"item": WorkflowInput("string")})
    bench = Bench(one("map", body, {"items": 1, "policy": "collect"})).accept().settle()
    assert bench.status("a[0]/x") == "cancelled"
    assert bench.state.results == {"a": {"out": ["error"]}}


def test_a_body_without_numbers_is_run_for_one_item_only() -> None:
    """Two would have the same ids."""
    bench = Bench(one("map", leaf_body())).accept()
    bench.calls.clear()
    bench.flow.opened("a", Opens([{}, {}], indexed=False))
    bench.go_on()
    assert bench.state.error is not None
    assert bench.state.error.code == "invalid_output"


def test_what_is_open_inside_a_failing_item_is_closed() -> None:
    """Its own nodes have ended by then; it is cancelled with the rest of the item."""
    body = Workflow("body", (Node("b", "map", {"items": 1}), Node("s", "leaf")), bodies={"b": leaf_body()})
    bench = Bench(one("map", body, {"items": 1, "policy": "collect"})).accept().settle()
    assert sorted(bench.living) == ["a[0]/b[0]/x", "a[0]/s"]
    bench.end("a[0]/s", FAILURE)
    assert bench.living == {"a[0]/b[0]/x": True}
    bench.end("a[0]/b[0]/x", None)
    assert (bench.status("a[0]/b[0]/x"), bench.status("a[0]/b")) == ("cancelled", "cancelled")
    assert "a[0]/b" in bench.closed
    assert bench.state.results == {"a": {"out": ["error"]}}
