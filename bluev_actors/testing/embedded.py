"""The whole daemon in memory, without a port: its actors, its protocol, its REST half, and clients to talk to it.

    async with open_daemon() as daemon:
        client = await daemon.connect("alice")
        reply = await client.ask({"type": "execute_workflow", "workflow": {...}})

Its wall clock is Trio's, so under a `MockClock` an hour passes in a moment and every timestamp repeats.
"""

from __future__ import annotations

import json
from collections import deque
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

import h11
import trio
import trio.testing
from attrs import define, field, frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.server import drain
from bluev_actors.daemon.tree import Daemon, open_daemon_tree
from bluev_actors.engine.runtime import Runtime, open_runtime
from bluev_actors.protocol.messages import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping

    from bluev_actors.daemon.hub import Hub
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json, JsonObject

START: Final = 1_767_225_600.0
"""When an embedded daemon's wall clock begins: the first of January 2026."""
HOST: Final = "localhost"
PATIENCE: Final = 600.0
"""Seconds that a client waits for what does not come, before it says so."""
MOMENT: Final = 0.001
"""Seconds; long enough to take what has arrived."""
LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a message that a client takes, which is more than a daemon says at a time."""

StreamPair = tuple[trio.abc.Stream, trio.abc.Stream]


@asynccontextmanager
async def open_daemon(
    nodes: Iterable[NodeType] = (), *, settings: Settings | None = None
) -> AsyncGenerator[EmbeddedDaemon]:
    """Run a daemon for the block.

    Args:
        nodes: node types besides the built-in ones.
        settings: as for a daemon with a port, which they are not used for.
    """
    settings = Settings() if settings is None else settings
    began = trio.current_time()
    failure: BaseException | None = None
    async with (
        open_runtime(
            nodes, allow=settings.allow, limits=settings.runs, now=lambda: START + trio.current_time() - began
        ) as runtime,
        open_daemon_tree(runtime, settings) as daemon,
        trio.open_nursery() as nursery,
    ):
        embedded = EmbeddedDaemon(daemon, nursery)
        try:
            yield embedded
        except BaseException as error:  # noqa: BLE001 - raised again below, outside the nursery that would wrap it
            failure = error
        await embedded.unplug()
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


@define(eq=False)
class EmbeddedDaemon:
    """A daemon in memory, and the way to it."""

    daemon: Daemon
    _nursery: trio.Nursery
    _plugged: list[trio.abc.Stream] = field(factory=list[trio.abc.Stream], init=False)

    @property
    def hub(self) -> Hub:
        """What its actors share."""
        return self.daemon.hub

    @property
    def runtime(self) -> Runtime:
        """Its engine."""
        return self.daemon.hub.runtime

    async def connect(
        self,
        session_id: str | None = "test",
        *,
        query: str = "",
        protocols: Iterable[str] = (PROTOCOL,),
        headers: Mapping[str, str] | None = None,
        streams: Callable[[], StreamPair] = trio.testing.memory_stream_pair,
    ) -> EmbeddedSocket:
        """Open a WebSocket and read the greeting.

        Args:
            session_id: the session; None lets the daemon issue one.
            query: of the address, without the question mark.
            protocols: sub-protocols to offer.
            headers: more headers of the handshake.
            streams: makes the two ends of the line, the client's first.

        Raises:
            ConnectionRejected, HandshakeError: of trio-websocket, when the handshake is refused.
        """
        resource = "/ws" if session_id is None else f"/ws/{quote(session_id, safe='')}"
        stream = self.plug(streams)
        shake_hands = partial(
            wrap_client_stream,
            stream=cast("trio.SocketStream", stream),  # any stream does; its annotation knows only two
            host=HOST,
            resource=resource + (f"?{query}" if query else ""),
            subprotocols=list(protocols),
            extra_headers=[(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            max_message_size=LARGEST,
        )
        socket = EmbeddedSocket(await self._nursery.start(_keep_open, shake_hands), stream)
        socket.greeting = await socket.receive()
        return socket

    def plug(self, streams: Callable[[], StreamPair] = trio.testing.memory_stream_pair) -> trio.abc.Stream:
        """A raw line to the daemon, as if it had been accepted at a port: the client's end of it."""
        ours, theirs = streams()
        self.daemon.accept(theirs)
        self._plugged.append(ours)
        return ours

    async def unplug(self) -> None:
        """Break all lines, so that the daemon does not wait for clients that are no more."""
        with trio.CancelScope(shield=True):
            for stream in self._plugged:
                await trio.aclose_forcefully(stream)

    async def request(
        self, method: str, target: str, body: Json | bytes = None, headers: Mapping[str, str] | None = None
    ) -> EmbeddedAnswer:
        """Make one HTTP request on a line of its own.

        Args:
            method: such as `GET`.
            target: path and query.
            body: JSON, or bytes to send as they are; None for none.
            headers: more headers.
        """
        text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": HOST, "content-length": str(len(text)), "connection": "close"}
        if text:
            sent["content-type"] = "application/json"
        stream = self.plug()
        try:
            return await _exchange(stream, method, target, {**sent, **(headers or {})}, text)
        finally:
            await trio.aclose_forcefully(stream)

    async def drain(self) -> None:
        """Let it go down as at SIGTERM."""
        await drain(self.daemon)


async def _keep_open(
    shake_hands: Callable[[trio.Nursery], Awaitable[WebSocketConnection]],
    task_status: trio.TaskStatus[WebSocketConnection] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Be the nursery of one connection, for the library lets the errors of its reader out into it."""
    connection: WebSocketConnection | None = None
    refusal: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            connection = await shake_hands(nursery)
            task_status.started(connection)
    except* Exception as errors:  # noqa: BLE001 - of an open line, whatever it is shows as a line that is closed
        refusal = errors.exceptions[0]
    if connection is None and refusal is not None:
        raise refusal


@frozen
class EmbeddedAnswer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The body, read as JSON."""
        return json.loads(self.body)


async def _exchange(
    stream: trio.abc.Stream, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> EmbeddedAnswer:
    client = h11.Connection(h11.CLIENT)
    request = h11.Request(method=method, target=target, headers=list(headers.items()))
    data = client.send(request) or b""
    data += client.send(h11.Data(data=body)) or b""
    await stream.send_all(data + (client.send(h11.EndOfMessage()) or b""))
    head, received = h11.Response(status_code=200, headers=[]), b""
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(bytes(await stream.receive_some()))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            received += event.data
        elif isinstance(event, h11.EndOfMessage):
            return EmbeddedAnswer(
                head.status_code, {name.decode(): value.decode() for name, value in head.headers}, received
            )


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
