"""A run of a daemon, followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.cli.daemon_source import BUFFER, DaemonSource
from bluev_actors.client import connect
from bluev_actors.errors import ConnectionLostError
from bluev_actors.protocol.messages import RunEventMessage

if TYPE_CHECKING:
    from bluev_actors.cli.source import Source
    from bluev_actors.client.feed import RunUpdate
    from tests.cli.conftest import Documents


async def exhaust(source: Source) -> list[RunUpdate]:
    """Everything there is to take."""
    updates: list[RunUpdate] = []
    while not source.exhausted:
        updates += await source.take(0.02)
    return updates


def seqs(updates: list[RunUpdate]) -> list[int]:
    """Places in the run."""
    return [update.seq for update in updates if isinstance(update, RunEventMessage)]


async def test_a_run_there(daemon: str, documents: Documents, nursery: trio.Nursery) -> None:
    """The same messages from a daemon."""
    async with connect(daemon) as client:
        source = DaemonSource(await client.execute(documents.hello(id="there")))
        nursery.start_soon(source.pump)
        updates = await exhaust(source)
        assert seqs(updates) == [1, 2, 3, 4]
        assert source.state.status == "completed"


async def test_a_batch_is_bounded(daemon: str, nursery: trio.Nursery) -> None:
    """However much has come, a display gets it in portions."""
    nodes = [{"id": f"n{i}", "type": "noop"} for i in range(BUFFER)]
    async with connect(daemon) as client:
        run = await client.execute({"id": "many", "nodes": nodes, "connections": []})
        source = DaemonSource(run)
        nursery.start_soon(source.pump)
        await run.result()
        sizes = list[int]()
        while not source.exhausted:
            sizes.append(len(await source.take(0.5)))
    assert sum(sizes) == 2 * BUFFER + 2
    assert max(sizes) <= BUFFER


async def test_a_reader_far_behind(daemon: str) -> None:
    """Thousands of events after the fact, and a second reader live: the daemon sends again what was let go."""
    nodes = [{"id": f"n{i}", "type": "noop"} for i in range(2_000)]
    async with connect(daemon) as client:
        run = await client.execute({"id": "far-behind", "nodes": nodes, "connections": []})
        await run.result()
        late = [update async for update in run.events()]
        again = [update async for update in run.events(after=4_000)]
    assert seqs(late) == list(range(1, 4_003))
    assert seqs(again) == [4_001, 4_002]


async def test_a_daemon_that_is_lost(daemon: str, documents: Documents, nursery: trio.Nursery) -> None:
    """First what came, then the loss."""
    async with connect(daemon) as client:
        source = DaemonSource(await client.execute(documents.waiting(id="lost")))
        nursery.start_soon(source.pump)
        await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(ConnectionLostError):
        await exhaust(source)
