"""`config show`: what the daemon's settings come to, and where each of them is from."""

from __future__ import annotations

import click
import orjson

from bluev_actors.cli.columns import columns
from bluev_actors.cli.daemon_flags import as_text, daemon_flags
from bluev_actors.cli.options import json_option
from bluev_actors.daemon.config import explain, load_settings


@click.group()
def config() -> None:
    """Look at the daemon's settings."""


@config.command()
@daemon_flags
@json_option
def show(as_json: bool, **flags: object) -> None:
    """Show every setting that `serve` would start with here, its value and its source.

    A flag beats the environment (BLUEV_ACTORS_...), which beats the file given by --config.
    """
    found = explain(load_settings(flags))
    if as_json:
        rows = {name: {"value": value, "source": source} for name, value, source in found}
        click.echo(orjson.dumps(rows))
    else:
        lines = columns(("SETTING", "VALUE", "SOURCE"), [(n, as_text(v), source) for n, v, source in found])
        click.echo("\n".join(lines))
