"""Circles, and who comes before whom."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows import order
from bluev_actors.workflows.graph import Edge
from bluev_actors.workflows.order import MAX_CYCLES, Upstream, find_cycles

if TYPE_CHECKING:
    import pytest

Pairs: TypeAlias = list[tuple[int, int]]
PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1]))
IDS = [str(number) for number in range(8)]


def edges(pairs: Pairs) -> list[Edge]:
    """Edges between numbered nodes."""
    return [Edge(str(a), "out", str(b), "in") for a, b in pairs]


def has_circle(pairs: Pairs) -> bool:
    """What the standard library says."""
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for a, b in pairs:
        sorter.add(b, a)
    try:
        sorter.prepare()
    except CycleError:
        return True
    return False


@given(PAIRS)
def test_circles_are_found_where_there_are_any(pairs: Pairs) -> None:
    """No more and no less than another algorithm finds."""
    assert bool(find_cycles(IDS, edges(pairs))) is has_circle(pairs)


@given(PAIRS)
def test_what_is_found_is_a_circle(pairs: Pairs) -> None:
    """Each follows the connections round, no node comes twice, and without the circles no circle is left."""
    cycles = find_cycles(IDS, edges(pairs))
    named = [int(node_id) for cycle in cycles for node_id in cycle]
    assert len(named) == len(set(named))
    for cycle in cycles:
        following = [*cycle[1:], cycle[0]]
        assert all((int(a), int(b)) in pairs for a, b in zip(cycle, following, strict=True))
    assert not has_circle([(a, b) for a, b in pairs if a not in named and b not in named])


def test_a_graph_without_circles_has_none() -> None:
    """Two ways to the same node are no circle."""
    assert find_cycles(IDS, edges([(0, 1), (0, 2), (1, 3), (2, 3)])) == []


def test_a_circle_is_told_in_its_own_order() -> None:
    """What leads into it and out of it is no part of it."""
    [cycle] = find_cycles(IDS, edges([(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)]))
    assert "".join(cycle) in ("123", "231", "312")


def test_a_double_connection_is_one() -> None:
    """Two edges between the same nodes make no difference."""
    assert find_cycles(IDS, edges([(0, 1), (0, 1), (1, 2)])) == []
    assert len(find_cycles(IDS, edges([(0, 1), (0, 1), (1, 0)]))) == 1


def test_there_is_an_end_to_circles() -> None:
    """Of very many, the first are told."""
    ids = [str(number) for number in range(100)]
    many = edges([pair for number in range(0, 100, 2) for pair in ((number, number + 1), (number + 1, number))])
    assert len(find_cycles(ids, many)) == MAX_CYCLES


def test_a_long_circle_is_no_recursion() -> None:
    """A hundred thousand nodes round."""
    count = 100_000
    ids = [str(number) for number in range(count)]
    ring = [Edge(str(number), "out", str((number + 1) % count), "in") for number in range(count)]
    assert [len(cycle) for cycle in find_cycles(ids, ring)] == [count]


@given(PAIRS, st.integers(0, 7), st.sets(st.integers(0, 7)))
def test_upstream_is_what_a_path_leads_from(pairs: Pairs, start: int, wanted: set[int]) -> None:
    """As following the connections backwards until nothing is new."""
    befores: dict[str, list[str]] = {node_id: [] for node_id in IDS}
    for a, b in pairs:
        befores[str(b)].append(str(a))
    reached: set[int] = set()
    while new := {a for a, b in pairs if b == start or b in reached} - reached:
        reached |= new
    missing = Upstream(befores).missing(str(start), map(str, sorted(wanted)))
    assert {int(node_id) for node_id in missing} == wanted - reached


def test_looking_far_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it, what was not found is taken to be there: it is a check, not a proof."""
    chain = {str(number): [str(number - 1)] if number else [] for number in range(100)}
    assert Upstream(chain).missing("99", ["z"]) == ["z"]
    monkeypatch.setattr(order, "MAX_STEPS", 50)
    upstream = Upstream(chain)
    assert upstream.missing("99", ["z"]) == []
    assert upstream.missing("99", ["0"]) == []
