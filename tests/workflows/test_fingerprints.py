from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.fingerprints import fingerprints
from bluev_actors.workflows.trusted import trusted_workflow

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


def prints(*nodes: JsonObject, connections: tuple[str, ...] = (), inputs: JsonObject | None = None) -> dict[str, bytes]:
    """The fingerprints of nodes, whose types are noop, and connections such as `a.out b.in`."""
    edges = [
        dict(zip(("from_node", "from_output", "to_node", "to_input"), each.replace(".", " ").split(), strict=True))
        for each in connections
    ]
    document: JsonObject = {"nodes": [{"type": "noop", **node} for node in nodes], "connections": edges}
    return fingerprints(trusted_workflow(document, "w"), inputs or {})


def calling(text: Json, **inputs: Json) -> bytes:
    """The fingerprint of a node with this param, in a run with these inputs."""
    return prints({"id": "a", "params": {"text": text}}, inputs=inputs)["a"]


BODY: JsonObject = {"nodes": [{"id": "x", "type": "noop"}], "connections": []}


def test_the_same_node() -> None:
    """The same definition has the same fingerprint, whatever it is called and wherever it stands on a screen."""
    a = {"id": "a", "params": {"x": {"k": 1, "l": 2}}}
    b = {"id": "b", "params": {"x": {"l": 2, "k": 1}}, "label": "B", "position": {"x": 3}, "retry": {"max_attempts": 3}}
    found = prints(a, b)
    assert found["a"] == found["b"]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "echo"},
        {"type_version": 2},
        {"params": {"x": 2}},
        {"params": {"x": 1, "y": None}},
        {"disabled": True},
        {"trigger_rule": "all_done"},
        {"on_error": "error_output"},
    ],
    ids=str,
)
def test_definition(change: JsonObject) -> None:
    """Whatever may change what a node gives changes its fingerprint."""
    node: JsonObject = {"id": "a", "params": {"x": 1}}
    assert prints(node) != prints({**node, **change})


def test_sources_all_the_way_up() -> None:
    """A change far up the graph shows in everything below, and in nothing beside it."""
    rest: tuple[JsonObject, ...] = ({"id": "b"}, {"id": "c"}, {"id": "d"})
    edges = ("a.out b.in", "b.out c.in")
    before, after = (
        prints({"id": "a"}, *rest, connections=edges),
        prints({"id": "a", "type": "echo"}, *rest, connections=edges),
    )
    assert {name for name in before if before[name] != after[name]} == {"a", "b", "c"}


@pytest.mark.parametrize(
    "edges",
    [(), ("a.out c.in",), ("a.x c.in", "b.out c.in"), ("a.out c.x", "b.out c.in"), ("b.out c.in", "a.out c.in")],
    ids=str,
)
def test_connections(edges: tuple[str, ...]) -> None:
    """A connection that is gone, new, elsewhere or, into one input, in another order changes what is given."""
    nodes: tuple[JsonObject, ...] = ({"id": "a"}, {"id": "b"}, {"id": "c"})
    before = prints(*nodes, connections=("a.out c.in", "b.out c.in"))
    assert before["c"] != prints(*nodes, connections=edges)["c"]


def test_order_of_connections_to_different_inputs() -> None:
    """Their order means nothing."""
    nodes: tuple[JsonObject, ...] = ({"id": "a"}, {"id": "b"})
    edges = ("a.x b.x", "a.y b.y")
    assert prints(*nodes, connections=edges) == prints(*nodes, connections=edges[::-1])


@pytest.mark.parametrize(
    "text",
    [
        "${inputs.city}",
        "${ inputs . city }",
        "${inputs['city']}",
        '${inputs["city"] + 1}',
        "{{ inputs.city }}",
        "${inputs}",
        "${inputs[params.which]}",
        "{% for k in inputs %}",
        {"deep": ["${inputs.city}"]},
        "${inputs.other + inputs.city}",
    ],
    ids=str,
)
def test_inputs_that_are_named(text: Json) -> None:
    """A node that names an input of the run, or all of them, is another one when that is."""
    assert calling(text, city="Oslo", other=1) != calling(text, city="Rome", other=1)


@pytest.mark.parametrize("text", ["${inputs.other}", "${nodes.city}", "city", "myinputs.city", "${inputs['other']}"])
def test_inputs_that_are_not_named(text: str) -> None:
    """An input that a node does not name is none of its business."""
    assert calling(text, city="Oslo", other=1) == calling(text, city="Rome", other=1)


def each(body: Json, **more: Json) -> bytes:
    """The fingerprint of a node with a body, in a run whose input `city` is Oslo; `more` are keys of the document."""
    document: JsonObject = {"nodes": [{"id": "each", "type": "map", "params": {"workflow": body}}], **more}
    return fingerprints(trusted_workflow(document, "w"), {"city": "Oslo"})["each"]


def test_body() -> None:
    """What is inside counts, at any depth."""
    inner: JsonObject = {
        "nodes": [{"id": "in", "type": "map", "params": {"workflow": {"nodes": [{"id": "x", "type": "echo"}]}}}]
    }
    other: JsonObject = {"nodes": [{"id": "in", "type": "map", "params": {"workflow": BODY}}]}
    assert len({each(BODY), each(inner), each(other)}) == 3


def test_body_by_name() -> None:
    """It is the graph that counts, not where it stands nor what it is called."""
    assert each(BODY) == each("one", workflows={"one": BODY}) == each("two", workflows={"two": BODY})
    assert each("one", workflows={"one": BODY}) != each(
        "one", workflows={"one": {**BODY, "settings": {"on_error": "continue"}}}
    )


def test_a_body_that_is_shared() -> None:
    """Two nodes with the same body have it in common."""
    nodes = [{"id": name, "type": "map", "params": {"workflow": "one"}} for name in "ab"]
    found = fingerprints(trusted_workflow({"nodes": nodes, "workflows": {"one": BODY}}, "w"), {})
    assert found["a"] == found["b"]


@pytest.mark.parametrize("key", ["inputs", "outputs"])
def test_interface_of_a_body(key: str) -> None:
    """What a body takes and gives counts."""
    part = {"item": {"type": "any"}} if key == "inputs" else {"it": {"node": "x", "output": "out"}}
    assert each(BODY) != each({**BODY, key: part})


def test_inputs_inside_a_body_are_its_own() -> None:
    """A body does not see the run's inputs, though it may have one of the same name."""
    body: JsonObject = {"nodes": [{"id": "x", "type": "noop", "params": {"text": "${inputs.city}"}}]}
    workflow = trusted_workflow({"nodes": [{"id": "each", "type": "map", "params": {"workflow": body}}]}, "w")
    assert fingerprints(workflow, {"city": "Oslo"}) == fingerprints(workflow, {"city": "Rome"})


def test_a_long_chain() -> None:
    """Depth is no matter of recursion."""
    count = 5_000
    nodes = [{"id": str(number)} for number in range(count)]
    edges = tuple(f"{number}.out {number + 1}.in" for number in range(count - 1))
    assert len(prints(*nodes, connections=edges)) == count


@given(st.permutations(range(6)))
def test_order_of_nodes(order: list[int]) -> None:
    """The order of nodes in the document means nothing, and each comes after its sources."""
    edges = ("n0.out n1.in", "n0.out n2.in", "n1.out n3.in", "n2.out n3.in", "n3.out n4.x", "n0.out n4.y")
    found = prints(*({"id": f"n{number}"} for number in order), connections=edges)
    assert found == prints(*({"id": f"n{number}"} for number in range(6)), connections=edges)
    places = list(found)
    assert all(places.index(edge.split(".")[0]) < places.index(edge.split()[1].split(".")[0]) for edge in edges)
