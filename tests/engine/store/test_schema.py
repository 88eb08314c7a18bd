from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

from bluev_actors.engine.store import schema

RELEASED = ["6ce84f68"]
"""The beginnings of the digests of the steps, which are there to stay."""


def test_the_steps_lead_to_the_tables() -> None:
    """From nothing, one after the other."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in schema.STEPS:
            for statement in step:
                connection.execute(statement)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {"meta", "runs", "events", "outputs", "checkpoints", "signals", "requests"} <= tables
        assert dict(connection.execute("SELECT key, length(value) FROM meta")) == {"epoch": 32, "expired": 1}
    assert len(schema.STEPS) == schema.VERSION


def test_a_step_that_was_released_is_never_changed() -> None:
    """Journals out there were made by it; what is to be different needs a step of its own."""
    digests = [hashlib.sha256(" ".join(" ".join(step).split()).encode()).hexdigest()[:8] for step in schema.STEPS]
    assert digests[: len(RELEASED)] == RELEASED


def test_the_mark_is_a_word() -> None:
    """`file` and other tools may know us by it."""
    assert schema.APPLICATION_ID.to_bytes(4, "big") == b"BluV"
