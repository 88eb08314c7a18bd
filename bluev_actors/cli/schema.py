"""`schema`: what editors and front ends check documents and messages by."""

from __future__ import annotations

import click
import orjson

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.options import allow_option, nodes_option
from bluev_actors.protocol.schema import messages_schema, workflow_schema


@click.command()
@click.argument("what", type=click.Choice(["workflow", "messages"]))
@nodes_option
@allow_option
def schema(what: str, nodes: tuple[str, ...], allow: tuple[str, ...]) -> None:
    """Print the JSON Schema of workflows, with the node types there are, or of the messages of the wire."""
    found = workflow_schema(open_catalogue(nodes, allow).kinds) if what == "workflow" else messages_schema()
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
