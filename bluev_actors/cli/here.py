"""A run in this process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.display import note
from bluev_actors.cli.engine_source import EngineSource
from bluev_actors.cli.follow import EXIT_BY_STATUS, follow
from bluev_actors.engine.runtime import open_runtime

if TYPE_CHECKING:
    import trio

    from bluev_actors.cli.follow import Interrupts
    from bluev_actors.cli.order import Order
    from bluev_actors.engine.run_handle import RunHandle


async def run_here(
    order: Order, nodes: tuple[str, ...], allow: tuple[str, ...], _: trio.Nursery, interrupts: Interrupts
) -> int:
    """Run it in this process, with these node types; returns what the process ends with."""
    async with open_runtime(catalogue=open_catalogue(nodes, allow)) as runtime:
        run_id = runtime.new_run_id()
        source = EngineSource(runtime, run_id, order.display.wants)
        handle = await runtime.start(
            order.document, order.inputs, options=order.options, session_id=order.session or "", run_id=run_id
        )
        source.follow(handle)
        interrupts.react = partial(_stop, handle)
        state = await follow(source, order.display)
        return EXIT_BY_STATUS[state.status]


async def _stop(handle: RunHandle) -> None:
    """What the first Ctrl-C does."""
    note("Stopping. Ctrl-C again ends at once.")
    await handle.stop()
