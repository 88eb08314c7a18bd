from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.nodes.http import LONGEST_WAIT, http_request
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.errors import InvalidWorkflowError, NodeError, Permanent, RetryAfter
from bluev_actors.workflows.params import NodeParams

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

pytestmark = pytest.mark.usefixtures("running_clock")


class Server:
    """A web server on this machine that notes what it is asked, and answers as the path is found in `replies`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.replies: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://localhost:{self.port}"

    def say(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Give this answer from now on."""
        lines = [f"HTTP/1.1 {status} Fine", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
        self.replies[path] = "\r\n".join([*lines, "", ""]).encode() + body

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one request."""
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                data += await stream.receive_some()
            head, _, body = data.partition(b"\r\n\r\n")
            line, *rest = head.decode().split("\r\n")
            headers = {name.lower(): text for name, _, text in (each.partition(": ") for each in rest)}
            while len(body) < int(headers.get("content-length", "0")):
                body += await stream.receive_some()
            self.requests.append((line.removesuffix(" HTTP/1.1"), headers, body))
            if reply := self.replies.get(line.split(" ")[1].partition("?")[0]):
                await stream.send_all(reply)
            else:
                await trio.sleep_forever()


@asynccontextmanager
async def opened() -> AsyncGenerator[Server]:
    """A server, until the test is over."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server = Server(listeners[0].socket.getsockname()[1])
        nursery.start_soon(partial(trio.serve_listeners, server.serve, listeners))
        yield server
        nursery.cancel_scope.cancel()


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    """A real server on a real socket."""
    async with opened() as server:
        yield server


def asking(attempt: type[Attempt], url: str, inputs: dict[str, Json] | None = None, **params: Json) -> Attempt:
    """A node that may ask this machine."""
    connected = params.pop("connected", ())
    it = attempt(http_request, {"url": url, **params}, inputs, connected=connected)
    it.context.outside = Outside(allowed_hosts=("localhost",), response_bytes=10_000)
    return it


async def ask(
    attempt: type[Attempt], url: str, inputs: dict[str, Json] | None = None, **params: Json
) -> dict[str, Any]:
    """What it gives."""
    return await asking(attempt, url, inputs, **params).run()


async def failure(attempt: type[Attempt], url: str, inputs: dict[str, Json] | None = None, **params: Json) -> NodeError:
    """How it fails."""
    with pytest.raises(NodeError) as caught:
        await ask(attempt, url, inputs, **params)
    return caught.value


# --- the request ------------------------------------------------------------------------------------------


async def test_a_page(attempt: type[Attempt], server: Server) -> None:
    """Status, headers, body and value come out."""
    server.say("/", 200, b'{"city": "Oslo"}', Content_Type="application/json", X_Two="a")
    assert await ask(attempt, server.url) == {
        "status": 200,
        "headers": {"content-length": "16", "content-type": "application/json", "x-two": "a"},
        "body": '{"city": "Oslo"}',
        "json": {"city": "Oslo"},
    }
    line, headers, _ = server.requests[0]
    assert line == "GET /"
    assert headers["host"] == f"localhost:{server.port}"
    assert "cookie" not in headers
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("inputs", "params", "content_type", "body"),
    [
        ({"json": {"a": [1, "é"]}}, {}, "application/json", '{"a":[1,"é"]}'.encode()),
        ({"json": False}, {}, "application/json", b"false"),
        ({"json": 1}, {"headers": {"Content-Type": "application/x"}}, "application/x", b"1"),
        ({"body": "plain é"}, {}, None, "plain é".encode()),
        ({}, {"form": {"a": "b c", "d": 1}}, "application/x-www-form-urlencoded", b"a=b+c&d=1"),
        ({"json": None}, {}, None, b""),
    ],
)
async def test_a_body(
    attempt: type[Attempt],
    server: Server,
    inputs: dict[str, Json],
    params: dict[str, Json],
    content_type: str | None,
    body: bytes,
) -> None:
    """As JSON, as text or as a form; a null is no body."""
    server.say("/")
    await ask(attempt, server.url, inputs, method="POST", **params)
    line, headers, sent = server.requests[0]
    assert (line, headers.get("content-type"), sent) == ("POST /", content_type, body)


async def test_one_body_only(attempt: type[Attempt]) -> None:
    """Two are a slip."""
    error = await failure(attempt, "http://localhost", {"json": 1, "body": "x"}, method="POST")
    assert (error.code, str(error)) == ("invalid_input", "http_request: json and body are given, and there is one body")


async def test_a_query(attempt: type[Attempt], server: Server) -> None:
    """It is added to what the URL has, and kept from breaking it."""
    server.say("/x")
    await ask(attempt, f"{server.url}/x?a=1", query={"b": "c&d=e", "f": [1, 2], "g": True})
    assert server.requests[0][0] == "GET /x?a=1&b=c%26d%3De&f=1&f=2&g=true"


async def test_headers(attempt: type[Attempt], server: Server) -> None:
    """Those of the node go before ours, whatever their case."""
    server.say("/")
    await ask(attempt, server.url, headers={"ACCEPT": "text/x", "X-Key": "a\tb"})
    headers = server.requests[0][1]
    assert (headers["accept"], headers["x-key"], headers["user-agent"]) == ("text/x", "a\tb", "bluev-actors")


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "s3cret\r\nHost: inside"},
        {"X": "s3cret\nX: y"},
        {"X": "s3cret\0"},
        {"X": "s3crét"},
        {"X: y\r\nZ": "s3cret"},
        {"": "s3cret"},
        {"Host": "s3cret"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Proxy-Authorization": "s3cret"},
        {"X": 1},
    ],
)
def test_no_header_breaks_out(headers: dict[str, Json]) -> None:
    """Line breaks, framing and another host are refused before the run, and the value is not repeated."""
    with pytest.raises(InvalidWorkflowError) as caught:
        NodeParams.compile({"url": "http://localhost", "headers": headers}, http_request.kind)
    assert "s3cret" not in caught.value.problems[0].message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "file:///etc/passwd",
        "ftp://localhost/",
        "http://",
        "http://[",
        "http:///x",
        "http://a b/",
        "ws://x",
    ],
)
async def test_what_is_no_url(attempt: type[Attempt], url: str) -> None:
    """Only the web is asked, and only by a whole URL."""
    assert (await failure(attempt, url)).code in ("invalid_param", "http_error")


async def test_credentials_do_not_stand_in_urls(attempt: type[Attempt]) -> None:
    """They would show in too many places."""
    error = await failure(attempt, "http://ada:s3cret@localhost/")
    assert error.code == "invalid_param"
    assert "s3cret" not in str(error)


# --- the answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "http_4xx", False),
        (404, "http_4xx", False),
        (408, "http_4xx", True),
        (425, "http_4xx", True),
        (429, "http_4xx", True),
        (500, "http_5xx", True),
        (503, "http_5xx", True),
        (599, "http_5xx", True),
    ],
)
async def test_a_status_that_is_a_failure(
    attempt: type[Attempt], server: Server, status: int, code: str, *, retryable: bool
) -> None:
    """Its code says whose fault it is; what may pass is tried again. Nothing of the URL shows but the host."""
    server.say("/s3cret", status, b"no  such\ncity")
    error = await failure(attempt, f"{server.url}/s3cret?key=s3cret", headers={"x": "s3cret"})
    assert (error.code, error.retryable) == (code, retryable)
    assert str(error).startswith(f"GET {server.url} answers {status}")
    assert str(error).endswith(": no such city")
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [(429, "30", 30.0), (503, "0", 0.0), (503, "999999", LONGEST_WAIT), (503, "soon", None), (404, "30", None)],
)
async def test_a_server_that_asks_for_time(
    attempt: type[Attempt], server: Server, status: int, asked: str, seconds: float | None
) -> None:
    """The next attempt waits as long, within reason; the code stays that of the status."""
    server.say("/", status, Retry_After=asked)
    error = await failure(attempt, server.url)
    assert error.code == ("http_4xx" if status < 500 else "http_5xx")
    assert (error.seconds if isinstance(error, RetryAfter) else None) == seconds


@pytest.mark.parametrize(
    ("ok_status", "status", "ok"), [([404], 404, True), ([201], 200, False), ([200, 500], 500, True)]
)
async def test_what_counts_as_well(
    attempt: type[Attempt], server: Server, ok_status: list[Json], status: int, *, ok: bool
) -> None:
    """The node may say itself which statuses are no failure; then all others are."""
    server.say("/", status)
    if ok:
        assert (await ask(attempt, server.url, ok_status=ok_status))["status"] == status
    else:
        assert (await failure(attempt, server.url, ok_status=ok_status)).code == "http_4xx"


@pytest.mark.parametrize(
    ("body", "content_type", "connected", "value"),
    [
        (b"[1]", "text/plain", (), None),
        (b"[1]", "text/plain", ("json",), [1]),
        (b"[1]", "application/x+json", (), [1]),
        (b"nonsense", "application/json", (), None),
        (b"", "application/json", ("json",), None),
    ],
)
async def test_the_value(
    attempt: type[Attempt], server: Server, body: bytes, content_type: str, connected: tuple[str, ...], value: Json
) -> None:
    """It is read where the answer calls itself JSON, or where the value is wanted."""
    server.say("/", 200, body, Content_Type=content_type)
    assert (await ask(attempt, server.url, connected=connected))["json"] == value


async def test_a_value_that_is_wanted_and_is_none(attempt: type[Attempt], server: Server) -> None:
    """Who connects `json` cannot go on without it."""
    server.say("/", 200, b"<html>")
    error = await failure(attempt, server.url, connected=("json",))
    assert (error.code, error.retryable) == ("invalid_json", True)


async def test_bytes(attempt: type[Attempt], server: Server) -> None:
    """A picture comes as base64."""
    server.say("/", 200, b"\x89PNG\xff")
    assert (await ask(attempt, server.url, encoding="base64"))["body"] == b64encode(b"\x89PNG\xff").decode()


async def test_too_large(attempt: type[Attempt], server: Server) -> None:
    """The operator's limit holds."""
    server.say("/", 200, b"x" * 10_001)
    assert (await failure(attempt, server.url)).code == "too_large"


async def test_head(attempt: type[Attempt], server: Server) -> None:
    """It has headers and no body, although they tell of one."""
    server.replies["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    outputs = await ask(attempt, server.url, method="HEAD")
    assert (outputs["headers"], outputs["body"]) == ({"content-length": "5"}, "")


# --- the guard --------------------------------------------------------------------------------------------


async def test_this_machine_is_not_public(attempt: type[Attempt], server: Server) -> None:
    """Without a word of the operator, no address of the inside is reached, in whatever form."""
    server.say("/")
    for host in ("localhost", "127.0.0.1", "127.1", "0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0177.0.0.1"):
        it = attempt(http_request, {"url": f"http://{host}:{server.port}/"})
        with pytest.raises(Permanent) as caught:
            await it.run()
        assert caught.value.code == ("invalid_param" if host.startswith("01") else "forbidden_address")
    assert server.requests == []


async def test_a_redirect_is_looked_at(attempt: type[Attempt], server: Server) -> None:
    """A host that is allowed may not send us to one that is not."""
    server.say("/", 302, Location=f"http://127.0.0.1:{server.port}/inside")
    server.say("/inside", 200, b"s3cret")
    assert (await failure(attempt, server.url)).code == "forbidden_address"
    assert len(server.requests) == 1
    server.say("/", 302, Location="/there")
    server.say("/there", 200, b"well")
    assert (await ask(attempt, server.url))["body"] == "well"
    assert (await ask(attempt, server.url, max_redirects=0))["status"] == 302


async def test_nobody_is_there(attempt: type[Attempt], server: Server) -> None:
    """A port where nobody listens is a failure that may pass."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    error = await failure(attempt, f"http://localhost:{port}/")
    assert (error.code, error.retryable) == ("http_error", True)
    assert server.requests == []


# --- its life ---------------------------------------------------------------------------------------------


async def test_a_cancel_is_at_once(attempt: type[Attempt], server: Server) -> None:
    """A server that never answers holds nobody."""
    with trio.move_on_after(0.2) as scope:
        await ask(attempt, f"{server.url}/silence")
    assert scope.cancelled_caught
    assert len(server.requests) == 1


@pytest.mark.parametrize(("method", "pausable"), [("GET", True), ("HEAD", True), ("OPTIONS", True), ("POST", False)])
async def test_what_a_pause_may_cut_short(
    attempt: type[Attempt], server: Server, method: str, *, pausable: bool
) -> None:
    """A request that changes nothing may be sent again; others end first."""
    server.say("/")
    it = asking(attempt, server.url, method=method)
    assert not it.context.pausable
    await it.run()
    assert it.context.pausable is pausable


def test_nothing_heavy_is_loaded() -> None:
    """A daemon that never asks a server does not pay for the library that does."""
    code = "import sys, bluev_actors.engine.nodes.http; print([m for m in ('httpx', 'httpcore') if m in sys.modules])"
    argv = [sys.executable, "-c", code]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True)  # noqa: S603 - our own code
    assert shown.stdout == "[]\n"


def test_the_examples_can_be_read() -> None:
    """Their params are those of the kind."""
    for example in http_request.kind.examples:
        for node in example["nodes"]:
            if node["type"] == "http_request":
                NodeParams.compile(node["params"], http_request.kind)
                assert json.dumps(node)


def test_it_is_off_until_allowed() -> None:
    """It is outside, and has a code for each of its failures."""
    assert http_request.kind.outside
    codes = {"http_4xx", "http_5xx", "http_error", "invalid_json", "too_large", "forbidden_address"}
    assert {failure.code for failure in http_request.kind.failures} == codes
