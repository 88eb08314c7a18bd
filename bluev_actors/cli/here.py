"""A run in this process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.display import note
from bluev_actors.cli.engine_source import EngineSource
from bluev_actors.cli.follow import EXIT_BY_STATUS, follow
from bluev_actors.cli.words import plural, printable
from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.engine import open_engine
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trio

    from bluev_actors.cli.follow import Interrupts
    from bluev_actors.cli.order import Order
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime


def engine_settings(given: Mapping[str, Any]) -> Settings:
    """What an engine in this process is like: the flags of `run`, and for the rest what holds by default."""
    return evolve(Settings(), **given)


async def run_here(order: Order, settings: Settings, _: trio.Nursery, interrupts: Interrupts) -> int:
    """Run it in this process; returns what the process ends with."""
    async with open_engine(settings, open_catalogue(settings.nodes, settings.allow)) as runtime:
        handle = _unfinished(runtime, order)
        run_id = handle.run_id if handle is not None else runtime.new_run_id()
        source = EngineSource(runtime, run_id, order.display.wants)
        if handle is None:
            handle = await runtime.start(
                order.document, order.inputs, options=order.options, session_id=order.session or "", run_id=run_id
            )
        source.follow(handle)
        interrupts.react = partial(_stop, handle)
        state = await follow(source, order.display)
        _tell_of_others(runtime, settings)
        return EXIT_BY_STATUS[state.status]


def _unfinished(runtime: Runtime, order: Order) -> RunHandle | None:
    """A run of this very workflow that an earlier process was not granted to finish."""
    if not is_object(order.document):
        return None
    for run in runtime.list_runs():
        if not run.ended and run.workflow.document == order.document:
            note(f"{printable(run.run_id)} did not come to its end the last time, and goes on.")
            return run
    return None


def _tell_of_others(runtime: Runtime, settings: Settings) -> None:
    waiting = sum(not run.ended for run in runtime.list_runs())
    if waiting:
        note(f"{plural(waiting, 'other run')} in {settings.folder} wait for: bluev-actors serve --data-dir")


async def _stop(handle: RunHandle) -> None:
    """What the first Ctrl-C does."""
    note("Stopping. Ctrl-C again ends at once.")
    await handle.stop()
