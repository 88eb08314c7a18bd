"""The kind that asks a SQLite database: `sql_query`."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import frozen

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import as_text
from bluev_actors.engine.outside.database import commit, is_busy, name_of, open_database
from bluev_actors.engine.outside.files_root import path_flaw
from bluev_actors.errors import NodeError, Permanent
from bluev_actors.workflows.kinds import Conduct, Param, Port
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.outside.outside import Outside
    from bluev_actors.workflows.values import Json, JsonObject

_MAY_MEND: Final = ("SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_NOMEM", "SQLITE_INTERRUPT")
_FORBIDDEN: Final = ("SQLITE_AUTH", "SQLITE_READONLY")


@frozen
class Query:
    """What is asked of a database."""

    sql: str
    arguments: Sequence[Json] | JsonObject
    database: str | None
    write: bool
    max_rows: int
    max_bytes: int


@node(
    inputs=[
        Port(
            "args",
            required=False,
            default=None,
            description="Values for the statement: a list for `?`, an object for `:name`. Lists and objects in it "
            "are given as JSON text.",
        )
    ],
    outputs=[
        Port("rows", "list[object]", description="The rows; a BLOB is base64, a second column `id` is `id_2`."),
        Port("changes", "int", description="How many rows were inserted, changed or deleted."),
    ],
    params=[
        Param("sql", "string", description="One statement. It is a transaction of its own."),
        Param(
            "database",
            "string",
            required=False,
            check=path_flaw,
            description="The file, below the files root; when left out, an empty database in memory.",
        ),
        Param(
            "write",
            "bool",
            required=False,
            default=False,
            description="The statement may change the database, which is made if it is not there.",
        ),
        Param(
            "max_rows",
            "int",
            required=False,
            default=1000,
            minimum=1,
            description="More rows than these are a failure, and so are more than the operator allows.",
        ),
    ],
    outside=True,
    failures={
        "sql_error": "The statement is wrong, breaks a constraint, or the database is damaged.",
        "sql_busy": "Others held the lock of the database for five seconds.",
        "sql_forbidden": "The statement reaches beyond its database, or writes and `write` is not set.",
        "too_large": "There are more rows, or more bytes in them, than there may be.",
        "forbidden_path": "The path leads out of the files root, over a symbolic link, or to what is no regular file.",
        "file_not_found": "There is no such file, and `write` is not set.",
        "no_files_root": "A `database` is named, and the operator has named no files root.",
    },
    conduct=Conduct(
        pause="A `checkpoint` pause lets it end first, a `hard` one interrupts the statement and undoes it.",
        retry="Each attempt is a transaction of its own; one that failed has changed nothing.",
        crash="A statement that was committed may run once more if the daemon dies before that is recorded: at least "
        "once. Give rows a key and use `ON CONFLICT` where that matters.",
        security="Only a file below `--files-root`, not over symbolic links, read-only unless `write` is set. ATTACH, "
        "extensions, VACUUM and all PRAGMAs but those that tell of tables are refused. Foreign keys are enforced.",
    ),
    examples=[
        example(
            "sql_query_example",
            {
                "orders": step("constant", {"value": {"orders": [{"city": "Oslo", "n": 2}, {"city": "Rome", "n": 5}]}}),
                "large": step(
                    "sql_query",
                    {"sql": "SELECT value ->> 'city' AS city FROM json_each(:orders) WHERE value ->> 'n' > 3"},
                ),
            },
            "orders.value -> large.args",
        ),
        example(
            "sql_write_example",
            {
                "make": step(
                    "sql_query",
                    {
                        "database": "cities.db",
                        "write": True,
                        "sql": "CREATE TABLE IF NOT EXISTS city (name TEXT PRIMARY KEY, people INT)",
                    },
                ),
                "add": step(
                    "sql_query",
                    {
                        "database": "cities.db",
                        "write": True,
                        "sql": "INSERT INTO city VALUES (?, ?) ON CONFLICT DO UPDATE SET people = excluded.people",
                        "args": ["${inputs.name}", 709_000],
                    },
                ),
                "count": step("sql_query", {"database": "cities.db", "sql": "SELECT count(*) AS cities FROM city"}),
            },
            "make.done -> add.after",
            "add.done -> count.after",
            inputs={"name": {"type": "string", "default": "Oslo"}},
        ),
    ],
)
async def sql_query(ctx: NodeContext, args: Json = None) -> JsonObject:
    """Asks a SQLite database one statement and gives the rows."""
    query = Query(
        ctx.params["sql"],
        _arguments(args),
        ctx.params.get("database"),
        ctx.params["write"],
        min(ctx.params["max_rows"], ctx.outside.rows),
        ctx.outside.output_bytes,
    )
    return await trio.to_thread.run_sync(_ask, ctx.outside, query)


def _arguments(args: Json) -> Sequence[Json] | JsonObject:
    if args is None:
        return ()
    if is_list(args):
        return [_argument(value) for value in args]
    if is_object(args):
        return {name: _argument(value) for name, value in args.items()}
    raise Permanent("sql_query: args has to be a list or an object", code="invalid_input")


def _argument(value: Json) -> Json:
    return as_text(value) if is_list(value) or is_object(value) else value


# --- in a thread ------------------------------------------------------------------------------------------


def _ask(outside: Outside, query: Query) -> JsonObject:
    """Execute the statement. A cancellation of the node interrupts it, and undoes what it has done."""
    look_up = trio.from_thread.check_cancelled
    try:
        with open_database(outside, query.database, write=query.write, look_up=look_up) as connection:
            cursor = connection.execute(query.sql, query.arguments)
            rows = _rows(cursor, query)
            changes = max(cursor.rowcount, 0)
            commit(connection, look_up)
    except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
        look_up()
        raise _failure(error) from error
    return {"rows": rows, "changes": changes}


def _rows(cursor: sqlite3.Cursor, query: Query) -> list[JsonObject]:
    names = _names([column[0] for column in cursor.description or ()])
    rows: list[JsonObject] = []
    size = 0
    for row in cursor:
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(rows) == query.max_rows or size > query.max_bytes:
            raise Permanent(f"sql_query: more than {query.max_rows} rows or {query.max_bytes} bytes", code="too_large")
        rows.append(dict(zip(names, map(_value, row), strict=True)))
    return rows


def _names(columns: Sequence[str]) -> list[str]:
    """Names for the columns, each once: the second `id` is `id_2`."""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for column in columns:
        name = column
        while seen[name]:
            seen[column] += 1
            name = f"{column}_{seen[column]}"
        seen[name] += 1
        names.append(name)
    return names


def _value(value: Any) -> Json:  # noqa: ANN401 - whatever a database holds
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _failure(error: Exception) -> NodeError:
    message = f"sql_query: {error}"
    if not isinstance(error, sqlite3.Error):
        return Permanent(message, code="sql_error")
    if is_busy(error):
        return NodeError(message, code="sql_busy")
    if name_of(error).startswith(_FORBIDDEN):
        return Permanent(message, code="sql_forbidden")
    if name_of(error) == "SQLITE_TOOBIG":
        return Permanent(message, code="too_large")
    return NodeError(message, code="sql_error", retryable=name_of(error).startswith(_MAY_MEND))
