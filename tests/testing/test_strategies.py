"""Tests of `testing/strategies.py`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from attrs import fields
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import decode_client
from bluev_actors.protocol.ids import is_name
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
from bluev_actors.workflows.shapes import is_id
from bluev_actors.workflows.times import from_rfc3339, rfc3339
from bluev_actors.workflows.validation import parse_workflow
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

KINDS = {node_type.kind.name: node_type.kind for node_type in BUILT_INS}
SEARCH = settings(max_examples=2_000, database=None, derandomize=True, phases=[Phase.generate])
"""For tests that look for something that must turn up; nothing is shrunk."""


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


# --- messages ---------------------------------------------------------------------------------------------


def test_every_message_has_a_strategy() -> None:
    """The fuzzers can say all that clients and daemons can."""
    assert MESSAGES.keys() == {*CLIENT_MESSAGES.values(), *SERVER_MESSAGES.values()}


@given(st.one_of(*(MESSAGES[cls] for cls in CLIENT_MESSAGES.values())))
def test_clients_keep_the_rules(message: ClientMessage) -> None:
    """What is drawn contradicts itself nowhere."""
    check_rules(message)


@pytest.mark.parametrize("cls", MESSAGES)
def test_every_field_is_exercised(cls: type[ClientMessage | ServerMessage]) -> None:
    """No field is always empty, so nothing is left untried."""
    idle = {field.name for field in fields(cls)}

    def uses_the_last(message: ClientMessage | ServerMessage) -> bool:
        assert type(message) is cls
        idle.difference_update(name for name in list(idle) if getattr(message, name))
        return not idle

    find(MESSAGES[cls], uses_the_last, settings=SEARCH)


# --- workflow documents -----------------------------------------------------------------------------------


@given(workflow_documents())
def test_documents_are_accepted(document: JsonObject) -> None:
    """By the daemon's own validation, against the types that every daemon knows."""
    verdict = parse_workflow(document, KINDS)
    assert verdict.errors == ()
    assert verdict.warnings == ()


@pytest.mark.parametrize("end", ["from_node", "to_node"])
def test_documents_have_forks_and_joins(end: str) -> None:
    """The shapes that make a graph more than a list."""
    find(workflow_documents(), lambda document: _most(document, end) > 1, settings=SEARCH)


@pytest.mark.parametrize("kinds", [{"noop"}, {"noop", "delay", "constant"}])
def test_documents_have_every_type(kinds: set[str]) -> None:
    """Alone and beside each other."""
    find(workflow_documents(), lambda document: {node["type"] for node in document["nodes"]} == kinds, settings=SEARCH)


def _most(document: JsonObject, end: str) -> int:
    counts = Counter(connection[end] for connection in document["connections"])
    return max(counts.values(), default=0)


@given(workflow_documents().flatmap(mutated))
def test_mutated_documents_get_a_verdict(document: Json) -> None:
    """Whatever was changed, it is still JSON, and validation does not raise."""
    assert find_flaw(document) is None
    parse_workflow(document, KINDS)


DOCUMENT = {"nodes": [{"id": "a", "type": "noop"}], "connections": []}


@pytest.mark.parametrize(
    "changed",
    [
        {"nodes": [{"id": "a", "type": "noop"}]},
        {"nodes": [{"id": "a", "type": "noop"}] * 2, "connections": []},
        {"nodes": [], "connections": []},
        {"nodes": [{"type": "noop"}], "connections": []},
        {"nodes": [{"id": None, "type": "noop"}], "connections": []},
    ],
)
def test_mutations_reach_every_place(changed: Json) -> None:
    """Deleted, doubled, and replaced, at the root and deep inside."""
    assert find(mutated(DOCUMENT), lambda document: document == changed, settings=SEARCH) == changed


def test_a_mutation_leaves_the_original_alone() -> None:
    """It works on a copy."""
    find(mutated(DOCUMENT), lambda document: document != DOCUMENT, settings=SEARCH)
    assert DOCUMENT == {"nodes": [{"id": "a", "type": "noop"}], "connections": []}


@given(mutated([]))
def test_nothing_can_be_mutated_too(value: Json) -> None:
    """What has no place to change is replaced."""
    assert find_flaw(value) is None


# --- hostile text -----------------------------------------------------------------------------------------


def _code(text: str | bytes) -> str:
    try:
        decode_client(text)
    except ProtocolError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize("code", ["bad_json", "bad_message", "unknown_message_type", "accepted"])
def test_hostile_text_reaches_every_verdict(code: str) -> None:
    """Noise, near misses, and texts that only look bad."""
    find(hostile_text(), lambda text: _code(text) == code, settings=SEARCH)


def test_the_table_holds_what_has_broken_parsers() -> None:
    """Each row of the threat table is there under a name."""
    assert len(set(HOSTILE.values())) == len(HOSTILE)
    assert {"depth bomb", "NaN", "beyond 64 bits", "5,000 digits", "lone surrogate, raw", "50,000 keys"} <= set(HOSTILE)
    assert str(HOSTILE["50,000 keys"]).count(":") == 50_000
