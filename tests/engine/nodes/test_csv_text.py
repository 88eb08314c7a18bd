from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.nodes.csv_text import csv_format, csv_parse
from bluev_actors.errors import InvalidWorkflowError, Permanent

if TYPE_CHECKING:
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

LONG = 20_000
fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
names = st.lists(fields.filter(bool), min_size=1, max_size=4, unique=True)


async def parsed(attempt: type[Attempt], text: Json, **params: Json) -> Any:  # noqa: ANN401 - any JSON
    """The rows of a text."""
    return (await attempt(csv_parse, params, {"text": text}).run())["rows"]


async def formatted(attempt: type[Attempt], rows: Json, **params: Json) -> Any:  # noqa: ANN401 - any JSON
    """The text of some rows."""
    return (await attempt(csv_format, params, {"rows": rows}).run())["text"]


# --- parse ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "params", "rows"),
    [
        ("a,b\n1,x\n2,y\n", {}, [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]),
        ("a,b\r\n1,x\r\n", {}, [{"a": "1", "b": "x"}]),
        ("\ufeffa\n1\n", {}, [{"a": "1"}]),
        ('a\n"x, ""y""\nz"\n', {}, [{"a": 'x, "y"\nz'}]),
        ("a\n\n1\n\n", {}, [{"a": "1"}]),
        ("a,b\n1,x\n", {"header": False}, [["a", "b"], ["1", "x"]]),
        ("a;b\n1;x", {"delimiter": ";"}, [{"a": "1", "b": "x"}]),
        ("a\tb\n1\t\n", {"delimiter": "\t"}, [{"a": "1", "b": ""}]),
        ("a,b\n", {}, []),
        ("", {}, []),
        ("", {"header": False}, []),
        ("1\n2,3\n", {"header": False}, [["1"], ["2", "3"]]),
    ],
)
async def test_parse(attempt: type[Attempt], text: str, params: dict[str, Json], rows: Json) -> None:
    """Rows as objects by the header, or as lists without one; all values are strings."""
    assert await parsed(attempt, text, **params) == rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", "csv_parse: line 3: there are 1 fields, the header has 2"),
        ("a,b\n\n1,2,3\n", "csv_parse: line 3: there are 3 fields, the header has 2"),
        ("a,b,a\n", "csv_parse: line 1: two columns are named 'a'"),
        ('a\n"x" y\n', "csv_parse: line 2: ',' expected after '\"'"),
        ('a\n"x\n', "csv_parse: line 2: unexpected end of data"),
        ("a\n" + "x" * 200_000, "csv_parse: line 2: field larger than field limit (131072)"),
        (7, "csv_parse: text is a number, it has to be a string"),
        ("a" * (16 * 1024 * 1024 + 1), "csv_parse: text has 16777217 characters, 16777216 is the most"),
    ],
)
async def test_what_is_no_table_is_told(attempt: type[Attempt], text: Json, words: str) -> None:
    """With the line."""
    with pytest.raises(Permanent) as caught:
        await parsed(attempt, text)
    assert (str(caught.value), caught.value.code) == (words, "invalid_input")


# --- format -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "params", "text"),
    [
        ([{"a": 1, "b": "x"}, {"a": None, "b": True}], {}, "a,b\n1,x\n,true\n"),
        ([{"a": 1}, {"b": 2}], {}, "a,b\n1,\n,2\n"),
        ([{"a": 1, "b": 2}], {"columns": ["b", "c"]}, "b,c\n2,\n"),
        ([{"a": 1}], {"header": False}, "1\n"),
        ([[1, "x"], [[2], {"y": None}]], {}, '1,x\n[2],"{""y"":null}"\n'),
        ([{"a": 'x, "y"\nz'}], {}, 'a\n"x, ""y""\nz"\n'),
        ([{"a": 1, "b": 2}], {"delimiter": ";"}, "a;b\n1;2\n"),
        ([{"a": None}], {}, 'a\n""\n'),
        ([], {}, ""),
        ([], {"columns": ["a"]}, "a\n"),
    ],
)
async def test_format(attempt: type[Attempt], rows: Json, params: dict[str, Json], text: str) -> None:
    """Null is an empty field, and what is no text is written as JSON."""
    assert await formatted(attempt, rows, **params) == text


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"a": 1}, 2], "csv_format: rows[1] is a number, it has to be an object"),
        ([{"a": 1}, [2]], "csv_format: rows[1] is a list among objects, it has to be an object"),
        ([2], "csv_format: rows[0] is a number, it has to be an object"),
        ({"a": 1}, "csv_format: rows is an object, it has to be a list"),
    ],
)
async def test_what_makes_no_table_is_told(attempt: type[Attempt], rows: Json, words: str) -> None:
    """With its place."""
    with pytest.raises(Permanent) as caught:
        await formatted(attempt, rows)
    assert (str(caught.value), caught.value.code) == (words, "invalid_input")


@given(names, st.data())
async def test_what_is_written_can_be_read(attempt: type[Attempt], columns: list[str], data: st.DataObject) -> None:
    """Whatever stands in the fields, quotes, commas and ends of lines included."""
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, fields.filter(bool))), max_size=4))
    text = await formatted(attempt, rows, columns=columns, delimiter="|")
    if not text.startswith("\ufeff"):
        assert await parsed(attempt, text, delimiter="|") == rows


@pytest.mark.parametrize("node_type", [csv_parse, csv_format])
@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r"])
def test_a_delimiter_is_one_character(attempt: type[Attempt], node_type: NodeType, delimiter: str) -> None:
    """And none that means something else."""
    with pytest.raises(InvalidWorkflowError, match="it has to be one character"):
        attempt(node_type, {"delimiter": delimiter})


@pytest.mark.parametrize(
    ("node_type", "inputs"),
    [(csv_parse, {"text": "a,b\n" + "1,2\n" * LONG}), (csv_format, {"rows": [{"a": 1, "b": None}] * LONG})],
)
async def test_long_tables_hold_nobody_up(attempt: type[Attempt], node_type: NodeType, inputs: dict[str, Json]) -> None:
    """While they are worked on, everybody else has a turn whenever one is over."""
    assert (await attempt(node_type, {}, inputs).pace()).suits(LONG)
