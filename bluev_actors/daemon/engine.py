"""The engine as the settings want it: for the daemon, and for a run in the process of the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.engine.secrets import Secrets
from bluev_actors.errors import ConfigError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bluev_actors.daemon.config import Settings
    from bluev_actors.engine.node_types import Catalogue
    from bluev_actors.engine.runtime import Runtime


def open_engine(
    settings: Settings, catalogue: Catalogue, *, watchdog: float | None = None
) -> AbstractAsyncContextManager[Runtime]:
    """Open a runtime.

    Args:
        settings: where runs are kept, what nodes may reach and be told, how much there may be of everything.
        catalogue: the node types there are.
        watchdog: seconds for which nothing may hold up the event loop without being named; None: nobody looks.

    Raises:
        ConfigError: the secrets cannot be read, or the folder for files is none.
        StoreOpenError: the folder that runs are kept in cannot be used.
    """
    return open_runtime(
        catalogue=catalogue,
        limits=settings.runs,
        data_dir=settings.folder,
        sync=settings.sync,
        secrets=secrets_of(settings),
        outside=outside_of(settings),
        watchdog=watchdog,
    )


def secrets_of(settings: Settings) -> Secrets:
    """What nodes may be told in confidence.

    Raises:
        ConfigError: they cannot be read.
    """
    return Secrets.read(user_path(settings.secrets_file), os.environ)


def outside_of(settings: Settings) -> Outside:
    """What nodes that touch the outside may reach.

    Raises:
        ConfigError: the folder for files is none, or is where runs are kept.
    """
    files_root, folder = user_path(settings.files_root), settings.folder
    if files_root is not None and not files_root.is_dir():
        raise ConfigError(f"files_root must be a folder, and {files_root} is none.")
    if files_root is not None and folder is not None and _overlap(files_root.resolve(), folder.resolve()):
        raise ConfigError(f"files_root {files_root} and data_dir {folder} overlap: nodes could overwrite the journal.")
    return Outside(allowed_hosts=settings.allow_host, files_root=files_root, programs=settings.program or None)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def user_path(text: str) -> Path | None:
    """A path as people write it, with `~` for home; None for none."""
    return Path(text).expanduser() if text else None
