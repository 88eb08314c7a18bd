"""The front door: requests, WebSockets and refusals on one stream."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.guard import Guard, Refusal, Refused
from bluev_actors.daemon.http import Check, RequestHead, Upgrade, serve_stream
from bluev_actors.daemon.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, MutableMapping

    from bluev_actors.daemon.asgi import Receive, Send

VIRTUAL_TIME = True

GET = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = b"GET /ws/a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def tell_path(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer with the path; `/boom` fails, `/slow` takes its time."""
    if scope["path"] == "/boom":
        raise ValueError("boom")
    await trio.sleep(100 if scope["path"] == "/slow" else 0)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


async def no_upgrade(head: RequestHead, stream: trio.abc.Stream) -> None:
    """Nobody asks for a WebSocket here."""
    del stream
    pytest.fail(f"upgrade of {head.target}")


@asynccontextmanager
async def served(
    *,
    upgrade: Upgrade = no_upgrade,
    limits: Limits | None = None,
    draining: bool = False,
    check: Check = lambda _head: None,
) -> AsyncGenerator[trio.abc.Stream]:
    """A client's end of a stream that is being served; the serving must end with the block."""
    near, far = trio.testing.memory_stream_pair()
    serve = partial(
        serve_stream,
        near,
        app=tell_path,
        upgrade=upgrade,
        limits=limits or Limits(),
        draining=lambda: draining,
        check=check,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        yield far
        await far.aclose()


class Client:
    """Reads answers with h11's other side."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def ask(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """Send a request, and return status and body of its answer."""
        request = h11.Request(method=method, target=path, headers=[("Host", "localhost")])
        await self.stream.send_all((self._h11.send(request) or b"") + (self._h11.send(h11.EndOfMessage()) or b""))
        answer = await self.answer()
        self._h11.start_next_cycle()
        return answer

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        status, body = 0, b""
        while not isinstance(event := self._h11.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                self._h11.receive_data(bytes(await self.stream.receive_some()))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
        return status, body


async def read_all(stream: trio.abc.Stream) -> bytes:
    """Everything to the end."""
    data = b""
    while piece := await stream.receive_some():
        data += piece
    return data


async def test_many_requests_on_one_stream() -> None:
    """One after the other, a crash among them harming none of the others."""
    async with served() as stream:
        client = Client(stream)
        assert await client.ask("/a") == (200, b"/a")
        assert (await client.ask("/boom"))[0] == 500
        assert await client.ask("/b", "POST") == (200, b"/b")


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    """All of them, although they came in one piece."""
    async with served() as stream:
        await stream.send_all(b"".join(GET % b"%d" % number for number in range(20)))
        await stream.send_all(b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answers = (await read_all(stream)).split(b"HTTP/1.1 200 OK")[1:]
    paths = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert paths == [b"/%d" % number for number in range(20)] + [b"/last"]


async def test_a_websocket_can_follow_requests() -> None:
    """On the same stream, as a proxy that keeps connections alive may do; every byte arrives."""
    upgraded: list[tuple[str, bytes]] = []

    async def upgrade(head: RequestHead, stream: trio.abc.Stream) -> None:
        upgraded.append((head.path, bytes(await stream.receive_some())))
        await stream.send_all(b"switched " + bytes(await stream.receive_some()))

    async with served(upgrade=upgrade) as stream:
        assert await Client(stream).ask("/a") == (200, b"/a")
        await stream.send_all(UPGRADE + b"early")
        assert await read_all(stream) == b"switched early"
    assert upgraded == [("/ws/a", UPGRADE)]


async def test_an_upgrade_can_be_refused_over_http() -> None:
    """As long as the stream has not been used."""

    async def upgrade(_head: RequestHead, _stream: trio.abc.Stream) -> None:
        await trio.lowlevel.checkpoint()
        raise Refused(Refusal(400, "bad_session_id", "No."))

    async with served(upgrade=upgrade) as stream:
        await stream.send_all(UPGRADE)
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"code":"bad_session_id","message":"No."}')


@pytest.mark.parametrize("request_", [GET % b"", UPGRADE])
async def test_what_the_check_refuses_goes_no_further(request_: bytes) -> None:
    """Neither a request nor a WebSocket (T1, T2)."""
    async with served(check=Guard().refusal) as stream:
        await stream.send_all(request_.replace(b"localhost", b"evil.example"))
        assert (await read_all(stream)).startswith(b"HTTP/1.1 421 ")
    async with served(check=Guard().refusal) as stream:
        await stream.send_all(request_[:-2] + b"Origin: http://evil.example\r\n\r\n")
        assert (await read_all(stream)).startswith(b"HTTP/1.1 403 ")


async def test_a_forged_form_goes_no_further() -> None:
    """It is not JSON (T3)."""
    async with served(check=Guard().refusal) as stream:
        form = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"
        await stream.send_all(form)
        assert (await read_all(stream)).startswith(b"HTTP/1.1 415 ")


async def test_a_malformed_request_is_answered_and_ends_the_stream() -> None:
    """With the status that fits, in JSON."""
    async with served() as stream:
        await stream.send_all(b"nonsense\r\n\r\n" + GET % b"")
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"code":"bad_request"' in answer
    assert answer.count(b"HTTP/1.1 400") == answer.count(b"\r\n\r\n") == 1


async def test_while_draining_the_present_request_is_the_last() -> None:
    """It is answered, and the stream ends."""
    async with served(draining=True) as stream:
        await stream.send_all(GET % b"a" + GET % b"b")
        answer = await read_all(stream)
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert b"connection: close" in answer.lower()


async def test_slow_requests_are_cut_off() -> None:
    """Two hundred at once, each by a byte a second, are all gone after the head's time (T12)."""

    async def drip(stream: trio.abc.Stream) -> None:
        for byte in GET % b"":
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
        pytest.fail("nobody stopped it")

    async def attack() -> None:
        async with served() as stream, trio.open_nursery() as nursery:
            nursery.start_soon(drip, stream)
            assert (await read_all(stream)).startswith(b"HTTP/1.1 408 ")
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(attack)
    assert trio.current_time() <= 10 + 2


async def test_a_cancel_ends_it_at_once() -> None:
    """And the stream is closed."""
    async with trio.open_nursery() as nursery:
        near, far = trio.testing.memory_stream_pair()
        nursery.start_soon(partial(serve_stream, near, app=tell_path, upgrade=no_upgrade, limits=Limits()))
        await far.send_all(GET % b"slow")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert await far.receive_some() == b""


async def test_an_exception_of_the_upgrade_comes_out_as_it_is() -> None:
    """The supervisor shall see it; the stream is closed before."""

    async def upgrade(_head: RequestHead, _stream: trio.abc.Stream) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError("a bug")

    near, far = trio.testing.memory_stream_pair()
    await far.send_all(UPGRADE)
    with pytest.raises(KeyError):
        await serve_stream(near, app=tell_path, upgrade=upgrade, limits=Limits())
    assert await far.receive_some() == b""


@given(st.binary(max_size=300), st.sampled_from([b"", GET % b"a", GET % b"a" + UPGRADE[:60]]))
async def test_garbage_ends_in_time(garbage: bytes, before: bytes) -> None:
    """Whatever comes, the stream is answered or closed, and nothing gets out."""
    near, far = trio.testing.memory_stream_pair()
    await far.send_all(before + garbage)
    await far.aclose()
    with trio.fail_after(200):
        await serve_stream(near, app=tell_path, upgrade=no_upgrade, limits=Limits(), check=_no_websocket)


def _no_websocket(head: RequestHead) -> Refusal | None:
    return Refusal(404, "not_found", "No.") if head.wants_websocket else None
