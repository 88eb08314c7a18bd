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
from bluev_actors.cli.options import allow_option, json_option, nodes_option, workflow_file
from bluev_actors.cli.order import Order
from bluev_actors.cli.outline import outline_of
from bluev_actors.cli.verdict import problem_lines
from bluev_actors.errors import InvalidWorkflowError
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from bluev_actors.cli.follow import Work


@click.command()
@workflow_file
@click.option("--url", metavar="URL", help="Run it on this daemon; without it, in this process and in memory.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=JSON", help="A value for an input. Repeatable.")
@nodes_option
@allow_option
@click.option("--session", metavar="NAME", help="The session that the run belongs to.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after.")
@json_option
def run(
    file: str,
    url: str | None,
    inputs: tuple[str, ...],
    nodes: tuple[str, ...],
    allow: tuple[str, ...],
    session: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Run the workflow in FILE (`-`: standard input) and show its progress.

    Ctrl-C stops a run in this process; a daemon's run goes on and is only left.

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
    sys.exit(_exit_code(order, url, nodes, allow))


def _exit_code(order: Order, url: str | None, nodes: tuple[str, ...], allow: tuple[str, ...]) -> int:
    try:
        return trio.run(until_interrupted, _work(order, url, nodes, allow))
    except InvalidWorkflowError as error:
        note("\n".join(problem_lines(order.file, error.problems)))
        return INVALID


def _work(order: Order, url: str | None, nodes: tuple[str, ...], allow: tuple[str, ...]) -> Work:
    """What is to be done. The engine is loaded only for a run here, the client only for one there."""
    if url is None:
        from bluev_actors.cli.here import run_here  # noqa: PLC0415 - as said above

        return partial(run_here, order, nodes, allow)
    from bluev_actors.cli.there import run_there  # noqa: PLC0415 - as said above

    return partial(run_there, order, url)
