"""A daemon's end of a conversation, played by the test: over a wire in memory, or on a real port."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import orjson
import pytest
import trio
from trio_websocket import ConnectionClosed, serve_websocket

from bluev_actors.client.client import open_client
from bluev_actors.errors import ConnectionLostError
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import (
    ConnectionEstablished,
    NodeProgressMessage,
    NodeStatusUpdate,
    ServerMessage,
    Watching,
    WorkflowCompleted,
    WorkflowExecutionStarted,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from trio_websocket import WebSocketConnection, WebSocketRequest

    from bluev_actors.client import Client
    from bluev_actors.workflows.values import Json, JsonObject

NOW = "2026-11-22T12:00:00.000000Z"
GREETING = ConnectionEstablished(
    timestamp=NOW,
    session_id="s",
    protocol="bluev.v1",
    server="scripted",
    epoch="e",
    cursor="0",
    heartbeat_interval=30.0,
    limits={},
)


class Say:
    """Messages of one run, as a daemon makes them."""

    run: ClassVar[JsonObject] = {"run_id": "r", "workflow_id": "w", "timestamp": NOW}

    def started(self, request_id: str | None = None, **more: Json) -> WorkflowExecutionStarted:
        """Event 1."""
        fields: JsonObject = {**self.run, "seq": 1, "cursor": "1", "request_id": request_id, **more}
        return WorkflowExecutionStarted(**fields)

    def node(self, seq: int, status: Json = "running", **more: Json) -> NodeStatusUpdate:
        """The new status of node `a`."""
        fields: JsonObject = {"seq": seq, "cursor": str(seq), "node_id": "a", "attempt": 1, "status": status}
        return NodeStatusUpdate(**{**self.run, **fields, **more})

    def progress(self, fraction: float) -> NodeProgressMessage:
        """How far node `a` is."""
        return NodeProgressMessage(**self.run, node_id="a", attempt=1, fraction=fraction)

    def completed(self, seq: int) -> WorkflowCompleted:
        """The end."""
        results = {"a": {"out": 1}}
        return WorkflowCompleted(**self.run, seq=seq, cursor=str(seq), results=results, summary={"duration": 0.5})

    def watching(self, request_id: str, snapshot: JsonObject | None = None, **more: Json) -> Watching:
        """The answer to a watch."""
        return Watching(timestamp=NOW, request_id=request_id, run_id="r", snapshot=snapshot, **more)

    def snapshot(self, seq: int, state: str = "running", **more: Json) -> JsonObject:
        """The run as it is at `seq`, its node `a` running."""
        nodes: JsonObject = {"a": {"status": "running", "attempt": 1, "started_at": NOW}}
        head: JsonObject = {"run_id": "r", "workflow_id": "w", "state": state, "seq": seq, "cursor": str(seq)}
        return {**head, "nodes": nodes, "started_at": NOW, **more}


@pytest.fixture
def say() -> Say:
    """Makes messages."""
    return Say()


class Wire:
    """A wire whose other end is the test."""

    greeting = GREETING

    def __init__(self) -> None:
        self._to_client, self._at_client = trio.open_memory_channel[str | ConnectionLostError](math.inf)
        self._to_daemon, self._at_daemon = trio.open_memory_channel[str](0)
        self.broken: ConnectionLostError | None = None

    async def send(self, text: str) -> None:
        """What the client says; it waits until the test hears it, as on a full socket."""
        if self.broken is not None:
            raise self.broken
        await self._to_daemon.send(text)

    async def receive(self) -> str | bytes:
        """What the client hears."""
        text = await self._at_client.receive()
        if isinstance(text, ConnectionLostError):
            raise text
        return text

    def say(self, message: ServerMessage | JsonObject | str) -> None:
        """Have the daemon say something."""
        if isinstance(message, ServerMessage):
            message = encode(message).decode()
        elif not isinstance(message, str):
            message = orjson.dumps(message).decode()
        self._to_client.send_nowait(message)

    async def hear(self) -> JsonObject:
        """The next thing the client says."""
        said: JsonObject = orjson.loads(await self._at_daemon.receive())
        return said

    def hang_up(self, code: int | None = 1006) -> None:
        """Break the connection."""
        self.broken = ConnectionLostError("cut", code)
        self._to_client.send_nowait(self.broken)

    @property
    def unheard(self) -> int:
        """How many things the client has not taken in yet."""
        return self._at_client.statistics().current_buffer_used

    @asynccontextmanager
    async def client(self, timeout: float = 30.0) -> AsyncGenerator[Client]:
        """A client at the other end, greeted already."""
        self.say(self.greeting)
        async with open_client(self, timeout=timeout) as client:
            yield client


@pytest.fixture
def wire() -> Wire:
    """A wire in memory."""
    return Wire()


class Peer:
    """One connection of a scripted daemon on a real port."""

    def __init__(self, socket: WebSocketConnection, request: WebSocketRequest) -> None:
        self.socket = socket
        self.path = request.path

    async def say(self, message: ServerMessage) -> None:
        """Say something."""
        await self.socket.send_message(encode(message).decode())

    async def hear(self) -> JsonObject:
        """The next thing the client says."""
        said: JsonObject = orjson.loads(await self.socket.get_message())
        return said


@pytest.fixture
async def scripted(nursery: trio.Nursery) -> Callable[[Callable[[Peer], Awaitable[None]]], Awaitable[str]]:
    """Start a daemon that does as told with each connection, after its greeting; returns its address."""

    async def serve(script: Callable[[Peer], Awaitable[None]]) -> str:
        async def handle(request: WebSocketRequest) -> None:
            socket = await request.accept(subprotocol="bluev.v1")
            try:
                peer = Peer(socket, request)
                await peer.say(GREETING)
                await script(peer)
            except ConnectionClosed:
                pass

        server = await nursery.start(serve_websocket, handle, "127.0.0.1", 0, None)
        return f"127.0.0.1:{server.port}"

    return serve
