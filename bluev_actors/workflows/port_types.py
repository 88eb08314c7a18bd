"""The types of ports and params: which values belong to a type, and which types fit into which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bluev_actors.workflows.values import is_list, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import Json

SIMPLE_TYPES: Final = (
    "any",
    "null",
    "bool",
    "int",
    "number",
    "string",
    "object",
    "list",
    "bytes_ref",
    "file_ref",
)
_LIST_OF: Final = re.compile(r"list\[(.*)\]", re.DOTALL)
_LONGEST: Final = 100

_IS: Final[dict[str, Callable[[Json], bool]]] = {
    "any": lambda _value: True,
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "list": is_list,
    # References are given out and read by nodes; in a document they are the text or the object nodes make of them.
    "bytes_ref": lambda value: isinstance(value, str | dict),
    "file_ref": lambda value: isinstance(value, str | dict),
}


def is_type(name: str) -> bool:
    """Whether there is such a type: a simple one, or `list[T]`."""
    inner = name[:_LONGEST]
    while match := _LIST_OF.fullmatch(inner):
        inner = match[1]
    return len(name) <= _LONGEST and inner in SIMPLE_TYPES


def item_type(name: str) -> str | None:
    """What a list type holds; None for what is no list."""
    if name == "list":
        return "any"
    match = _LIST_OF.fullmatch(name)
    return match[1] if match else None


def fits(given: str, wanted: str) -> bool:
    """Whether an output of type `given` may feed an input of type `wanted`.

    `any` goes with everything, in both directions: what is known only when the run is under way is not refused
    before. An int is a number.
    """
    if given == wanted or "any" in (given, wanted) or (given, wanted) == ("int", "number"):
        return True
    given_item, wanted_item = item_type(given), item_type(wanted)
    return given_item is not None and wanted_item is not None and fits(given_item, wanted_item)


def mismatch(value: Json, wanted: str) -> str | None:
    """Say what keeps `value` from being a `wanted`; None when nothing does. Nothing is converted."""
    item = item_type(wanted)
    if item is None or not is_list(value):
        check = _IS["list" if item is not None else wanted]
        return None if check(value) else f"{wanted} is wanted, and it is {type_name(value)}"
    if item == "any":
        return None
    for index, each in enumerate(value):
        if (flaw := mismatch(each, item)) is not None:
            return f"in item {index}, {flaw}"
    return None
