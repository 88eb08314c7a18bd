"""Where a daemon is: one address, however it was typed, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

import orjson
from attrs import frozen

from bluev_actors.errors import UnreachableError

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

DEFAULT_PORT: Final = 8765
DEFAULT_URL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"

_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}
_USUAL_PORTS: Final = {False: 80, True: 443}


@frozen
class Address:
    """A daemon's address.

    Attributes:
        host: a name or an IP address, without brackets.
        port: the TCP port.
        secure: whether to speak TLS.
        prefix: a path before all others, where a proxy has put the daemon under one; without a slash at its end.
    """

    host: str
    port: int = DEFAULT_PORT
    secure: bool = False
    prefix: str = ""

    @property
    def authority(self) -> str:
        """Host and port as a URL and the header `Host` have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL_PORTS[self.secure] else f"{host}:{self.port}"

    @property
    def http(self) -> str:
        """The root of the REST addresses, without a slash at its end."""
        return f"http{'s' * self.secure}://{self.authority}{self.prefix}"

    def socket_path(self, session_id: str | None = None, client_info: JsonObject | None = None) -> str:
        """The path of the socket; without a `session_id` the daemon issues one."""
        path = "/ws" if session_id is None else f"/ws/{quote(session_id, safe='')}"
        query = "" if client_info is None else "?" + urlencode({"client": orjson.dumps(client_info).decode()})
        return f"{self.prefix}{path}{query}"

    def __str__(self) -> str:
        return self.http


def parse_address(text: str) -> Address:
    """Read `http://`, `https://`, `ws://`, `wss://` URLs, and bare `host` or `host:port`.

    Raises:
        UnreachableError: it is no address that a daemon could have.
    """
    try:
        return _read(text)
    except ValueError as error:
        raise UnreachableError(f"{text!r} is no address of a daemon: {error}. Try {DEFAULT_URL}") from None


def _read(text: str) -> Address:
    bare = "://" not in text
    parts = urlsplit(f"http://{text}" if bare else text)
    if parts.scheme not in _SECURE:
        raise ValueError(f"it begins with {parts.scheme}://")
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError("it has a query or a fragment")
    secure = _SECURE[parts.scheme]
    usual = DEFAULT_PORT if bare else _USUAL_PORTS[secure]
    return Address(parts.hostname, usual if parts.port is None else parts.port, secure, parts.path.rstrip("/"))
