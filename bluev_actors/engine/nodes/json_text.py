"""Kinds for JSON as text: `json_parse`, `json_format`."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Final, Never

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.complaints import INPUT_FAILURE, bad_input, text_input
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.turns import in_turns, is_small
from bluev_actors.workflows.kinds import Param, Port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

SHORT: Final = 256 * 1024
"""Characters of a text that is read at once, which takes a few milliseconds."""
_PARSE: Final = "json_parse"
_SPACE: Final = re.compile(r"[ \t\n\r]*")


def _refuse_constant(name: str) -> Never:
    raise bad_input(_PARSE, f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


@node(
    inputs=[Port("text", "string", description="One JSON value as text.")],
    outputs=[Port("value", description="The value; of a key that is given twice the last one counts.")],
    pure=True,
    failures={**INPUT_FAILURE, "invalid_output": "A number is beyond 64 bits, or values are nested too deep."},
    examples=[example("json_parse_example", {"order": step("json_parse", {"text": '{"city": "Oslo", "price": 40}'})})],
)
async def json_parse(text: Json) -> JsonObject:
    """Reads a JSON value from text."""
    whole = text_input(_PARSE, "text", text)
    try:
        return {"value": _DECODER.decode(whole) if len(whole) <= SHORT else await _parse_long(whole)}
    except json.JSONDecodeError as error:
        sentence = f"line {error.lineno}, character {error.colno}: {error.msg}"
        raise bad_input(_PARSE, sentence) from None
    except (RecursionError, ValueError) as error:
        raise bad_input(_PARSE, f"the text cannot be read: {error}") from None


async def _parse_long(text: str) -> Json:
    """Read the members of a list or an object one by one, so that others have their turn between them."""
    start = _after_space(text, 0)
    if text.startswith("[", start):
        items: list[Json] = []
        async for piece in in_turns(_items(text, start), stride=1):
            items += piece
        return items
    if text.startswith("{", start):
        found: JsonObject = {}
        async for members in in_turns(_members(text, start), stride=1):
            found.update(members)
        return found
    return _DECODER.decode(text)


def _items(text: str, at: int) -> Iterator[Json]:
    """The items of the list that begins at this place, which is all there is."""
    at = _after_space(text, at + 1)
    while not text.startswith("]", at):
        item, at = _DECODER.raw_decode(text, at)
        yield item
        at = _next_member(text, at, "]")
    _check_end(text, at + 1)


def _members(text: str, at: int) -> Iterator[tuple[str, Json]]:
    """The members of the object that begins at this place, which is all there is."""
    at = _after_space(text, at + 1)
    while not text.startswith("}", at):
        name, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise json.JSONDecodeError("Expecting a name in double quotes, a colon and a value", text, at)
        value, at = _DECODER.raw_decode(text, _after_space(text, at + 1))
        yield name, value
        at = _next_member(text, at, "}")
    _check_end(text, at + 1)


def _next_member(text: str, at: int, end: str) -> int:
    """Where the next member begins, or where the end is."""
    at = _after_space(text, at)
    if text.startswith(end, at):
        return at
    if not text.startswith(",", at):
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    at = _after_space(text, at + 1)
    if text.startswith(end, at):
        raise json.JSONDecodeError("Illegal trailing comma before the end", text, at)
    return at


def _check_end(text: str, at: int) -> None:
    at = _after_space(text, at)
    if at < len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


@node(
    inputs=[Port("value", description="Any value.")],
    outputs=[Port("text", "string", description="The value as JSON.")],
    params=[
        Param(
            "indent",
            "int",
            required=False,
            default=0,
            minimum=0,
            maximum=8,
            description="Spaces by which each level is indented; 0: all in one line, without spaces.",
        ),
        Param("sort_keys", "bool", required=False, default=False, description="Write the keys of objects in order."),
    ],
    pure=True,
    examples=[
        example("json_format_example", {"line": step("json_format", {"value": {"b": [1, None], "a": "ø"}})}),
    ],
)
async def json_format(ctx: NodeContext, value: Json) -> JsonObject:
    """Writes a value as JSON text."""
    indent = ctx.params["indent"] or None
    separators = (",", ":") if indent is None else (",", ": ")
    encoder = json.JSONEncoder(
        ensure_ascii=False, indent=indent, separators=separators, sort_keys=ctx.params["sort_keys"]
    )
    if is_small(value):
        return {"text": encoder.encode(value)}
    text = io.StringIO(newline="")
    async for piece in in_turns(encoder.iterencode(value)):
        text.writelines(piece)
    return {"text": text.getvalue()}
