"""The front door: one port for HTTP and WebSocket.

Requests on a stream are answered one after the other by an ASGI application. A request for a WebSocket, be it the
first on its stream or a later one, is handed over together with the stream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import trio

from bluev_actors.daemon.asgi import run_app
from bluev_actors.daemon.guard import Refusal, Refused
from bluev_actors.daemon.http_stream import HttpStream
from bluev_actors.daemon.request import RequestHead
from bluev_actors.daemon.streams import ReplayStream, hang_up, peer_of

if TYPE_CHECKING:
    from bluev_actors.daemon.asgi import ASGIApp
    from bluev_actors.daemon.limits import Limits

__all__ = ["Check", "RequestHead", "Upgrade", "serve_stream"]

Upgrade: TypeAlias = Callable[[RequestHead, trio.abc.Stream], Awaitable[None]]
Check: TypeAlias = Callable[[RequestHead], Refusal | None]


async def serve_stream(
    stream: trio.abc.Stream,
    *,
    app: ASGIApp,
    upgrade: Upgrade,
    limits: Limits,
    draining: Callable[[], bool] = lambda: False,
    check: Check = lambda _head: None,
) -> None:
    """Serve one stream to its end, and close it.

    Args:
        stream: a fresh connection.
        app: answers requests.
        upgrade: gets the head of a request for a WebSocket, and a stream that gives that head again. As long as it
            has not used the stream it may raise `Refused`, which is answered over HTTP.
        limits: sizes and times.
        draining: while true, every answer is the last on its connection.
        check: says which requests go no further, before anything else sees them.
    """
    try:
        asked = await _serve_requests(stream, app, limits, draining, check)
        if asked is not None:
            await _hand_over(*asked, upgrade, limits)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def _serve_requests(
    stream: trio.abc.Stream, app: ASGIApp, limits: Limits, draining: Callable[[], bool], check: Check
) -> tuple[RequestHead, ReplayStream] | None:
    """Answer requests to the last one, or up to one that asks for a WebSocket.

    What HTTP needs is left behind then: a conversation may last for days.
    """
    door = HttpStream(stream, limits, draining)
    peer = peer_of(stream)
    while True:
        try:
            head = await door.read_head()
            if head is None:
                return None
            if (refusal := check(head)) is not None:
                raise Refused(refusal)  # noqa: TRY301 - answered below, with all the others
            if head.wants_websocket:
                return head, door.hand_over(head)
            await run_app(app, door, head, peer)
        except Refused as refused:
            await door.refuse(refused.refusal)
        if not await door.next_request():
            break
    if door.abandoned:
        await hang_up(stream, within=limits.close_time)
    return None


async def _hand_over(head: RequestHead, stream: ReplayStream, upgrade: Upgrade, limits: Limits) -> None:
    try:
        await upgrade(head, stream)
    except Refused as refused:
        await HttpStream(stream, limits, lambda: True).refuse(refused.refusal)
        await hang_up(stream, within=limits.close_time)
