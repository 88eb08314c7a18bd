"""How values, durations and counts are put for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.workflows.values import Json, JsonObject

ELLIPSIS: Final = "..."
_MINUTE: Final = 60
_HOUR: Final = 3600
_UNPRINTABLE: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


def printable(text: str) -> str:
    """Make text from outside safe to show: what would steer a terminal is shown as its code instead."""
    if text.isprintable():
        return text
    return text.translate(_UNPRINTABLE).encode("utf-8", "replace").decode()


def duration(seconds: float) -> str:
    """A stretch of time, in the unit that suits it: `0.4 ms`, `31 ms`, `0.50 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 0.01:  # noqa: PLR2004 - below it a tenth of a millisecond tells something
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.1:  # noqa: PLR2004 - below it whole milliseconds read best
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.2f} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE):02} s"
    return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE):02} min"


def compact(value: Json) -> str:
    """A value as JSON on one line, safe to show."""
    return printable(orjson.dumps(value).decode())


def shortened(text: str, width: int) -> str:
    """At most `width` characters of a text, the last of them telling that there was more."""
    return text if len(text) <= width else text[: max(0, width - len(ELLIPSIS))] + ELLIPSIS


def telling(outputs: JsonObject | None) -> JsonObject:
    """The outputs that carry something: many nodes give out nulls, which say no more than that they ended."""
    return {name: value for name, value in (outputs or {}).items() if value is not None}


def outputs_text(outputs: JsonObject, width: int) -> str:
    """The outputs of a node in short: `value = 2, text = "hello"`."""
    return shortened(", ".join(f"{printable(n)} = {_brief(v, width)}" for n, v in outputs.items()), width)


def _brief(value: Json, width: int) -> str:
    """A value of which no more than the beginning will be seen: a huge one is not written out in full."""
    if isinstance(value, str):
        return compact(value[:width])
    many = len(value) if isinstance(value, list | dict) else 0  # pyright: ignore[reportUnknownArgumentType] - JSON
    return compact(value) if many <= width else f"{many} items"


def counted(counts: Iterable[tuple[str, int]]) -> str:
    """`3 completed, 1 failed`; what there is none of is left out."""
    return ", ".join(f"{number} {name}" for name, number in counts if number)


def plural(number: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {noun}{'s' * (number != 1)}"
