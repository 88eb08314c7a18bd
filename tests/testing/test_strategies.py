"""Tests of `testing/strategies.py`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluev_actors.engine.node_types import NodeTypes
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import decode_client
from bluev_actors.protocol.ids import is_id, is_name
from bluev_actors.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, ClientMessage, ServerMessage
from bluev_actors.protocol.rules import check_rules
from bluev_actors.testing.strategies import (
    HOSTILE,
    MESSAGES,
    hostile_text,
    ids,
    json_objects,
    json_values,
    mutated,
    subscription_names,
    times,
    workflow_documents,
)
from bluev_actors.workflows.times import from_rfc3339, rfc3339
from bluev_actors.workflows.validation import parse_workflow
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


@given(json_values())
def test_json_is_plain(value: Json) -> None:
    """Whatever is drawn may travel."""
    assert find_flaw(value) is None


@given(json_objects())
def test_objects_are_objects(value: JsonObject) -> None:
    """For fields that take nothing else."""
    assert isinstance(value, dict)


@given(ids(), subscription_names())
def test_names_are_names(id_: str, name: str) -> None:
    """By the rule of the daemon."""
    assert is_id(id_)
    assert is_name(name)


@given(times())
def test_times_are_times(text: str) -> None:
    """And survive being read and written."""
    assert rfc3339(from_rfc3339(text)) == text
