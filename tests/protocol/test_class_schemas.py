"""Tests of `protocol/class_schemas.py`."""

from __future__ import annotations

from typing import Any, Literal, Optional

import pytest
from attrs import frozen
from jsonschema import Draft202012Validator

from bluev_actors.protocol.class_schemas import ClassSchemas


@frozen
class Part:
    """A part.

    Attributes:
        name: what it is called.
    """

    name: str


@frozen
class Whole:
    """A whole thing.

    Attributes:
        part: the part.
        count: how many.
    """

    part: Part
    anything: Any
    numbers: dict[str, int | float]
    count: int = 3
    ratio: float | None = None
    flag: bool = False
    word: Literal["a", "b"] | None = None
    names: tuple[str, ...] = ()
    other: Optional[Part] = None  # noqa: UP045 - the older spelling is an annotation as well


def properties(schemas: ClassSchemas) -> dict[str, Any]:
    """What is said of each field."""
    made: dict[str, Any] = schemas.of(Whole)["properties"]
    return made


def test_a_schema_is_valid_and_says_what_it_is_of() -> None:
    """With the class's name and sentence."""
    schema = ClassSchemas().of(Whole)
    Draft202012Validator.check_schema(schema)
    assert (schema["title"], schema["description"]) == ("Whole", "A whole thing.")
    assert schema["required"] == ["part", "anything", "numbers"]


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("anything", {}),
        ("count", {"type": "integer", "description": "how many.", "default": 3}),
        ("ratio", {"anyOf": [{"type": "number"}, {"type": "null"}]}),
        ("flag", {"type": "boolean", "default": False}),
        ("word", {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}),
        ("names", {"type": "array", "items": {"type": "string"}}),
        (
            "numbers",
            {"type": "object", "additionalProperties": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
        ),
    ],
)
def test_each_form_has_its_schema(field: str, schema: dict[str, Any]) -> None:
    """Annotations say all that a schema needs."""
    assert properties(ClassSchemas())[field] == schema


def test_a_class_inside_is_written_out() -> None:
    """With its own fields; what the field means beats what the class is."""
    part = properties(ClassSchemas())["part"]
    assert part["properties"]["name"] == {"type": "string", "description": "what it is called."}
    assert part["description"] == "the part."
    assert properties(ClassSchemas())["other"]["anyOf"][0]["required"] == ["name"]


def test_closed_classes_have_no_other_keys() -> None:
    """Each class for itself."""
    schema = ClassSchemas(closed=(Part,)).of(Whole)
    assert "additionalProperties" not in schema
    assert schema["properties"]["part"]["additionalProperties"] is False


def test_texts_of_a_name_can_have_their_own_schema() -> None:
    """Ids for example, wherever they stand."""
    text = {"type": "string", "minLength": 1}
    schemas = ClassSchemas(texts={"name": text, "names": text})
    assert properties(schemas)["part"]["properties"]["name"]["minLength"] == 1
    assert properties(schemas)["names"]["items"] == text


def test_schemas_share_nothing() -> None:
    """Who changes one changes no other."""
    properties(ClassSchemas())["anything"]["changed"] = True
    assert properties(ClassSchemas())["anything"] == {}


def test_an_unknown_form_is_refused() -> None:
    """A message with a new form of annotation is noticed when it is written."""

    @frozen
    class Odd:
        field: frozenset[int]

    with pytest.raises(TypeError, match="frozenset"):
        ClassSchemas().of(Odd)
