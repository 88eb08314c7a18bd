"""A client's WebSocket to an embedded daemon, in which messages are plain objects."""

from __future__ import annotations

import json
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast

import trio
import trio.testing
from attrs import define, field
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bluev_actors.workflows.values import JsonObject

HOST: Final = "localhost"
PATIENCE: Final = 600.0
"""Seconds that a client waits for what does not come, before it says so."""
MOMENT: Final = 0.001
"""Seconds; long enough to take what has arrived."""
LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a message that a client takes, which is more than a daemon says at a time."""


async def shake_hands_over(
    stream: trio.abc.Stream,
    resource: str,
    query: str,
    protocols: Iterable[str],
    headers: Mapping[str, str],
    nursery: trio.Nursery,
) -> EmbeddedSocket:
    """Ask for a WebSocket on a line.

    Args:
        stream: the line.
        resource: the address's path.
        query: the address's query.
        protocols: sub-protocols to offer.
        headers: more headers.
        nursery: where the library's reader lives.

    Raises:
        ConnectionRejected, HandshakeError: of trio-websocket, when it is refused.
    """
    connection = await wrap_client_stream(
        nursery,
        cast("trio.SocketStream", stream),  # any stream does; its annotation knows only two
        HOST,
        f"{resource}?{query}" if query else resource,
        subprotocols=list(protocols),
        extra_headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        max_message_size=LARGEST,
    )
    return EmbeddedSocket(connection, stream)


async def keep_open(
    shake_hands: Callable[[trio.Nursery], Awaitable[EmbeddedSocket]],
    task_status: trio.TaskStatus[EmbeddedSocket] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Be the nursery of one connection, for the library lets the errors of its reader out into it."""
    socket: EmbeddedSocket | None = None
    refusal: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            socket = await shake_hands(nursery)
            task_status.started(socket)
    except* Exception as errors:  # noqa: BLE001 - of an open line, whatever it is shows as a line that is closed
        refusal = errors.exceptions[0]
    if socket is None and refusal is not None:
        raise refusal


@define(eq=False)
class EmbeddedSocket:
    """A client's WebSocket, in which messages are plain objects.

    Attributes:
        greeting: the daemon's first message.
    """

    _connection: WebSocketConnection
    _stream: trio.abc.Stream
    greeting: JsonObject = field(factory=dict[str, Any], init=False)
    _kept: deque[JsonObject] = field(factory=deque[dict[str, Any]], init=False)
    _numbers: count[int] = field(factory=lambda: count(1), init=False)

    async def send(self, message: JsonObject | str | bytes) -> None:
        """Send a message, or a frame of any text or bytes."""
        await self._connection.send_message(message if isinstance(message, str | bytes) else json.dumps(message))

    async def receive(self) -> JsonObject:
        """The next message.

        Raises:
            ConnectionClosed: of trio-websocket: there is none.
            TooSlowError: of Trio: none came in a long time.
        """
        if self._kept:
            return self._kept.popleft()
        return await self._read()

    async def _read(self) -> JsonObject:
        with trio.fail_after(PATIENCE):
            message: JsonObject = json.loads(await self._connection.get_message())
            return message

    async def ask(self, message: JsonObject) -> JsonObject:
        """Send a message and wait for its reply; what comes meanwhile is kept for `receive`."""
        request_id = message.get("request_id", f"ask-{next(self._numbers)}")
        await self.send({**message, "request_id": request_id})
        while True:
            reply = await self._read()
            if reply.get("request_id") == request_id:
                return reply
            self._kept.append(reply)

    async def receive_until(self, *types: str) -> list[JsonObject]:
        """The messages up to and with the first of one of these types."""
        received = [await self.receive()]
        while received[-1]["type"] not in types:
            received.append(await self.receive())
        return received

    async def receive_what_is_there(self) -> list[JsonObject]:
        """The messages that have come by the time everybody else waits for something."""
        received: list[JsonObject] = []
        while True:
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(MOMENT) as scope:
                received.append(await self.receive())
            if scope.cancelled_caught:
                return received

    async def closed(self) -> tuple[int, str]:
        """Read to the end; close code and reason."""
        try:
            while True:
                await self._read()
        except ConnectionClosed as closed:
            reason = closed.reason
            return (1006, "") if reason is None else (reason.code, reason.reason or "")

    async def close(self) -> None:
        """Close it as one should."""
        await self._connection.aclose()

    async def cut(self) -> None:
        """Break the line without a word."""
        await trio.aclose_forcefully(self._stream)
