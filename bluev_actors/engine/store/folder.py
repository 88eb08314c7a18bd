"""The folder that one daemon keeps its runs in, and the lock that keeps a second one out."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bluev_actors.errors import StoreLockedError, StoreOpenError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

JOURNAL: Final = "journal.db"
"""The name of the SQLite file."""
LOCK: Final = "lock"
"""The name of the file that is locked; it holds the process id of the daemon."""


@contextmanager
def locked_folder(path: Path) -> Generator[Path]:
    """Make the folder if it is missing, and keep everybody else out of it while the block runs.

    Yields:
        The path of the journal's file.

    Raises:
        StoreOpenError: the folder cannot be made or written.
        StoreLockedError: another daemon works in it.
    """
    lock = _open_lock(path)
    try:
        _take_lock(lock, path)
        yield path / JOURNAL
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreOpenError(f"the data folder {path} cannot be used: {error.strerror}") from error


def _take_lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = owner_of(path)
        known = "another daemon" if pid is None else f"the daemon with pid {pid}"
        raise StoreLockedError(f"the data folder {path} is in use by {known}", pid) from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise StoreOpenError(f"the data folder {path} cannot be written: {error.strerror}") from error


def owner_of(path: Path) -> int | None:
    """The process id that the lock names; whoever it was may be gone."""
    try:
        return int((path / LOCK).read_text("ascii"))
    except (OSError, ValueError):
        return None
