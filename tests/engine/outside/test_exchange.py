from __future__ import annotations

import gzip
import ssl
import zlib
from functools import cache
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest
import trio

from bluev_actors.engine.outside.exchange import SILENCE_SECONDS, exchange, origin_of
from bluev_actors.engine.outside.network import GuardedNetwork
from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpcore import SOCKET_OPTION
    from trio.testing import MockClock

    from bluev_actors.engine.outside.answer import Answer

MAX_BYTES = 100_000


@cache
def trust() -> ssl.SSLContext:
    """The usual authorities; to read them takes a while."""
    return ssl.create_default_context()


class Wire(httpcore.AsyncNetworkStream):
    """A connection to a server that has one thing to say."""

    def __init__(self, reply: bytes | Exception | None) -> None:
        self.sent = b""
        self.closed = False
        self._reply = reply

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Give the reply, break, or stay silent."""
        await trio.lowlevel.checkpoint()
        if self._reply is None:
            assert timeout is not None
            await trio.sleep(timeout)
            raise httpcore.ReadTimeout("silence")
        if isinstance(self._reply, Exception):
            raise self._reply
        piece, self._reply = self._reply[:max_bytes], self._reply[max_bytes:]
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Note what is sent."""
        assert timeout == SILENCE_SECONDS
        self.sent += buffer

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Wire:
        """Note whom TLS is to vouch for."""
        assert ssl_context.verify_mode is ssl.CERT_REQUIRED
        assert timeout is not None
        self.sent += f"TLS {server_hostname}\n".encode()
        return self

    async def aclose(self) -> None:
        """Note the end."""
        self.closed = True

    def get_extra_info(self, info: str) -> None:
        """Know nothing."""


class Web(httpcore.AsyncNetworkBackend):
    """Servers that each give one reply, in the order in which they are asked."""

    def __init__(self, *replies: bytes | Exception | None) -> None:
        self.wires: list[Wire] = []
        self.hosts: list[str] = []
        self._replies = list(replies)
        self.network = GuardedNetwork((), self._resolve, self)

    async def _resolve(self, host: str, port: int) -> list[str]:
        await trio.lowlevel.checkpoint()
        self.hosts.append(f"{host}:{port}")
        return ["127.0.0.1" if host == "inside.example" else "8.8.8.8"]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> Wire:
        """Connect to the next server."""
        del port, timeout, local_address, socket_options
        assert host == "8.8.8.8"
        self.wires.append(Wire(self._replies.pop(0)))
        return self.wires[-1]

    async def ask(self, request: httpx.Request, redirects: int = 5) -> Answer:
        """Send a request."""
        answer = await exchange(request, self.network, redirects=redirects, max_bytes=MAX_BYTES, tls=trust())
        assert all(wire.closed for wire in self.wires)
        return answer

    async def get(self, url: str = "http://example.com/", redirects: int = 5) -> Answer:
        """Ask for a page."""
        return await self.ask(httpx.Request("GET", url), redirects)


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A reply of a server, its length said."""
    lines = [f"HTTP/1.1 {status} Fine", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_an_exchange() -> None:
    """The request goes out, the answer comes in, and the connection is closed."""
    web = Web(reply(200, b"hello", Content_Type="text/plain"))
    answer = await web.get("http://example.com/a?b=c")
    assert (answer.status, answer.body, answer.origin) == (200, b"hello", "http://example.com")
    assert answer.headers == {"content-length": "5", "content-type": "text/plain"}
    assert web.wires[0].sent.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n")


async def test_tls_vouches_for_the_name() -> None:
    """Although an address is dialled, the certificate has to be the host's."""
    web = Web(reply())
    await web.get("https://example.com:8443/")
    assert web.hosts == ["example.com:8443"]
    assert web.wires[0].sent.startswith(b"TLS example.com\nGET / HTTP/1.1\r\nHost: example.com:8443\r\n")


async def test_who_is_trusted_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word about it, the authorities that everybody trusts are."""
    contexts: list[ssl.SSLContext] = []

    async def start_tls(wire: Wire, ssl_context: ssl.SSLContext, **_rest: object) -> Wire:
        await trio.lowlevel.checkpoint()
        contexts.append(ssl_context)
        return wire

    monkeypatch.setattr(Wire, "start_tls", start_tls)
    request = httpx.Request("GET", "https://example.com/")
    await exchange(request, Web(reply()).network, redirects=0, max_bytes=MAX_BYTES)
    assert contexts[0].verify_mode is ssl.CERT_REQUIRED
    assert contexts[0].check_hostname
    assert contexts[0].get_ca_certs()


# --- redirects --------------------------------------------------------------------------------------------


async def test_redirects_are_followed() -> None:
    """Relative ones as well; the last answer counts."""
    web = Web(reply(302, Location="/b"), reply(301, Location="https://other.example/c"), reply(200, b"there"))
    answer = await web.get()
    assert (answer.body, answer.origin) == (b"there", "https://other.example")
    assert web.hosts == ["example.com:80", "example.com:80", "other.example:443"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_the_inside_is_refused(status: int) -> None:
    """Each hop is looked at as the first one was."""
    web = Web(reply(status, Location="http://inside.example/latest/meta-data"), reply(200, b"secret"))
    with pytest.raises(Permanent) as caught:
        await web.get()
    assert caught.value.code == "forbidden_address"
    assert len(web.wires) == 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "//:80", "//[::g]/"])
async def test_a_redirect_leads_to_http_only(location: str) -> None:
    """Other schemes have no place here, nor has what is no URL."""
    web = Web(reply(302, Location=location), reply())
    with pytest.raises(Permanent, match="redirects to what is") as caught:
        await web.get()
    assert caught.value.code == "http_error"


async def test_there_is_an_end_of_redirects() -> None:
    """Two servers that send us to each other get tired before we do."""
    web = Web(*[reply(302, Location="/again")] * 4)
    with pytest.raises(Permanent, match="more than 3 redirects"):
        await web.get(redirects=3)


async def test_none_are_followed() -> None:
    """With 0 the redirect is the answer, and one without a target always is."""
    assert (await Web(reply(302, Location="/b")).get(redirects=0)).status == 302
    assert (await Web(reply(302)).get()).status == 302


async def test_credentials_stay_with_their_host() -> None:
    """What a request was given for one host goes to no other, whatever the header is called."""
    request = httpx.Request(
        "GET", "http://example.com/", headers={"Authorization": "s3cret", "X-Key": "s3cret", "Accept": "text/x"}
    )
    web = Web(reply(302, Location="/b"), reply(302, Location="http://u:p@other.example/c"), reply())
    await web.ask(request)
    assert [b"s3cret" in wire.sent for wire in web.wires] == [True, True, False]
    assert b"text/x" in web.wires[2].sent
    assert b"Host: other.example\r\n" in web.wires[2].sent
    assert b"uthorization" not in web.wires[2].sent


@pytest.mark.parametrize(
    ("status", "method", "body"), [(302, b"GET /b", b""), (303, b"GET /b", b""), (307, b"POST /b", b"data")]
)
async def test_what_becomes_of_a_body(status: int, method: bytes, body: bytes) -> None:
    """After 307 and 308 it goes along; after others the next request is a plain GET."""
    web = Web(reply(status, Location="/b"), reply())
    await web.ask(httpx.Request("POST", "http://example.com/", content=b"data"))
    head, _, sent = web.wires[1].sent.partition(b"\r\n\r\n")
    assert head.startswith(method)
    assert sent == body
    assert (b"Content-Length: 4" in head) is bool(body)


async def test_no_cookie_is_kept() -> None:
    """What one answer sets, the next request does not bring back."""
    web = Web(reply(302, Location="/b", Set_Cookie="id=1"), reply())
    await web.get()
    assert b"ookie" not in web.wires[1].sent


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the daemon's environment names would be a way around the guard."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    web = Web(reply())
    await web.get()
    assert web.hosts == ["example.com:80"]


# --- sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello" * 1000)),
        ("X-GZip", gzip.compress(b"hello" * 1000)),
        ("deflate", zlib.compress(b"hello" * 1000)),
        ("identity", b"hello" * 1000),
        ("br", b"hello" * 1000),
    ],
)
async def test_a_packed_body(encoding: str, packed: bytes) -> None:
    """It is unpacked where we asked for that; what we did not ask for stays as it is."""
    answer = await Web(reply(200, packed, Content_Encoding=encoding)).get()
    assert answer.body == b"hello" * 1000


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"x" * (MAX_BYTES + 1), "identity"), (gzip.compress(b"x" * 50_000_000), "gzip")]
)
async def test_a_body_has_its_limit(body: bytes, encoding: str) -> None:
    """Also one that is small until it is unpacked."""
    with pytest.raises(Permanent, match="more than 100000 bytes") as caught:
        await Web(reply(200, body, Content_Encoding=encoding)).get()
    assert caught.value.code == "too_large"


async def test_as_large_as_may_be() -> None:
    """The limit itself is no more than the limit."""
    assert len((await Web(reply(200, b"x" * MAX_BYTES)).get()).body) == MAX_BYTES


async def test_no_body_is_packed_well() -> None:
    """A server may name the packing of nothing."""
    assert (await Web(reply(204, Content_Encoding="gzip")).get()).body == b""


# --- what breaks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000,
        reply(200, gzip.compress(b"hello")[:-4], Content_Encoding="gzip"),
        reply(200, b"not packed", Content_Encoding="gzip"),
        httpcore.ReadError("reset"),
    ],
    ids=["nothing", "another protocol", "half a body", "endless head", "half packed", "not packed", "reset"],
)
async def test_a_broken_answer(broken: bytes | Exception) -> None:
    """Whatever breaks is one failure, which another attempt may mend; it names the host and nothing else of the URL."""
    with pytest.raises(NodeError, match=r"^GET http://example\.com: .+") as caught:
        await Web(broken).get("http://example.com/s3cret?key=s3cret")
    assert (caught.value.code, caught.value.retryable) == ("http_error", True)
    assert "s3cret" not in str(caught.value)


async def test_silence_has_an_end(autojump_clock: MockClock) -> None:
    """A server that takes the request and never answers is given up, for nodes without a time limit."""
    with pytest.raises(NodeError, match="silence"):
        await Web(None).get()
    assert autojump_clock.current_time() == SILENCE_SECONDS


async def test_tls_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is not trusted is told in words."""
    web = Web(reply())
    untrusted = ssl.SSLCertVerificationError("certificate verify failed")
    untrusted.verify_message = "self-signed certificate"

    async def start_tls(*_arguments: object, **_rest: object) -> None:
        await trio.lowlevel.checkpoint()
        try:
            raise untrusted
        except ssl.SSLError as error:
            raise httpcore.ConnectError from error

    monkeypatch.setattr(Wire, "start_tls", start_tls)
    with pytest.raises(NodeError, match=r"https://example\.com: self-signed"):
        await web.get("https://example.com/")


def test_origin_of() -> None:
    """What may be shown of a URL: no path, no query, no credentials."""
    assert origin_of(httpx.URL("https://u:p@example.com:8443/a?b#c")) == "https://example.com:8443"
