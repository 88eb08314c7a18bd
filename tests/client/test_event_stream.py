"""Iterating over a run: everything once and in order, at any speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from bluev_actors.client.feed import FEED_LIMIT
from bluev_actors.errors import ConnectionLostError
from bluev_actors.protocol.messages import (
    Gap,
    NodeProgressMessage,
    NodeStatusUpdate,
    RunMessage,
    Unwatched,
    WorkflowCompleted,
)

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.client import Client, EventStream, RemoteRun
    from tests.client.conftest import Say, Wire


async def begin(client: Client, wire: Wire, say: Say) -> RemoteRun:
    """Start run `r` on a scripted daemon."""
    runs: list[RemoteRun] = []

    async def execute() -> None:
        runs.append(await client.execute({}))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(execute)
        wire.say(say.started((await wire.hear())["request_id"]))
    return runs[0]


async def read(stream: EventStream) -> list[int]:
    """All places in the run, as the reader gets them."""
    return [update.seq async for update in stream if isinstance(update, RunMessage)]


async def replay(wire: Wire, say: Say, last: int, asked: list[int] | None = None) -> None:
    """Answer watches with what they ask for, up to one that is about the end; notes what they ask for."""
    while True:
        said = await wire.hear()
        assert said["type"] == "watch"
        after = said["after"]
        if asked is not None:
            asked.append(after)
        wire.say(say.watching(said["request_id"]))
        for seq in range(after + 1, last):
            wire.say(say.node(seq, cursor=None) if seq > 1 else say.started(cursor=None))
        wire.say(completed_again(say, last))
        if after >= last - 1 - FEED_LIMIT:
            return


def completed_again(say: Say, last: int) -> WorkflowCompleted:
    """The end, as it is sent again."""
    return evolve(say.completed(last), cursor=None)


async def test_a_run_from_its_first_event_to_its_last(wire: Wire, say: Say) -> None:
    """Without another word to the daemon."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        for message in (say.node(2), say.node(3, "completed", outputs={}), say.completed(4)):
            wire.say(message)
        assert await read(run.events()) == [1, 2, 3, 4]


async def test_events_are_typed(wire: Wire, say: Say) -> None:
    """A reader can match on their classes; progress comes between them."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        for message in (say.node(2), say.progress(0.5), say.completed(3)):
            wire.say(message)
        _, node, progress, end = [update async for update in run.events()]
        assert isinstance(node, NodeStatusUpdate)
        assert isinstance(progress, NodeProgressMessage)
        assert isinstance(end, WorkflowCompleted)


async def test_read_late(wire: Wire, nursery: trio.Nursery, say: Say, autojump_clock: MockClock) -> None:
    """Nobody read for a long time: the run was not held up, and the reader still gets everything."""
    last = FEED_LIMIT + 500
    async with wire.client() as client:
        run = await begin(client, wire, say)
        for seq in range(2, last):
            wire.say(say.node(seq))
        wire.say(say.completed(last))
        await run.result()
        assert (wire.unheard, autojump_clock.current_time()) == (0, 0)
        nursery.start_soon(replay, wire, say, last)
        assert await read(run.events()) == list(range(1, last + 1))


async def test_a_second_reader_has_it_all_too(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """Each call of `events` is a reader of its own, from the start."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(say.node(2))
        wire.say(say.completed(3))
        assert await read(run.events()) == [1, 2, 3]
        nursery.start_soon(replay, wire, say, 3)
        assert await read(run.events()) == [1, 2, 3]


async def test_readers_do_not_disturb_each_other(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """One reads live while the replay for the other passes by."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(say.node(2))
        live = run.events()
        assert [(await anext(live)).type for _ in range(2)] == ["workflow_execution_started", "node_status_update"]
        nursery.start_soon(replay, wire, say, 5)
        assert await read(run.events()) == [1, 2, 3, 4, 5]
        assert await read(live) == [3, 4, 5]


async def test_from_a_place(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """`after` begins behind a place that the caller knows."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        nursery.start_soon(replay, wire, say, 5)
        assert await read(run.events(after=3)) == [4, 5]


async def test_a_slow_loop_body_loses_nothing(
    wire: Wire, nursery: trio.Nursery, say: Say, autojump_clock: MockClock
) -> None:
    """Three times the room's worth of events at once, and a body that sleeps: all of them, once, in order."""
    last, asked = 3 * FEED_LIMIT, list[int]()
    async with wire.client() as client:
        run = await begin(client, wire, say)
        for seq in range(2, last):
            wire.say(say.node(seq))
        wire.say(say.completed(last))
        nursery.start_soon(replay, wire, say, last, asked)
        seen = list[int]()
        async for update in run.events():
            assert isinstance(update, RunMessage)
            seen.append(update.seq)
            if len(seen) in (1, 2, FEED_LIMIT + 10):
                await trio.sleep(60 if len(seen) > 2 else 5)
        assert seen == list(range(1, last + 1))
        assert autojump_clock.current_time() == pytest.approx(70)
        assert 1 <= len(asked) <= 4


async def test_a_body_that_asks(wire: Wire, nursery: trio.Nursery, say: Say, autojump_clock: MockClock) -> None:
    """To watch again, or to control, from within the loop does not wait for the loop itself."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        for seq in range(2, FEED_LIMIT + 100):
            wire.say(say.node(seq))
        stream = run.events()
        await anext(stream)

        async def answer() -> None:
            wire.say(say.watching((await wire.hear())["request_id"]))

        nursery.start_soon(answer)
        await client.watch("r", after=FEED_LIMIT + 99)
        assert autojump_clock.current_time() == 0


async def test_lost_history_is_a_gap(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """What the daemon no longer holds is told, and the rest follows."""
    async with wire.client() as client:
        run = await begin(client, wire, say)

        async def expired() -> None:
            wire.say(say.watching((await wire.hear())["request_id"], say.snapshot(7), reason="expired"))
            wire.say(say.completed(8))

        nursery.start_soon(expired)
        gap, end = [update async for update in run.events(after=3)]
        assert isinstance(gap, Gap)
        assert isinstance(end, WorkflowCompleted)


async def test_an_answer_that_is_no_watching(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """Does not open the stream; the daemon is asked again."""
    async with wire.client() as client:
        run = await begin(client, wire, say)

        async def daemon() -> None:
            wire.say(Unwatched(timestamp="", request_id=(await wire.hear())["request_id"], run_id="r"))
            await replay(wire, say, 3)

        nursery.start_soon(daemon)
        assert await read(run.events(after=1)) == [2, 3]


async def test_a_broken_connection_ends_it_after_what_came(wire: Wire, say: Say) -> None:
    """First everything that did come, then the loss."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(say.node(2))
        wire.hang_up()
        stream = run.events()
        assert [(await anext(stream)).type for _ in range(2)] == ["workflow_execution_started", "node_status_update"]
        with pytest.raises(ConnectionLostError):
            await anext(stream)


async def test_an_abandoned_reader_costs_nobody_anything(wire: Wire, say: Say, autojump_clock: MockClock) -> None:
    """After a `break` the rest of the run flows by, after one moment of patience."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        async for _ in run.events():
            break
        for seq in range(2, 2 * FEED_LIMIT):
            wire.say(say.node(seq))
        wire.say(say.completed(2 * FEED_LIMIT))
        assert await run.result() == {"a": {"out": 1}}
        assert autojump_clock.current_time() <= 1


async def test_it_lets_others_run(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """Each step is a checkpoint, even while messages wait."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        for seq in range(2, 100):
            wire.say(say.node(seq))
        wire.say(say.completed(100))
        await run.result()
        others = list[int]()

        async def other() -> None:
            while True:
                others.append(1)
                await trio.lowlevel.checkpoint()

        nursery.start_soon(other)
        await read(run.events())
        assert len(others) > 50
        nursery.cancel_scope.cancel()
