"""Addresses, however they are typed."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.client.address import DEFAULT_URL, Address, parse_address
from bluev_actors.errors import UnreachableError


@pytest.mark.parametrize(
    ("text", "http", "socket"),
    [
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765", "ws://127.0.0.1:8765/ws"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765", "ws://127.0.0.1:8765/ws"),
        ("ws://host:1", "http://host:1", "ws://host:1/ws"),
        ("https://host", "https://host", "wss://host/ws"),
        ("wss://host/proxy/", "https://host/proxy", "wss://host/proxy/ws"),
        ("host:99", "http://host:99", "ws://host:99/ws"),
        ("host", "http://host:8765", "ws://host:8765/ws"),
        ("HTTP://Host", "http://host", "ws://host/ws"),
        ("[::1]:99", "http://[::1]:99", "ws://[::1]:99/ws"),
        ("http://[::1]", "http://[::1]", "ws://[::1]/ws"),
    ],
)
def test_both_roots(text: str, http: str, socket: str) -> None:
    """One text gives the REST root and the socket's URL."""
    address = parse_address(text)
    assert (address.http, str(address)) == (http, http)
    assert f"ws{'s' * address.secure}://{address.authority}{address.socket_path()}" == socket


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no host"),
        ("http://", "names no host"),
        ("ftp://host", "ftp://"),
        ("http://host:port", "port"),
        ("http://host:99999", "port"),
        ("http://me:secret@host", "user name"),
        ("http://host/?x=1", "query"),
        ("http://host/#x", "fragment"),
        ("http://[::1", "IPv6"),
    ],
)
def test_what_is_no_address_says_why(text: str, why: str) -> None:
    """The error names the flaw and an address that would do."""
    with pytest.raises(UnreachableError, match="is no address of a daemon") as caught:
        parse_address(text)
    assert why.lower() in str(caught.value).lower()
    assert DEFAULT_URL in str(caught.value)


def test_a_password_is_not_asked_for_in_vain() -> None:
    """An address with a user name is refused rather than stripped: the daemon has no use for one."""
    with pytest.raises(UnreachableError):
        parse_address("ws://user@host:1")


@given(st.text(min_size=1, max_size=128))
def test_a_session_survives_the_url(session_id: str) -> None:
    """Whatever a session is called, the daemon decodes the very same name."""
    path = urlsplit(Address("host").socket_path(session_id.encode("utf-8", "ignore").decode())).path
    assert path.startswith("/ws/")
    assert unquote(path[4:]) == session_id.encode("utf-8", "ignore").decode()
    assert "/" not in path[4:]


def test_client_info_travels_as_json() -> None:
    """What a client says of itself stands in the query, as one JSON object."""
    info = {"name": "test", "ünï": [1, None]}
    query = parse_qs(urlsplit(Address("host").socket_path("s", info)).query)
    assert orjson.loads(query["client"][0]) == info


@given(st.text(max_size=50))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No text makes the reading fail in another way."""
    try:
        address = parse_address(text)
    except UnreachableError:
        return
    assert parse_address(address.http) == address
