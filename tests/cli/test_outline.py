"""What a picture knows of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from bluev_actors.cli.outline import Outline, outline_of
from bluev_actors.testing.strategies import json_values, workflow_documents

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


@given(workflow_documents())
def test_every_node_has_its_type(document: JsonObject) -> None:
    """In the order of the document."""
    outline = outline_of(document)
    assert list(outline.types.items()) == [(node["id"], node["type"]) for node in document["nodes"]]
    assert outline.total == len(document["nodes"])


@given(json_values())
def test_no_document_breaks_it(document: Json) -> None:
    """It is read before anybody has validated it."""
    assert isinstance(outline_of(document), Outline)


@pytest.mark.parametrize(
    ("document", "name"), [({"id": "w"}, "w"), ({}, "file"), ({"id": ""}, "file"), ([], "file"), ({"id": 5}, "5")]
)
def test_its_name(document: Json, name: str) -> None:
    """The workflow's id, else what the file is called."""
    assert outline_of(document, "file").name == name


def test_what_does_not_fit_is_left_out() -> None:
    """Nodes that are none, and nodes that are not there."""
    assert outline_of({"nodes": [5, {"id": "a"}, {"type": "x"}]}).types == {"a": "", "None": "x"}
    assert outline_of({"nodes": 5}).types == {}
