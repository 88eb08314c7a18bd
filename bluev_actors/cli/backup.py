"""`backup`: the runs of a daemon in a file of their own, copied while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import trio

from bluev_actors.cli.words import printable
from bluev_actors.daemon.config import load_settings
from bluev_actors.engine.store.backup import back_up
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.errors import ConfigError, StoreOpenError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--data-dir", metavar="DIR", help="The folder to copy from.  [default: as for serve]")
@click.option("--config", metavar="FILE", help="TOML that says where it is.")
def backup(file: str, data_dir: str | None, config: str | None) -> None:
    """Copy all runs, stored workflows and schedules to FILE, which is not there yet. A daemon may be at work meanwhile.

    To go back to it, put it into an empty folder as journal.db, and start the daemon there.
    """
    trio.run(back_up, journal_in(load_settings({"data_dir": data_dir, "config": config}).folder), file)
    click.echo(f"copied to {printable(file)}")


def journal_in(folder: Path | None) -> Path:
    """The journal's file.

    Raises:
        ConfigError: runs are kept in memory.
        StoreOpenError: it is not there.
    """
    if folder is None:
        raise ConfigError("memory has nothing to copy; say where runs are kept with --data-dir.")
    if not (folder / JOURNAL).is_file():
        raise StoreOpenError(f"there is no journal in {folder}")
    return folder / JOURNAL
