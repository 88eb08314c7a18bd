"""What a web server said."""

from __future__ import annotations

from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final

from attrs import frozen

QUOTED: Final = 300
"""Characters of an answer that stand in an error."""


@frozen
class Answer:
    """A server's last word, after all redirects.

    Attributes:
        status: the status.
        headers: by their names in lower case.
        body: unpacked, as bytes.
        origin: who said it, as in `https://example.com`: the part of a URL that is no secret.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    origin: str

    @property
    def text(self) -> str:
        """The body as text, in the character set it names."""
        try:
            return self.body.decode(self._content_type.get_content_charset("utf-8"), errors="replace")
        except LookupError:
            return self.body.decode(errors="replace")

    @property
    def says_json(self) -> bool:
        """Whether it calls its body JSON."""
        subtype = self._content_type.get_content_subtype()
        return subtype == "json" or subtype.endswith("+json")

    @property
    def quote(self) -> str:
        """The beginning of its text in one line; nothing if it is no text."""
        said = " ".join(self.text[: 2 * QUOTED].split())
        if not said.isprintable():
            return ""
        return said if len(said) <= QUOTED else f"{said[:QUOTED]}..."

    def asked_wait(self, now: float) -> float | None:
        """The seconds that it asks to be left alone, when it does; it may name a time instead.

        Args:
            now: wall time, in seconds since 1970.
        """
        asked = self.headers.get("retry-after", "")
        if asked.isascii() and asked.isdigit():
            return float(asked)
        try:
            return max(parsedate_to_datetime(asked).timestamp() - now, 0.0)
        except (ValueError, OverflowError):
            return None

    @property
    def _content_type(self) -> Message:
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        return message
