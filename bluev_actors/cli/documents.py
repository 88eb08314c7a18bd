"""Reading what users write: workflow files and values on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.workflows.values import Json, JsonObject


class BadDocument(click.ClickException):
    """A text that is not JSON."""

    exit_code = 2


def read_document(file: str) -> Json:
    """Read a JSON file; `-` is standard input.

    Raises:
        BadDocument: it is not JSON; the message names line and column.
    """
    with click.open_file(file, "rb") as stream:
        data = stream.read()
    return parse_document(data, name_of(file))


def name_of(file: str) -> str:
    """What to call a file in messages."""
    return "standard input" if file == "-" else click.format_filename(file)


def parse_document(data: bytes, name: str) -> Json:
    """Read JSON text. Raises as `read_document` does."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadDocument(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    try:
        return parse_json(data)
    except ProtocolError as error:
        raise BadDocument(f"{name}: {error}") from None


def parse_inputs(pairs: Iterable[str]) -> JsonObject:
    """Read `name=json` pairs.

    Raises:
        UsageError: a pair has no `=`, or no JSON after it.
    """
    return dict(_parse_input(pair) for pair in pairs)


def _parse_input(pair: str) -> tuple[str, Json]:
    name, equals, text = pair.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--input {pair}: write NAME=JSON")
    try:
        return name, parse_json(text)
    except ProtocolError:
        raise click.UsageError(
            f"--input {name}: {text!r} is not JSON; a text needs its quotes, as in --input '{name}=\"...\"'"
        ) from None
