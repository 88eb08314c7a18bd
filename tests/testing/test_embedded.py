"""The daemon in memory, and its clients."""

from __future__ import annotations

import pytest
import trio

from bluev_actors.daemon.config import Settings
from bluev_actors.engine.node_types import node
from bluev_actors.testing.documents import step, workflow
from bluev_actors.testing.embedded import START, open_daemon

VIRTUAL_TIME = True

QUICK = workflow("quick", step("a", "constant", value=1))


@node
async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


async def test_a_conversation() -> None:
    """Ask, be answered, and hear the rest."""
    async with open_daemon() as daemon:
        client = await daemon.connect("alice")
        assert client.greeting["session_id"] == "alice"
        reply = await client.ask({"type": "execute_workflow", "workflow": QUICK})
        assert reply["type"] == "workflow_execution_started"
        assert (await client.receive_until("workflow_completed"))[-1]["results"] == {"a": {"value": 1}}
        assert await client.receive_what_is_there() == []


async def test_node_types_of_ones_own() -> None:
    """What a user wants to test runs beside the built-in ones."""
    async with open_daemon([shout]) as daemon:
        run = await daemon.runtime.start(workflow("w", step("s", "shout", text="hi")))
        assert await run.result() == {"s": {"value": "HI"}}


async def test_the_wall_clock_is_virtual() -> None:
    """A day is a moment, and timestamps repeat."""
    async with open_daemon(settings=Settings(heartbeat=1e9)) as daemon:
        assert daemon.runtime.now() == START
        await trio.sleep(24 * 3600)
        assert daemon.hub.timestamp() == "2026-01-02T00:00:00.000000Z"


async def test_draining() -> None:
    """As at SIGTERM."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        await daemon.drain()
        assert (await client.closed())[0] == 1012


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """A test that fails shows its own error, not one wrapped by the daemon."""

    async def fail() -> None:
        async with open_daemon() as daemon:
            await daemon.connect()
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_several_daemons_live_beside_each_other() -> None:
    """Nothing is global."""
    async with open_daemon() as one, open_daemon() as two:
        await one.connect("s")
        assert (len(one.hub.sessions), len(two.hub.sessions)) == (1, 0)
        assert one.runtime.journal.epoch != two.runtime.journal.epoch


async def test_a_request() -> None:
    """REST beside the socket."""
    async with open_daemon() as daemon:
        answer = await daemon.request("POST", "/api/validate", {"workflow": QUICK})
        assert (answer.status, answer.json()["errors"]) == (200, [])
