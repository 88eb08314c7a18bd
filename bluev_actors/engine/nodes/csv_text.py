"""Kinds for tables as text: `csv_parse`, `csv_format`."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import INPUT_FAILURE, bad_input, listed_input, text_input, typed
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.nodes.pass_through import as_text
from bluev_actors.engine.turns import in_turns
from bluev_actors.workflows.kinds import Conduct, Param, Port
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

_BOM: Final = "\ufeff"
_SPECIAL: Final = frozenset('"\r\n')
_NO_ROW: Final[tuple[int, list[str]]] = (0, [])
_PARSE: Final = "csv_parse"
_FORMAT: Final = "csv_format"


def _delimiter_flaw(delimiter: str) -> str | None:
    if len(delimiter) == 1 and delimiter not in _SPECIAL:
        return None
    return "it has to be one character, and neither a quote nor the end of a line"


_DELIMITER: Final = Param(
    "delimiter",
    "string",
    required=False,
    default=",",
    check=_delimiter_flaw,
    description="What stands between two fields: one character, such as `;` or a tab.",
)


@node(
    inputs=[Port("text", "string", description="The table as text; empty lines in it are left out.")],
    outputs=[
        Port(
            "rows", "list", description="An object for each row, or, without a header, a list. All values are strings."
        )
    ],
    params=[
        Param(
            "header",
            "bool",
            required=False,
            default=True,
            description="Whether the first row holds the names of the columns.",
        ),
        _DELIMITER,
    ],
    pure=True,
    failures=INPUT_FAILURE,
    examples=[
        example(
            "csv_parse_example",
            {"cities": step("csv_parse", {"text": 'city,degrees\nOslo,4\n"Bergen, Vestland",7\n'})},
        )
    ],
)
async def csv_parse(ctx: NodeContext, text: Json) -> JsonObject:
    """Reads a table from text in the CSV format of RFC 4180, quotes and line ends within fields included."""
    rows = _rows(text_input(_PARSE, "text", text).removeprefix(_BOM), ctx.params["delimiter"])
    header = _header(*next(rows, _NO_ROW)) if ctx.params["header"] else None
    found: list[Json] = []
    async for piece in in_turns(rows):
        found += [row if header is None else _named(header, line, row) for line, row in piece]
    return {"rows": found}


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each behind the number of the line it ends in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from ((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        raise bad_input(_PARSE, f"line {reader.line_num}: {error}") from None


def _header(line: int, names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise bad_input(_PARSE, f"line {line}: two columns are named {name!r}")
    return names


def _named(header: list[str], line: int, row: list[str]) -> dict[str, str]:
    if len(row) != len(header):
        raise bad_input(_PARSE, f"line {line}: there are {len(row)} fields, the header has {len(header)}")
    return dict(zip(header, row, strict=True))


@node(
    inputs=[Port("rows", "list", description="Objects, or lists of values.")],
    outputs=[Port("text", "string", description="The table; each line ends in a line feed.")],
    params=[
        Param(
            "columns",
            "list[string]",
            required=False,
            description="Of objects: which fields, in which order; when left out, all there are, as they come.",
        ),
        Param(
            "header",
            "bool",
            required=False,
            default=True,
            description="Whether the first line holds the names of the columns, where there are any.",
        ),
        _DELIMITER,
    ],
    pure=True,
    failures=INPUT_FAILURE,
    conduct=Conduct(
        security="It touches nothing outside its run. Fields are written as they are: one that begins with `=`, `+`, "
        "`-` or `@` is a formula to a spreadsheet, so do not open what strangers wrote in one."
    ),
    examples=[
        example(
            "csv_format_example",
            {
                "cities": step(
                    "csv_format",
                    {"rows": [{"city": "Oslo", "degrees": 4}, {"city": "Bergen, Vestland", "degrees": None}]},
                )
            },
        )
    ],
)
async def csv_format(ctx: NodeContext, rows: Json) -> JsonObject:
    """Writes a table as text in the CSV format; null is an empty field, and what is no text is written as JSON."""
    table, columns = listed_input(_FORMAT, "rows", rows), ctx.params.get("columns")
    if columns is None:
        columns = await _columns(table)
    delimiter: str = ctx.params["delimiter"]
    text = io.StringIO(newline="")
    if columns and ctx.params["header"]:
        text.write(_line(columns, delimiter))
    async for piece in in_turns(enumerate(table)):
        text.writelines(_line(_fields(columns, index, row), delimiter) for index, row in piece)
    return {"text": text.getvalue()}


def _line(fields: Sequence[str], delimiter: str) -> str:
    """A line of the table; Python's own writer would leave a lone carriage return without quotes."""
    if [*fields] == [""]:
        return '""\n'  # An empty line is no row.
    return delimiter.join(_quoted(field, delimiter) for field in fields) + "\n"


def _quoted(field: str, delimiter: str) -> str:
    if delimiter in field or not _SPECIAL.isdisjoint(field):
        return '"' + field.replace('"', '""') + '"'
    return field


async def _columns(table: list[Json]) -> list[str]:
    """The names of all fields, in the order in which they come up."""
    names: dict[str, None] = {}
    async for piece in in_turns(table):
        for row in piece:
            names.update(dict.fromkeys(row if is_object(row) else ()))
    return [*names]


def _fields(columns: Sequence[str], index: int, row: Json) -> list[str]:
    if is_object(row):
        return [_field(row.get(name)) for name in columns]
    if is_list(row) and not columns:
        return [_field(value) for value in row]
    also = " among objects" if isinstance(row, list) else ""
    raise bad_input(_FORMAT, f"rows[{index}] is {typed(row)}{also}, it has to be an object")


def _field(value: Json) -> str:
    return "" if value is None else as_text(value)
