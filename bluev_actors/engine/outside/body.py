"""The body of an answer as it comes in: unpacked, and no more of it than there may be."""

from __future__ import annotations

import zlib
from typing import Final

PACKINGS: Final = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_PIECE: Final = 64 * 1024


class Body:
    """Takes a body in pieces. A few packed bytes may stand for very many, so it is unpacked in pieces, too.

    Args:
        encoding: the header `Content-Encoding`; what was not asked for stays packed.
        limit: the bytes it may have.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        self.overflowed = False
        self._kept = bytearray()
        self._limit = limit
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding.strip().lower() in PACKINGS else None
        self._packed = 0
        self._flaw: str | None = None

    @property
    def wants_more(self) -> bool:
        """Whether there is any use in what follows."""
        return not self.overflowed and self._flaw is None

    @property
    def kept(self) -> int:
        """The bytes that are held."""
        return len(self._kept)

    def take(self, piece: bytes) -> None:
        """Take the next piece."""
        if not self.wants_more:
            return
        if self._unpacker is None:
            self._keep(piece)
            return
        self._packed += len(piece)
        try:
            self._unpack(self._unpacker, piece)
        except zlib.error:
            self._flaw = "the body is not packed as it says"

    def _unpack(self, unpacker: zlib._Decompress, piece: bytes) -> None:  # pyright: ignore[reportPrivateUsage] - typeshed has no other name for it
        while piece and not unpacker.eof and not self.overflowed:
            self._keep(unpacker.decompress(piece, _PIECE))
            piece = unpacker.unconsumed_tail
        if unpacker.unused_data or (piece and unpacker.eof):
            self._flaw = "something follows the packed body"

    def _keep(self, piece: bytes) -> None:
        self._kept += piece
        self.overflowed = self.kept > self._limit

    def whole(self) -> bytes:
        """All of it, when its end has come.

        Raises:
            ValueError: it is not packed as it says, or a part of it is missing.
        """
        if self._unpacker is not None and self._packed and not self._unpacker.eof:
            self._flaw = self._flaw or "the packed body ends too early"
        if self._flaw is not None:
            raise ValueError(self._flaw)
        return bytes(self._kept)
