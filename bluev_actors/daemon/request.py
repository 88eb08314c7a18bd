"""The head of an HTTP request, as everything behind the front door sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import frozen

from bluev_actors.daemon.guard import Refusal, Refused

if TYPE_CHECKING:
    from typing import Self

    import h11


@frozen
class RequestHead:
    """A request's line and headers.

    Attributes:
        method: as sent, such as `GET`.
        target: the request target as sent.
        path: its path, not percent-decoded.
        query: its query, without the question mark.
        headers: names in lower case, in the order sent.
        http_version: `1.0` or `1.1`.
        raw: the bytes of the head.
    """

    method: str
    target: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    http_version: str
    raw: bytes = b""

    @classmethod
    def read(cls, request: h11.Request, raw: bytes = b"") -> Self:
        """Take over what h11 has parsed.

        Raises:
            Refused: it is another version than 1.0 or 1.1, or the target is neither a path nor an absolute address.
        """
        if request.http_version not in {b"1.0", b"1.1"}:
            raise Refused(Refusal(505, "bad_request", "The daemon speaks HTTP/1.1."))
        target = request.target.decode("ascii")
        path, query = _split(target)
        return cls(
            method=request.method.decode("ascii"),
            target=target,
            path=path,
            query=query,
            headers=tuple(request.headers),
            http_version=request.http_version.decode("ascii"),
            raw=raw,
        )

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next(iter(self.values(name)), None)

    def values(self, name: str) -> list[str]:
        """Every header of this name, in order."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for key, value in self.headers if key == wanted]

    def tokens(self, name: str) -> list[str]:
        """The comma-separated items of all headers of this name, in lower case."""
        return [item.strip().lower() for value in self.values(name) for item in value.split(",")]

    @property
    def authority(self) -> str | None:
        """Host and port by which the client calls us: of an absolute target, else of the Host header."""
        return self.header("host") if self.target.startswith(("/", "*")) else urlsplit(self.target).netloc

    @property
    def content_length(self) -> int:
        """How long the body says it is; 0 where it does not say."""
        return int(self.header("content-length") or 0)

    @property
    def has_body(self) -> bool:
        """Whether a body follows, be it announced by its length or in chunks."""
        return self.header("transfer-encoding") is not None or self.content_length > 0

    @property
    def wants_websocket(self) -> bool:
        """Whether it asks to be upgraded to a WebSocket, well-formed or not."""
        return "websocket" in self.tokens("upgrade") and "upgrade" in self.tokens("connection")


def _split(target: str) -> tuple[str, str]:
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    if target == "*":
        return target, ""
    try:
        parts = urlsplit(target)
    except ValueError:  # an address such as http://[::1
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise Refused(Refusal(400, "bad_request", "The request target must be a path."))
    return parts.path or "/", parts.query
