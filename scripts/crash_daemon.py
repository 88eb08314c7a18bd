"""A real daemon in a process of its own: started, talked to over its socket, killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, open_websocket_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from crash_ledger import Event, Ledger

READY_WITHIN: Final = 60.0
REPLY_WITHIN: Final = 30.0
REPLIES: Final = frozenset(
    {
        "workflow_execution_started",
        "workflow_execution_error",
        "workflow_validation_error",
        "workflow_control_response",
        "signal_response",
        "resumed",
        "resume_failed",
        "error",
    }
)


@define(eq=False)
class Process:
    """One life of the daemon.

    Args:
        folder: where it keeps its runs; its own log goes beside it.
    """

    folder: Path
    _process: subprocess.Popen[bytes] = field(init=False)
    port: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        command = [sys.executable, "-m", "bluev_actors", "serve", "--port", "0", "--log-format", "json"]
        command += ["--data-dir", str(self.folder / "data"), "--nodes", "bluev_actors.testing.nodes"]
        with (self.folder / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)

    async def ready(self) -> None:
        """Wait until it says where it is."""
        with trio.fail_after(READY_WITHIN):
            self.port = await trio.to_thread.run_sync(self._read_banner, abandon_on_cancel=True)

    def _read_banner(self) -> int:
        for line in self._process.stdout or ():
            words = line.split()
            if words[:1] == [b"console"]:
                return int(words[1].rstrip(b"/").rpartition(b":")[2])
        raise RuntimeError(f"the daemon did not come up: see {self.folder / 'daemon.log'}")

    def kill(self) -> None:
        """End it as a power cut ends a process."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def drain(self) -> int:
        """Ask it to go down in order; how it exits."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=READY_WITHIN)


@define(eq=False)
class Client:
    """One connection to a daemon; every event and every answer goes into the ledger."""

    _socket: WebSocketConnection
    _ledger: Ledger
    greeting: Event
    cursor: str = ""
    _replies: dict[str, Event] = field(factory=dict[str, Any], init=False)
    _news: trio.Event = field(factory=trio.Event, init=False)
    gone: bool = field(default=False, init=False)
    resuming: bool = field(default=False, init=False)
    _late: bool = field(default=False, init=False)
    """Events came before the answer to `resume`: it was not the first that the daemon heard, so they may come again."""

    async def read(self) -> None:
        """Take in what comes, until the socket is gone."""
        try:
            while True:
                self._take(orjson.loads(await self._socket.get_message()))
        except ConnectionClosed:
            self.gone = True
            self._wake()

    def _take(self, message: Event) -> None:
        self.cursor = message.get("cursor") or self.cursor
        if message["type"] in REPLIES and "request_id" in message:
            self._ledger.hear(message)
            self._replies[message["request_id"]] = message
            self._wake()
        elif "seq" in message:
            self._late = self._late or self.resuming
            self._ledger.see(message, may_repeat=self._late)

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def ask(self, request: Event) -> Event | None:
        """Send a request and wait for its answer; None when the socket goes away before."""
        try:
            await self._socket.send_message(orjson.dumps(request).decode())
        except ConnectionClosed:
            return None
        with trio.move_on_after(REPLY_WITHIN) as patience:
            while request["request_id"] not in self._replies and not self.gone:
                await self._news.wait()
        if patience.cancelled_caught:
            return {"type": "error", "message": f"no answer to {request}"}
        reply = self._replies.get(request["request_id"])
        if reply is not None:
            self._ledger.answer(request, reply)
        return reply


@asynccontextmanager
async def connected(port: int, session: str, ledger: Ledger, last: Client | None) -> AsyncGenerator[Client]:
    """Be connected for the block, going on from where another connection was.

    Args:
        port: the daemon's.
        session: whose connection it is.
        ledger: takes what comes.
        last: the connection before.
    """
    async with (
        open_websocket_url(f"ws://127.0.0.1:{port}/ws/{session}", max_message_size=2**26) as socket,
        trio.open_nursery() as nursery,
    ):
        client = Client(socket, ledger, orjson.loads(await socket.get_message()))
        client.cursor = client.greeting["cursor"]
        nursery.start_soon(client.read)
        if last is not None:
            client.cursor = last.cursor  # until it is shown what it missed
            await _go_on(client, (last.greeting["epoch"], last.cursor), ledger)
        yield client
        nursery.cancel_scope.cancel()


async def _go_on(client: Client, place: tuple[str, str], ledger: Ledger) -> None:
    epoch, cursor = place
    request = {"type": "resume", "epoch": epoch, "cursor": cursor, "request_id": f"resume-{time.monotonic_ns()}"}
    client.resuming = True
    reply = await client.ask(request)
    client.resuming = False
    if reply is not None and reply["type"] != "resumed":
        ledger.doubled.append(f"the daemon could not go on from {cursor}: {reply}")


__all__ = ["Client", "HandshakeError", "Process", "connected"]
