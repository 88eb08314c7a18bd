# ruff: noqa: TC001 - Hypothesis looks up the annotations at run time.

from __future__ import annotations

import math

import pytest
from hypothesis import given

from bluev_actors.engine.store.json_bytes import from_bytes, to_bytes
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.run_events import ErrorDetail
from bluev_actors.workflows.values import Json


@given(json_values())
def test_plain_json_comes_back(value: Json) -> None:
    """Whatever may travel through a workflow is stored as it is."""
    assert from_bytes(to_bytes(value)) == value


@pytest.mark.parametrize("text", ["\ud800", "a\udcff/b", {"\udc80": ["\ud83d"]}])
def test_text_that_is_none_comes_back(text: Json) -> None:
    """The name of a file may hold lone surrogates, and so may the text of an error."""
    assert from_bytes(to_bytes(text)) == text


def test_records_become_objects() -> None:
    """An error stands in an event by the names of its fields, whatever else stands there."""
    expected = {"code": "c", "message": "m", "retryable": False, "error_id": None}
    assert from_bytes(to_bytes(["n", ErrorDetail("c", "m")])) == ["n", expected]
    assert from_bytes(to_bytes(["\ud800", ErrorDetail("c", "m")])) == ["\ud800", expected]


def test_writing_never_fails() -> None:
    """What nobody should have put there becomes what Python says of it."""
    assert from_bytes(to_bytes({"a": {1}, 2: 2**70})) == {"a": "{1}", "2": 2**70}
    assert from_bytes(to_bytes(["\ud800", math.inf]))[1] == math.inf
