"""Who may talk to the daemon at all: judged from a request's head, before anything acts on it.

A browser sends requests for whatever page it shows. Three rules keep a foreign page from using the daemon of the
person who looks at it: the name in Host must be ours (a foreign name that was made to resolve to this machine is
DNS rebinding), the Origin must be ours (WebSockets and simple requests ignore CORS), and what changes something
must be declared as JSON, which no foreign page can do without asking first.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.daemon.request import RequestHead

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")

_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\s\[\]:/?#@,]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@]+)", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@frozen
class Refusal:
    """An answer to a request that goes no further.

    Attributes:
        status: the HTTP status.
        code: the error code of the body.
        message: its sentence.
    """

    status: int
    code: str
    message: str


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """Raised instead of an answer; the front door sends `refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Authority(NamedTuple):
    """A host in its one spelling, and the port if one was given."""

    host: str
    port: int | None


def parse_authority(text: str) -> Authority | None:
    """Read `host`, `host:port` or `[v6]:port`; None when it is none of them."""
    found = _AUTHORITY.fullmatch(text.strip())
    if found is None:
        return None
    port = found["port"]
    return Authority(normal_host(found["host"]), int(port) if port else None)


def normal_host(host: str) -> str:
    """One spelling for one host: lower case, no final dot, addresses as `ipaddress` writes them, no brackets."""
    bare = host.strip("[]").lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def _hosts(names: Iterable[str]) -> frozenset[str]:
    authorities = {name: parse_authority(name) for name in names}
    return frozenset(parsed.host if parsed else normal_host(name) for name, parsed in authorities.items())


def _origins(origins: Iterable[str]) -> frozenset[tuple[str, Authority]]:
    return frozenset(parsed for origin in origins if (parsed := parse_origin(origin)) is not None)


def parse_origin(text: str) -> tuple[str, Authority] | None:
    """Read an Origin: its scheme and authority, the port always filled in; None for `null` and the malformed."""
    found = _ORIGIN.fullmatch(text)
    authority = parse_authority(found["authority"]) if found else None
    if found is None or authority is None:
        return None
    scheme = found["scheme"].lower()
    return scheme, Authority(authority.host, authority.port or _DEFAULT_PORTS[scheme])


@frozen
class Guard:
    """The door's rules.

    Args:
        hosts: names that a request may call us by, without port; loopback names are always among them.
        origins: origins that browsers may come from besides our own, such as `http://localhost:5173`.
        any_address: whether any IP address is ours too, which is right when the daemon listens on all of them:
            rebinding needs a name.
    """

    hosts: frozenset[str] = field(default=frozenset(), converter=_hosts)
    origins: frozenset[tuple[str, Authority]] = field(default=frozenset(), converter=_origins)
    any_address: bool = False

    def refusal(self, head: RequestHead) -> Refusal | None:
        """Why this request goes no further, or None when it may."""
        return self._host_refusal(head) or self._origin_refusal(head) or content_refusal(head)

    def _host_refusal(self, head: RequestHead) -> Refusal | None:
        """A missing Host passes: no browser leaves it out, and HTTP/1.1 without it is malformed already."""
        if head.authority is None or self._knows(parse_authority(head.authority)):
            return None
        return Refusal(421, "misdirected", "This daemon does not answer to that host name (--allow-host-header).")

    def _knows(self, authority: Authority | None) -> bool:
        if authority is None:
            return False
        return authority.host in self.hosts | _LOOPBACK or (self.any_address and _is_address(authority.host))

    def _origin_refusal(self, head: RequestHead) -> Refusal | None:
        """A missing Origin passes: it is not a browser's page that asks."""
        sent = head.values("origin")
        if not sent or (len(sent) == 1 and self._allows(sent[0], head.authority)):
            return None
        return Refusal(403, "forbidden", "Pages of that origin may not use this daemon (--allow-origin).")

    def _allows(self, text: str, host: str | None) -> bool:
        origin = parse_origin(text)
        return origin is not None and (origin in self.origins or _is_same(origin, host))


_LOOPBACK: Final = _hosts(LOOPBACK_NAMES)


def _is_same(origin: tuple[str, Authority], host: str | None) -> bool:
    """Whether a page of this origin was served under the very name that the request calls us by.

    The scheme is left open: behind a proxy that does TLS the page is https and the request is not.
    """
    scheme, page = origin
    ours = parse_authority(host) if host is not None else None
    return ours is not None and page == Authority(ours.host, ours.port or _DEFAULT_PORTS[scheme])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def content_refusal(head: RequestHead) -> Refusal | None:
    """Why the body of a request that changes something is not taken: it must be JSON, where there is one."""
    if head.method not in _CHANGING:
        return None
    declared = head.header("content-type")
    if declared is None and not head.has_body:
        return None
    if (declared or "").partition(";")[0].strip().lower() == "application/json":
        return None
    return Refusal(415, "unsupported_media_type", "The body must be JSON, sent as Content-Type: application/json.")


def session_id_of(path: str) -> str | None:
    """The session id in a socket's address, percent-decoded; None for `/ws`, where the server issues one.

    Args:
        path: the path as it was sent.

    Raises:
        Refused: 404 for another path, 400 for an id that breaks the rule.
    """
    if path == "/ws":
        return None
    if not path.startswith("/ws/"):
        raise Refused(Refusal(404, "not_found", "There is a WebSocket at /ws and /ws/{session_id} only."))
    session_id = unquote(path.removeprefix("/ws/"))
    if not _SESSION_ID.fullmatch(session_id):
        raise Refused(Refusal(400, "bad_session_id", "A session_id has 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -"))
    return session_id
