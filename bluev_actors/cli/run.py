"""`run`: a workflow from a file to its end, in this process or on a daemon."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import trio
from attrs import frozen

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.display import choose_display, note
from bluev_actors.cli.documents import name_of, parse_inputs, read_document
from bluev_actors.cli.follow import EXIT_BY_STATUS, INVALID, follow, until_interrupted
from bluev_actors.cli.options import allow_option, json_option, nodes_option, workflow_file
from bluev_actors.cli.outline import outline_of
from bluev_actors.cli.source import EngineSource
from bluev_actors.cli.verdict import problem_lines
from bluev_actors.cli.watch import follow_there
from bluev_actors.client import connect
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import InvalidWorkflowError
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from bluev_actors.cli.display import Display
    from bluev_actors.cli.follow import Interrupts
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.values import Json, JsonObject


@frozen
class Order:
    """What is to be run and how.

    Attributes:
        file: what to call the document.
        document: the workflow.
        inputs: values for its declared inputs.
        options: how to start it.
        session: the session to start it in; None for any.
        display: where it is shown.
    """

    file: str
    document: Json
    inputs: JsonObject
    options: RunOptions
    session: str | None
    display: Display


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
    work = partial(run_here, order, nodes, allow) if url is None else partial(run_there, order, url)
    try:
        code = trio.run(until_interrupted, work)
    except InvalidWorkflowError as error:
        note("\n".join(problem_lines(order.file, error.problems)))
        code = INVALID
    sys.exit(code)


async def run_here(
    order: Order, nodes: tuple[str, ...], allow: tuple[str, ...], _: trio.Nursery, interrupts: Interrupts
) -> int:
    """Run it in this process; returns what the process ends with."""
    async with open_runtime(catalogue=open_catalogue(nodes, allow)) as runtime:
        run_id = runtime.new_run_id()
        source = EngineSource(runtime, run_id)
        handle = await runtime.start(
            order.document, order.inputs, options=order.options, session_id=order.session or "", run_id=run_id
        )
        source.follow(handle)
        interrupts.react = partial(stop, handle)
        state = await follow(source, order.display)
        return EXIT_BY_STATUS[state.status]


async def stop(handle: RunHandle) -> None:
    """What the first Ctrl-C does to a run in this process."""
    note("Stopping. Ctrl-C again ends at once.")
    await handle.stop()


async def run_there(order: Order, url: str, nursery: trio.Nursery, interrupts: Interrupts) -> int:
    """Run it on a daemon; returns what the process ends with."""
    async with connect(url, session_id=order.session) as client:
        remote = await client.execute(order.document, order.inputs, options=order.options)
        return await follow_there(remote, order.display, nursery, interrupts)
