"""Values on their way between a run and the code of its nodes: as plain JSON, and as copies.

A node may go on with a list that it has given out, or sort one that it was given; what is on record must not change
with it. And what passes for a float may be one of another library's, which no encoder of ours knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

_SCALARS: Final = frozenset({type(None), bool, int, float, str})


def encoded(value: Json) -> bytes:
    """A value without flaws as JSON, subclasses of the plain types included."""
    return orjson.dumps(value, default=float, option=orjson.OPT_NON_STR_KEYS)


def plain_copy(value: Json) -> Json:
    """A value without flaws, made of plain types only and shared with nobody."""
    return value if type(value) in _SCALARS else orjson.loads(encoded(value))


def clean_text(text: object) -> str:
    """The text of anything, with what no encoder takes written as an escape."""
    return str(text).encode("utf-8", "backslashreplace").decode()
