"""Tests of `protocol/messages.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import NOTHING, fields, has
from attrs.exceptions import FrozenInstanceError

from bluev_actors.protocol import messages
from bluev_actors.protocol.docstrings import attributes_of, sentence_of
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    SERVER_MESSAGES,
    SUBSCRIPTION_NAMES,
    TERMINAL_TYPES,
    ClientMessage,
    Heartbeat,
    NodeProgressMessage,
    Reply,
    RunMessage,
    ServerMessage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL: Mapping[str, type[ClientMessage | ServerMessage]] = {**CLIENT_MESSAGES, **SERVER_MESSAGES}
BASES = {ClientMessage, ServerMessage, Reply, RunMessage}


def test_no_class_is_forgotten() -> None:
    """Every message written in the file is in one of the tables."""
    written = {cls for cls in vars(messages).values() if isinstance(cls, type) and has(cls)}
    said = {cls for cls in written if issubclass(cls, ClientMessage | ServerMessage)}
    assert said - BASES == set(ALL.values())


@pytest.mark.parametrize("cls", ALL.values())
def test_each_class_explains_itself(cls: type[ClientMessage | ServerMessage]) -> None:
    """The reference page shows a sentence for the message and a meaning for each of its fields."""
    assert sentence_of(cls).endswith(".")
    assert set(attributes_of(cls)) == {field.name for field in fields(cls)}


@pytest.mark.parametrize("cls", ALL.values())
def test_defaults_are_shared_safely(cls: type[ClientMessage | ServerMessage]) -> None:
    """No default is a dict or a list that one message could change for the next."""
    defaults = [field.default for field in fields(cls) if field.default is not NOTHING]
    assert not any(isinstance(default, dict | list | set) for default in defaults)


def test_messages_are_frozen() -> None:
    """One message goes to many connections, so nobody may change it."""
    with pytest.raises(FrozenInstanceError):
        Heartbeat(timestamp="now").timestamp = "later"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - the point of the test


def test_subscription_names_cover_every_event() -> None:
    """An event that no name stands for could never be asked for."""
    events = {cls.type for cls in SERVER_MESSAGES.values() if issubclass(cls, RunMessage | NodeProgressMessage)}
    named = [kind for kinds in SUBSCRIPTION_NAMES.values() for kind in kinds]
    assert sorted(named) == sorted({*events, "actor_status_update"})


def test_terminal_types_are_events() -> None:
    """Three ways to end, each of them a message."""
    assert {cls.type for cls in SERVER_MESSAGES.values() if "summary" in attributes_of(cls)} == TERMINAL_TYPES
