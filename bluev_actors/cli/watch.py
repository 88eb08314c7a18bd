"""`watch`: somebody else's run, or one's own from before, to its end."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from bluev_actors.cli.display import choose_display, note
from bluev_actors.cli.follow import EXIT_BY_STATUS, follow, until_interrupted
from bluev_actors.cli.options import daemon_url, json_option, run_argument
from bluev_actors.cli.outline import outline_of
from bluev_actors.cli.source import DaemonSource
from bluev_actors.client import connect
from bluev_actors.client.rest import Rest

if TYPE_CHECKING:
    from bluev_actors.cli.display import Display
    from bluev_actors.cli.follow import Interrupts
    from bluev_actors.client import RemoteRun


@click.command()
@run_argument
@daemon_url
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="SEQ", help="Begin after this event; 0 is the start."
)
@json_option
def watch(run: str, url: str, after: int, as_json: bool) -> None:
    """Follow RUN, a run id or a workflow id, until it ends. Ctrl-C leaves it.

    Ends as `run` does.
    """
    with Rest(url) as rest:
        found = rest.run(run)
    display = choose_display(outline_of(found["workflow"]), as_json=as_json)
    sys.exit(trio.run(until_interrupted, partial(_watch, url, found["run_id"], after, display)))


async def _watch(
    url: str, run_id: str, after: int, display: Display, nursery: trio.Nursery, interrupts: Interrupts
) -> int:
    async with connect(url) as client:
        run = await client.watch(run_id, after=after)
        return await follow_there(run, display, nursery, interrupts)


async def follow_there(run: RemoteRun, display: Display, nursery: trio.Nursery, interrupts: Interrupts) -> int:
    """Show a daemon's run until it has ended; returns what the process ends with."""
    source = DaemonSource(run)
    nursery.start_soon(source.pump)
    try:
        state = await follow(source, display)
    except trio.Cancelled:
        if interrupts.came:
            note(f"Left. The run goes on: bluev-actors watch {run.run_id}")
        raise
    return EXIT_BY_STATUS[state.status]
