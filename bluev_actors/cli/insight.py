"""`tree`, `connections` and `broadcast`: looking into a daemon, and speaking to all its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from bluev_actors.cli.columns import columns
from bluev_actors.cli.documents import parse_document
from bluev_actors.cli.options import daemon_url, json_option
from bluev_actors.cli.words import duration, plural, printable
from bluev_actors.client.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.values import JsonObject


@click.command()
@daemon_url
@json_option
def tree(url: str, as_json: bool) -> None:
    """Show the living supervision tree: every actor, its state, its mailbox and its restarts."""
    with Rest(url) as rest:
        root: JsonObject = rest.get("/api/tree")
    click.echo(orjson.dumps(root) if as_json else "\n".join(branch(root)))


def branch(actor: JsonObject, first: str = "", rest: str = "") -> Iterator[str]:
    """Draw an actor and all below it; `first` stands before its own line, `rest` before those below."""
    yield f"{first}{printable(actor['id'])}  {', '.join(_facts(actor))}"
    children: list[JsonObject] = actor["children"]
    for child in children[:-1]:
        yield from branch(child, f"{rest}|- ", f"{rest}|  ")
    for child in children[-1:]:
        yield from branch(child, f"{rest}`- ", f"{rest}   ")


def _facts(actor: JsonObject) -> Iterator[str]:
    """What there is to say of one actor; what is as usual is left unsaid."""
    yield f"{printable(actor['kind'])} {actor['state']} for {duration(actor['age'])}"
    if actor["mailbox"]["depth"]:
        yield "mailbox {depth} of {capacity}".format_map(actor["mailbox"])
    if actor["incarnation"] > 1:
        yield plural(actor["incarnation"] - 1, "restart")
    if actor["handling"]:
        yield f"works on {printable(actor['handling']['message'])}"
    if actor["waiting_on"]:
        yield f"waits on {printable(actor['waiting_on'])}"
    if actor["last_crash"]:
        yield f"last crash: {printable(actor['last_crash'])}"


@click.command()
@daemon_url
@json_option
def connections(url: str, as_json: bool) -> None:
    """List the connections, one line each."""
    with Rest(url) as rest:
        stats: JsonObject = rest.get("/api/connections")
    if as_json:
        click.echo(orjson.dumps(stats))
        return
    rows = [_connection(connection) for connection in stats["connections"]]
    heads = ("SESSION", "FROM", "CONNECTED", "LAST HEARD", "QUEUED", "SUBSCRIPTIONS")
    click.echo("\n".join(columns(heads, rows)))
    total, active = plural(stats["total_connections"], "connection"), plural(stats["active_workflows"], "run")
    click.echo(f"{total}, {active} active")


def _connection(connection: JsonObject) -> tuple[str, ...]:
    return (
        connection["session_id"],
        str(connection.get("remote", "")),
        _moment(connection["connected_at"]),
        _moment(connection["last_heartbeat"]),
        f"{connection.get('queued_bytes', 0)} B",
        ", ".join(connection["subscriptions"]) or "-",
    )


def _moment(timestamp: str) -> str:
    """A time to the second, without the letters of the standard."""
    return timestamp[:19].replace("T", " ")


@click.command()
@click.argument("message", metavar="JSON")
@click.option("--event-type", metavar="NAME", help="Only to those who subscribed to NAME or *.")
@daemon_url
def broadcast(message: str, event_type: str | None, url: str) -> None:
    """Send the object JSON, as it is, to every connection."""
    body = parse_document(message.encode(errors="surrogateescape"), "the message")
    query = {} if event_type is None else {"event_type": event_type}
    with Rest(url) as rest:
        answer: JsonObject = rest.post("/api/broadcast", body, **query)
    click.echo(f"sent to {plural(answer['recipients'], 'connection')}")
