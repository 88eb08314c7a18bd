from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from bluev_actors.engine.payloads import payload_flaw, schema_flaw
from bluev_actors.testing.strategies import json_objects, json_values

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

APPROVAL: JsonObject = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "by": {"type": "string", "pattern": "^[a-z]+$"}},
    "required": ["ok"],
}


@pytest.mark.parametrize(
    ("payload", "flaw"),
    [
        ({"ok": True}, None),
        ({"ok": True, "by": "ada", "more": 1}, None),
        ({}, "payload: 'ok' is a required property"),
        ({"ok": 1}, "payload.ok: 1 is not of type 'boolean'"),
        ({"ok": True, "by": "Ada"}, "payload.by: 'Ada' does not match '^[a-z]+$'"),
        (None, "payload: None is not of type 'object'"),
    ],
)
def test_a_payload_fits_or_not(payload: Json, flaw: str | None) -> None:
    """The place is told, and what would be right."""
    assert payload_flaw(APPROVAL, payload) == flaw


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        APPROVAL,
        {"properties": {"$ref": {"type": "string"}, "pattern": {}, "patternProperties": {}}},
        {"allOf": [{"type": "object"}], "items": {"enum": ["$ref"]}, "const": {"$ref": "x"}},
    ],
)
def test_schemas_that_may_be(schema: Json) -> None:
    """A field of a payload may be named like what a schema may not use."""
    assert schema_flaw(schema) is None


REFUSED: list[tuple[Json, str]] = [
    ({"type": "strin"}, "it is no JSON Schema: 'strin'"),
    ([], "it is no JSON Schema"),
    ({"$ref": "http://169.254.169.254/"}, "'$ref' cannot be used here"),
    ({"properties": {"a": {"$dynamicRef": "#a"}}}, "'$dynamicRef' cannot be used here"),
    ({"anyOf": [{"patternProperties": {"(a+)+$": {}}}]}, "'patternProperties' cannot be used here"),
    ({"items": {"not": {"uniqueItems": True}}}, "'uniqueItems' cannot be used here"),
    ({"$defs": {"a": {"if": {"$ref": "#"}}}}, "'$ref' cannot be used here"),
    ({"pattern": "(?=a)"}, "the pattern '(?=a)' cannot be read"),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_schemas_that_may_not(schema: Json, words: str) -> None:
    """What would fetch an address or think for hours, wherever it stands."""
    flaw = schema_flaw(schema)
    assert flaw is not None
    assert flaw.startswith(words)


def test_a_schema_may_not_be_too_deep() -> None:
    """Nor so deep that a check of it runs out of stack."""
    schema: Json = {}
    for _ in range(3000):
        schema = {"not": schema}
    assert schema_flaw(schema) == "it is nested too deep"


def test_a_pattern_takes_no_time() -> None:
    """Python's own engine would sit over this one for longer than there are stars."""
    assert payload_flaw({"pattern": "^(a+)+$"}, "a" * 5000 + "b") is not None


@given(json_objects(), json_values())
def test_nothing_falls_over(schema: JsonObject, payload: Json) -> None:
    """Whatever is taken for a schema can be used as one."""
    if schema_flaw(schema) is None:
        payload_flaw(schema, payload)
