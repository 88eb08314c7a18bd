"""Graphs under names: the nearest is meant, and what is nowhere is named."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.library import Library, missing_bodies


def node(workflow: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A node with a body."""
    return {"id": "a", "type": "map", "params": {"workflow": workflow}}


def test_the_innermost_graph_of_a_name_is_meant() -> None:
    """Names go outward; a `workflows` that is no object is none."""
    outer = Library.of({"workflows": {"a": {"n": 1}, "b": {}}})
    inner = Library.of({"workflows": {"a": {"n": 2}}}, outer=outer)
    assert inner.find("a") is inner
    assert inner.find("b") is outer
    assert inner.find("c") is None
    assert list(inner.names()) == ["a", "b"]
    assert Library.of({"workflows": []}).names() == {}


def test_names_that_stand_nowhere() -> None:
    """In the document, in its graphs and in bodies in bodies; each once."""
    document: dict[str, Any] = {
        "workflows": {"known": {"nodes": [node("far"), node("known")]}},
        "nodes": [node("known"), node("gone"), node({"nodes": [node("gone"), node("deep")]}), {"params": {}}, 3],
    }
    assert sorted(missing_bodies(document)) == ["deep", "far", "gone"]


@given(st.recursive(st.none() | st.text(), lambda it: st.lists(it) | st.dictionaries(st.text(), it)))
def test_any_json_may_be_asked(document: Any) -> None:  # noqa: ANN401 - JSON
    """What is no workflow names nothing."""
    assert isinstance(missing_bodies(document), list)
