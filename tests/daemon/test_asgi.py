"""One request through an ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
import trio.testing

from bluev_actors.daemon.asgi import ASGIApp, Message, Receive, Send, log_crash, run_app, scope_of
from bluev_actors.daemon.http_stream import HttpStream
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.request import RequestHead

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

VIRTUAL_TIME = True


def app(talk: Callable[[Receive, Send], Awaitable[None]]) -> ASGIApp:
    """An application that does not care what it is asked."""

    async def answer(_scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await talk(receive, send)

    return answer


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    """The beginning of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    """A piece of its body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


async def exchange(
    application: ASGIApp, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", limits: Limits | None = None
) -> tuple[list[bytes], HttpStream]:
    """Run one request; every write of its answer."""
    near, far = trio.testing.memory_stream_pair()
    door = HttpStream(near, limits or Limits(), lambda: False)
    await far.send_all(request)
    head = await door.read_head()
    assert head is not None
    writes: list[bytes] = []

    async def read() -> None:
        while piece := await far.receive_some():
            writes.append(bytes(piece))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await run_app(application, door, head)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return writes, door


async def small(receive: Receive, send: Send) -> None:
    """Answer with what was asked."""
    data = b""
    while True:
        message = await receive()
        data += message["body"]
        if not message["more_body"]:
            break
    await send(start(200, (b"content-type", b"text/plain")))
    await send(body(b"<" + data + b">"))


def test_the_scope_says_what_was_asked() -> None:
    """The path decoded and as it was, the query as it was."""
    headers = ((b"host", b"x"), (b"x-a", b"1"))
    head = RequestHead("PUT", "/a%20b/%C3%A9?x=%20", "/a%20b/%C3%A9", "x=%20", headers, "1.1")
    scope = scope_of(head, ("127.0.0.1", 7))
    assert scope["type"] == "http"
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("PUT", "/a b/\u00e9", b"/a%20b/%C3%A9")
    assert (scope["query_string"], scope["headers"]) == (b"x=%20", list(headers))
    assert (scope["client"], scope["http_version"], scope["root_path"]) == (("127.0.0.1", 7), "1.1", "")


async def test_a_small_answer_is_one_write_and_says_its_length() -> None:
    """However the application puts it."""
    writes, door = await exchange(app(small), b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
    assert len(writes) == 1
    assert writes[0].endswith(b"\r\n\r\n<hi>")
    assert b"content-length: 4\r\n" in writes[0].lower()
    assert door.answered


async def test_a_streamed_answer_goes_out_as_it_comes() -> None:
    """In chunks, each at once."""

    async def stream(_receive: Receive, send: Send) -> None:
        await send(start())
        for piece in (b"one", b"two"):
            await send(body(piece, more=True))
            await trio.sleep(1)
        await send(body())

    writes, door = await exchange(app(stream))
    assert len(writes) == 3
    assert writes[0].endswith(b"\r\n\r\n3\r\none\r\n")
    assert writes[1:] == [b"3\r\ntwo\r\n", b"0\r\n\r\n"]
    assert door.answered


async def test_an_answer_to_head_has_no_body() -> None:
    """But its length."""
    writes, door = await exchange(app(small), b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"content-length: 2\r\n" in writes[0].lower()
    assert writes[0].endswith(b"\r\n\r\n")
    assert door.answered


@pytest.mark.parametrize("status", [204, 304])
async def test_some_answers_have_no_length_to_say(status: int) -> None:
    """Because they can have no body."""

    async def nothing(_receive: Receive, send: Send) -> None:
        await send(start(status))
        await send(body())

    writes, door = await exchange(app(nothing))
    assert b"content-length" not in writes[0].lower()
    assert door.answered


async def test_the_applications_own_length_is_kept() -> None:
    """It is said once."""

    async def own(_receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"1")))
        await send(body(b"x"))

    writes, _ = await exchange(app(own))
    assert writes[0].lower().count(b"content-length") == 1


# --- crashes ----------------------------------------------------------------------------------------------


async def test_an_exception_becomes_a_500_with_an_error_id(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the id, the log has the rest, the query stays out of both."""

    async def fail(_receive: Receive, send: Send) -> None:
        await send(start())
        raise ValueError("secret detail")

    writes, door = await exchange(app(fail), b"GET /a%0Ab?token=x HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = orjson.loads(writes[0].partition(b"\r\n\r\n")[2])
    assert writes[0].startswith(b"HTTP/1.1 500 ")
    assert (answer["code"], door.answered) == ("internal_error", True)
    assert "secret" not in str(answer)
    assert f"GET '/a%0Ab' failed, error_id={answer['error_id']}" in caplog.text
    assert "secret detail" in caplog.text
    assert "token" not in caplog.text


async def test_an_exception_in_the_midst_of_an_answer_cuts_it_short(caplog: pytest.LogCaptureFixture) -> None:
    """The client can tell, for the last chunk is missing; and the log has a line."""

    async def fail(_receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"half", more=True))
        raise ValueError("late")

    writes, door = await exchange(app(fail))
    assert b"".join(writes).endswith(b"half\r\n")
    assert not door.answered
    assert not await door.next_request()
    assert "error_id=" in caplog.text


async def test_an_exception_after_the_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """As of a framework that answers by itself and raises again."""

    async def fail(receive: Receive, send: Send) -> None:
        await small(receive, send)
        raise ValueError("afterwards")

    writes, door = await exchange(app(fail))
    assert len(writes) == 1
    assert writes[0].startswith(b"HTTP/1.1 200 ")
    assert door.answered
    assert "afterwards" in caplog.text


async def test_the_same_exception_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """An application that has reported it already has told the id that the log knows."""
    error = ValueError("x")
    assert log_crash("GET", "/", error) == log_crash("GET", "/", error)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("messages", [[], [start()], [start(), body(b"x", more=True)]])
async def test_an_answer_without_an_end_is_a_crash(messages: list[Message], caplog: pytest.LogCaptureFixture) -> None:
    """An application that just returns has made a mistake."""

    async def fail(_receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    writes, _ = await exchange(app(fail))
    assert writes[0].startswith(b"HTTP/1.1 200" if len(messages) == 2 else b"HTTP/1.1 500")
    assert "without a complete answer" in caplog.text


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "websocket.accept"}],
        [start(200, (b"bad name", b"x"))],
        [start(200, (b"content-length", b"1")), body(b"xx")],
        [start(), body(b"x"), body(b"y")],
    ],
)
async def test_what_is_no_answer_is_a_crash(messages: list[Message], caplog: pytest.LogCaptureFixture) -> None:
    """And the application learns it by an exception."""

    async def fail(_receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    await exchange(app(fail))
    assert "error_id=" in caplog.text


# --- clients that leave, or ask for too much --------------------------------------------------------------


async def test_the_application_learns_that_the_client_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    """By a message, and by an exception if it goes on sending; neither is a crash."""
    near, far = trio.testing.memory_stream_pair()
    door = HttpStream(near, Limits(), lambda: False)
    await far.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await door.read_head()
    assert head is not None
    heard: list[str] = []

    async def follow(receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        await send(start())
        await send(body(b"x", more=True))
        nursery.start_soon(far.aclose)
        heard.append((await receive())["type"])
        with pytest.raises(OSError, match="gone"):
            await send(body(b"y", more=True))
        raise RuntimeError("as an application may")

    async with trio.open_nursery() as nursery:
        await run_app(app(follow), door, head)
    assert heard == ["http.request", "http.disconnect"]
    assert caplog.text == ""


async def test_a_client_that_breaks_off_while_it_is_answered() -> None:
    """The failed write is an `OSError`, as ASGI has it."""
    near, far = trio.testing.memory_stream_pair()
    door = HttpStream(near, Limits(), lambda: False)
    await far.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await door.read_head()
    assert head is not None
    await far.aclose()
    failed: list[bool] = []

    async def stream(_receive: Receive, send: Send) -> None:
        await send(start())
        with pytest.raises(OSError, match="gone"):
            await send(body(b"x"))
        failed.append(True)

    await run_app(app(stream), door, head)
    assert failed == [True]


async def test_a_broken_stream_is_a_client_that_has_gone() -> None:
    """Also while its body is read."""
    near, far = trio.testing.memory_stream_pair()
    door = HttpStream(near, Limits(), lambda: False)
    await far.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    head = await door.read_head()
    assert head is not None
    await near.aclose()
    heard: list[str] = []

    async def read(receive: Receive, _send: Send) -> None:
        heard.append((await receive())["type"])

    await run_app(app(read), door, head)
    assert heard == ["http.disconnect"]


async def test_a_body_beyond_its_limits_is_refused_under_the_application() -> None:
    """It hears that the client has gone, whatever it then says is dropped, and the client gets the 413."""
    request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    heard: list[str] = []

    async def read(receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        await send(start(500))

    writes, door = await exchange(app(read), request, Limits(body_size=4))
    assert heard == ["http.disconnect"]
    assert writes[0].startswith(b"HTTP/1.1 413 ")
    assert (len(writes), door.abandoned) == (1, True)
