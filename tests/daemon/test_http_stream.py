"""One stream that speaks HTTP/1.1, and the limits on everything that a peer could do without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.guard import Refusal, Refused
from bluev_actors.daemon.http_stream import READ_AHEAD, HttpStream
from bluev_actors.daemon.limits import Limits

if TYPE_CHECKING:
    from bluev_actors.daemon.request import RequestHead

VIRTUAL_TIME = True

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, *headers: bytes) -> bytes:
    """A request with a body of known length."""
    lines = (b"POST /a HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def door(limits: Limits | None = None, *, draining: bool = False) -> tuple[HttpStream, trio.abc.Stream]:
    """A stream that speaks HTTP, and its peer's end."""
    near, far = trio.testing.memory_stream_pair()
    return HttpStream(near, limits or Limits(), lambda: draining), far


async def read_head(stream: HttpStream) -> RequestHead:
    """A head that must be there."""
    head = await stream.read_head()
    assert head is not None
    return head


async def read_body(stream: HttpStream) -> bytes:
    """The whole body."""
    body = b""
    while piece := await stream.read_body():
        body += piece
    return body


async def refused(stream: HttpStream) -> Refusal:
    """Why the next head is refused."""
    with pytest.raises(Refused) as error:
        await stream.read_head()
    return error.value.refusal


async def answer(stream: HttpStream, body: bytes = b"ok") -> None:
    """Answer the present request."""
    head = stream.response(200, [(b"content-length", b"%d" % len(body))])
    await stream.send(head, h11.Data(data=body), h11.EndOfMessage())


# --- heads ------------------------------------------------------------------------------------------------


@given(st.integers(1, 40))
async def test_a_head_may_come_in_any_pieces(step: int) -> None:
    """And is given on with the bytes that it was."""
    stream, far = door()
    for at in range(0, len(GET), step):
        await far.send_all(GET[at : at + step])
    head = await read_head(stream)
    assert (head.method, head.path, head.raw) == ("GET", "/a", GET)


async def test_the_bytes_of_a_head_end_where_the_body_begins() -> None:
    """Whoever gets the stream gets every byte once."""
    stream, far = door()
    request = post(b"body")
    await far.send_all(request)
    head = await read_head(stream)
    assert head.raw == request[:-4]
    replay = stream.hand_over(head)
    assert [await replay.receive_some(), await replay.receive_some()] == [head.raw, b"body"]


async def test_nothing_more_to_ask() -> None:
    """A peer that ends its side before a request is done, not wrong."""
    stream, far = door()
    await far.aclose()
    assert await stream.read_head() is None


@pytest.mark.parametrize(("extra", "status"), [(0, None), (1, 431)])
async def test_a_head_at_the_limit_and_one_byte_past_it(extra: int, status: int | None) -> None:
    """Even when it comes in one read."""
    stream, far = door(Limits(head_size=100))
    frame = b"GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n"
    await far.send_all(frame % (b"x" * (100 - len(frame) + 2 + extra)))
    if status is None:
        assert len((await read_head(stream)).raw) == 100
    else:
        assert (await refused(stream)).status == status


async def test_a_head_without_end_is_too_large() -> None:
    """Before it ends."""
    stream, far = door(Limits(head_size=100))
    await far.send_all(b"GET /" + b"x" * 200)
    assert await refused(stream) == Refusal(431, "too_large", (await _message(GET[:5] + b"x" * 200)))


async def _message(data: bytes) -> str:
    stream, far = door(Limits(head_size=100))
    await far.send_all(data)
    return (await refused(stream)).message


async def test_a_slow_head_is_given_up() -> None:
    """By drops or not at all (T12); with a byte of it there is an answer."""
    stream, far = door()
    await far.send_all(GET[:5])
    assert (await refused(stream)).status == 408
    assert trio.current_time() == 10
    silent, _far = door()
    assert await silent.read_head() is None
    assert trio.current_time() == 20


@pytest.mark.parametrize(
    "request_",
    [
        b"hello\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\nX : y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_a_malformed_head_is_a_bad_request(request_: bytes) -> None:
    """With a sentence that says what is wrong."""
    stream, far = door()
    await far.send_all(request_)
    refusal = await refused(stream)
    assert (refusal.status, refusal.code) == (400, "bad_request")
    assert refusal.message


async def test_half_a_head_is_a_bad_request() -> None:
    """A peer that ends its side in the midst of one."""
    stream, far = door()
    await far.send_all(GET[:5])
    await far.aclose()
    assert (await refused(stream)).status == 400


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ],
)
async def test_the_grammar_knows_the_status(request_: bytes, status: int) -> None:
    """Its hint is what the peer gets."""
    stream, far = door()
    await far.send_all(request_)
    assert (await refused(stream)).status == status


# --- bodies -----------------------------------------------------------------------------------------------


async def test_a_body_of_known_length() -> None:
    """It ends where it said, and stays ended."""
    stream, far = door()
    await far.send_all(post(b"hello"))
    await read_head(stream)
    assert await read_body(stream) == b"hello"
    assert await stream.read_body() == b""


async def test_a_body_in_chunks() -> None:
    """Its pieces are joined by who wants it whole."""
    stream, far = door()
    await far.send_all(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    )
    await read_head(stream)
    assert await read_body(stream) == b"hello"


async def test_a_body_that_says_it_is_too_large_is_not_waited_for() -> None:
    """413 at once."""
    stream, far = door(Limits(body_size=4))
    await far.send_all(post(b"hello")[:-5])
    assert (await refused(stream)).status == 413


@pytest.mark.parametrize(("size", "fits"), [(4, True), (5, False)])
async def test_a_body_in_chunks_at_the_limit_and_one_byte_past_it(size: int, fits: bool) -> None:
    """It is counted as it comes."""
    stream, far = door(Limits(body_size=4))
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)
    await far.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    await read_head(stream)
    if fits:
        assert await read_body(stream) == b"x" * size
    else:
        with pytest.raises(Refused) as error:
            await read_body(stream)
        assert error.value.refusal.status == 413


async def test_a_slow_body_is_given_up() -> None:
    """The time is for the whole of it, so drops do not help (T12); the application's own time does not count."""
    stream, far = door()
    await far.send_all(post(b"x" * 100)[:-100])
    await read_head(stream)
    await trio.sleep(1000)

    async def drip() -> None:
        for _ in range(100):
            await far.send_all(b"x")
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        with pytest.raises(Refused) as error:
            await read_body(stream)
        nursery.cancel_scope.cancel()
    assert error.value.refusal.status == 408
    assert 1029 <= trio.current_time() <= 1031


async def test_a_broken_body_is_a_bad_request() -> None:
    """A chunk whose length is none."""
    stream, far = door()
    await far.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    await read_head(stream)
    with pytest.raises(Refused) as error:
        await read_body(stream)
    assert error.value.refusal.status == 400


async def test_who_waits_for_a_100_gets_one_when_the_body_is_wanted() -> None:
    """And not before."""
    stream, far = door()
    await far.send_all(post(b"hello", b"Expect: 100-continue")[:-5])
    await read_head(stream)
    async with trio.open_nursery() as nursery:

        async def send_when_asked() -> None:
            assert bytes(await far.receive_some()).startswith(b"HTTP/1.1 100 ")
            await far.send_all(b"hello")

        nursery.start_soon(send_when_asked)
        assert await read_body(stream) == b"hello"


async def test_who_waits_for_a_100_and_gets_an_answer_instead_is_left() -> None:
    """Nobody can tell whether its body comes after all."""
    stream, far = door()
    await far.send_all(post(b"hello", b"Expect: 100-continue")[:-5])
    await read_head(stream)
    await answer(stream)
    assert b"connection: close" in bytes(await far.receive_some()).lower()
    assert not await stream.next_request()
    assert stream.abandoned


# --- answers, and the next request ------------------------------------------------------------------------


async def test_an_answer_is_one_write_and_has_a_date() -> None:
    """Head and body together."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    assert (stream.can_answer, stream.answered) == (True, False)
    await answer(stream)
    assert (stream.can_answer, stream.answered) == (False, True)
    sent = bytes(await far.receive_some())
    assert sent.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ndate: " in sent.lower()
    assert sent.endswith(b"\r\n\r\nok")


async def test_requests_can_come_before_their_turn() -> None:
    """Pipelined or one after the other, each is answered in its order."""
    stream, far = door()
    await far.send_all(GET + post(b"unread") + GET[:9])
    for method in ("GET", "POST"):
        assert (await read_head(stream)).method == method
        await answer(stream)
        assert await stream.next_request()
    await far.send_all(GET[9:])
    assert (await read_head(stream)).raw == GET


async def test_a_kept_alive_connection_may_be_silent_for_a_while() -> None:
    """Longer than a head may take, and then it is closed without a word."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await answer(stream)
    assert await stream.next_request()
    with trio.move_on_after(70):
        await stream.read_head()
    assert await stream.read_head() is None
    assert trio.current_time() == 70 + 75
    del far


async def test_the_head_time_begins_with_the_first_byte() -> None:
    """Of a later request."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await answer(stream)
    await stream.next_request()
    async with trio.open_nursery() as nursery:

        async def begin_late() -> None:
            await trio.sleep(60)
            await far.send_all(b"G")

        nursery.start_soon(begin_late)
        assert (await refused(stream)).status == 408
    assert trio.current_time() == 70


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]
)
async def test_who_asks_once_gets_one_answer(request_: bytes) -> None:
    """An old client, or one that says so."""
    stream, far = door()
    await far.send_all(request_)
    await read_head(stream)
    await answer(stream)
    assert not await stream.next_request()
    assert not stream.abandoned


async def test_while_draining_every_answer_is_the_last() -> None:
    """And says so, so that the client does not send another into the void."""
    stream, far = door(draining=True)
    await far.send_all(GET)
    await read_head(stream)
    await answer(stream)
    assert b"connection: close" in bytes(await far.receive_some()).lower()
    assert not await stream.next_request()


async def test_a_body_left_unread_that_breaks_a_limit_ends_the_connection() -> None:
    """After the answer has gone out."""
    stream, far = door(Limits(body_size=10))
    await far.send_all(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n" + GET
    )
    await read_head(stream)
    await answer(stream)
    assert not await stream.next_request()
    assert stream.abandoned


async def test_a_body_left_unread_by_who_asks_once_is_left() -> None:
    """There is no next request for which it would be in the way; but closing needs care."""
    stream, far = door()
    await far.send_all(post(b"hello", b"Connection: close")[:-2])
    await read_head(stream)
    await answer(stream)
    assert not await stream.next_request()
    assert stream.abandoned


async def test_an_answer_without_end_has_no_successor() -> None:
    """What comes next on such a connection could not be told from its rest."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await stream.send(stream.response(200, []), h11.Data(data=b"half"))
    assert not await stream.next_request()
    assert not stream.answered


async def test_a_refusal_is_json_and_the_last_answer() -> None:
    """With code and sentence."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await stream.refuse(Refusal(403, "forbidden", "No."))
    sent = bytes(await far.receive_some())
    assert sent.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close" in sent.lower()
    assert sent.endswith(b'{"code":"forbidden","message":"No."}')
    assert stream.abandoned
    assert not await stream.next_request()


async def test_a_head_request_gets_the_head_of_a_refusal() -> None:
    """Its body would be taken for the next answer."""
    stream, far = door()
    await far.send_all(GET.replace(b"GET", b"HEAD"))
    await read_head(stream)
    await stream.refuse(Refusal(403, "forbidden", "No."))
    assert bytes(await far.receive_some()).endswith(b"\r\n\r\n")


async def test_a_refusal_in_the_midst_of_an_answer_only_ends_it() -> None:
    """Two answers to one request would be worse than half of one."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await stream.send(stream.response(200, []), h11.Data(data=b"half"))
    await far.receive_some()
    await stream.refuse(Refusal(403, "forbidden", "No."))
    with trio.move_on_after(1) as scope:
        await far.receive_some()
    assert scope.cancelled_caught


async def test_who_does_not_read_its_answer_is_given_up() -> None:
    """A write has its time."""
    near, far = trio.testing.lockstep_stream_pair()
    stream = HttpStream(near, Limits(), lambda: False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.send_all, GET)
        await read_head(stream)
    with pytest.raises(trio.BrokenResourceError):
        await answer(stream)
    assert trio.current_time() == 30


# --- while an answer is being made ------------------------------------------------------------------------


async def test_a_peer_that_leaves_is_noticed() -> None:
    """Although nothing is being sent to it."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await stream.read_body()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.wait_disconnected)
        await trio.sleep(100)
        assert nursery.child_tasks
        await far.aclose()


async def test_what_it_asks_meanwhile_keeps_its_turn() -> None:
    """Up to a limit; then it has to wait."""
    stream, far = door()
    await far.send_all(GET)
    await read_head(stream)
    await stream.read_body()
    await far.send_all(GET)
    with trio.move_on_after(1):
        await stream.wait_disconnected()
    await answer(stream)
    assert await stream.next_request()
    assert (await read_head(stream)).raw == GET
    await stream.read_body()
    await far.send_all(GET * (2 * READ_AHEAD // len(GET)))
    with trio.move_on_after(1):
        await stream.wait_disconnected()
    await far.aclose()
    with trio.move_on_after(1) as scope:
        await stream.wait_disconnected()
    assert scope.cancelled_caught
