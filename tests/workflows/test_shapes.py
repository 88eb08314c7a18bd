"""The shapes of a document's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows import graph
from bluev_actors.workflows.shapes import (
    CONNECTION,
    NODE,
    RATE,
    RETRY,
    SETTINGS,
    WORKFLOW,
    WORKFLOW_INPUT,
    WORKFLOW_OUTPUT,
    Shape,
    is_id,
    is_node_id,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

SHAPES: Final = [WORKFLOW, NODE, RETRY, SETTINGS, CONNECTION, WORKFLOW_INPUT, WORKFLOW_OUTPUT]
LIMITS: Final[list[tuple[Shape, str, list[Json], list[Json]]]] = [
    (NODE, "timeout", [1, 0.001, 1e10], [0, -1, True, "5", 1e11]),
    (NODE, "type_version", [1, 2], [0, 1.0, True, "1"]),
    (NODE, "disabled", [True, False], [0, 1, "true"]),
    (NODE, "label", ["", "a"], [1]),
    (NODE, "cache", ["never", "by_inputs"], ["always", 0, ["never"]]),
    (NODE, "on_error", ["fail", "continue", "error_output"], ["stop", 1, []]),
    (NODE, "trigger_rule", ["all_done"], ["ALL_DONE", None]),
    (NODE, "pause_mode", ["inherit", "hard"], ["soft"]),
    (SETTINGS, "max_concurrency", [1, 1_000_000], [0, 1_000_001, 1.5]),
    (SETTINGS, "pause_mode", ["checkpoint"], ["inherit"]),
    (SETTINGS, "grace", [0, 5], [-0.1, "5"]),
    (RETRY, "max_attempts", [1, 1_000_000], [0, 1_000_001, 1.0]),
    (RETRY, "factor", [1, 2.5], [0.9, "2"]),
    (RETRY, "initial", [0, 0.5], [-1]),
    (RETRY, "retry_on", [[], ["timeout"]], ["timeout", [1], [None]]),
    (RETRY, "max_elapsed", [0.5], [0]),
    (WORKFLOW, "schema", [1], [2, 0, True, 1.0, "1"]),
    (WORKFLOW, "tags", [[], ["a"]], ["a", [1]]),
    (WORKFLOW_INPUT, "type", ["int", "list[string]"], ["str", "list[]", 5, ["int"]]),
]
"""The last values that are right and the first that are wrong."""


@pytest.mark.parametrize(
    ("shape", "cls"),
    [
        (RETRY, graph.RetryPolicy),
        (SETTINGS, graph.Settings),
        (CONNECTION, graph.Edge),
        (NODE, graph.Node),
        (RATE, graph.Rate),
        (WORKFLOW_INPUT, graph.WorkflowInput),
        (WORKFLOW_OUTPUT, graph.WorkflowOutput),
    ],
)
def test_a_shape_has_the_fields_of_its_class(shape: Shape, cls: type) -> None:
    """What can be written is what is read, no more and no less."""
    assert set(shape.fields) == {field.name for field in fields(cls)}


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
@given(value=json_values())
def test_a_field_accepts_or_refuses_any_value(shape: Shape, value: Json) -> None:
    """Without an exception, and null only where it means a value."""
    for name, field in shape.fields.items():
        assert field.accepts(value) in (True, False)
        assert name == "default" or not field.accepts(None)


@pytest.mark.parametrize(("shape", "name", "right", "wrong"), LIMITS)
def test_values_at_the_limits(shape: Shape, name: str, right: list[Json], wrong: list[Json]) -> None:
    """The last that is right and the first that is wrong."""
    field = shape.fields[name]
    assert [field.accepts(value) for value in right] == [True] * len(right)
    assert [field.accepts(value) for value in wrong] == [False] * len(wrong)


def test_choices_are_listed() -> None:
    """For messages and for programs."""
    field = NODE.fields["on_error"]
    assert field.choices == ("fail", "continue", "error_output")
    assert field.right == "one of fail, continue, error_output"


@pytest.mark.parametrize("value", ["a", "é", "a b", "😀" * 200, "x" * 200, "a.b[0]", "..", "%2F", "\u00a0"])
def test_what_may_be_an_id(value: str) -> None:
    """Any characters but control characters, up to 200 of them."""
    assert is_id(value)
    assert is_node_id(value)


@pytest.mark.parametrize(
    "value", ["", "x" * 201, "\x00", "a\n", "a\x7f", "\x85", "\x9f", "\ud800", "a\udfff", 5, None, ["a"], True]
)
def test_what_may_not(value: Json) -> None:
    """Neither too long, nor with what breaks a log or a terminal, nor anything but text."""
    assert not is_id(value)
    assert not is_node_id(value)


def test_a_slash_is_for_inner_nodes() -> None:
    """A workflow's id may have one, a node's may not."""
    assert is_id("a/b")
    assert not is_node_id("a/b")


@given(st.text(max_size=3))
def test_ids_hold_no_control_characters(text: str) -> None:
    """As the characters themselves say."""
    controls = any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in text)
    assert is_id(text) is (bool(text) and not controls)
