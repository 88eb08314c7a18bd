"""A run of the engine in this process, followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bluev_actors import node, open_runtime
from bluev_actors.cli.engine_source import EngineSource
from bluev_actors.protocol.messages import NodeProgressMessage, RunEventMessage
from bluev_actors.workflows.run_events import NodeLog

if TYPE_CHECKING:
    from bluev_actors.cli.source import Source
    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.engine.context import NodeContext
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


async def test_a_run_here(documents: Documents) -> None:
    """Every event from the first to the last, once, and nobody else's."""
    async with open_runtime() as runtime:
        run_id = runtime.new_run_id()
        source = EngineSource(runtime, run_id)
        await runtime.start(documents.hello(id="other"))
        source.follow(await runtime.start(documents.hello(), run_id=run_id))
        updates = await exhaust(source)
    assert seqs(updates) == [1, 2, 3, 4]
    assert {update.run_id for update in updates if isinstance(update, RunEventMessage)} == {run_id}
    assert source.state.status == "completed"


async def test_progress_comes_in_its_place(documents: Documents) -> None:
    """Between the node's begin and its end."""

    @node
    async def works(ctx: NodeContext) -> None:
        ctx.progress(0.5)
        await trio.lowlevel.checkpoint()

    async with open_runtime([works]) as runtime:
        run_id = runtime.new_run_id()
        source = EngineSource(runtime, run_id)
        await runtime.start(documents.chain({"id": "x", "type": "works"}, id="other"))
        source.follow(await runtime.start(documents.chain({"id": "a", "type": "works"}), run_id=run_id))
        updates = await exhaust(source)
    types = [update.type for update in updates]
    assert types == [
        "workflow_execution_started",
        "node_status_update",
        "node_progress",
        "node_status_update",
        "workflow_completed",
    ]
    assert isinstance(updates[2], NodeProgressMessage)
    assert updates[2].fraction == 0.5


async def test_only_what_is_wanted(documents: Documents) -> None:
    """What nobody looks at is not even translated, and the end is noticed all the same."""
    chatty = documents.chain({"id": "a", "type": "log", "params": {"message": "hello"}})
    async with open_runtime() as runtime:
        run_id = runtime.new_run_id()
        source = EngineSource(runtime, run_id, (NodeLog,))
        source.follow(await runtime.start(chatty, run_id=run_id))
        updates = await exhaust(source)
    assert [update.type for update in updates] == ["node_log"]
    assert source.state.ended


async def test_a_batch_waits_no_longer_than_asked(documents: Documents) -> None:
    """A quiet run gives an empty batch in time."""
    async with open_runtime() as runtime:
        run_id = runtime.new_run_id()
        source = EngineSource(runtime, run_id)
        source.follow(await runtime.start(documents.waiting(), run_id=run_id))
        await source.take(0.02)
        with trio.fail_after(5):
            assert await source.take(0.02) == []
        assert not source.exhausted
