"""Tables of plain text, for people and for `grep` alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.cli.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write rows under heads, each column as wide as its widest cell; the last one runs free."""
    table = [list(heads), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
