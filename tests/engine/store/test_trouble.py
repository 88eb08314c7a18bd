from __future__ import annotations

import sqlite3

import pytest

from bluev_actors.engine.store.trouble import sentence


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_IOERR_WRITE", "the disk reports an error"),
        ("SQLITE_BUSY", "another program holds the journal locked"),
        ("SQLITE_READONLY_DBMOVED", "the journal may only be read"),
        ("SQLITE_CORRUPT_INDEX", "the journal is damaged"),
    ],
)
def test_a_failure_has_a_meaning(name: str, meaning: str) -> None:
    """SQLite's own words stand behind it, for whoever looks closer."""
    error = sqlite3.OperationalError("its own words")
    error.sqlite_errorname = name
    assert sentence(error) == f"nothing can be stored: {meaning} (its own words)"


def test_any_failure_is_told() -> None:
    """What nobody foresaw is told as it is."""
    assert sentence(OSError("odd")) == "nothing can be stored: odd"
