"""Strict JSON text: what this protocol takes for JSON, and nothing looser.

Besides the grammar (no NaN, no comments, no byte order mark, UTF-8 only) a text must hold no number beyond
a double's range, no integer beyond 64 bits, no lone surrogate, and must not be nested without end. Of a key
given twice the last value counts, as with other parsers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.ids import request_id_of
from bluev_actors.workflows.values import INT_MAX, INT_MIN, MAX_DEPTH, Json, JsonObject, is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# orjson turns an integer beyond 64 bits into a float without a word. Such an integer has 19 digits or more,
# so most texts are cleared by looking for such a run, at about a nanosecond a byte; only the others are read
# again.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_RUN: Final = b"0" * 19
_LONG_INTEGER: Final = re.compile(rb"(?<![0-9.eE+-])-?[0-9]{19,}(?![0-9.eE])")
_LONGEST_FITTING: Final = 20

_CONTAINERS: Final = frozenset({dict, list})


def parse_json(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> Json:
    """Read one JSON value.

    Args:
        text: the whole text; bytes must be UTF-8.
        max_depth: how many objects and lists may stand inside each other. A workflow's own shape takes five
            of them (message, `workflow`, `nodes`, node, `params`), the rest is left to values.

    Raises:
        ProtocolError: with the code `bad_json`, for whatever is wrong with the text. It bears the text's own
            `request_id` where that could be read.
    """
    data = text if isinstance(text, bytes) else _encoded(text)
    try:
        value: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _bad_json(f"The text is not JSON: {error}.") from None
    if _is_deeper(data, value, max_depth):
        raise _bad_json(f"The JSON is nested deeper than {max_depth} levels.", value)
    if _LONG_RUN in data.translate(_DIGITS_ALIKE) and _has_big_integer(data):
        raise _bad_json("The JSON holds an integer beyond 64 bits.", value)
    return value


def parse_object(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> JsonObject:
    """Read one JSON object, as `parse_json` does.

    Raises:
        ProtocolError: with the code `bad_json`, or `bad_message` when it is JSON but no object.
    """
    value = parse_json(text, max_depth=max_depth)
    if not is_object(value):
        raise ProtocolError("bad_message", "A message must be a JSON object.")
    return value


def dump_json(value: object, default: Callable[[Any], Any] | None = None) -> bytes:
    """Write a value as compact JSON.

    Args:
        value: what is to be written; of a NaN it makes a null, so check values where they come in.
        default: makes JSON of an object that is none.

    Raises:
        ProtocolError: with the code `not_json`, when something in it cannot be written.
    """
    try:
        return orjson.dumps(value, default)
    except orjson.JSONEncodeError as error:
        raise ProtocolError("not_json", f"The value cannot be written as JSON: {error}.") from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _bad_json("The text holds a lone surrogate.") from None


def _bad_json(sentence: str, value: Json = None) -> ProtocolError:
    request_id = request_id_of(value) if is_object(value) else None
    return ProtocolError("bad_json", sentence, request_id=request_id)


def _is_deeper(data: bytes, value: Json, max_depth: int) -> bool:
    """Whether containers stand deeper than allowed; level by level, since a bomb aims at recursion."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return False
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(max_depth):
        level = [item for parent in level for item in _items(parent) if type(item) in _CONTAINERS]
    return bool(level)


def _items(container: Json) -> Iterable[Json]:
    return container.values() if is_object(container) else container


def _has_big_integer(data: bytes) -> bool:
    r"""Whether the JSON text `data` holds an integer beyond 64 bits outside of its strings.

    Each run of digits that would be one is spoilt at its end: the text is still JSON only if all of them
    stood in strings. At its end, because its beginning may belong to an escape such as `\u0000`.
    """
    spoilt = _LONG_INTEGER.sub(_spoil_big, data)
    if spoilt == data:
        return False
    try:
        orjson.loads(spoilt)
    except orjson.JSONDecodeError:
        return True
    return False


def _spoil_big(match: re.Match[bytes]) -> bytes:
    digits = match[0]
    if len(digits) <= _LONGEST_FITTING and INT_MIN <= int(digits) <= INT_MAX:
        return digits
    return digits[:-1] + b"x"
