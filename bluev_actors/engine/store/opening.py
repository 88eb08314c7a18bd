"""The door to a store: the folder, its lock, and a file that is a journal of ours and of a version that we read."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from bluev_actors.engine.store.connection import Sync, connect, transaction
from bluev_actors.engine.store.folder import locked_folder
from bluev_actors.engine.store.schema import APPLICATION_ID, STEPS, VERSION
from bluev_actors.engine.store.sqlite_journal import SqliteJournal
from bluev_actors.engine.store.store_limits import DEFAULT_LIMITS, StoreLimits
from bluev_actors.engine.store.store_reader import StoreReader
from bluev_actors.engine.store.store_writer import StoreWriter
from bluev_actors.engine.store.trouble import sentence
from bluev_actors.engine.store.worker import Worker
from bluev_actors.errors import StorageUnavailableError, StoreCorruptError, StoreOpenError, StoreTooNewError

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Generator

    from bluev_actors.engine.store.commits import Performer

MAGIC: Final = b"SQLite format 3\0"
"""How every SQLite file begins."""


@asynccontextmanager
async def open_journal(
    data_dir: str | os.PathLike[str], *, sync: Sync = "full", limits: StoreLimits = DEFAULT_LIMITS
) -> AsyncGenerator[SqliteJournal]:
    """Open the journal in a folder, which is made if it is missing. Nobody else can open it meanwhile.

    What is appended is committed by the actor that `SqliteJournal.spec` describes. Whatever is left when the block
    ends is committed then.

    Args:
        data_dir: the folder.
        sync: `full`: a commit is on the disk; `normal`: it may be lost in a power failure, not in a crash.
        limits: how much is held in memory and in the cache.

    Raises:
        StoreOpenError: the folder cannot be made, read or written.
        StoreLockedError: another daemon works in it.
        StoreCorruptError: what is in there is no journal, or is damaged.
        StoreTooNewError: a newer version of this program wrote it.
    """
    await trio.lowlevel.checkpoint()
    with locked_folder(Path(data_dir)) as path:
        prepare_file(path)
        with _store(path, sync) as (reader, writer), Worker("journal") as worker:
            with _refusing(path):
                journal = SqliteJournal(reader, writer, _performer(worker, sync, limits), limits)
            try:
                yield journal
            finally:
                await journal.drain()


def _performer(worker: Worker, sync: Sync, limits: StoreLimits) -> Performer:
    """Commits that wait for the disk belong into a thread; small ones that do not are quicker without."""

    async def perform(job: Callable[[], None], weight: float) -> None:
        if sync == "normal" and weight <= limits.inline_writes:
            await trio.lowlevel.checkpoint()
            job()
        else:
            await worker.run(job)

    return perform


@contextmanager
def _store(path: Path, sync: Sync) -> Generator[tuple[StoreReader, StoreWriter]]:
    with _refusing(path):
        writer = StoreWriter(path, sync)
    try:
        with _refusing(path):
            reader = StoreReader(path)
        try:
            yield reader, writer
        finally:
            reader.close()
    finally:
        writer.close()


def prepare_file(path: Path) -> None:
    """Make the file if it is missing, and bring it to the version of this code.

    Raises:
        StoreOpenError: it is not what it should be; see `open_journal`.
    """
    with _refusing(path):
        _check_head(path)
        connection = connect(path, mode="rwc")
        try:
            _prepare(connection, path)
        finally:
            connection.close()


def _check_head(path: Path) -> None:
    """See that the file is one of SQLite, before SQLite has it open: closing it later would lift SQLite's locks."""
    if path.exists():
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
        if head not in (b"", MAGIC):
            raise _damaged(path, "it is no SQLite file")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    found: int = _pragma(connection, "user_version")
    if not _is_ours(connection, found):
        raise _damaged(path, "it is a SQLite file of another program")
    if found > VERSION:
        raise StoreTooNewError(
            f"the journal {path} has version {found}, and this program reads up to {VERSION}; use a newer one"
        )
    if not found:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        path.chmod(0o600)
    if _pragma(connection, "journal_mode = wal") != "wal":
        raise StoreOpenError(f"the file system of {path} cannot hold a write-ahead log")
    for version in range(found, VERSION):
        _take_step(connection, version)
    _probe(connection)


def _take_step(connection: sqlite3.Connection, version: int) -> None:
    with transaction(connection):
        for statement in STEPS[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version + 1}")


def _probe(connection: sqlite3.Connection) -> None:
    """Find out at once, and not with the first event, whether the file can be written."""
    with transaction(connection):
        connection.execute("UPDATE meta SET value = value WHERE key = 'expired'")


def _pragma(connection: sqlite3.Connection, text: str) -> Any:  # noqa: ANN401 - a number or a text, as the pragma has it
    return connection.execute(f"PRAGMA {text}").fetchone()[0]


def _is_ours(connection: sqlite3.Connection, version: int) -> bool:
    if version:
        return bool(_pragma(connection, "application_id") == APPLICATION_ID)
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


@contextmanager
def _refusing(path: Path) -> Generator[None]:
    """Turn what SQLite and the system say into an error that names the file and what to do."""
    try:
        yield
    except StorageUnavailableError as error:
        raise _refusal(path, error.__cause__) from error
    except (sqlite3.Error, OSError) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: BaseException | None) -> StoreOpenError:
    if isinstance(error, OSError):
        return StoreOpenError(f"the journal {path} cannot be opened: {error.strerror}")
    if isinstance(error, sqlite3.OperationalError):
        return StoreOpenError(f"the journal {path} cannot be opened; {sentence(error)}")
    return _damaged(path, str(error))


def _damaged(path: Path, why: str) -> StoreCorruptError:
    folder = path.parent
    return StoreCorruptError(f"{path} is no sound journal: {why}; `bluev-actors doctor --data-dir {folder}` tells more")
