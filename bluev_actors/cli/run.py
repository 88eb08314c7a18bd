"""`run`: a workflow from a file to its end, in this process or on a daemon."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from bluev_actors.cli.display import choose_display, note
from bluev_actors.cli.documents import name_of, parse_inputs, read_document
from bluev_actors.cli.follow import INVALID, until_interrupted
from bluev_actors.cli.options import (
    allow_host_option,
    allow_option,
    data_dir_option,
    files_root_option,
    json_option,
    nodes_option,
    secrets_option,
    workflow_file,
)
from bluev_actors.cli.order import Order
from bluev_actors.cli.outline import outline_of
from bluev_actors.cli.verdict import problem_lines
from bluev_actors.errors import InvalidWorkflowError
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from bluev_actors.cli.follow import Work


@click.command()
@workflow_file
@click.option("--url", metavar="URL", help="Run it on this daemon; without it, in this process.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=JSON", help="A value for an input. Repeatable.")
@data_dir_option
@nodes_option
@allow_option
@allow_host_option
@files_root_option
@secrets_option
@click.option("--session", metavar="NAME", help="The session that the run belongs to.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after.")
@json_option
def run(
    file: str,
    url: str | None,
    inputs: tuple[str, ...],
    session: str | None,
    timeout: float | None,
    as_json: bool,
    **here: str | tuple[str, ...] | None,
) -> None:
    """Run the workflow in FILE (`-`: standard input) and show its progress.

    Ctrl-C stops a run in this process; a daemon's run goes on and is only left. With --data-dir, a run of the same
    workflow that did not come to its end there goes on.

    Ends with 0 completed, 1 failed, 2 invalid, 3 stopped, 4 no daemon there, 130 left.
    """
    document = read_document(file)
    order = Order(
        name_of(file),
        document,
        parse_inputs(inputs),
        RunOptions(timeout=timeout),
        session,
        choose_display(outline_of(document, name_of(file)), as_json=as_json),
    )
    sys.exit(_exit_code(order, url, {name: value for name, value in here.items() if value}))


def _exit_code(order: Order, url: str | None, here: dict[str, str | tuple[str, ...]]) -> int:
    try:
        return trio.run(until_interrupted, _work(order, url, here))
    except InvalidWorkflowError as error:
        note("\n".join(problem_lines(order.file, error.problems)))
        return INVALID


def _work(order: Order, url: str | None, here: dict[str, str | tuple[str, ...]]) -> Work:
    """What is to be done. The engine is loaded only for a run here, the client only for one there."""
    if url is None:
        from bluev_actors.cli.here import engine_settings, run_here  # noqa: PLC0415 - as said above

        return partial(run_here, order, engine_settings(here))
    if here:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in here)
        raise click.UsageError(f"{names} is for a run in this process; the daemon at {url} has its own")
    from bluev_actors.cli.there import run_there  # noqa: PLC0415 - as said above

    return partial(run_there, order, url)
