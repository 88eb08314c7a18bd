"""What a failure of the disk or of SQLite means, in a sentence for a person."""

from __future__ import annotations

from typing import Final

_MEANINGS: Final = (
    ("SQLITE_FULL", "the disk is full"),
    ("SQLITE_BUSY", "another program holds the journal locked"),
    ("SQLITE_LOCKED", "another program holds the journal locked"),
    ("SQLITE_READONLY", "the journal may only be read"),
    ("SQLITE_CANTOPEN", "the journal cannot be opened"),
    ("SQLITE_IOERR", "the disk reports an error"),
    ("SQLITE_CORRUPT", "the journal is damaged"),
    ("SQLITE_NOTADB", "the journal is damaged"),
)


def sentence(error: Exception) -> str:
    """Say why nothing can be stored."""
    name: str = getattr(error, "sqlite_errorname", "")
    meaning = next((meaning for start, meaning in _MEANINGS if name.startswith(start)), None)
    return f"nothing can be stored: {error}" if meaning is None else f"nothing can be stored: {meaning} ({error})"
