"""Everything that answers no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.client.inbox import INBOX_LIMIT
from bluev_actors.errors import ConnectionLostError
from bluev_actors.protocol.codec import UnknownMessage
from bluev_actors.protocol.messages import Heartbeat

if TYPE_CHECKING:
    from tests.client.conftest import Say, Wire


async def test_it_gathers_while_it_lasts(wire: Wire, say: Say) -> None:
    """Events and broadcasts, in their order, from the begin of the block to its end."""
    async with wire.client() as client:
        wire.say({"early": True})
        await trio.testing.wait_all_tasks_blocked()
        with client.messages() as inbox:
            wire.say(say.node(3))
            wire.say(Heartbeat(timestamp=""))
            wire.say({"hi": 1})
            assert [await anext(inbox), await anext(inbox)] == [say.node(3), UnknownMessage("", {"hi": 1})]
        wire.say({"late": True})
        await trio.testing.wait_all_tasks_blocked()
        assert len(inbox) == 0


async def test_it_waits_for_what_comes(wire: Wire, nursery: trio.Nursery) -> None:
    """An empty inbox waits; the reader is woken by the next message."""
    async with wire.client() as client:
        with client.messages() as inbox:

            async def later() -> None:
                await trio.testing.wait_all_tasks_blocked()
                wire.say({"n": 1})

            nursery.start_soon(later)
            message = await anext(inbox)
            assert isinstance(message, UnknownMessage)
            assert message.body == {"n": 1}


async def test_a_flood_drops_the_oldest_and_counts(wire: Wire) -> None:
    """Memory stays bounded, and the reader can see that it was too slow."""
    async with wire.client() as client:
        with client.messages() as inbox:
            for number in range(INBOX_LIMIT + 10):
                wire.say({"n": number})
            await trio.testing.wait_all_tasks_blocked()
            assert (inbox.dropped, len(inbox)) == (10, INBOX_LIMIT)
            first = await anext(inbox)
            assert isinstance(first, UnknownMessage)
            assert first.body == {"n": 10}


async def test_a_loss_comes_after_what_came(wire: Wire) -> None:
    """First the messages, then the error, also for a reader who waits already."""
    async with wire.client() as client:
        with client.messages() as inbox:
            wire.say({"n": 1})
            wire.hang_up()
            await anext(inbox)
            with pytest.raises(ConnectionLostError):
                await anext(inbox)


async def test_a_loss_wakes_the_reader(wire: Wire, nursery: trio.Nursery) -> None:
    """Nobody waits for messages of a connection that is gone."""
    async with wire.client() as client:
        with client.messages() as inbox:

            async def cut() -> None:
                await trio.testing.wait_all_tasks_blocked()
                wire.hang_up()

            nursery.start_soon(cut)
            with pytest.raises(ConnectionLostError):
                async for _ in inbox:
                    pass
