"""What the end of a node means, read off the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from bluev_actors.engine.outcome import Opens
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.engine.verdicts import (
    EXECUTOR_CRASHED,
    edges_of,
    error_output,
    fails,
    of_item,
    of_node,
    recalled_crash,
    recalled_failure,
)
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.graph import Node, Settings, Workflow
from bluev_actors.workflows.run_events import ErrorDetail
from bluev_actors.workflows.run_state import NodeState, RunState

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import NodeOnError, RunOnError

ERROR = ErrorDetail("flop", "it went wrong", retryable=True)
NODE = Node("x", "leaf")


def scope(*nodes: Node, on_error: RunOnError = "fail_fast") -> Scope:
    """The scope of a run."""
    workflow = Workflow("w", nodes or (NODE,), settings=Settings(on_error=on_error))
    return Scope(workflow, Frontier(workflow, {}), {})


def item(of: Scope, number: int = 3) -> Scope:
    """The scope of an item of the node `x`."""
    inner = scope()
    inner.opening, inner.prefix, inner.index = Opening(of, NODE, 1), f"x[{number}]/", number
    return inner


@pytest.mark.parametrize(
    ("known", "edges"),
    [
        (NodeState("completed", 1, outputs={"out": 1}), (("out", "done"), "branch")),
        (NodeState("completed", 1), (("done",), "branch")),
        (NodeState("failed", 1), ((), "failed")),
        (NodeState("failed", 1, outputs={"error": {}}), (("error",), "failed")),
        (NodeState("skipped", reason="disabled"), ((), "disabled")),
        (NodeState("cancelled", reason="fail_fast"), ((), "fail_fast")),
        (NodeState("cancelled"), ((), "stopped")),
    ],
)
def test_what_an_end_brings(known: NodeState, edges: tuple[tuple[str, ...], str]) -> None:
    """The outputs that came, and why the others never will."""
    assert edges_of(known) == edges


def test_only_who_asks_for_it_has_an_error_output() -> None:
    """With the code and the text, and nothing that only we can use."""
    assert error_output(NODE, ERROR) is None
    shown = error_output(evolve(NODE, on_error="error_output"), evolve(ERROR, error_id="e1"))
    assert shown == {"error": {"code": "flop", "message": "it went wrong"}}


@pytest.mark.parametrize(
    ("of_node", "of_scope", "expected"),
    [
        ("fail", "fail_fast", True),
        ("fail", "finish_running", True),
        ("fail", "continue", False),
        ("continue", "fail_fast", False),
        ("error_output", "finish_running", False),
    ],
)
def test_whose_failure_is_that_of_all(of_node: NodeOnError, of_scope: RunOnError, expected: bool) -> None:
    """The node's word and that of the settings both have to be for it."""
    assert fails(scope(on_error=of_scope), evolve(NODE, on_error=of_node)) is expected


def test_the_error_of_a_scope_names_its_node() -> None:
    """That of a run is not retryable, for a run is not tried again; that of an item may be."""
    run = scope()
    message = "node x failed: it went wrong"
    assert of_node(run, NODE, ERROR) == ErrorDetail("flop", message)
    assert of_node(item(run), NODE, ERROR) == ErrorDetail("flop", message, retryable=True)


@pytest.mark.parametrize(("indexed", "message"), [(True, "item 3: it went wrong"), (False, "it went wrong")])
def test_the_error_of_a_node_names_its_item(indexed: bool, message: str) -> None:
    """Where items have numbers."""
    opening = Opening(scope(), NODE, 1)
    assert of_item(opening, 3, ERROR).message == "item 3: it went wrong"
    opening.take(Opens([{}], indexed=indexed))
    assert of_item(opening, 3, ERROR) == evolve(ERROR, message=message)


def test_a_failure_is_found_on_record() -> None:
    """The first in the order of the graph that is one of the whole scope, in this scope and no other."""
    nodes = (Node("a", "leaf", on_error="continue"), Node("b", "leaf"), Node("c", "leaf"), Node("d", "leaf"))
    run, state = scope(*nodes), RunState("r", "w")
    assert recalled_failure(state, run) is None
    state.nodes = {
        "d": NodeState("failed", 1, error=ERROR),
        "c": NodeState("failed", 1, error=evolve(ERROR, code="mine")),
        "b": NodeState("completed", 1),
        "a": NodeState("failed", 1, error=ERROR),
    }
    assert recalled_failure(state, run) == ErrorDetail("mine", "node c failed: it went wrong")
    assert recalled_failure(state, item(run)) is None
    state.nodes["x[3]/x"] = NodeState("failed", 1, error=ERROR)
    assert recalled_failure(state, item(run)) is not None
    assert recalled_failure(state, item(run, 4)) is None


def test_a_failure_without_an_error_is_none() -> None:
    """A record that does not say why cannot fail a run."""
    state = RunState("r", "w", nodes={"x": NodeState("failed", 1)})
    assert recalled_failure(state, scope()) is None
    assert recalled_crash(state) is None


def test_crashed_executors_are_found_wherever_they_stood() -> None:
    """Whatever its `on_error` says, for it is no failure of the node; one that did not fail for good is none."""
    crash = ErrorDetail(EXECUTOR_CRASHED, "crashed too often")
    state = RunState("r", "w")
    state.nodes = {
        "a": NodeState("failed", 1, error=ERROR),
        "b": NodeState("retrying", 1, error=crash),
        "x[0]/x": NodeState("failed", 1, error=crash),
    }
    assert recalled_crash(state) == crash
    del state.nodes["x[0]/x"]
    assert recalled_crash(state) is None
