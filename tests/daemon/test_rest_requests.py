"""Reading requests."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from bluev_actors.daemon.commands import Caller
from bluev_actors.daemon.rest_requests import (
    caller_of,
    name_in_path,
    number_in_query,
    read_body,
    structure,
    whole_number,
)
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import ControlWorkflow, ExecuteWorkflow


def request(body: bytes = b"", query: str = "", **path: str) -> Request:
    """A request as Starlette sees it."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [],
        "query_string": query.encode(),
        "path_params": path,
    }
    return Request(scope, receive)


async def test_no_body_is_an_empty_one() -> None:
    """A pause needs no words, a broadcast does."""
    assert await read_body(request()) == {}
    with pytest.raises(ProtocolError, match="not JSON"):
        await read_body(request(), required=True)


@pytest.mark.parametrize(("body", "code"), [(b"nonsense", "bad_json"), (b"[]", "bad_message"), (b"\xff", "bad_json")])
async def test_a_body_that_is_no_object(body: bytes, code: str) -> None:
    """It is refused as on the socket."""
    with pytest.raises(ProtocolError) as caught:
        await read_body(request(body))
    assert caught.value.code == code


def test_the_address_beats_the_body() -> None:
    """A run id in the path is the one that is meant."""
    message = structure({"run_id": "other", "mode": "hard"}, ControlWorkflow, run_id="r", action="pause")
    assert (message.run_id, message.mode) == ("r", "hard")


def test_the_verdict_is_that_of_the_socket() -> None:
    """Types are not coerced, and the place is named."""
    with pytest.raises(ProtocolError) as caught:
        structure({"workflow": {}, "options": {"timeout": "5"}}, ExecuteWorkflow)
    assert (caught.value.code, caught.value.path) == ("bad_message", "options.timeout")


def test_the_session_of_a_request() -> None:
    """A body may say whose it is; most do not."""
    assert caller_of({}) == Caller("", "")
    assert caller_of({"session_id": "alice"}) == Caller("alice", "")


@pytest.mark.parametrize("session_id", ["", "a b", "a/b", "x" * 129, 5, ["a"], "\x00"])
def test_a_session_that_cannot_be(session_id: object) -> None:
    """The rule is that of the socket's address."""
    with pytest.raises(ProtocolError) as caught:
        caller_of({"session_id": session_id})
    assert (caught.value.code, caught.value.path) == ("bad_message", "session_id")


def test_names_are_percent_decoded() -> None:
    """An id may hold what a path must not."""
    assert name_in_path(request(name="a%2Fb%20c%C3%A4"), "name") == "a/b c\u00e4"


@pytest.mark.parametrize(("query", "expected"), [("", 50), ("limit=1", 1), ("limit=500", 500)])
def test_numbers_in_range(query: str, expected: int) -> None:
    """The default, and both ends."""
    assert number_in_query(request(query=query), "limit", 50, 1, 500) == expected


@pytest.mark.parametrize("text", ["0", "501", "-1", "x", "", "1.0", "\u0661", "9" * 5000])
def test_numbers_out_of_range(text: str) -> None:
    """What is no number, or too small or large, is an error that names its field."""
    with pytest.raises(ProtocolError) as caught:
        whole_number("limit", text, 1, 500)
    assert (caught.value.code, caught.value.path) == ("bad_message", "limit")


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    with suppress(ProtocolError):
        assert 0 <= whole_number("n", text, 0, 10**6) <= 10**6
