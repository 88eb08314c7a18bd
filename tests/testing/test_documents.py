"""Small workflows in a line or two."""

from __future__ import annotations

import pytest

from bluev_actors.testing.documents import chain, step, workflow


def test_a_workflow() -> None:
    """Nodes, connections and whatever else is given."""
    assert workflow(
        "w", step("a", "constant", value=1), step("b", "echo"), links=["a.value -> b.value"], settings={"timeout": 5}
    ) == {
        "id": "w",
        "nodes": [
            {"id": "a", "type": "constant", "params": {"value": 1}},
            {"id": "b", "type": "echo", "params": {}},
        ],
        "connections": [{"from_node": "a", "from_output": "value", "to_node": "b", "to_input": "value"}],
        "settings": {"timeout": 5},
    }


def test_a_chain_is_in_order_without_data() -> None:
    """Each node waits for the one before it."""
    document = chain("c", step("a", "noop"), step("b", "noop"), step("c", "noop"))
    assert [(each["from_node"], each["to_node"]) for each in document["connections"]] == [("a", "b"), ("b", "c")]
    assert {(each["from_output"], each["to_input"]) for each in document["connections"]} == {("done", "after")}


def test_ids_with_dots() -> None:
    """The last dot parts the node from its port."""
    (link,) = workflow("w", links=["a.b.value -> c.d.in"])["connections"]
    assert link == {"from_node": "a.b", "from_output": "value", "to_node": "c.d", "to_input": "in"}


@pytest.mark.parametrize("link", ["a -> b", "a.value->b.in", "", "a.value -> b"])
def test_a_link_written_otherwise(link: str) -> None:
    """A slip in a test is told at once."""
    with pytest.raises(ValueError, match="a link reads"):
        workflow("w", links=[link])
