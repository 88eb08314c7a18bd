"""How much a journal on a disk holds in memory and in its cache."""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class StoreLimits:
    """The limits of a store.

    Attributes:
        recent_events: how many of the newest events are held in memory; older ones are read from the disk.
        recent_bytes: how large they may be together, as JSON.
        cache_entries: how many cached outputs are kept.
        cache_bytes: how large they may be together, as JSON.
        inline_writes: with `sync="normal"`, how many writes a commit may have that is made without a thread.
    """

    recent_events: int = 100_000
    recent_bytes: int = 64 * 1024 * 1024
    cache_entries: int = 10_000
    cache_bytes: int = 256 * 1024 * 1024
    inline_writes: float = 64


DEFAULT_LIMITS: Final = StoreLimits()
