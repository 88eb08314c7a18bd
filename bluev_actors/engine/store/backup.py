"""A copy of a journal that is in use, as it was at one moment."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.engine.store.connection import connect
from bluev_actors.engine.store.trouble import sentence
from bluev_actors.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_PAGES: Final = 1_000
"""How many pages are copied before it is seen whether the copy is still wanted."""


async def back_up(source: Path, target: str | os.PathLike[str]) -> None:
    """Copy a journal; whoever writes to it goes on meanwhile.

    The copy has an epoch of its own, for from here on the two may tell different stories. It appears under its name
    when it is complete.

    Args:
        source: the journal's file.
        target: the file to be made; it is not there yet. Named `journal.db` in a folder of its own it can be opened.

    Raises:
        StorageError: the target is there already, or the copy cannot be written.
    """
    path = Path(target)
    try:
        await trio.to_thread.run_sync(_back_up, source, path, trio.from_thread.check_cancelled)
    except sqlite3.Error as error:
        raise StorageError(f"the back-up {path} cannot be written: {sentence(error)}") from error
    except OSError as error:
        raise StorageError(f"the back-up {path} cannot be written: {error.strerror}") from error


def _back_up(source: Path, target: Path, check_cancelled: Callable[[], None]) -> None:
    if target.exists():
        raise FileExistsError(None, "there is such a file already")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        _copy(source, part, check_cancelled)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _copy(source: Path, part: Path, check_cancelled: Callable[[], None]) -> None:
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(connect(source)) as reader, closing(connect(part)) as copy:
        # A snapshot that is held keeps the copy from beginning anew with every commit that is made meanwhile.
        reader.execute("BEGIN")
        reader.execute("SELECT value FROM meta").fetchall()
        reader.backup(copy, pages=STEP_PAGES, progress=lambda _status, _left, _all: check_cancelled(), sleep=0)
        # The copy is one file: it would need its log beside it otherwise.
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA synchronous = FULL")
        copy.execute("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'epoch'")
