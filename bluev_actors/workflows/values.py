"""JSON values: what may travel through a workflow, over the wire and into a journal.

The rules are the contract's: plain JSON, no NaN or infinity, integers within 64 bits, text without lone
surrogates, and not nested without end. They hold for everything a node gives out.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias, TypeGuard, cast

import orjson

Json: TypeAlias = Any
"""None, bool, int, float, str, a list of them or a dict of them by str."""
JsonObject: TypeAlias = dict[str, Any]

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1
MAX_DEPTH: Final = 64
TOO_DEEP: Final = "is nested deeper than"
"""What `find_flaw` says of depth."""


def find_flaw(value: object, path: str = "", depth: int = 0) -> str | None:
    """Say what keeps `value` from being plain JSON, or None when nothing does.

    Args:
        value: any Python object.
        path: where the value stands, for the sentence.
        depth: how deep it is nested already.

    Returns:
        A sentence that names the place and the flaw.
    """
    return None if _is_plain(value, depth) else _find_flaw(value, path, depth)


def _is_plain(value: object, depth: int) -> bool:  # noqa: PLR0911 - a line for each kind of value
    """The verdict alone: naming the places on the way would cost more than looking at the values."""
    if isinstance(value, str):
        return value.isascii() or _text_flaw(value, "") is None
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return _number_flaw(value, "") is None
    if depth >= MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return _is_plain_object(cast("dict[object, object]", value), depth + 1)
    if isinstance(value, list | tuple):
        return all(_is_plain(item, depth + 1) for item in cast("list[object]", value))
    return False


def _is_plain_object(value: dict[object, object], depth: int) -> bool:
    for key, item in value.items():
        if not isinstance(key, str) or not (key.isascii() or _text_flaw(key, "") is None):
            return False
        # Most values are short texts; calling ourselves for each would double the time.
        if not (isinstance(item, str) and item.isascii()) and not _is_plain(item, depth):
            return False
    return True


def _find_flaw(value: object, path: str, depth: int) -> str | None:  # noqa: PLR0911 - as above
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_flaw(value, path)
    if isinstance(value, int | float):
        return _number_flaw(value, path)
    if depth >= MAX_DEPTH:
        return f"{path or 'the value'} {TOO_DEEP} {MAX_DEPTH} levels"
    if isinstance(value, dict):
        return _object_flaw(cast("dict[object, object]", value), path, depth)
    if isinstance(value, list | tuple):
        return _list_flaw(cast("list[object]", value), path, depth)
    return f"{path or 'the value'} is a {type(value).__name__}, which JSON cannot carry"


def _text_flaw(value: str, path: str) -> str | None:
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{path or 'the text'} holds a lone surrogate, which is not valid text"
    return None


def _number_flaw(value: float, path: str) -> str | None:
    if isinstance(value, int):
        if INT_MIN <= value <= INT_MAX:
            return None
        return f"{path or 'the value'} is an integer beyond 64 bits"
    if math.isfinite(value):
        return None
    return f"{path or 'the value'} is {value}, which JSON cannot carry"


def _object_flaw(value: dict[object, object], path: str, depth: int) -> str | None:
    for key, item in value.items():
        if not isinstance(key, str):
            return f"{path or 'the value'} has the key {key!r}, but keys are text"
        flaw = _text_flaw(key, f"a key of {path or 'the value'}") or _find_flaw(
            item, f"{path}.{key}" if path else key, depth + 1
        )
        if flaw is not None:
            return flaw
    return None


def _list_flaw(value: list[object], path: str, depth: int) -> str | None:
    for index, item in enumerate(value):
        flaw = _find_flaw(item, f"{path}[{index}]", depth + 1)
        if flaw is not None:
            return flaw
    return None


def sorted_keys(value: Json) -> Json:
    """A copy of a plain JSON value, with the keys of its objects in order."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Whether a JSON value is an object, told so that type checkers know its items."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Json]]:
    """Whether a JSON value is a list, told so that type checkers know its items."""
    return isinstance(value, list)


def type_name(value: object) -> str:
    """Name a JSON value's type in the words of the port types (`string`, `int`, `list`, ...)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list | tuple) else "object"
