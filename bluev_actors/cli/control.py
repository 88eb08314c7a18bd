"""`pause`, `resume`, `stop` and `signal`: steering a run on a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from bluev_actors.cli.documents import parse_document, read_document
from bluev_actors.cli.options import daemon_url, json_option, run_argument
from bluev_actors.cli.words import printable
from bluev_actors.client.rest import Rest, run_path

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


@click.command()
@run_argument
@daemon_url
@click.option(
    "--mode",
    type=click.Choice(["checkpoint", "drain", "hard"]),
    help="Nodes in flight: go on later from their last checkpoint, finish first, or are all cancelled.",
)
@click.option("--until", metavar="TIME", help="Resume by itself then, as in 2030-01-31T08:00:00Z.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Stop it if still paused then."
)
@json_option
def pause(run: str, url: str, mode: str | None, until: str | None, timeout: float | None, as_json: bool) -> None:
    """Pause RUN, a run id or a workflow id. No node starts until it is resumed."""
    _control(url, run, "pause", {"mode": mode, "until": until, "timeout": timeout}, as_json=as_json)


@click.command()
@run_argument
@daemon_url
@json_option
def resume(run: str, url: str, as_json: bool) -> None:
    """Let RUN, a run id or a workflow id, go on after a pause."""
    _control(url, run, "resume", {}, as_json=as_json)


@click.command()
@run_argument
@daemon_url
@click.option("--mode", type=click.Choice(["graceful", "kill"]), help="Whether nodes have time to clean up.")
@json_option
def stop(run: str, url: str, mode: str | None, as_json: bool) -> None:
    """Stop RUN, a run id or a workflow id, for good."""
    _control(url, run, "stop", {"mode": mode}, as_json=as_json)


@click.command()
@run_argument
@click.argument("node")
@daemon_url
@click.option("--payload", metavar="JSON", help="What to tell it; `-` is standard input.  [default: null]")
@json_option
def signal(run: str, node: str, url: str, payload: str | None, as_json: bool) -> None:
    """Answer NODE of RUN, a run id or a workflow id. What comes before the node waits is kept for it."""
    body: JsonObject = {"node_id": node, "payload": _payload(payload)}
    with Rest(url) as rest:
        reply: JsonObject = rest.post(run_path(rest.find_run(run), "signal"), body)
    if as_json:
        click.echo(orjson.dumps(reply))
    else:
        click.echo(f"{printable(reply['node_id'])} of {printable(reply['run_id'])} has its answer")


def _payload(text: str | None) -> Json:
    if text is None:
        return None
    return read_document(text) if text == "-" else parse_document(text.encode(errors="surrogateescape"), "the payload")


def _control(url: str, run: str, action: str, body: JsonObject, *, as_json: bool) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    with Rest(url) as rest:
        reply: JsonObject = rest.post(run_path(rest.find_run(run), action), given)
    if as_json:
        click.echo(orjson.dumps(reply))
    else:
        click.echo(f"{printable(reply['workflow_id'])} ({printable(reply['run_id'])}) is {reply['state']}")
