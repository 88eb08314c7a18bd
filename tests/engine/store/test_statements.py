from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from bluev_actors.engine.store import schema, statements

ALL = {name: text for name, text in vars(statements).items() if name.isupper()}


@pytest.mark.parametrize("name", ALL)
def test_every_statement_fits_the_tables(name: str) -> None:
    """It takes as many values as it has places, and names what there is."""
    text: str = ALL[name]
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in schema.STEPS:
            for statement in step:
                connection.execute(statement)
        connection.execute(text, [1] * text.count("?"))


def test_what_is_deleted_by_run_has_an_index() -> None:
    """To forget a run must not cost what all others have."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in schema.STEPS:
            for statement in step:
                connection.execute(statement)
        for name in ("DROP_CHECKPOINTS", "DROP_SIGNALS", "DROP_NOTES", "DROP_REQUESTS", "DROP_RUN", "SWEEP_EVENTS"):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {ALL[name]}", [1] * ALL[name].count("?")).fetchall()
            assert not [row for row in plan if row[3].startswith("SCAN") and "LIST" not in row[3]], name
