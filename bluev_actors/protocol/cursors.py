"""Cursors as clients see them: a text to keep and to give back, not to compute with."""

from __future__ import annotations

from typing import Final

_LARGEST: Final = 2**63 - 1
_MOST_DIGITS: Final = len(str(_LARGEST))


def cursor_text(cursor: int) -> str:
    """Write a place in the global order of events."""
    return str(cursor)


def parse_cursor(text: str) -> int | None:
    """Read a cursor; None when `text` is none that `cursor_text` wrote."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        return None
    cursor = int(text)
    return cursor if cursor <= _LARGEST and cursor_text(cursor) == text else None
