"""What a handshake says."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.guard import Refused
from bluev_actors.daemon.handshake import LONGEST_CLIENT_INFO, Introduction, introduction_of
from bluev_actors.daemon.request import RequestHead


def head_of(target: str, *protocols: str) -> RequestHead:
    """The head of a handshake."""
    path, _, query = target.partition("?")
    headers = tuple((b"sec-websocket-protocol", each.encode()) for each in protocols)
    return RequestHead("GET", target, path, query, headers, "1.1")


def test_a_plain_address() -> None:
    """A seed client names its session and nothing else."""
    assert introduction_of(head_of("/ws/alice")) == Introduction("alice", {}, takeover=False, protocol=None)


def test_everything_at_once() -> None:
    """Client info, takeover and sub-protocol are read from where they stand."""
    client = quote('{"name": "editor", "version": 3}')
    said = introduction_of(head_of(f"/ws/a?client={client}&takeover=1", "other, bluev.v1"))
    assert said == Introduction("a", {"name": "editor", "version": 3}, takeover=True, protocol="bluev.v1")


def test_the_server_issues_a_session() -> None:
    """Who names none gets one that nobody else has."""
    one, two = introduction_of(head_of("/ws")), introduction_of(head_of("/ws"))
    assert one.session_id.startswith("session-")
    assert one.session_id != two.session_id


@pytest.mark.parametrize("text", ["", "0", "no"])
def test_takeover_has_to_be_asked_for(text: str) -> None:
    """Anything but 1 leaves the others alone."""
    assert not introduction_of(head_of(f"/ws/a?takeover={text}")).takeover


@pytest.mark.parametrize("offered", ["bluev.v2", "BLUEV.V1", "xbluev.v1"])
def test_another_protocol_is_not_answered(offered: str) -> None:
    """Only the very name is agreed on."""
    assert introduction_of(head_of("/ws/a", offered)).protocol is None


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/other", 404),
        ("/ws/", 400),
        ("/ws/a%20b", 400),
        ("/ws/" + "a" * 129, 400),
        ("/ws/a?client=nonsense", 400),
        ("/ws/a?client=[1]", 400),
        ("/ws/a?client=" + "%5B" * 100, 400),
        ("/ws/a?client=%7B%22a%22:%22" + "x" * LONGEST_CLIENT_INFO + "%22%7D", 400),
        ("/ws/a?" + "x=1&" * 100, 400),
    ],
)
def test_what_is_refused(target: str, status: int) -> None:
    """A wrong address is answered before there is a socket."""
    with pytest.raises(Refused) as caught:
        introduction_of(head_of(target))
    assert caught.value.refusal.status == status


@given(st.text(max_size=200))
def test_any_query_is_read_or_refused(query: str) -> None:
    """No query makes the handshake fail in another way."""
    with suppress(Refused):
        assert introduction_of(head_of("/ws/a?client=" + quote(query))).session_id == "a"
