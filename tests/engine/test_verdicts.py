"""What the end of a node means for those around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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

FLOP = ErrorDetail("flop", "it went wrong", retryable=True)
BODY = Workflow("body", (Node("x", "leaf"),))


def scope(*nodes: Node, on_error: RunOnError = "fail_fast") -> Scope:
    """The scope of a run."""
    workflow = Workflow("w", nodes, settings=Settings(on_error=on_error), bodies={it.id: BODY for it in nodes})
    return Scope(workflow, Frontier(workflow, {}), {})


@pytest.mark.parametrize(
    ("known", "edges"),
    [
        (NodeState("completed", outputs={"out": 1}), (("out", "done"), "branch")),
        (NodeState("completed"), (("done",), "branch")),
        (NodeState("failed", outputs={"error": {}}), (("error",), "failed")),
        (NodeState("failed"), ((), "failed")),
        (NodeState("skipped", reason="branch"), ((), "branch")),
        (NodeState("cancelled"), ((), "stopped")),
    ],
)
def test_what_an_end_gives(known: NodeState, edges: tuple[tuple[str, ...], str]) -> None:
    """And why the rest will never come."""
    assert edges_of(known) == edges


@pytest.mark.parametrize(("on_error", "shown"), [("error_output", True), ("continue", False), ("fail", False)])
def test_an_error_may_be_an_output(on_error: NodeOnError, shown: bool) -> None:
    """Where the node says so."""
    output = error_output(Node("x", "leaf", on_error=on_error), FLOP)
    assert output == ({"error": {"code": "flop", "message": "it went wrong"}} if shown else None)


@pytest.mark.parametrize(
    ("on_error", "of_run", "expected"),
    [
        ("fail", "fail_fast", True),
        ("fail", "finish_running", True),
        ("fail", "continue", False),
        ("continue", "fail_fast", False),
        ("error_output", "fail_fast", False),
    ],
)
def test_a_node_may_fail_its_scope(on_error: NodeOnError, of_run: RunOnError, expected: bool) -> None:
    """By its own word and that of its graph."""
    node = Node("x", "leaf", on_error=on_error)
    assert fails(scope(node, on_error=of_run), node) is expected


def test_an_error_says_where_it_came_from() -> None:
    """Level by level; whether to try again is asked of a node, not of a run."""
    node = Node("a", "map")
    around = scope(node)
    opening = Opening(around, node, 1)
    opening.take(Opens([{}]))
    inner = opening.begin({})
    inside = of_node(inner, BODY.nodes[0], FLOP)
    assert (inside.message, inside.retryable) == ("node x failed: it went wrong", True)
    item = of_item(opening, 0, inside)
    assert item.message == "item 0: node x failed: it went wrong"
    outside = of_node(around, node, item)
    assert (outside.message, outside.retryable) == (f"node a failed: {item.message}", False)


def test_a_body_without_numbers_has_no_item_to_name() -> None:
    """The error goes through as it is; before the first round it is named all the same."""
    node = Node("a", "sub")
    opening = Opening(scope(node), node, 1)
    assert of_item(opening, 2, FLOP).message == "item 2: it went wrong"
    opening.take(Opens([{}], indexed=False))
    assert of_item(opening, 0, FLOP) == FLOP


def test_a_failure_is_recalled_from_the_record() -> None:
    """The first in the order of the document that fails its scope."""
    run = scope(Node("a", "leaf", on_error="continue"), Node("b", "leaf"), Node("c", "leaf"), Node("d", "leaf"))
    state = RunState("r", "w")
    assert recalled_failure(state, run) is None
    state.nodes = {it: NodeState("failed", error=FLOP) for it in "dca"} | {"b": NodeState("completed")}
    recalled = recalled_failure(state, run)
    assert recalled is not None
    assert recalled.message == "node c failed: it went wrong"


def test_a_crash_of_executors_is_recalled_whatever_the_node_says() -> None:
    """Other errors are none."""
    state = RunState("r", "w")
    state.nodes = {"a": NodeState("failed", error=FLOP), "b": NodeState("failed")}
    assert recalled_crash(state) is None
    crash = ErrorDetail(EXECUTOR_CRASHED, "again")
    state.nodes["c"] = NodeState("failed", error=crash)
    assert recalled_crash(state) == crash
