from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.event_reader import EventReader
from bluev_actors.engine.journal import Entry, MemoryJournal, RunRecord
from bluev_actors.errors import HistoryExpiredError
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import NodeStarted, RunStarted, RunStopped

STARTED: Entry = (RunStarted(), 1.0)
NODE: Entry = (NodeStarted("a"), 2.0)
STOPPED: Entry = (RunStopped({}, {}), 3.0)


def open_journal(*entries: Entry, capacity: int = 1000) -> MemoryJournal:
    """A journal with one run."""
    journal = MemoryJournal(capacity)
    journal.open_run(RunRecord("r", Workflow("w", (Node("a", "noop"),)), {}, 0.0))
    journal.append("r", entries)
    return journal


async def read(journal: MemoryJournal, after: int = 0) -> list[int]:
    """The numbers of all events from some place on."""
    return [recorded.seq async for recorded in EventReader(journal, "r", after)]


@pytest.mark.parametrize(("after", "seqs"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, []), (99, [])])
async def test_a_run_that_has_ended_is_read_to_its_end(after: int, seqs: list[int]) -> None:
    """From any place on, the last one included."""
    assert await read(open_journal(STARTED, NODE, STOPPED), after) == seqs


async def test_a_live_run_is_followed() -> None:
    """Events come as they are committed, one by one or many at once, up to and with the last."""
    journal, seen = open_journal(STARTED), list[int]()

    async def follow() -> None:
        async for recorded in EventReader(journal, "r"):
            seen.append(recorded.seq)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        await wait_all_tasks_blocked()
        assert seen == [1]
        journal.append("r", [NODE, NODE])
        await wait_all_tasks_blocked()
        assert seen == [1, 2, 3]
        journal.append("r", [NODE, STOPPED])
    assert seen == [1, 2, 3, 4, 5]


async def test_a_slow_reader_misses_nothing() -> None:
    """What is committed while it works waits for it."""
    journal, seen = open_journal(STARTED), list[int]()
    async for recorded in EventReader(journal, "r"):
        seen.append(recorded.seq)
        if len(seen) < 3:
            journal.append("r", [NODE, NODE])
        elif len(seen) == 3:
            journal.append("r", [STOPPED])
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_a_reader_can_be_cancelled_and_go_on() -> None:
    """A wait that is cancelled loses no event."""
    journal = open_journal(STARTED)
    reader = EventReader(journal, "r", 1)
    with trio.move_on_after(1) as scope:
        await anext(reader)
    assert scope.cancelled_caught
    journal.append("r", [STOPPED])
    assert (await anext(reader)).seq == 2
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_a_forgotten_run_ends_the_reading() -> None:
    """There is nothing more to come."""
    journal = open_journal(STARTED)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, journal, 1)
        await wait_all_tasks_blocked()
        journal.forget_run("r")
    assert await read(journal) == []


async def test_a_reader_is_told_of_a_hole() -> None:
    """Events that are no longer held are not passed over in silence."""
    journal = open_journal(STARTED, NODE, STOPPED, capacity=2)
    with pytest.raises(HistoryExpiredError):
        await read(journal)
    assert await read(journal, 1) == [2, 3]
