"""Where a daemon is: one address, however it was typed, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import orjson
from attrs import frozen

from bluev_actors.errors import UnreachableError

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

DEFAULT_PORT: Final = 8765
DEFAULT_URL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"

_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}


@frozen
class Address:
    """A daemon's address.

    Attributes:
        place: host and, where it was given, port, as they stand in a URL.
        secure: whether to speak TLS.
        prefix: a path before all others, where a proxy has put the daemon under one; without a slash at its
            end.
    """

    place: str
    secure: bool = False
    prefix: str = ""

    @property
    def http(self) -> str:
        """The root of the REST addresses, without a slash at its end."""
        return f"http{'s' * self.secure}://{self.place}{self.prefix}"

    def socket(self, session_id: str | None = None, client_info: JsonObject | None = None) -> str:
        """The URL of the socket; without a `session_id` the daemon issues one."""
        path = "/ws" if session_id is None else f"/ws/{quote(session_id, safe='')}"
        query = "" if client_info is None else "?" + urlencode({"client": orjson.dumps(client_info).decode()})
        return f"ws{'s' * self.secure}://{self.place}{self.prefix}{path}{query}"

    def __str__(self) -> str:
        return self.http


def parse_address(text: str) -> Address:
    """Read `http://`, `https://`, `ws://`, `wss://` URLs, and bare `host` or `host:port`.

    Raises:
        UnreachableError: it is no address that a daemon could have.
    """
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        place = _place(parts, DEFAULT_PORT if bare else None)
    except ValueError as error:
        raise _no_address(text, str(error)) from None
    if parts.scheme not in _SECURE:
        raise _no_address(text, f"it begins with {parts.scheme}://")
    if parts.query or parts.fragment:
        raise _no_address(text, "it has a query or a fragment")
    return Address(place, _SECURE[parts.scheme], parts.path.rstrip("/"))


def _place(parts: SplitResult, default_port: int | None) -> str:
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a user name or a password")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = default_port if parts.port is None else parts.port
    return host if port is None else f"{host}:{port}"


def _no_address(text: str, why: str) -> UnreachableError:
    return UnreachableError(f"{text!r} is no address of a daemon: {why}. Try {DEFAULT_URL}")
