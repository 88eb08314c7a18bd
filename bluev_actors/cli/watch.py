"""`watch`: somebody else's run, or one's own from before, to its end."""

from __future__ import annotations

import sys
from functools import partial

import click
import trio

from bluev_actors.cli.display import choose_display
from bluev_actors.cli.follow import until_interrupted
from bluev_actors.cli.options import daemon_url, json_option, run_argument
from bluev_actors.cli.outline import outline_of
from bluev_actors.cli.there import watch_there
from bluev_actors.client.rest import Rest


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
    sys.exit(trio.run(until_interrupted, partial(watch_there, url, found["run_id"], after, display)))
