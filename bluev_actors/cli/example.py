"""`example`: workflows to start from."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import click
import orjson

from bluev_actors.cli.columns import columns

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@click.command()
@click.argument("name", required=False)
def example(name: str | None) -> None:
    """Print the example workflow NAME, or list the examples there are."""
    found = examples()
    if name is None:
        rows = [(name, orjson.loads(file.read_bytes())["description"]) for name, file in found.items()]
        click.echo("\n".join(columns(("EXAMPLE", "WHAT IT SHOWS"), rows)))
    elif name in found:
        click.echo(found[name].read_text("utf-8"), nl=False)
    else:
        raise click.UsageError(f"there is no example {name!r}; there are {', '.join(found)}")


def examples() -> dict[str, Traversable]:
    """The example files by name."""
    folder = files("bluev_actors.cli") / "examples"
    found = [file for file in folder.iterdir() if file.name.endswith(".json")]
    return {file.name.removesuffix(".json"): file for file in sorted(found, key=lambda file: file.name)}
