"""`ps` and `show`: which runs a daemon holds, and how one of them stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, get_args

import click
import orjson

from bluev_actors.cli.columns import columns
from bluev_actors.cli.lines import closing_lines
from bluev_actors.cli.options import daemon_url, json_option, run_argument
from bluev_actors.cli.outline import outline_of
from bluev_actors.cli.picture import node_note, node_time
from bluev_actors.cli.words import duration, printable
from bluev_actors.client.rest import Rest
from bluev_actors.workflows.run_events import NODE_ENDED, RunStatus
from bluev_actors.workflows.snapshot import load_snapshot
from bluev_actors.workflows.times import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject

NOTE_WIDTH: Final = 80


@click.command()
@daemon_url
@click.option("--state", type=click.Choice(get_args(RunStatus)), help="Only runs in this state.")
@click.option("--workflow", metavar="ID", help="Only runs of this workflow.")
@click.option("--limit", type=click.IntRange(min=1, max=500), default=50, show_default=True, help="At most so many.")
@json_option
def ps(url: str, state: str | None, workflow: str | None, limit: int, as_json: bool) -> None:
    """List the runs that the daemon holds, newest first."""
    query = {"state": state, "workflow_id": workflow, "limit": limit}
    with Rest(url) as rest:
        found: JsonObject = rest.get("/api/runs", **{name: value for name, value in query.items() if value is not None})
    if as_json:
        click.echo(orjson.dumps(found))
        return
    rows = [row(run, time.time()) for run in found["runs"]]
    click.echo("\n".join(columns(("RUN", "WORKFLOW", "STATE", "DONE", "ELAPSED", "SESSION"), rows)))
    if "next" in found:
        click.echo(f"there are more than {limit}")


def row(run: JsonObject, now: float) -> tuple[str, ...]:
    """One run of the list; `now` is the time in seconds since 1970."""
    counts: dict[str, int] = run["nodes"]
    done = sum(counts.get(status, 0) for status in NODE_ENDED)
    return (
        run["run_id"],
        run["workflow_id"],
        run["state"],
        f"{done}/{counts['total']}",
        _elapsed(run, now),
        run["session_id"] or "-",
    )


def _elapsed(run: JsonObject, now: float) -> str:
    if run["started_at"] is None:
        return "-"
    until = now if run["finished_at"] is None else from_rfc3339(run["finished_at"])
    return duration(max(0.0, until - from_rfc3339(run["started_at"])))


@click.command()
@run_argument
@daemon_url
@json_option
def show(run: str, url: str, as_json: bool) -> None:
    """Show how RUN, a run id or a workflow id, stands: its nodes, their times and outputs."""
    with Rest(url) as rest:
        found = rest.run(run)
    click.echo(orjson.dumps(found) if as_json else "\n".join(_page(found)))


def _page(run: JsonObject) -> Iterator[str]:
    state = load_snapshot(run)
    for node_id, outputs in run["outputs"].items():
        state.nodes[node_id].outputs = outputs
    yield f"{printable(state.workflow_id)} is {state.status}: run {printable(state.run_id)}"
    yield from columns(("NODE", "TYPE", "STATE", "TIME", "WHAT"), _nodes(state, run["workflow"]))
    if state.ended:
        yield from closing_lines(state)


def _nodes(state: RunState, document: JsonObject) -> list[tuple[str, ...]]:
    now = time.time()
    types = outline_of(document).types
    rows = [(node_id, type_, state.node(node_id)) for node_id, type_ in types.items()]
    return [
        (node_id, type_, node.status, node_time(node, now), node_note(node, NOTE_WIDTH))
        for node_id, type_, node in rows
    ]
