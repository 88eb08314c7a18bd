"""Which outputs are cached: their sizes, until when they are good, and in which order they were used."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from attrs import Factory, define, frozen

CACHE_ENTRIES: Final = 10_000
"""How many cached outputs are kept."""
CACHE_BYTES: Final = 256 * 1024 * 1024
"""How large they may be together, as JSON."""


@frozen
class _Entry:
    size: int
    expires_at: float | None


@define
class CacheIndex:
    """Bounded by number and size; whatever was not used for the longest time gives way.

    Attributes:
        entries: how many there may be.
        size: how many bytes they may have together.
    """

    entries: int = CACHE_ENTRIES
    size: int = CACHE_BYTES
    _kept: OrderedDict[bytes, _Entry] = Factory(OrderedDict[bytes, _Entry])
    _used: int = 0

    def keep(self, fingerprint: bytes, size: int, expires_at: float | None) -> list[bytes]:
        """Take up an entry, as the one that was used last.

        Returns:
            The fingerprints of those that give way; it may be among them.
        """
        self.drop(fingerprint)
        self._kept[fingerprint] = _Entry(size, expires_at)
        self._used += size
        gone: list[bytes] = []
        while len(self._kept) > self.entries or self._used > self.size:
            gone.append(next(iter(self._kept)))
            self.drop(gone[-1])
        return gone

    def find(self, fingerprint: bytes, now: float) -> bool:
        """Whether there is an entry that is still good, which counts as using it."""
        entry = self._kept.get(fingerprint)
        if entry is None or (entry.expires_at is not None and entry.expires_at <= now):
            return False
        self._kept.move_to_end(fingerprint)
        return True

    def drop(self, fingerprint: bytes) -> None:
        """Take an entry out."""
        entry = self._kept.pop(fingerprint, None)
        if entry is not None:
            self._used -= entry.size
