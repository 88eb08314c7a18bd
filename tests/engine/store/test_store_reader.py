from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.opening import prepare_file
from bluev_actors.engine.store.store_reader import StoreReader
from bluev_actors.errors import StorageUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.store.conftest import MakeRecord, OpenFolder


def test_a_new_store_has_nothing(tmp_path: Path) -> None:
    """And says so for everything that is asked."""
    path = tmp_path / JOURNAL
    prepare_file(path)
    with closing(StoreReader(path)) as reader:
        assert (reader.last_cursor(), reader.last_run(), reader.last_signal()) == (0, 0, 0)
        assert (list(reader.runs()), reader.cache_entries(), reader.documents("f")) == ([], [], {})
        assert (reader.cached(b"a"), reader.document("f", "a"), reader.request(("s", "r"))) == (None, None, None)
        assert (reader.history(1, 0, 9, None), reader.read_all(0, 9, None)) == ([], [])
        with pytest.raises(sqlite3.DatabaseError, match="its mood is missing"):
            reader.meta("mood")


def test_reading_writes_nothing(tmp_path: Path) -> None:
    """Not even by mistake."""
    path = tmp_path / JOURNAL
    prepare_file(path)
    with closing(StoreReader(path)) as reader, pytest.raises(StorageUnavailableError, match="may only be read"):
        reader._rows("DELETE FROM meta")  # pyright: ignore[reportPrivateUsage] - no other way to try it


async def test_a_number_is_not_given_twice_while_its_rows_are_there(
    reopen: OpenFolder, record_of: MakeRecord, tmp_path: Path
) -> None:
    """A grave that is not filled yet has the number of its run."""
    async with reopen() as journal:
        journal.open_run(record_of("r"))
    _dig(tmp_path / JOURNAL)
    with closing(StoreReader(tmp_path / JOURNAL)) as reader:
        assert reader.last_run() == 7


def _dig(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO graves VALUES (7, x'')")
        connection.commit()
