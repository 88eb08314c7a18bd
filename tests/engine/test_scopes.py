"""What is known of a body under way, and of the node it belongs to."""

from __future__ import annotations

from bluev_actors.engine.outcome import BodyEnd, Opens
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.graph import Node, Settings, Workflow

BODY = Workflow("body", (Node("x", "leaf"),), settings=Settings(max_concurrency=2))
RUN = Workflow("w", (Node("a", "map"),), settings=Settings(max_concurrency=1), bodies={"a": BODY})


def opening() -> Opening:
    """The open node `a` of a run."""
    return Opening(Scope(RUN, Frontier(RUN, {}), {}), RUN.nodes[0], 1)


def test_an_open_node_begins_item_after_item() -> None:
    """Within its window; it is through when all have ended."""
    it = opening()
    assert not it.wants
    it.take(Opens([{"item": 7}, {"item": 8}], concurrency=1))
    assert (it.rounds, it.wants, it.is_through) == (1, True, False)
    first = it.begin({})
    assert (first.prefix, first.path, first.index, first.opening) == ("a[0]/", "a/", 0, it)
    assert not it.wants
    it.end(first, BodyEnd({}))
    second = it.begin({})
    assert it.given(second.index) == {"item": 8}
    it.end(second, BodyEnd({}))
    assert (it.wants, it.is_through, it.ended) == (False, True, 2)


def test_items_are_counted_through_all_rounds() -> None:
    """The second round begins with the number after the last of the first; without a number there is none."""
    it = opening()
    for number in (0, 1):
        it.take(Opens([{"iteration": number}]))
        scope = it.begin({})
        assert (scope.prefix, it.given(number)) == (f"a[{number}]/", {"iteration": number})
        it.end(scope, BodyEnd({}))
    plain = opening()
    assert plain.given(0) == {}
    plain.take(Opens([{}], indexed=False))
    assert plain.prefix(0) == "a/"


def test_tasks_count_in_all_scopes_around() -> None:
    """All but the run's own, which has no limit here."""
    outer = opening()
    outer.take(Opens([{}]))
    scope = outer.begin({})
    assert list(scope.around()) == [scope]
    scope.occupy(2)
    assert (scope.busy, outer.busy, outer.scope.busy) == (2, 2, 0)
    assert (scope.full, outer.scope.full) == (True, False)
    scope.occupy(-1)
    assert not scope.full
