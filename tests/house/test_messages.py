"""No message is forgotten: each has a codec, a handler, a strategy, a schema and a line in the docs."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bluev_actors.daemon.dispatch import HANDLERS
from bluev_actors.protocol.codec import decode_client, decode_server, encode
from bluev_actors.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, ClientMessage, ServerMessage
from bluev_actors.protocol.reference import render
from bluev_actors.protocol.schema import message_schema
from bluev_actors.testing.strategies import MESSAGES
from house import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL: Mapping[str, type[ClientMessage | ServerMessage]] = {**CLIENT_MESSAGES, **SERVER_MESSAGES}
by_type = pytest.mark.parametrize("wire_type", ALL)
PAGE = ROOT / "docs/reference/protocol.md"


def test_no_name_says_two_things() -> None:
    """A wire type belongs to one direction, so a log line never needs to say who spoke."""
    assert not CLIENT_MESSAGES.keys() & SERVER_MESSAGES.keys()


@by_type
def test_a_class_knows_its_wire_type(wire_type: str) -> None:
    """The tables and the classes agree on the name."""
    assert ALL[wire_type].type == wire_type


@by_type
@settings(max_examples=20)
@given(data=st.data())
def test_codec_round_trip(wire_type: str, data: st.DataObject) -> None:
    """What is encoded is decoded to the same message."""
    message = data.draw(MESSAGES[ALL[wire_type]])
    decode = decode_client if wire_type in CLIENT_MESSAGES else decode_server
    assert decode(encode(message)) == message


@cache
def validator(wire_type: str) -> Any:  # noqa: ANN401 - the library's own types are not whole
    """What judges the messages of a type; the schema itself is judged once."""
    schema = message_schema(ALL[wire_type])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@by_type
@settings(max_examples=20)
@given(data=st.data())
def test_schema_accepts_what_is_sent(wire_type: str, data: st.DataObject) -> None:
    """Front ends may check by the schema whatever the codec writes."""
    sent = json.loads(encode(data.draw(MESSAGES[ALL[wire_type]])))
    assert validator(wire_type).is_valid(sent)


def test_strategies_are_total() -> None:
    """The fuzzers can say everything that clients and the daemon can, and nothing else."""
    assert MESSAGES.keys() == set(ALL.values())


def test_handlers_are_total() -> None:
    """The daemon has an answer to everything a client may say."""
    assert HANDLERS.keys() == set(CLIENT_MESSAGES.values())


@by_type
def test_the_reference_has_a_heading(wire_type: str) -> None:
    """Each message can be linked to."""
    assert f"\n### `{wire_type}`\n" in PAGE.read_text("utf-8")


def test_the_reference_is_up_to_date() -> None:
    """The committed page is what the classes say now."""
    assert PAGE.read_text("utf-8") == render()
