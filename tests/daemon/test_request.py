"""The head of a request."""

from __future__ import annotations

import h11
import pytest

from bluev_actors.daemon.guard import Refused
from bluev_actors.daemon.request import RequestHead


def head(target: str = "/", method: str = "GET", **headers: str) -> RequestHead:
    """A request's head; underscores in names of headers stand for hyphens."""
    fields = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return RequestHead.read(h11.Request(method=method, target=target, headers=list(fields.items())))


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a/b?x=1&y=%20", "/a/b", "x=1&y=%20"),
        ("/a?b?c", "/a", "b?c"),
        ("//evil.example/a", "//evil.example/a", ""),
        ("/%2e%2e/x", "/%2e%2e/x", ""),
        ("http://localhost:1/a?b", "/a", "b"),
        ("HTTPS://localhost", "/", ""),
        ("*", "*", ""),
    ],
)
def test_path_and_query_of_a_target(target: str, path: str, query: str) -> None:
    """They are cut out of the target and left as they were sent."""
    assert (head(target).path, head(target).query) == (path, query)


@pytest.mark.parametrize("target", ["a", "ftp://x/y", "http://", "http://[::1/", "localhost:80", "?x"])
def test_a_target_that_is_no_path_is_refused(target: str) -> None:
    """What no rule covers is not guessed at."""
    with pytest.raises(Refused) as refused:
        head(target)
    assert refused.value.refusal.status == 400


def test_headers_are_found_by_any_spelling_of_their_name() -> None:
    """And a header sent twice has two values."""
    request = h11.Request(method="GET", target="/", headers=[("Host", "x"), ("X-A", "1"), ("x-a", "2")])
    sent = RequestHead.read(request)
    assert (sent.header("X-a"), sent.values("x-A"), sent.header("other")) == ("1", ["1", "2"], None)


def test_the_authority_of_an_absolute_target_beats_the_host_header() -> None:
    """So a foreign name cannot hide behind a Host that we know (RFC 9112, 3.2.2)."""
    assert head("http://evil.example/a").authority == "evil.example"
    assert head("/a").authority == "localhost"
    assert head("*").authority == "localhost"


def test_http_1_0_needs_no_host() -> None:
    """Then there is no authority either."""
    request = h11.Request(method="GET", target="/", headers=[], http_version="1.0")
    assert RequestHead.read(request).authority is None


@pytest.mark.parametrize(
    ("headers", "has_body"),
    [
        ({}, False),
        ({"content_length": "0"}, False),
        ({"content_length": "7"}, True),
        ({"transfer_encoding": "chunked"}, True),
    ],
)
def test_whether_a_body_follows(headers: dict[str, str], has_body: bool) -> None:
    """By its length or in chunks."""
    assert head(**headers).has_body is has_body


@pytest.mark.parametrize(
    ("upgrade", "connection", "wants"),
    [
        ("websocket", "Upgrade", True),
        ("WebSocket", "keep-alive, upgrade", True),
        ("h2c", "upgrade", False),
        ("websocket", "keep-alive", False),
        ("websockets", "upgrade", False),
    ],
)
def test_who_wants_a_websocket(upgrade: str, connection: str, wants: bool) -> None:
    """Both headers have to say so, in whatever case and company."""
    assert head(upgrade=upgrade, connection=connection).wants_websocket is wants


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0"])
def test_other_versions_are_refused(version: str) -> None:
    """They promise things that nobody here keeps, and need not even name a host."""
    with pytest.raises(Refused) as refused:
        RequestHead.read(h11.Request(method="GET", target="/", headers=[("Host", "x")], http_version=version))
    assert refused.value.refusal.status == 505
