"""Names that are written often are one object."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.sharing import share_names

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3), lambda it: st.lists(it) | st.dictionaries(st.text(), it)
)


def test_equal_names_are_one_object() -> None:
    """A node's id is the same text in the node and in every connection."""
    text = b'{"nodes": [{"id": "fetch", "type": "noop"}], "connections": [{"from_node": "fetch", "to_node": "fetch"}]}'
    document = orjson.loads(text)
    share_names(document)
    (connection,) = document["connections"]
    assert document["nodes"][0]["id"] is connection["from_node"] is connection["to_node"]
    assert document == orjson.loads(text)


@pytest.mark.parametrize("document", [None, 3, [], {}, {"nodes": 1, "connections": {}}, {"nodes": [1, {"id": 7}]}])
def test_what_is_no_workflow_stays(document: Json) -> None:
    """What is wrong with it the validation says."""
    before = copy.deepcopy(document)
    share_names(document)
    assert document == before


@given(st.dictionaries(st.sampled_from(["nodes", "connections", "id"]), JSON))
def test_a_document_says_what_it_said(document: Json) -> None:
    """Whatever it holds, only the objects change, never what they are equal to."""
    before = copy.deepcopy(document)
    share_names(document)
    assert document == before
