"""The events of a run over plain HTTP: all so far as an array, or followed live as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import trio
from attrs import define
from starlette.responses import Response, StreamingResponse

from bluev_actors.daemon.feed import STRIDE
from bluev_actors.daemon.rest_answers import HEADERS
from bluev_actors.daemon.rest_requests import number_in_query, whole_number
from bluev_actors.protocol.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.requests import Request

    from bluev_actors.daemon.hub import Hub
    from bluev_actors.engine.event_reader import EventReader
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.run_events import Recorded

HIGHEST_SEQ: Final = 2**53
QUIET: Final = 15.0
"""Seconds of silence after which a comment is sent, so that nobody in between takes the stream for dead."""
STREAM: Final = "text/event-stream"


def wants_stream(request: Request) -> bool:
    """Whether the client asks to follow the run live."""
    return STREAM in request.headers.get("accept", "")


def events_as_array(hub: Hub, run: RunHandle, request: Request) -> Response:
    """The events after a place, as a JSON array.

    Raises:
        HistoryExpiredError: they are no longer held.
    """
    events = run.history(number_in_query(request, "after", 0, 0, HIGHEST_SEQ))
    return StreamingResponse(_Array(_pieces(hub, events)), media_type="application/json", headers=HEADERS)


# What a response is made of is an object and not an async generator: a client may leave in its midst, and a generator
# that is dropped then has to be closed by somebody.


@define
class _Array:
    """Writes a JSON array, a piece at a time."""

    _pieces: Iterator[bytes]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece


def _pieces(hub: Hub, events: Sequence[Recorded]) -> Iterator[bytes]:
    yield b"["
    for first in range(0, len(events), STRIDE):
        piece = b",".join(_encoded(hub, recorded) for recorded in events[first : first + STRIDE])
        yield b"," + piece if first else piece
    yield b"]"


def event_stream(hub: Hub, run: RunHandle, request: Request) -> Response:
    """The events after a place, and those to come, up to and with the one that ends the run.

    A browser connects again whenever a stream ends. Then there is nothing more to say, and 204 tells it to stop.

    Raises:
        HistoryExpiredError: events after the place are no longer held.
    """
    after = _place(request)
    run.history(after)
    if run.state.ended and after >= run.state.seq:
        return Response(status_code=204)
    return StreamingResponse(_Stream(hub, run.events(after)), media_type=STREAM, headers=HEADERS)


def _place(request: Request) -> int:
    last = request.headers.get("last-event-id")
    if last:
        return whole_number("Last-Event-ID", last, 0, HIGHEST_SEQ)
    return number_in_query(request, "after", 0, 0, HIGHEST_SEQ)


@define
class _Stream:
    """Writes server-sent events as they come, and a comment when nothing has come for a while."""

    _hub: Hub
    _reader: EventReader
    _begun: bool = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._begun:
            self._begun = True
            return b": the events of a run\n\n"
        return await self._next()

    async def _next(self) -> bytes:
        recorded: Recorded | None = None
        with trio.move_on_after(QUIET) as quiet:
            recorded = await anext(self._reader, None)
        if recorded is not None:
            return b"id: %d\ndata: %b\n\n" % (recorded.seq, _encoded(self._hub, recorded))
        if quiet.cancelled_caught:
            return b": still here\n\n"
        raise StopAsyncIteration


def _encoded(hub: Hub, recorded: Recorded) -> bytes:
    return encode(hub.frames.message(recorded))
