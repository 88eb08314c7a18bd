"""Who may talk to the daemon: DNS rebinding (T2), hijacked sockets (T1) and forged requests (T3) are kept out."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.guard import (
    Authority,
    Guard,
    Refused,
    content_refusal,
    parse_authority,
    parse_origin,
    session_id_of,
)
from bluev_actors.daemon.request import RequestHead


def head(method: str = "GET", target: str = "/api/runs", **headers: str | None) -> RequestHead:
    """A request's head, called by `localhost:8765` if nothing else is said."""
    fields = {"host": "localhost:8765", **headers}
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items() if value is not None]
    return RequestHead(method, target, target, "", tuple(sent), "1.1")


def status(guard: Guard, request: RequestHead) -> int | None:
    """With which status a request is refused."""
    refusal = guard.refusal(request)
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8765",
        "LocalHost:1",
        "localhost.",
        "127.0.0.1:8765",
        "[::1]",
        "[::1]:8765",
        "[0:0::1]:80",
    ],
)
def test_loopback_names_are_ours(host: str) -> None:
    """In every spelling, with any port: a forwarded port is not a foreign name."""
    assert status(Guard(), head(host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "[::2]:8765",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "localhost:port",
        "localhost@evil.example",
        "evil.example, localhost",
        "[::1",
        "::1",
        "2130706433",
        "",
    ],
)
def test_foreign_names_are_misdirected(host: str) -> None:
    """A name that was made to resolve to this machine is still not ours."""
    assert status(Guard(), head(host=host)) == 421


def test_more_names_can_be_ours() -> None:
    """The address that is listened on, and what the operator adds, with or without port and brackets."""
    guard = Guard(hosts=["192.168.1.5", "Flows.Example:8765", "fe80::1"])
    allowed = ["192.168.1.5:8765", "flows.example", "[fe80::1]:8765", "localhost"]
    assert [status(guard, head(host=host)) for host in allowed] == [None] * 4
    assert status(guard, head(host="other.example")) == 421


def test_on_all_addresses_every_address_is_ours_but_no_name() -> None:
    """Rebinding works by names; an address in Host is where the browser really went."""
    guard = Guard(any_address=True)
    assert status(guard, head(host="10.0.0.7:8765")) is None
    assert status(guard, head(host="evil.example")) == 421


def test_the_name_in_an_absolute_target_counts() -> None:
    """A proxy-like request cannot smuggle a foreign name past a good Host."""
    assert status(Guard(), head(target="http://evil.example/api/runs")) == 421


def test_a_missing_host_passes() -> None:
    """No browser leaves it out, and old health checks do."""
    assert status(Guard(), head(host=None)) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8765"),
        ("http://localhost:8765", "localhost:8765"),
        ("HTTP://LOCALHOST:8765", "localhost:8765"),
        ("http://127.0.0.1:8765", "127.0.0.1:8765"),
        ("http://[::1]:8765", "[::1]:8765"),
        ("http://[0:0:0::1]:8765", "[::1]:8765"),
        ("http://localhost", "localhost"),
        ("http://localhost:80", "localhost"),
        ("https://localhost", "localhost:443"),
        ("http://localhost:5173", "localhost:8765"),
    ],
)
def test_our_own_pages_and_those_listed_may_come(origin: str | None, host: str) -> None:
    """Same name and port in whatever spelling, what the operator lists, and whoever is no page."""
    assert status(Guard(origins=["http://localhost:5173"]), head(origin=origin, host=host)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost",
        "http://localhost:8766",
        "https://localhost",
        "http://localhost:8765.evil.example",
        "http://localhost.evil.example:8765",
        "http://evil.example/localhost:8765",
        "http://localhost:8765/",
        "http://localhost:8765@evil.example",
        "http://evil.example#localhost:8765",
        "http://127.0.0.1:8765",
        "http://[::1]:8765",
        "file://localhost:8765",
        "localhost:8765",
        "null",
        "",
        "http://localhost:8765 http://evil.example",
    ],
)
def test_foreign_pages_may_not_come(origin: str) -> None:
    """Another host, another port, `null`, a suffix trick, another scheme, and whatever cannot be read."""
    assert status(Guard(), head(origin=origin)) == 403


def test_two_origins_are_one_too_many() -> None:
    """Only a liar sends two."""
    request = head(origin="http://localhost:8765")
    doubled = RequestHead("GET", "/", "/", "", (*request.headers, request.headers[-1]), "1.1")
    assert status(Guard(), doubled) == 403


def test_an_origin_without_a_host_to_compare_is_foreign() -> None:
    """Unless it is listed."""
    assert status(Guard(), head(host=None, origin="http://localhost:8765")) == 403
    assert status(Guard(origins=["http://a:1"]), head(host=None, origin="http://a:1")) is None


def test_a_listed_origin_that_cannot_be_read_allows_nothing() -> None:
    """Least of all the pages whose origin cannot be read either."""
    assert status(Guard(origins=["null", ""]), head(origin="null")) == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("content_type", "length", "refused"),
    [
        ("application/json", "5", False),
        ("Application/JSON; charset=utf-8", "5", False),
        (None, None, False),
        (None, "0", False),
        (None, "5", True),
        ("text/plain", "5", True),
        ("text/plain", None, True),
        ("application/x-www-form-urlencoded", "5", True),
        ("multipart/form-data; boundary=application/json", "5", True),
        ("application/json-seq", "5", True),
        ("", "5", True),
    ],
)
def test_what_changes_something_must_be_json(
    method: str, content_type: str | None, length: str | None, refused: bool
) -> None:
    """A page can send a form or plain text anywhere without asking; JSON it cannot."""
    refusal = content_refusal(head(method, content_type=content_type, content_length=length))
    assert (refusal.status if refusal else None) == (415 if refused else None)


def test_reading_needs_no_content_type() -> None:
    """A GET with a strange one is only strange."""
    assert status(Guard(), head(content_type="text/plain")) is None


@given(st.text(string.ascii_letters + string.digits + "._~-", min_size=1, max_size=128))
def test_a_session_id_is_what_stands_in_the_path(session_id: str) -> None:
    """Every character that is allowed is kept as it is, percent-encoded or not."""
    encoded = "".join(f"%{ord(character):02x}" for character in session_id)
    assert session_id_of(f"/ws/{session_id}") == session_id_of(f"/ws/{encoded}") == session_id


def test_without_a_session_id_the_server_issues_one() -> None:
    """At `/ws`, and only there."""
    assert session_id_of("/ws") is None


@pytest.mark.parametrize(
    "path",
    [
        "/ws/",
        "/ws/a/b",
        "/ws/a%2Fb",
        "/ws/a%20b",
        "/ws/%C3%A9",
        "/ws/%FF",
        "/ws/a%00",
        "/ws/a%0A",
        "/ws/" + "a" * 129,
        "/ws/%2561",
    ],
)
def test_a_bad_session_id_is_a_bad_request(path: str) -> None:
    """What breaks the rule after one decoding is refused; it is not decoded again."""
    with pytest.raises(Refused) as refused:
        session_id_of(path)
    assert refused.value.refusal.status == 400


@pytest.mark.parametrize("path", ["/", "/socket", "/wsx", "/WS/a", "ws"])
def test_a_socket_elsewhere_is_not_found(path: str) -> None:
    """There is one address for it."""
    with pytest.raises(Refused) as refused:
        session_id_of(path)
    assert refused.value.refusal.status == 404


@given(st.text())
def test_any_text_is_an_authority_or_none(text: str) -> None:
    """Reading never fails, and what is read has a host."""
    for parsed in (parse_authority(text), (parse_origin(text) or (None, None))[1]):
        assert parsed is None or parsed.host


def test_default_ports_are_filled_in() -> None:
    """So that two spellings of one origin are equal."""
    assert parse_origin("https://a") == ("https", Authority("a", 443))
