"""The chain that a run could not have been faster than."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.critical_path import MAX_NAMED, critical_path
from bluev_actors.workflows.durations import Durations
from bluev_actors.workflows.graph import Edge, Node, Workflow
from bluev_actors.workflows.run_events import Pause
from bluev_actors.workflows.run_state import NodeState, RunState

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject


def path_of(state: RunState, workflow: Workflow) -> JsonObject:
    """The critical path of a run, as its summary has it."""
    return critical_path(state, workflow, Durations(state.pauses))


def state_of(seconds: dict[str, float]) -> RunState:
    """A run whose nodes took so long."""
    state = RunState("r", "w")
    state.nodes = {node_id: NodeState("completed", 1, 0.0, 0.0, duration) for node_id, duration in seconds.items()}
    return state


def graph(count: int, pairs: list[tuple[int, int]]) -> Workflow:
    """A graph of numbered nodes."""
    edges = tuple(Edge(str(a), "out", str(b), "in") for a, b in pairs)
    return Workflow("w", tuple(Node(str(number), "noop") for number in range(count)), edges)


def timed(**spans: tuple[float, float]) -> RunState:
    """A run whose nodes began and ended then; `each_3_x` stands for `each[3]/x`, `sub_x` for `sub/x`."""
    state = RunState("r", "w")
    for name, (began, ended) in spans.items():
        node_id = re.sub(r"_(\d+)_", r"[\1]/", name).replace("_", "/")
        state.nodes[node_id] = NodeState("completed", 1, began, began, ended)
    return state


def with_body(node_id: str, body: Workflow, *more: str) -> Workflow:
    """A chain: a node with a body, and others after it."""
    names = [node_id, *more]
    edges = tuple(Edge(a, "out", b, "in") for a, b in pairwise(names))
    return Workflow("w", tuple(Node(it, "noop") for it in names), edges, bodies={node_id: body})


BODY = Workflow("body", (Node("x", "noop"), Node("y", "noop"), Node("z", "noop")), (Edge("x", "out", "y", "in"),))


def test_the_longest_way_is_the_path() -> None:
    """Of two ways, the slower one."""
    diamond = graph(4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    told = path_of(state_of({"0": 1, "1": 5, "2": 2, "3": 1}), diamond)
    assert told == {"nodes": ["0", "1", "3"], "length": 3, "seconds": 7.0}


def test_a_pause_is_no_work() -> None:
    """The time for which a node was paused is not its own."""
    state = state_of({"0": 10, "1": 6})
    state.pauses = [Pause(1.0, "hard", 8.0)]
    assert path_of(state, graph(2, [])) == {"nodes": ["1"], "length": 1, "seconds": 6.0}


def test_nodes_that_took_no_time_are_left_out() -> None:
    """A run of which nothing has ended has no path."""
    chain = graph(3, [(0, 1), (1, 2)])
    assert path_of(state_of({"0": 1, "2": 2}), chain)["nodes"] == ["0", "2"]
    assert path_of(RunState("r", "w"), chain) == {"nodes": [], "length": 0, "seconds": 0.0}


def test_an_empty_graph_has_no_path() -> None:
    """It does not fail on what validation would refuse."""
    assert path_of(RunState("r", "w"), graph(0, [])) == {"nodes": [], "length": 0, "seconds": 0.0}


def test_a_long_path_names_its_slowest() -> None:
    """Bounded, in order, with its true length."""
    count = 1000
    chain = graph(count, [(number, number + 1) for number in range(count - 1)])
    told = path_of(state_of({str(number): number + 1 for number in range(count)}), chain)
    assert told["nodes"] == [str(number) for number in range(count - MAX_NAMED, count)]
    assert (told["length"], told["seconds"]) == (count, count * (count + 1) / 2)


@given(
    st.integers(1, 7).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    ),
    st.data(),
)
def test_no_way_is_longer(shape: tuple[int, list[tuple[int, int]]], data: st.DataObject) -> None:
    """As the longest of all ways, tried one by one."""
    count, pairs = shape
    forward = [(a, b) for a, b in pairs if a < b]
    seconds = {str(number): float(data.draw(st.integers(0, 9))) for number in range(count)}

    def longest_from(node: int) -> float:
        return seconds[str(node)] + max((longest_from(b) for a, b in forward if a == node), default=0.0)

    told = path_of(state_of(seconds), graph(count, forward))
    assert told["seconds"] == max(map(longest_from, range(count)))
    assert sum(seconds[node_id] for node_id in told["nodes"]) == told["seconds"]


# --- bodies -------------------------------------------------------------------------------------------------


def test_the_path_goes_through_the_slowest_item() -> None:
    """Of items that run side by side, the one that ended last; its length is that of the whole node."""
    state = timed(each=(0, 7.5), each_0_x=(0, 3), each_1_x=(0, 5), each_1_y=(5, 7), each_1_z=(0, 1), b=(7.5, 8))
    told = path_of(state, with_body("each", BODY, "b"))
    assert told == {"nodes": ["each[1]/x", "each[1]/y", "b"], "length": 3, "seconds": 8.0}


def test_a_loop_is_one_item_after_the_other() -> None:
    """Each began when the one before had ended."""
    state = timed(loop=(0, 6), loop_0_x=(0, 1), loop_1_x=(2, 3), loop_2_z=(3, 6))
    assert path_of(state, with_body("loop", BODY))["nodes"] == ["loop[0]/x", "loop[1]/x", "loop[2]/z"]


def test_an_item_may_have_waited_for_another() -> None:
    """Two at a time: the last one began with the end of the quicker of the first two."""
    state = timed(each=(0, 9), each_0_x=(0, 4), each_1_x=(0, 6), each_2_x=(4, 9))
    assert path_of(state, with_body("each", BODY))["nodes"] == ["each[0]/x", "each[2]/x"]


def test_a_body_in_a_body() -> None:
    """All the way down."""
    inner = with_body("sub", BODY, "a")
    state = timed(each=(0, 5), each_0_sub=(0, 4), each_0_a=(4, 5), each_0_sub_z=(1, 4))
    state.nodes["each[0]/sub/x"] = state.nodes.pop("each[0]/sub/z")
    assert path_of(state, with_body("each", inner))["nodes"] == ["each[0]/sub/x", "each[0]/a"]


def test_a_node_whose_body_took_no_time_stands_for_itself() -> None:
    """So does one that opened nothing, and one whose items have not ended."""
    graph = with_body("each", BODY)
    for inside in ({}, {"each_0_x": (1.0, 1.0)}):
        assert path_of(timed(each=(0, 2), **inside), graph)["nodes"] == ["each"]
    state = timed(each=(0, 2))
    state.nodes["each[0]/x"] = NodeState("running", 1, 0.0, 0.0)
    assert path_of(state, graph)["nodes"] == ["each"]


def test_a_node_that_was_skipped_is_no_beginning() -> None:
    """It has an end only; what began before it counts."""
    state = timed(each=(0, 4), each_0_x=(0, 4), each_1_x=(2, 2.5))
    state.nodes["each[0]/y"] = NodeState("skipped", finished_at=4.0)
    assert path_of(state, with_body("each", BODY))["nodes"] == ["each[0]/x"]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=30))
def test_items_on_the_path_never_overlap(spans: list[tuple[int, int]]) -> None:
    """Each began when the one before had ended, and the last of them ended last."""
    named = {f"each_{it}_x": (float(began), float(began + took)) for it, (began, took) in enumerate(spans)}
    state = timed(each=(0, 30), **named)
    path = [state.nodes[it] for it in path_of(state, with_body("each", BODY))["nodes"] if it != "each"]
    for one, other in pairwise(path):
        assert (one.finished_at or 0) <= (other.started_at or 0)
    longest = [(began + took) for began, took in spans if took]
    if path and all(took for _, took in spans):
        assert path[-1].finished_at == max(longest)


def test_a_long_loop_names_its_slowest() -> None:
    """Bounded as ever."""
    spans = {f"loop_{it}_x": (float(it), it + 0.5 + it / 1000) for it in range(400)}
    told = path_of(timed(loop=(0, 400), **spans), with_body("loop", BODY))
    assert (told["length"], told["seconds"], len(told["nodes"])) == (400, 400.0, MAX_NAMED)
    assert told["nodes"][-1] == "loop[399]/x"
