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
from bluev_actors.daemon.streams import hang_up, peer_of

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
    door = HttpStream(stream, limits, draining)
    try:
        while await _serve_request(door, stream, app, upgrade, check):
            pass
        if door.abandoned:
            await hang_up(stream, within=limits.close_time)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def _serve_request(
    door: HttpStream, stream: trio.abc.Stream, app: ASGIApp, upgrade: Upgrade, check: Check
) -> bool:
    """Serve the next request; whether there can be another."""
    try:
        head = await door.read_head()
        if head is None:
            return False
        if (refusal := check(head)) is not None:
            raise Refused(refusal)  # noqa: TRY301 - answered below, with all the others
        if head.wants_websocket:
            await upgrade(head, door.hand_over(head))
            return False
        await run_app(app, door, head, peer_of(stream))
    except Refused as refused:
        await door.refuse(refused.refusal)
    return await door.next_request()
