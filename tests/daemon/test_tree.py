"""Who owns what."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import socket

import pytest
import trio

from bluev_actors.actors import ActorEvent, ActorRestarted, State
from bluev_actors.daemon import tree as tree_module
from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.tree import open_daemon_tree
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import ListenError
from bluev_actors.testing import open_daemon
from bluev_actors.testing.virtual_time import run_in_virtual_time

virtual = pytest.mark.trio(run=run_in_virtual_time)  # the others talk to real sockets, for which time must be real


async def test_the_tree_is_the_one_that_is_drawn() -> None:
    """The picture at the head of the file is true, and ends in reverse order."""
    async with open_runtime() as runtime, open_daemon_tree(runtime, Settings(port=0)) as daemon:
        await daemon.listen()
        drawn = [
            line.split()[1]
            for line in (tree_module.__doc__ or "").splitlines()
            if line.startswith(("    |- ", "    `- "))
        ]
        assert [child.id for child in runtime.system.tree().children] == drawn


async def test_a_port_of_ones_own() -> None:
    """With port 0 the daemon says which one it was given, and answers there."""
    async with open_runtime() as runtime, open_daemon_tree(runtime, Settings(port=0)) as daemon:
        await daemon.listen()
        assert daemon.address is not None
        answer = b""
        async with await trio.open_tcp_stream(*daemon.address) as stream:
            await stream.send_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            async for piece in stream:
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b'{"status":"ok"}')


async def test_a_port_that_is_taken_is_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    """No traceback for what an operator got wrong."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1])
        async with open_runtime() as runtime, open_daemon_tree(runtime, settings) as daemon:
            with pytest.raises(ListenError, match=r"cannot listen on 127\.0\.0\.1 port .* in use"):
                await daemon.listen()
    assert caplog.records == []


async def test_a_listener_that_crashes_comes_back_at_its_port() -> None:
    """Clients find the daemon where it was, even when it had taken any free port."""
    back = trio.Event()

    def note(event: ActorEvent) -> None:
        if isinstance(event, ActorRestarted) and event.path == "/listener":
            back.set()

    async with open_runtime() as runtime, open_daemon_tree(runtime, Settings(port=0)) as daemon:
        await daemon.listen()
        before = daemon.address
        assert before is not None
        assert daemon.listener is not None
        runtime.system.subscribe(note)
        daemon.listener._cell.kill("a test")
        await back.wait()
        assert daemon.address == before
        await (await trio.open_tcp_stream(*before)).aclose()


@virtual
async def test_a_heartbeat_that_crashes_is_started_again() -> None:
    """Permanent children come back."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        daemon.hub.sessions._connected["bad"] = {None: None}  # type: ignore[dict-item]  # breaks the next look
        await trio.sleep(8)
        del daemon.hub.sessions._connected["bad"]
        heartbeat = next(c for c in daemon.runtime.system.tree().children if c.id == "heartbeat")
        assert (heartbeat.state, heartbeat.incarnation) == (State.RUNNING, 2)
        assert (await client.ask({"type": "subscribe"}))["type"] == "subscription_confirmed"
        assert (await client.receive())["type"] == "heartbeat"


@virtual
async def test_each_stream_has_an_actor_of_its_own() -> None:
    """A connection is a temporary child with a name that none had before."""
    async with open_daemon() as daemon:
        for _ in range(3):
            await daemon.connect()
        connections = next(c for c in daemon.runtime.system.tree().children if c.id == "connections")
        assert [child.id for child in connections.children] == [f"connection-{n}" for n in (1, 2, 3)]
        assert {child.kind for child in connections.children} == {"connection"}
