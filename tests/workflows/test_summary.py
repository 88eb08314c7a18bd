"""A run in short."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.version import VERSION
from bluev_actors.workflows.graph import Edge, Node, Workflow, WorkflowOutput
from bluev_actors.workflows.run_events import ErrorDetail, NodeStatus, Pause, RunEvent, RunStarted, RunStatusChanged
from bluev_actors.workflows.run_state import NodeState, RunState, apply_event
from bluev_actors.workflows.summary import (
    MAX_ERROR_TEXT,
    MAX_PAUSES,
    MAX_TYPES,
    TOP,
    outputs_of,
    results_of,
    summarise,
)

NODES = (Node("a", "noop"), Node("b", "delay"), Node("c", "noop"))
GRAPH = Workflow(
    "w",
    NODES,
    (Edge("a", "out", "b", "in"), Edge("a", "out", "c", "in")),
    outputs={
        "first": WorkflowOutput("a", "out"),
        "gone": WorkflowOutput("c", "out"),
        "done": WorkflowOutput("a", "done"),
    },
)
ERROR = ErrorDetail("timeout", "took too long", error_id="secret-ish")


def state_with(**nodes: NodeState) -> RunState:
    """A run that started a thousand seconds after 1970."""
    return RunState("r", "w", seq=4, started_at=1000.0, updated_at=1010.0, nodes=nodes)


RUN = state_with(
    a=NodeState("completed", 1, 1000.0, 1000.0, 1004.0, {"out": 1}),
    b=NodeState("failed", 3, 1007.0, 1004.0, 1009.0, error=ERROR),
)


def test_the_whole_of_it() -> None:
    """Every field, for a run that is under way."""
    told = summarise(RUN, GRAPH)
    assert told == {
        "run_id": "r",
        "workflow_id": "w",
        "state": "running",
        "started_at": "1970-01-01T00:16:40.000000Z",
        "finished_at": None,
        "duration": 10.0,
        "paused_for": 0.0,
        "pauses": [],
        "nodes": {
            "total": 3,
            "pending": 1,
            "running": 0,
            "retrying": 0,
            "waiting": 0,
            "paused": 0,
            "completed": 1,
            "failed": 1,
            "skipped": 0,
            "cancelled": 0,
            "cached": 0,
            "retried": 1,
        },
        "attempts": 0,
        "max_parallel": 0,
        "slowest": [{"node_id": "b", "duration": 5.0}, {"node_id": "a", "duration": 4.0}],
        "errors": [{"node_id": "b", "code": "timeout", "message": "took too long"}],
        "critical_path": {"nodes": ["a", "b"], "length": 2, "seconds": 9.0},
        "per_type": {"noop": {"count": 1, "seconds": 4.0}, "delay": {"count": 1, "seconds": 5.0}},
        "events_emitted": 4,
        "outputs_bytes": told["outputs_bytes"],
        "recovered": 0,
        "parent_run_id": None,
        "control_log": [],
        "workflow_digest": GRAPH.digest,
        "engine_version": VERSION,
    }
    outputs = [known.outputs for known in RUN.nodes.values() if known.outputs]
    assert told["outputs_bytes"] == sum(len(orjson.dumps(it)) for it in outputs)


def test_who_steered_it() -> None:
    """The newest controls, with the session that asked; what a run does by itself is none."""
    state = RunState("r", "w")
    events: list[RunEvent] = [
        RunStarted(),
        RunStatusChanged("pausing", None, "checkpoint", by="alice"),
        RunStatusChanged("paused"),
        RunStatusChanged("running", by="bob"),
        RunStatusChanged("stopping", by=""),
    ]
    for seq, event in enumerate(events, 1):
        apply_event(state, event, seq, 1000.0 + seq)
    told = summarise(state, GRAPH)["control_log"]
    assert [(it["action"], it["session"]) for it in told] == [("pause", "alice"), ("resume", "bob"), ("stop", "")]
    assert told[0]["at"] == "1970-01-01T00:16:42.000000Z"


def test_the_summary_of_the_terminal_event_says_how_it_ends() -> None:
    """It is written before that event is folded in, and counts it."""
    told = summarise(RUN, GRAPH, ending="failed", at=1020.5)
    assert (told["state"], told["finished_at"]) == ("failed", "1970-01-01T00:17:00.500000Z")
    assert (told["duration"], told["events_emitted"]) == (20.5, 5)


def test_a_run_that_has_ended_takes_no_more_time() -> None:
    """Whenever it is asked for."""
    ended = state_with()
    ended.status, ended.finished_at = "completed", 1008.0
    assert summarise(ended, GRAPH, at=9999.0)["duration"] == 8.0


def test_a_run_before_its_first_event() -> None:
    """Legal at any time."""
    told = summarise(RunState("r", "w"), GRAPH, at=5000.0)
    assert (told["started_at"], told["duration"], told["nodes"]["pending"]) == (None, 0.0, 3)


def test_a_pause_counts_while_it_lasts() -> None:
    """And is told with its beginning, its end and its mode."""
    paused = state_with()
    paused.paused_for, paused.paused_since = 2.0, 1005.0
    paused.pauses = [Pause(1001.0, "drain", 1003.0), Pause(1005.0, "hard")]
    told = summarise(paused, GRAPH, at=1009.0)
    assert told["paused_for"] == 6.0
    assert told["pauses"] == [
        {"at": "1970-01-01T00:16:41.000000Z", "until": "1970-01-01T00:16:43.000000Z", "mode": "drain"},
        {"at": "1970-01-01T00:16:45.000000Z", "until": None, "mode": "hard"},
    ]


def test_errors_are_told_first_first() -> None:
    """By when they happened, not by the order of the nodes; the long ones cut, all but the first few left out."""
    nodes = {
        str(number): NodeState("failed", 1, finished_at=2000.0 - number, error=ErrorDetail("code", "x" * 9999))
        for number in range(9)
    }
    told = summarise(state_with(**nodes), GRAPH)["errors"]
    assert [error["node_id"] for error in told] == ["8", "7", "6", "5", "4"]
    assert len(told[0]["message"]) == MAX_ERROR_TEXT


def test_a_failure_without_an_error_is_only_counted() -> None:
    """A mirror may know no more of it."""
    told = summarise(state_with(a=NodeState("failed", 1)), GRAPH)
    assert (told["errors"], told["nodes"]["failed"]) == ([], 1)


def test_nodes_of_inner_graphs_are_counted() -> None:
    """They belong to the run, though not to its graph."""
    state = state_with(**{"each[0]/fetch": NodeState("completed", 1)})
    assert summarise(state, GRAPH)["nodes"]["total"] == 4


def test_what_a_pause_held_up_took_no_longer() -> None:
    """Neither in the list of the slowest nor by type; a node inside a body counts for its own type."""
    body = Workflow("body", (Node("x", "fetch"),))
    state = state_with(
        **{
            "a": NodeState("completed", 1, 1000.0, 1000.0, 1010.0),
            "each": NodeState("completed", 1, 1000.0, 1000.0, 1009.0),
            "each[0]/x": NodeState("completed", 1, 1000.0, 1000.0, 1003.0),
            "each[1]/x": NodeState("completed", 1, 1000.0, 1000.0, 1008.0),
            "each[1]/gone": NodeState("completed", 1, 1000.0, 1000.0, 1000.5),
        }
    )
    state.pauses = [Pause(1004.0, "hard", 1006.0)]
    graph = Workflow("w", (Node("a", "noop"), Node("each", "map")), bodies={"each": body})
    told = summarise(state, graph)
    assert [(it["node_id"], it["duration"]) for it in told["slowest"][:2]] == [("a", 8.0), ("each", 7.0)]
    seconds = {"fetch": 9.0, "noop": 8.0, "map": 7.0, "?": 0.5}
    assert {type_: it["seconds"] for type_, it in told["per_type"].items()} == seconds
    assert told["per_type"]["fetch"]["count"] == 2


def test_it_stays_small() -> None:
    """However many nodes, types, pauses and failures there are."""
    count = 2000
    nodes = tuple(Node(str(number), f"type {number}") for number in range(count))
    state = state_with(
        **{node.id: NodeState("failed", 2, 0.0, 0.0, 9.0, error=ErrorDetail("c", "y" * 9999)) for node in nodes}
    )
    state.pauses = [Pause(10.0 + number, "hard", 10.5 + number) for number in range(count)]
    told = summarise(state, Workflow("w", nodes))
    assert len(told["slowest"]) == len(told["errors"]) == TOP
    assert len(told["per_type"]) == MAX_TYPES
    assert len(told["pauses"]) == MAX_PAUSES
    assert len(orjson.dumps(told)) < 16_384


STATUSES: list[NodeStatus] = ["pending", "ready", "running", "completed", "failed", "skipped", "cancelled"]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "x/y"]),
        st.builds(
            NodeState,
            st.sampled_from(STATUSES),
            st.integers(0, 3),
            finished_at=st.none() | st.floats(0, 2e9),
            first_started_at=st.none() | st.floats(0, 2e9),
        ),
    ),
    st.floats(0, 2e9),
)
def test_every_node_is_counted_once(nodes: dict[str, NodeState], at: float) -> None:
    """The counts of the statuses add up to the total, and all of it is JSON."""
    told = summarise(state_with(**nodes), GRAPH, at=at)
    counts = dict(told["nodes"])
    total = counts.pop("total")
    assert total == sum(counts[status] for status in counts if status not in ("cached", "retried"))
    assert orjson.loads(orjson.dumps(told)) == told


def test_results_are_those_of_the_last_nodes() -> None:
    """Completed nodes that nothing follows, with all their outputs; a node without outputs is there too."""
    state = state_with(
        a=NodeState("completed", 1, outputs={"out": 1}),
        b=NodeState("completed", 1, outputs={"out": 2, "more": None}),
        c=NodeState("failed", 1, outputs={"error": {}}),
    )
    assert results_of(state, GRAPH) == {"b": {"out": 2, "more": None}}
    state.nodes["c"] = NodeState("completed", 1)
    assert results_of(state, GRAPH)["c"] == {}
    assert results_of(state_with(), GRAPH) == {}


def test_declared_outputs_have_their_names() -> None:
    """Null for what did not come about; None when nothing is declared."""
    assert outputs_of(RUN, GRAPH) == {"first": 1, "gone": None, "done": None}
    assert outputs_of(RUN, Workflow("w", NODES)) is None


@pytest.mark.parametrize("at", [None, 0.0])
def test_clocks_set_back_do_not_make_time_negative(at: float | None) -> None:
    """A summary is for people; it does not show less than nothing."""
    state = state_with()
    state.updated_at, state.paused_since = 500.0, 900.0
    told = summarise(state, GRAPH, at=at)
    assert (told["duration"], told["paused_for"]) == (0.0, 0.0)
