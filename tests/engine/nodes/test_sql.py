from __future__ import annotations

import sqlite3
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.nodes.sql import sql_query
from bluev_actors.engine.outside import database
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.errors import NodeError

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.workflows.values import Json, JsonObject
    from tests.engine.nodes.conftest import Attempt

pytestmark = pytest.mark.usefixtures("running_clock")

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


class Asker:
    """Asks by attempts of nodes."""

    def __init__(self, attempt: type[Attempt], root: Path) -> None:
        self.outside = Outside(files_root=root, rows=500, output_bytes=100_000)
        self.root = root
        self._attempt = attempt

    async def __call__(self, sql: str, args: Json = None, **params: Json) -> dict[str, Any]:
        """All outputs of one statement."""
        it = self._attempt(sql_query, {"sql": sql, **params}, {"args": args})
        it.context.outside = self.outside
        return await it.run()

    async def rows(self, sql: str, args: Json = None, **params: Json) -> list[JsonObject]:
        """Its rows."""
        rows: list[JsonObject] = (await self(sql, args, **params))["rows"]
        return rows

    async def fails(self, sql: str, args: Json = None, **params: Json) -> NodeError:
        """How it fails."""
        with pytest.raises(NodeError) as caught:
            await self(sql, args, **params)
        return caught.value


@pytest.fixture
def ask(attempt: type[Attempt], tmp_path: Path) -> Asker:
    """A database with three cities."""
    with closing(sqlite3.connect(tmp_path / "it.db")) as connection:
        connection.executescript(
            "CREATE TABLE city (name TEXT PRIMARY KEY, people INT); INSERT INTO city VALUES ('Oslo', 7), ('Rome', 28)"
        )
    return Asker(attempt, tmp_path)


async def test_rows(ask: Asker) -> None:
    """Each row is an object by the names of the columns."""
    assert await ask("SELECT * FROM city ORDER BY name", database="it.db") == {
        "rows": [{"name": "Oslo", "people": 7}, {"name": "Rome", "people": 28}],
        "changes": 0,
    }


@pytest.mark.parametrize(
    ("sql", "args", "row"),
    [
        ("SELECT ? AS a, ? AS b", [1, "x"], {"a": 1, "b": "x"}),
        ("SELECT :a AS a", {"a": None}, {"a": None}),
        ("SELECT ? AS a", [True], {"a": 1}),
        ("SELECT ? AS a", [1.5], {"a": 1.5}),
        ("SELECT ? ->> 'b' AS a", [{"b": "é"}], {"a": "é"}),
        ("SELECT json_array_length(:a) AS a", {"a": [1, 2]}, {"a": 2}),
        ("SELECT x'ff00' AS a", None, {"a": b64encode(b"\xff\0").decode()}),
        ("SELECT 1 AS id, 2 AS id, 3 AS id, 4 AS id_2", None, {"id": 1, "id_2": 2, "id_3": 3, "id_2_2": 4}),
        ("SELECT 1 AS id_2, 2 AS id, 3 AS id", None, {"id_2": 1, "id": 2, "id_3": 3}),
        ("SELECT 'it''s' AS \"a b\"", None, {"a b": "it's"}),
    ],
)
async def test_values(ask: Asker, sql: str, args: Json, row: JsonObject) -> None:
    """What goes in and what comes out: scalars as they are, lists and objects as JSON, bytes as base64."""
    assert await ask.rows(sql, args) == [row]


async def test_arguments_are_never_sql(ask: Asker) -> None:
    """A value is a value, whatever it says."""
    evil = "x'; DROP TABLE city; --"
    assert await ask.rows("SELECT name FROM city WHERE name = ?", [evil], database="it.db") == []
    assert await ask.rows("SELECT ? AS a", [evil]) == [{"a": evil}]


async def test_changes(ask: Asker) -> None:
    """They are counted, and rows may come of them."""
    assert await ask("UPDATE city SET people = 0", database="it.db", write=True) == {"rows": [], "changes": 2}
    added = await ask("INSERT INTO city VALUES ('Bonn', 1) RETURNING name", database="it.db", write=True)
    assert added == {"rows": [{"name": "Bonn"}], "changes": 1}
    assert await ask.rows("SELECT sum(people) AS n FROM city", database="it.db") == [{"n": 1}]


@pytest.mark.parametrize(
    ("sql", "args", "code", "sentence"),
    [
        ("SELEC", None, "sql_error", "syntax error"),
        ("SELECT * FROM nowhere", None, "sql_error", "no such table"),
        ("SELECT 1; SELECT 2", None, "sql_error", "one statement"),
        ("SELECT ?", [], "sql_error", "binding"),
        ("SELECT :a", {"b": 1}, "sql_error", "binding"),
        ("SELECT ?", [2**64 - 1], "sql_error", "too large"),
        ("SELECT ?", 5, "invalid_input", "list or an object"),
        ("DELETE FROM city", None, "sql_forbidden", "readonly"),
        ("ATTACH 'x' AS y", None, "sql_forbidden", "not authorized"),
        ("SELECT zeroblob(100000000)", None, "too_large", "too big"),
        ("SELECT 1 \0", None, "sql_error", "null character"),
    ],
)
async def test_what_is_wrong_for_good(ask: Asker, sql: str, args: Json, code: str, sentence: str) -> None:
    """No other attempt mends it, and SQLite's own words say why."""
    error = await ask.fails(sql, args, database="it.db")
    assert sentence in str(error)
    assert (error.code, error.retryable) == (code, False)


async def test_a_constraint(ask: Asker) -> None:
    """What breaks a rule of the table fails for good, and nothing of it stays."""
    error = await ask.fails("INSERT INTO city VALUES ('Bonn', 1), ('Oslo', 1)", database="it.db", write=True)
    assert (error.code, error.retryable) == ("sql_error", False)
    assert await ask.rows("SELECT count(*) AS n FROM city", database="it.db") == [{"n": 2}]


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        (ENDLESS.format("i"), {"max_rows": 10}),
        (ENDLESS.format("i"), {"max_rows": 1_000_000}),
        (ENDLESS.format("zeroblob(60000)"), {}),
        ("DELETE FROM city RETURNING name", {"max_rows": 1, "write": True}),
    ],
)
async def test_too_many_rows(ask: Asker, sql: str, params: dict[str, Json]) -> None:
    """More than the node or the operator allows is a failure, not the first part of it; a change is undone."""
    error = await ask.fails(sql, database="it.db", **params)
    assert (error.code, error.retryable) == ("too_large", False)
    assert await ask.rows("SELECT count(*) AS n FROM city", database="it.db") == [{"n": 2}]


async def test_as_many_rows_as_may_be(ask: Asker) -> None:
    """The limit itself is allowed."""
    assert len(await ask.rows(ENDLESS.format("i") + " LIMIT 10", max_rows=10)) == 10


async def test_a_cancel_interrupts_it(ask: Asker) -> None:
    """A statement without an end ends at once with its node, and what it changed is undone."""
    endless = "INSERT INTO city " + ENDLESS.format("'c' || i, i")
    with trio.move_on_after(0.3) as scope:
        await ask(endless, database="it.db", write=True)
    assert scope.cancelled_caught
    assert await ask.rows("SELECT count(*) AS n FROM city", database="it.db") == [{"n": 2}]


async def test_a_lock(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's lock is waited for; then it fails, and another attempt may help."""
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with closing(sqlite3.connect(ask.root / "it.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        error = await ask.fails("SELECT 1", database="it.db")
        assert (error.code, error.retryable) == ("sql_busy", True)
        monkeypatch.setattr(database, "PATIENCE", 100)
        with trio.move_on_after(0.2) as scope:
            await ask("SELECT 1", database="it.db")
        assert scope.cancelled_caught, "a cancel does not wait for the lock"


async def test_many_writers_take_turns(ask: Asker) -> None:
    """Nodes of one run may write to one database at the same time; none fails, none is lost."""

    async def write(number: int) -> None:
        await ask("INSERT INTO city VALUES (?, 0)", [str(number)], database="it.db", write=True)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(write, number)
    assert await ask.rows("SELECT count(*) AS n FROM city", database="it.db") == [{"n": 12}]


async def test_what_may_mend_itself(ask: Asker) -> None:
    """A damaged file stays damaged; one that could not be opened may open the next time."""
    (ask.root / "text.db").write_text("hello " * 1000)
    assert not (await ask.fails("SELECT 1", database="text.db")).retryable
    assert (await ask.fails("SELECT 1", database="none.db")).retryable


async def test_without_a_root(ask: Asker) -> None:
    """There is a database in memory for every node, and no file for any."""
    ask.outside = Outside()
    assert await ask.rows("SELECT 1 AS a") == [{"a": 1}]
    assert (await ask.fails("SELECT 1", database="it.db")).code == "no_files_root"


async def test_the_examples(ask: Asker) -> None:
    """Their statements do what they seem to."""
    nodes = [node for it in sql_query.kind.examples for node in it["nodes"] if node["type"] == "sql_query"]
    large, make, add, count = (node["params"] for node in nodes)
    orders = {"orders": [{"city": "Oslo", "n": 2}, {"city": "Rome", "n": 5}]}
    assert await ask.rows(large["sql"], orders) == [{"city": "Rome"}]
    assert (await ask(make["sql"], database="cities.db", write=True))["rows"] == []
    for _ in range(2):
        assert (await ask(add["sql"], ["Oslo", 1], database="cities.db", write=True))["changes"] == 1
    assert await ask.rows(count["sql"], database="cities.db") == [{"cities": 1}]


def test_what_it_says_of_itself() -> None:
    """It is off until allowed, and a usual pause lets it end."""
    assert sql_query.kind.outside
    assert not sql_query.kind.pausable
