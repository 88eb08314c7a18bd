"""Frames as bytes: what goes out is read by a decoder that is not ours, what comes in is measured by a slower way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from bluev_actors.daemon.frames import PING, FrameMeter, close_frame, is_close_frame, text_frame


def decoded(data: bytes) -> list[object]:
    """What a client makes of these bytes."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 65537, 200_000])
def test_a_text_frame_of_any_length_reads_as_its_text(length: int) -> None:
    """The three ways to write a length meet where they should."""
    (message,) = decoded(text_frame(b"x" * length))
    assert isinstance(message, TextMessage)
    assert (message.data, message.message_finished) == ("x" * length, True)


@given(st.lists(st.text(), min_size=1))
def test_frames_can_stand_one_after_the_other(texts: list[str]) -> None:
    """Several frames in one write are several messages."""
    messages = decoded(b"".join(text_frame(text.encode()) for text in texts))
    assert [message.data for message in messages if isinstance(message, TextMessage)] == texts


def test_a_ping_reads_as_a_ping() -> None:
    """The constant is the frame it says it is."""
    assert decoded(PING) == [Ping(payload=b"")]


@given(st.sampled_from([1000, 1008, 1009, 1012, 4008, 4409, 4999]), st.text())
def test_a_close_frame_reads_as_its_code_and_reason(code: int, reason: str) -> None:
    """A reason that is too long is cut between characters, so that it is still text."""
    (closing,) = decoded(close_frame(code, reason))
    assert isinstance(closing, CloseConnection)
    assert closing.code == code
    assert reason.startswith(closing.reason or "")
    assert len((closing.reason or "").encode()) > 119 or closing.reason == reason


def test_a_lone_surrogate_in_a_reason_becomes_a_question_mark() -> None:
    """No text whatever can keep a socket from being closed."""
    assert decoded(close_frame(1000, "\ud800")) == [CloseConnection(code=CloseReason.NORMAL_CLOSURE, reason="?")]


def test_close_frames_are_told_from_others() -> None:
    """By their first byte."""
    assert is_close_frame(close_frame(1000))
    assert not is_close_frame(text_frame(b""))
    assert not is_close_frame(b"")


messages = st.lists(st.tuples(st.lists(st.binary(max_size=70_000), min_size=1, max_size=4), st.booleans()), max_size=4)


def framed(parts: list[bytes], client: Connection, *, pings: bool) -> bytes:
    """A client's message in fragments, masked, with pings in between if so wished."""
    data = b""
    for index, part in enumerate(parts):
        data += client.send(BytesMessage(data=part, message_finished=index == len(parts) - 1))
        data += client.send(Ping(payload=b"still there?")) if pings else b""
    return data


@given(messages, st.integers(1, 100_000))
def test_the_meter_knows_every_size_however_the_bytes_are_cut(sent: list[tuple[list[bytes], bool]], step: int) -> None:
    """Sizes come in order and once, whole messages only, and pings do not count."""
    client = Connection(ConnectionType.CLIENT)
    data = b"".join(framed(parts, client, pings=pings) for parts, pings in sent)
    meter = FrameMeter()
    sizes = [size for at in range(0, len(data), step) for size in meter.feed(data[at : at + step])]
    assert sizes == [sum(map(len, parts)) for parts, _ in sent]
    assert (meter.size, meter.fragments) == (0, 0)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_the_meter_can_be_fed_byte_by_byte(parts: list[bytes]) -> None:
    """A header that comes in pieces is put together again."""
    data = framed(parts, Connection(ConnectionType.CLIENT), pings=True)
    meter = FrameMeter()
    assert [size for byte in data for size in meter.feed(bytes([byte]))] == [sum(map(len, parts))]


def test_the_meter_knows_a_size_before_the_payload_is_there() -> None:
    """So nobody can make the daemon take in what it will refuse."""
    meter = FrameMeter()
    assert meter.feed(bytes((0x81, 0xFF)) + (1 << 40).to_bytes(8)) == []
    assert meter.size == 0
    meter.feed(b"mask")
    assert meter.size == 1 << 40


def test_the_meter_counts_empty_fragments() -> None:
    """They have no size, and yet a client could send them for ever."""
    meter = FrameMeter()
    client = Connection(ConnectionType.CLIENT)
    events: list[Message[str]] = [TextMessage(data="", message_finished=False) for _ in range(5)]
    for event in events:
        assert meter.feed(client.send(event)) == []
    assert (meter.size, meter.fragments) == (0, 5)
