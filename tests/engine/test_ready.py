"""The queue of nodes that may start: order, room in bodies, and the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define

from bluev_actors.engine.ready import ReadyNodes
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.graph import Node, Settings, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable


@define
class Keys:
    """A gate with so many places for each key."""

    places: dict[str, int]
    inside: dict[str, str] = Factory(dict[str, str])
    asked: list[str] = Factory(list[str])

    def enter(self, node_id: str, key: str) -> bool:
        """Take a place."""
        self.asked.append(node_id)
        if self.places.get(key, 0) < 1:
            return False
        self.retake(node_id, key)
        return True

    def retake(self, node_id: str, key: str) -> None:
        """Take a place, whether there is one or not."""
        self.places[key] -= 1
        self.inside[node_id] = key

    def leave(self, node_id: str) -> None:
        """Give it back."""
        self.places[self.inside.pop(node_id)] += 1


def scope(names: Iterable[str] = "abc", max_concurrency: int | None = None) -> Scope:
    """The scope of a run."""
    workflow = Workflow(
        "w", tuple(Node(it, "leaf") for it in names), settings=Settings(max_concurrency=max_concurrency)
    )
    return Scope(workflow, Frontier(workflow, {}), {})


def body(around: Scope, limit: int | None = None) -> Scope:
    """The scope of a body in the node `a` of another one."""
    inner = scope("xyz", max_concurrency=limit)
    inner.opening, inner.prefix = Opening(around, around.workflow.by_id["a"], 1), around.prefix + "a/"
    return inner


def taken(ready: ReadyNodes) -> list[str]:
    """All that may start now, each of which does."""
    found: list[str] = []
    while (it := ready.take(lambda _scope, _node: True)) is not None:
        it[0].occupy(1)
        found.append(it[0].prefix + it[1].id)
    return found


def nodes(of: Scope, *names: str, key: str | None = None) -> list[tuple[Scope, Node]]:
    """Some nodes of a scope, which may share a key."""
    return [(of, Node(it, "leaf", concurrency_key=key)) for it in names]


def queue(gate: Keys | None = None) -> ReadyNodes:
    """A queue in which every node but `open` takes a task."""
    return ReadyNodes(gate, lambda _scope, node: node.id != "open")


def test_first_come_first_served() -> None:
    """Unless some are put first; what is not to start is dropped."""
    ready, run = queue(), scope()
    assert not ready
    for it in nodes(run, "a", "b", "c"):
        ready.add(*it)
    ready.add_first(nodes(run, "d", "e"))
    assert ready
    dropped = ready.take(lambda _scope, node: node.id not in ("d", "e", "a"))
    assert dropped is not None
    assert dropped[1].id == "b"
    assert taken(ready) == ["c"]


def test_those_without_room_let_others_pass() -> None:
    """One comes forward for each that leaves; an open node needs no room."""
    ready, run = queue(), scope()
    inner = body(run, limit=1)
    for it in (*nodes(inner, "x", "y", "z", "open"), *nodes(run, "b")):
        ready.add(*it)
    assert taken(ready) == ["a/x", "a/open", "b"]
    inner.occupy(-1)
    inner.occupy(-1)
    ready.left(inner, inner.workflow.by_id["x"])
    assert taken(ready) == ["a/y"]


def test_room_further_out_counts_too() -> None:
    """A body in a body waits for room in both; who is dropped makes room for the next."""
    ready, run = queue(), scope()
    outer = body(run, limit=1)
    outer.workflow = scope("a", max_concurrency=1).workflow
    inner = body(outer, limit=5)
    for it in nodes(inner, "x", "y", "z"):
        ready.add(*it)
    assert taken(ready) == ["a/a/x"]
    inner.occupy(-1)
    ready.release(inner)
    assert ready.take(lambda _scope, node: node.id == "z") == (inner, Node("z", "leaf"))


def test_a_gate_has_lines_by_key() -> None:
    """Who was refused is not asked again before there is room, and goes before those that come later."""
    gate = Keys({"k": 1, "l": 1})
    ready, run = queue(gate), scope()
    for it in (*nodes(run, "a", "b", "c", key="k"), *nodes(run, "d", key="l"), *nodes(run, "e")):
        ready.add(*it)
    assert taken(ready) == ["a", "d", "e"]
    assert gate.asked == ["a", "b", "d"]
    ready.add(*nodes(run, "f", key="k")[0])
    ready.left(*nodes(run, "a", key="k")[0])
    assert taken(ready) == ["b"]
    ready.left(*nodes(run, "b", key="k")[0])
    assert taken(ready) == ["c"]
    ready.left(*nodes(run, "c", key="k")[0])
    assert taken(ready) == ["f"]
    ready.left(*nodes(run, "f", key="k")[0])
    ready.left(*nodes(run, "f", key="k")[0])
    assert (taken(ready), gate.inside) == ([], {"d": "l"})


def test_a_gate_may_open_by_itself() -> None:
    """Then the first of each line is asked again; a node that goes on after a crash has its place."""
    gate = Keys({"k": 0})
    ready, run = queue(gate), scope()
    for it in nodes(run, "a", "b", key="k"):
        ready.add(*it)
    assert taken(ready) == []
    ready.gate_opened()
    assert taken(ready) == []
    gate.places["k"] = 2
    ready.gate_opened()
    assert taken(ready) == ["a", "b"]
    ready.retake("z", "k")
    ready.retake("z", "k")
    ready.retake("y", None)
    assert gate.inside == dict.fromkeys("abz", "k")


def test_bodies_can_be_dropped() -> None:
    """Those in the queue and those in line; the nodes of the run stay."""
    gate = Keys({"k": 0})
    ready, run = queue(gate), scope()
    inner = body(run)
    for it in (*nodes(run, "a", key="k"), *nodes(inner, "x", key="k"), *nodes(inner, "y")):
        ready.add(*it)
    assert taken(ready) == ["a/y"]
    for it in (*nodes(inner, "z"), *nodes(run, "b")):
        ready.add(*it)
    ready.drop_bodies()
    gate.places["k"] = 5
    ready.gate_opened()
    assert taken(ready) == ["a", "b"]
