"""Nodes that stand still."""

from __future__ import annotations

from attrs import Factory, define

from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.engine.standstill import Standstill
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.graph import Node, Workflow

NODE = Node("x", "leaf")
BODY = Workflow("body", (NODE,))
RUN = Workflow("w", (Node("each", "map"),), bodies={"each": BODY})


def item() -> Scope:
    """The item 0 of `each`, with its node `x` at work."""
    opening = Opening(Scope(RUN, Frontier(RUN, {}), {}), RUN.nodes[0], 1)
    scope = Scope(BODY, Frontier(BODY, {}), {}, "each[0]/", "each/", opening)
    scope.occupy(1)
    return scope


@define
class Still:
    """A node that was halted in its item.

    Attributes:
        told: the nodes that were told to end.
        scope: its item.
        nodes: those that stand still.
    """

    told: set[str] = Factory(set[str])
    scope: Scope = Factory(item)
    nodes: Standstill = Factory(lambda self: Standstill(self.told), takes_self=True)

    def __attrs_post_init__(self) -> None:
        self.nodes.halt("each[0]/x", self.scope)


def test_it_keeps_its_place() -> None:
    """While it stands still, and when it goes on in the same item."""
    still = Still()
    assert ("each[0]/x" in still.nodes, "each[1]/x" in still.nodes, len(still.nodes)) == (True, False, 1)
    assert still.nodes.has_place("each[0]/x", still.scope)
    still.nodes.go_on("each[0]/x", still.scope)
    assert (still.scope.busy, len(still.nodes)) == (1, 0)


def test_an_item_that_began_anew_has_a_new_place_for_it() -> None:
    """So has a node that never stood still."""
    still, anew = Still(), item()
    assert not still.nodes.has_place("each[0]/x", anew)
    still.nodes.go_on("each[0]/x", anew)
    still.nodes.go_on("each[0]/y", anew)
    assert (anew.busy, still.scope.busy) == (3, 1)


def test_it_may_end_in_its_item() -> None:
    """Its place is free then."""
    still = Still()
    assert still.nodes.leave("each[0]/x", still.scope) is None
    assert (still.scope.busy, len(still.nodes)) == (0, 0)


def test_it_may_end_when_its_item_is_gone() -> None:
    """There is no place to give back, neither in nothing nor in an item that has begun anew."""
    for now in (None, item()):
        still = Still()
        assert still.nodes.leave("each[0]/x", now) is None
        assert (still.scope.busy, now is None or now.busy == 1) == (1, True)


def test_one_that_was_told_to_end_is_waited_for() -> None:
    """The run does not rest before it is gone, and its node does not start beside it."""
    still = Still()
    assert (still.nodes.leaving, still.nodes.waits_behind(still.scope, NODE)) == (False, False)
    still.told.add("each[0]/x")
    assert (still.nodes.leaving, still.nodes.waits_behind(still.scope, NODE)) == (True, True)
    assert not still.nodes.waits_behind(still.scope, Node("y", "leaf"))
    assert still.nodes.leave("each[0]/x", still.scope) == (still.scope, NODE)
    assert (still.nodes.leaving, still.nodes.leave("each[0]/x", None)) == (False, None)
