"""Reading what users write, and telling them where it went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.cli.documents import BadDocument, name_of, parse_document, parse_inputs, read_document
from bluev_actors.testing.strategies import json_values

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.workflows.values import Json


@given(json_values())
def test_any_json_is_read(value: Json) -> None:
    """As it was written."""
    assert parse_document(orjson.dumps(value), "x") == value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "x:1:1"),
        (b'{"a": 1,\n "b" 2}', "x:2:6"),
        (b'{\n\n  "a": nope}', "x:3:8"),
        (b"[1, 2", "x:1:6"),
        (b"\xff", "x:1:1"),
    ],
)
def test_a_slip_is_told_by_line_and_column(text: bytes, place: str) -> None:
    """In the form that editors jump to."""
    with pytest.raises(BadDocument) as caught:
        parse_document(text, "x")
    assert caught.value.message.startswith(f"{place}: not JSON: ")
    assert caught.value.exit_code == 2


def test_what_the_wire_would_refuse_is_refused_here() -> None:
    """An integer that no JSON reader holds is found before anything is sent."""
    with pytest.raises(BadDocument, match=r"x: .*64 bits"):
        parse_document(b"[99999999999999999999999]", "x")


@given(st.binary(max_size=30))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """JSON, or a complaint that names the file."""
    try:
        parse_document(data, "x")
    except BadDocument as error:
        assert error.message.startswith("x:")  # noqa: PT017 - most texts are no JSON, some are


def test_a_file(tmp_path: Path) -> None:
    """By its path."""
    path = tmp_path / "w.json"
    path.write_text('{"id": "ü"}', "utf-8")
    assert read_document(str(path)) == {"id": "ü"}


def test_what_files_are_called() -> None:
    """Standard input has no path to show."""
    assert (name_of("-"), name_of("dir/w.json")) == ("standard input", "dir/w.json")


def test_inputs() -> None:
    """JSON after the first equals sign, the last of a name wins."""
    assert parse_inputs(["a=1", 'b="x=y"', "a=[null]"]) == {"a": [None], "b": "x=y"}


@pytest.mark.parametrize(
    ("pair", "hint"), [("a", "write NAME=JSON"), ("=1", "write NAME=JSON"), ("city=Oslo", "quotes")]
)
def test_bad_inputs(pair: str, hint: str) -> None:
    """The usual slip, a text without quotes, is told by name."""
    with pytest.raises(click.UsageError, match=hint):
        parse_inputs([pair])
