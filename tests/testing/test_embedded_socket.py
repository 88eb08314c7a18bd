"""A client's WebSocket to an embedded daemon."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, ConnectionRejected

from bluev_actors.daemon.config import Settings
from bluev_actors.testing.documents import step, workflow
from bluev_actors.testing.embedded import open_daemon
from bluev_actors.testing.embedded_socket import PATIENCE

VIRTUAL_TIME = True

QUICK = workflow("quick", step("a", "constant", value=1))


async def test_what_comes_while_asking_is_kept() -> None:
    """A reply is found among events, and these are not lost."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        await client.send({"type": "execute_workflow", "workflow": QUICK, "request_id": "go"})
        await client.ask({"type": "subscribe"})
        await trio.sleep(1)
        assert [frame["seq"] for frame in await client.receive_what_is_there()] == [1, 2, 3, 4]


async def test_frames_of_any_kind() -> None:
    """Text and bytes go as they are."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        for frame in ("nonsense", b"\x00"):
            await client.send(frame)
            assert (await client.receive())["code"] == "bad_json"


async def test_a_refused_handshake_raises() -> None:
    """And does no harm to the daemon."""
    async with open_daemon() as daemon:
        with pytest.raises(ConnectionRejected):
            await daemon.connect(headers={"origin": "http://evil.example"})
        assert (await (await daemon.connect()).ask({"type": "subscribe"}))["subscriptions"] == []


async def test_closing_and_cutting() -> None:
    """A client may leave in either way."""
    async with open_daemon() as daemon:
        polite, rude = await daemon.connect("polite"), await daemon.connect("rude")
        await polite.close()
        await rude.cut()
        with pytest.raises(ConnectionClosed):
            await polite.receive()
        assert (await rude.closed())[0] == 1006
        await daemon.hub.sessions.wait_empty()


async def test_what_does_not_come_is_not_waited_for_for_ever() -> None:
    """A test that waits in vain fails, and does not hang."""
    async with open_daemon(settings=Settings(heartbeat=1e6)) as daemon:
        client = await daemon.connect()
        with pytest.raises(trio.TooSlowError):
            await client.receive()
        assert trio.current_time() >= PATIENCE


async def test_a_line_that_turns_to_nonsense_is_a_line_that_is_closed() -> None:
    """What the library's reader chokes on does not tear the test down."""
    async with open_daemon() as daemon:
        ours, theirs = trio.testing.memory_stream_pair()
        client = await daemon.connect(streams=lambda: (ours, theirs))
        await theirs.send_all(b"nonsense that is no frame")
        await client.closed()
        assert (await (await daemon.connect()).ask({"type": "subscribe"}))["subscriptions"] == []


async def test_reading_up_to_something() -> None:
    """A reply among events, and then the events up to the one that matters."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        await client.send({"type": "execute_workflow", "workflow": QUICK})
        await client.ask({"type": "validate_workflow", "workflow": QUICK})
        assert [frame["seq"] for frame in await client.receive_until("workflow_completed")] == [1, 2, 3, 4]


async def test_two_who_ask_are_told_apart() -> None:
    """Replies to others are kept."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        await client.send({"type": "unwatch", "run_id": "first", "request_id": "early"})
        assert (await client.ask({"type": "unwatch", "run_id": "second"}))["run_id"] == "second"
        assert (await client.receive())["run_id"] == "first"
