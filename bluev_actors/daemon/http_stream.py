"""One stream that speaks HTTP/1.1.

h11 knows the grammar. This file gives it bytes and sends its bytes, with a limit on everything a peer could do
without end: heads, bodies, silence, and not reading the answer.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast, final

import h11
import orjson
import trio

from bluev_actors.daemon.guard import Refusal, Refused
from bluev_actors.daemon.request import RequestHead
from bluev_actors.daemon.streams import READ_SIZE, ReplayStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluev_actors.daemon.limits import Limits

READ_AHEAD: Final = 64 * 1024
"""How many bytes of further requests are read while one is being answered."""

_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_CODES: Final = {408: "request_timeout", 413: "too_large", 431: "too_large"}


@final
class HttpStream:
    """The server's side of one stream; its requests come one after the other.

    Attributes:
        abandoned: whether the peer may still be sending what nobody will read, so that closing needs care.
    """

    def __init__(self, stream: trio.abc.Stream, limits: Limits, draining: Callable[[], bool]) -> None:
        self.abandoned = False
        self._stream = stream
        self._limits = limits
        self._draining = draining
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_size)
        self._received = bytearray()
        self._answered = 0
        self._wants_body = True
        self._body_left = 0
        self._body_time = 0.0

    async def read_head(self) -> RequestHead | None:
        """Read the next request's head; None when the peer has nothing more to ask.

        Raises:
            Refused: it is malformed, too long or too slow, or announces a body too large.
        """
        self._received = bytearray(self._h11.trailing_data[0])
        self._wants_body = True
        if self._answered and not self._received and not await self._wakes_up():
            return None
        with trio.move_on_after(self._limits.head_time):
            event = await self._next_event()
            return self._head(event) if isinstance(event, h11.Request) else None
        if not self._received:
            return None
        raise Refused(Refusal(408, "request_timeout", "The head of the request did not come in time."))

    async def read_body(self) -> bytes:
        """Read the next piece of the body; nothing at its end.

        Raises:
            Refused: it is malformed, too long or too slow.
        """
        if self._h11.their_state is not h11.SEND_BODY:
            return b""
        if self._h11.they_are_waiting_for_100_continue:
            await self.send(h11.InformationalResponse(status_code=100, headers=[]))
        before = trio.current_time()
        with trio.move_on_after(self._body_time):
            event = await self._next_event()
            self._body_time -= trio.current_time() - before
            return self._body_piece(event)
        raise Refused(Refusal(408, "request_timeout", "The body of the request did not come in time."))

    async def wait_disconnected(self) -> None:
        """Wait until the peer has gone; what it asks meanwhile is kept for its turn, up to a limit."""
        while len(self._h11.trailing_data[0]) < READ_AHEAD:
            if not await self._feed():
                return
        await trio.sleep_forever()

    @property
    def can_answer(self) -> bool:
        """Whether the present request has no answer yet, not even the beginning of one."""
        return self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}

    @property
    def answered(self) -> bool:
        """Whether the answer to the present request is complete."""
        return self._h11.our_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}

    def response(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> h11.Response:
        """Make the head of an answer, with what every answer has."""
        ours = [(b"date", formatdate(usegmt=True).encode())]
        # Who waits for a 100 and gets an answer instead may send the body or not: nobody can tell what comes next.
        self.abandoned = self.abandoned or self._h11.they_are_waiting_for_100_continue
        if self._draining() or self.abandoned:
            ours.append((b"connection", b"close"))
        return h11.Response(status_code=status, headers=[*headers, *ours], reason=_REASONS.get(status, b""))

    async def send(self, *events: h11.Event) -> None:
        """Send events in one write.

        Raises:
            trio.BrokenResourceError: the peer has gone, or has not read for too long.
            h11.LocalProtocolError: this is not the moment for such an event.
        """
        data = b"".join(self._h11.send(event) or b"" for event in events)
        with trio.move_on_after(self._limits.send_time):
            return await self._stream.send_all(data)
        raise trio.BrokenResourceError("the peer does not read its answer")

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an error, and make it the last answer; nothing is sent when an answer has begun already."""
        self.abandoned = True
        if self.can_answer:
            await self.send_json(refusal.status, {"code": refusal.code, "message": refusal.message})

    async def send_json(self, status: int, body: dict[str, str]) -> None:
        """Answer with a JSON object, which a HEAD request gets the head of."""
        text = orjson.dumps(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
        data = h11.Data(data=text if self._wants_body else b"")
        await self.send(self.response(status, headers), data, h11.EndOfMessage())

    async def next_request(self) -> bool:
        """Make ready for another request; whether there can be one."""
        self._answered += 1
        if not self.abandoned and self._h11.our_state is h11.DONE:
            await self._skip_body()
        if self._h11.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            self._h11.start_next_cycle()
            return True
        self.abandoned = self.abandoned or self._h11.their_state is h11.SEND_BODY
        return False

    def hand_over(self, head: RequestHead) -> ReplayStream:
        """Give the stream away, as if nothing had been read from it."""
        return ReplayStream(self._stream, [head.raw, self._h11.trailing_data[0]])

    async def _skip_body(self) -> None:
        """Read what the application left of the body; what breaks a limit there ends the connection."""
        try:
            while await self.read_body():
                pass
        except Refused:
            self.abandoned = True

    async def _wakes_up(self) -> bool:
        """Wait for the first byte of another request."""
        with trio.move_on_after(self._limits.idle_time):
            return await self._feed()
        return False

    def _head(self, request: h11.Request) -> RequestHead:
        raw = bytes(self._received[: len(self._received) - len(self._h11.trailing_data[0])])
        if len(raw) > self._limits.head_size:
            raise Refused(Refusal(431, "too_large", f"A head has at most {self._limits.head_size} bytes."))
        head = RequestHead.read(request, raw)
        self._wants_body = head.method != "HEAD"
        self._body_left, self._body_time = self._limits.body_size, self._limits.body_time
        if head.content_length > self._body_left:
            raise self._too_large()
        if not head.has_body:
            self._parse()  # takes the end of the request, which came with its head
        return head

    def _body_piece(self, event: h11.Event | type[h11.PAUSED]) -> bytes:
        if not isinstance(event, h11.Data):
            return b""
        self._body_left -= len(event.data)
        if self._body_left < 0:
            raise self._too_large()
        return bytes(event.data)

    def _too_large(self) -> Refused:
        return Refused(Refusal(413, "too_large", f"A body has at most {self._limits.body_size} bytes."))

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._parse()
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)  # neither checker narrows a class by identity
            await self._feed()

    def _parse(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            flaw = str(error).partition(":")[0]  # behind the colon h11 shows what was sent
            message = f"This is not HTTP/1.1 as the daemon understands it: {flaw}."
            raise Refused(Refusal(status, _CODES.get(status, "bad_request"), message)) from None

    async def _feed(self) -> bool:
        """Take what the peer has sent next; whether there was anything."""
        data = bytes(await self._stream.receive_some(READ_SIZE))
        if self._h11.their_state is h11.IDLE:
            self._received += data
        self._h11.receive_data(data)
        return bool(data)
