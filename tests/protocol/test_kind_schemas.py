"""Tests of `protocol/kind_schemas.py`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bluev_actors.protocol.kind_schemas import kind_rule, params_schema, type_schema
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.kinds import NodeKind, Param, Port
from bluev_actors.workflows.port_types import SIMPLE_TYPES, mismatch

KIND = NodeKind(
    "fetch",
    inputs=(Port("url", "string", description="where"), Port("parts", "int", multi=True), Port("any")),
    params=(
        Param("method", "string", required=False, default="GET", choices=("GET", "HEAD")),
        Param("retries", "int", minimum=0, maximum=9, description="how often"),
        Param("when", "string", required=False, syntax="expression"),
    ),
)


def accepts(schema: dict[str, Any], value: object) -> bool:
    """Whether a value passes a schema."""
    check: Any = Draft202012Validator(schema)
    return bool(check.is_valid(value))


@pytest.mark.parametrize(
    ("params", "valid"),
    [
        ({"retries": 3}, True),
        ({"retries": 3, "method": "HEAD", "url": "x", "parts": [1], "any": None, "when": "a > 1"}, True),
        ({"retries": "${inputs.n}", "url": {"$secret": "URL"}, "method": "${inputs.m}"}, True),
        ({"retries": 3, "parts": "${inputs.list}"}, True),
        ({}, False),
        ({"retries": 10}, False),
        ({"retries": -1}, False),
        ({"retries": "3"}, False),
        ({"retries": {"$secret": "N", "x": 1}}, False),
        ({"retries": 3, "method": "POST"}, False),
        ({"retries": 3, "parts": 1}, False),
        ({"retries": 3, "parts": ["a"]}, False),
        ({"retries": 3, "when": 5}, False),
        ({"retries": 3, "nonsense": 1}, False),
        ([], False),
    ],
)
def test_params_are_checked_while_typing(params: object, *, valid: bool) -> None:
    """Types, ranges and names; what is computed later passes."""
    schema = params_schema(KIND)
    Draft202012Validator.check_schema(schema)
    assert accepts(schema, params) == valid


def test_descriptions_and_defaults_are_shown() -> None:
    """An editor can tell what a param is for, and what it is when absent."""
    shown = params_schema(KIND)["properties"]
    assert shown["retries"]["description"] == "how often"
    assert shown["url"]["description"] == "where"
    assert shown["method"]["default"] == "GET"
    assert "default" not in shown["retries"]


def test_free_inputs_allow_any_name() -> None:
    """A `noop` takes what one gives it."""
    assert accepts(params_schema(NodeKind("noop", free_inputs=True)), {"anything": [1]})


@pytest.mark.parametrize(
    ("node", "valid"),
    [
        ({"type": "fetch", "params": {"retries": 1}}, True),
        ({"type": "fetch", "params": {}}, False),
        ({"type": "fetch"}, False),
        ({"type": "other"}, True),
        ({}, True),
    ],
)
def test_a_rule_binds_its_kind_alone(node: object, *, valid: bool) -> None:
    """And a required param makes `params` required."""
    assert accepts(kind_rule(KIND), node) == valid


def test_without_required_params_there_may_be_none() -> None:
    """`params` can be left out."""
    assert accepts(kind_rule(NodeKind("echo", inputs=(Port("value"),))), {"type": "echo"})


@given(st.sampled_from(SIMPLE_TYPES), st.integers(0, 2), json_values())
def test_types_agree_with_the_validators(name: str, lists: int, value: object) -> None:
    """An editor's red line and the daemon's error are about the same values, but that 1.0 is JSON Schema's integer."""
    wanted = "list[" * lists + name + "]" * lists
    if "int" not in wanted:
        assert accepts(type_schema(wanted), value) == (mismatch(value, wanted) is None)
    elif mismatch(value, wanted) is None:
        assert accepts(type_schema(wanted), value)
