"""A run on a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bluev_actors.cli.daemon_source import DaemonSource
from bluev_actors.cli.display import note
from bluev_actors.cli.follow import EXIT_BY_STATUS, follow
from bluev_actors.client.client import connect

if TYPE_CHECKING:
    from bluev_actors.cli.display import Display
    from bluev_actors.cli.follow import Interrupts
    from bluev_actors.cli.order import Order
    from bluev_actors.client.remote_run import RemoteRun


async def run_there(order: Order, url: str, nursery: trio.Nursery, interrupts: Interrupts) -> int:
    """Run it on a daemon; returns what the process ends with."""
    async with connect(url, session_id=order.session) as client:
        run = await client.execute(order.document, order.inputs, options=order.options)
        return await _follow(run, order.display, nursery, interrupts)


async def watch_there(
    url: str, run_id: str, after: int, display: Display, nursery: trio.Nursery, interrupts: Interrupts
) -> int:
    """Follow a run that is there already; returns what the process ends with."""
    async with connect(url) as client:
        run = await client.watch(run_id, after=after)
        return await _follow(run, display, nursery, interrupts)


async def _follow(run: RemoteRun, display: Display, nursery: trio.Nursery, interrupts: Interrupts) -> int:
    source = DaemonSource(run)
    nursery.start_soon(source.pump)
    try:
        state = await follow(source, display)
    except trio.Cancelled:
        if interrupts.came:
            note(f"Left. The run goes on: bluev-actors watch {run.run_id}")
        raise
    return EXIT_BY_STATUS[state.status]
