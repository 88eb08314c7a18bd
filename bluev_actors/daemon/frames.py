"""WebSocket frames as bytes: made once for many sockets, and measured as they come in.

The library inside a `Socket` does the protocol (RFC 6455) for what clients send. What the daemon sends is so
much simpler (whole text messages, never masked) that it is framed here, once for all who get it.
"""

from __future__ import annotations

from typing import Final

from attrs import define

TEXT: Final = 0x81
CLOSE: Final = 0x88
PING: Final = b"\x89\x00"

_SHORT: Final = 126
_LONG: Final = 1 << 16
_LONGEST_REASON: Final = 123


def text_frame(payload: bytes) -> bytes:
    """Frame one whole text message; `payload` is its UTF-8."""
    return _frame(TEXT, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Frame a closing; of the reason goes what fits in a control frame, cut between characters."""
    text = reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")
    return _frame(CLOSE, code.to_bytes(2) + text.encode())


def is_close_frame(data: bytes) -> bool:
    """Whether these bytes begin with a close frame."""
    return data[:1] == bytes((CLOSE,))


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < _SHORT:
        return bytes((first, length)) + payload
    if length < _LONG:
        return bytes((first, 126)) + length.to_bytes(2) + payload
    return bytes((first, 127)) + length.to_bytes(8) + payload


@define
class FrameMeter:
    """Measures a client's messages while their bytes pass by.

    It knows the size of a frame from its header, so a message too large is known before it has arrived, and it
    counts fragments, of which a client could send empty ones without end. It judges nothing else: what is no
    valid frame is found by who decodes it.

    Attributes:
        size: payload bytes announced so far for the message under way.
        fragments: its frames so far.
    """

    size: int = 0
    fragments: int = 0
    _header: bytes = b""
    _payload_left: int = 0
    _ends_message: bool = False

    def feed(self, data: bytes) -> list[int]:
        """Take the next bytes of the stream.

        Returns:
            The size of each message that ends within them, in order.
        """
        finished: list[int] = []
        if self._header:
            data, self._header = self._header + data, b""
        at = 0
        while at < len(data):
            if not self._payload_left:
                header = self._read_header(data, at)
                if not header:
                    self._header = data[at:]
                    break
                at += header
            step = min(self._payload_left, len(data) - at)
            self._payload_left -= step
            at += step
            if self._ends_message and not self._payload_left:
                finished.append(self._finish())
        return finished

    def _read_header(self, data: bytes, at: int) -> int:
        """Read the frame header at `at`; its length, or 0 when there is more of it to come."""
        if len(data) - at < 2:  # noqa: PLR2004 - flags and opcode, mask and length
            return 0
        length = data[at + 1] & 0x7F
        extra = {126: 2, 127: 8}.get(length, 0)
        header = 2 + extra + (4 if data[at + 1] & 0x80 else 0)
        if len(data) - at < header:
            return 0
        if extra:
            length = int.from_bytes(data[at + 2 : at + 2 + extra])
        self._begin(data[at], length)
        return header

    def _begin(self, first: int, length: int) -> None:
        self._payload_left = length
        self._ends_message = False
        if not first & 0x08:  # a data frame; control frames may stand between the fragments of a message
            self.size += length
            self.fragments += 1
            self._ends_message = bool(first & 0x80)

    def _finish(self) -> int:
        size, self.size, self.fragments, self._ends_message = self.size, 0, 0, False
        return size
