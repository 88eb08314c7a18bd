"""What follows when an attempt fails or is cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.outcome import Failed
from bluev_actors.workflows.graph import Node, RetryPolicy, Settings, Workflow
from bluev_actors.workflows.run_events import ErrorDetail, NodePaused
from flow_bench import FAILURE, Bench, leaf_body, one

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import RunOnError

FATAL = Failed(ErrorDetail("flop", "it went wrong"))


@pytest.mark.parametrize(("on_error", "told"), [("fail_fast", True), ("finish_running", False)])
@pytest.mark.parametrize("nested", [False, True])
def test_a_failure_is_one_of_its_scope(on_error: RunOnError, told: bool, nested: bool) -> None:
    """Of the run or of the item; its setting says what becomes of the others."""
    graph = leaf_body("xyz", on_error=on_error, max_concurrency=2)
    workflow = one("map", graph, {"items": 1, "policy": "collect"}) if nested else graph
    bench = Bench(workflow).accept().settle()
    prefix = "a[0]/" if nested else ""
    bench.end(f"{prefix}x", FATAL)
    assert bench.living == {f"{prefix}y": told}
    bench.end(f"{prefix}y")
    assert bench.status(f"{prefix}z") == "cancelled"
    assert bench.state.status == ("completed" if nested else "failed")


def test_the_retry_policy_of_a_body_is_its_own() -> None:
    """A node without one has that of the graph it stands in."""
    bench = Bench(one("map", leaf_body(retry=RetryPolicy(2, "fixed", 3.0)), {"items": 1})).accept().settle()
    bench.end("a[0]/x", FAILURE)
    assert bench.waits == {"a[0]/x": 3.0}
    bench.retry("a[0]/x")
    bench.end("a[0]/x", FAILURE)
    assert bench.state.status == "failed"


def test_nothing_is_tried_again_where_all_ends() -> None:
    """Its item has failed, and so has the node."""
    nodes = (Node("x", "leaf"), Node("y", "leaf", retry=RetryPolicy(9, "fixed", 1.0)))
    body = Workflow("body", nodes, settings=Settings(on_error="finish_running"))
    bench = Bench(one("map", body, {"items": 1})).accept().settle()
    bench.end("a[0]/x", FATAL)
    bench.end("a[0]/y", FAILURE)
    assert (bench.status("a[0]/y"), bench.waits) == ("failed", {})


def test_what_a_withdrawn_pause_cut_short_goes_first() -> None:
    """It had been told to end, and ended after the resume."""
    bench = Bench(leaf_body("xyz", max_concurrency=2)).accept()
    bench.pause("hard")
    bench.end("x", None)
    bench.resume()
    bench.end("y", None)
    assert [it.node_id for it in bench.events if isinstance(it, NodePaused)] == ["x", "y"]
    assert list(bench.living) == ["x", "y"]


def test_what_a_crash_left_is_cut_short_by_a_failure() -> None:
    """Nodes in flight on record that nobody started again are cancelled with the run."""
    bench = Bench(Workflow("w", (Node("a", "map", {"items": 1}), Node("x", "leaf")), bodies={"a": leaf_body()}))
    bench.accept().settle()
    bench.crash()
    bench.end("x", FATAL)
    assert (bench.status("a[0]/x"), bench.state.status) == ("cancelled", "failed")
    assert not bench.living
