"""The chain that a run could not have been faster than."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.critical_path import MAX_NAMED, critical_path
from bluev_actors.workflows.graph import Edge, Node, Workflow
from bluev_actors.workflows.run_state import NodeState, RunState


def state_of(seconds: dict[str, float]) -> RunState:
    """A run whose nodes took so long."""
    state = RunState("r", "w")
    state.nodes = {node_id: NodeState("completed", 1, 0.0, 0.0, duration) for node_id, duration in seconds.items()}
    return state


def graph(count: int, pairs: list[tuple[int, int]]) -> Workflow:
    """A graph of numbered nodes."""
    edges = tuple(Edge(str(a), "out", str(b), "in") for a, b in pairs)
    return Workflow("w", tuple(Node(str(number), "noop") for number in range(count)), edges)


def test_the_longest_way_is_the_path() -> None:
    """Of two ways, the slower one."""
    diamond = graph(4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    told = critical_path(state_of({"0": 1, "1": 5, "2": 2, "3": 1}), diamond)
    assert told == {"nodes": ["0", "1", "3"], "length": 3, "seconds": 7.0}


def test_nodes_that_took_no_time_are_left_out() -> None:
    """A run of which nothing has ended has no path."""
    chain = graph(3, [(0, 1), (1, 2)])
    assert critical_path(state_of({"0": 1, "2": 2}), chain)["nodes"] == ["0", "2"]
    assert critical_path(RunState("r", "w"), chain) == {"nodes": [], "length": 0, "seconds": 0.0}


def test_an_empty_graph_has_no_path() -> None:
    """It does not fail on what validation would refuse."""
    assert critical_path(RunState("r", "w"), graph(0, [])) == {"nodes": [], "length": 0, "seconds": 0.0}


def test_a_long_path_names_its_slowest() -> None:
    """Bounded, in order, with its true length."""
    count = 1000
    chain = graph(count, [(number, number + 1) for number in range(count - 1)])
    told = critical_path(state_of({str(number): number + 1 for number in range(count)}), chain)
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

    told = critical_path(state_of(seconds), graph(count, forward))
    assert told["seconds"] == max(map(longest_from, range(count)))
    assert sum(seconds[node_id] for node_id in told["nodes"]) == told["seconds"]
