"""What a program writes to one of its streams: kept up to a limit, and told line by line."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_LINE: Final = 8192
"""Characters; a longer line is told in pieces."""


class Capture:
    """Takes what was written, in pieces as they come.

    Args:
        limit: the bytes that are kept, the newest; `overflowed` says that there were more.
        tell: is given each line, without its end.
    """

    def __init__(self, limit: int, tell: Callable[[str], None] | None = None) -> None:
        self.overflowed = False
        self._limit = limit
        self._tell = tell
        self._kept = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""

    @property
    def text(self) -> str:
        """What was kept, as text; what is no UTF-8 shows as a replacement character."""
        return self._kept.decode("utf-8", "replace")

    @property
    def last_line(self) -> str:
        """The last line that says something."""
        return next((line.strip() for line in reversed(self.text.splitlines()) if line.strip()), "")

    def take(self, piece: bytes | bytearray) -> None:
        """Take the next piece."""
        self._kept += piece
        if len(self._kept) > self._limit:
            self.overflowed = True
            del self._kept[: -self._limit]
        if self._tell is not None:
            self._split(self._decoder.decode(bytes(piece)), self._tell)

    def finish(self) -> None:
        """Tell the last line, if it has no end."""
        if self._tell is not None:
            self._split(self._decoder.decode(b"", final=True), self._tell)
            if self._line:
                _hand_out(self._line, self._tell)
            self._line = ""

    def _split(self, text: str, tell: Callable[[str], None]) -> None:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            _hand_out(line, tell)
        if len(self._line) >= LONGEST_LINE:
            _hand_out(self._line, tell)
            self._line = ""


def _hand_out(line: str, tell: Callable[[str], None]) -> None:
    line = line.removesuffix("\r")
    for start in range(0, max(len(line), 1), LONGEST_LINE):
        tell(line[start : start + LONGEST_LINE])
