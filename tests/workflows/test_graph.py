"""An accepted graph and its indexes."""

from __future__ import annotations

from typing import get_args

import pytest
from attrs.exceptions import FrozenInstanceError

from bluev_actors.workflows.graph import (
    Edge,
    Node,
    PauseMode,
    RetryPolicy,
    Settings,
    TriggerRule,
    Workflow,
)

A, B, C = Node("a", "noop"), Node("b", "noop"), Node("c", "noop")
AB, BC, AC = Edge("a", "out", "b", "in"), Edge("b", "out", "c", "in"), Edge("a", "out", "c", "in")
GRAPH = Workflow("w", (A, B, C), (AB, BC, AC))


def test_nodes_are_found_by_id_in_the_order_of_the_document() -> None:
    """The index keeps the order."""
    assert list(GRAPH.by_id.items()) == [("a", A), ("b", B), ("c", C)]


def test_edges_are_found_at_both_ends() -> None:
    """Every node has an entry, those without edges too, and edges keep their order."""
    assert GRAPH.incoming == {"a": [], "b": [AB], "c": [BC, AC]}
    assert GRAPH.outgoing == {"a": [AB, AC], "b": [BC], "c": []}


def test_indexes_are_made_once() -> None:
    """Walking a graph does not build its indexes again."""
    assert GRAPH.incoming is GRAPH.incoming
    assert GRAPH.outgoing is GRAPH.outgoing
    assert GRAPH.by_id is GRAPH.by_id


def test_the_document_is_no_part_of_what_a_graph_is() -> None:
    """What a front end keeps in it makes no difference, and a repr does not drown in it."""
    other = Workflow("w", (A, B, C), (AB, BC, AC), document={"id": "w", "metadata": {"zoom": 2}})
    assert other == GRAPH
    assert "zoom" not in repr(other)


def test_a_graph_does_not_change() -> None:
    """A run that goes on after an edit goes on with the graph it began with."""
    with pytest.raises(FrozenInstanceError):
        GRAPH.id = "other"  # type: ignore[misc] # that it is refused is the point
    with pytest.raises(FrozenInstanceError):
        A.type = "delay"  # type: ignore[misc] # as above


def test_defaults_are_those_of_the_design() -> None:
    """One attempt, no limits, fail fast, five seconds of grace."""
    assert RetryPolicy().max_attempts == 1
    assert Settings() == Settings(None, None, "fail_fast", "checkpoint", RetryPolicy(), 5.0)
    assert Node("a", "noop").on_error == "fail"


def test_nodes_do_not_share_their_params() -> None:
    """A default that is made anew for each."""
    assert Node("a", "noop").params is not Node("b", "noop").params


def test_the_words_of_the_design_are_all_there() -> None:
    """The choices that documents may make."""
    assert set(get_args(TriggerRule)) == {"all_success", "all_done", "one_success", "any_failed", "none_failed"}
    assert set(get_args(PauseMode)) == {"checkpoint", "drain", "hard"}
