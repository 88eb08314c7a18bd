"""The network as `http_request` sees it: a name is resolved once, every address is looked at, then one is dialled.

httpcore asks it for each new connection, those that a redirect leads to included. The address that was looked at is
the one that is dialled, so a name cannot mean one thing to the check and another to the connection; the name itself
stays what TLS and the `Host` header speak of. Every written form of an address, such as `0x7f.1`, goes the same way.
"""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING, Final, NoReturn, cast

import httpcore
import trio

from bluev_actors.engine.outside.addresses import is_public
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from httpcore import SOCKET_OPTION

DIAL_SECONDS: Final = 5.0
"""How long one of several addresses may take to answer before the next is tried."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, the best first."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses and to the hosts that the operator allows.

    Args:
        allowed_hosts: as `HOST` or `HOST:PORT`, besides what is public.
        resolver: gives the addresses of a host and a port.
        dialler: opens the connection to an address.
    """

    def __init__(
        self,
        allowed_hosts: Iterable[str] = (),
        resolver: Callable[[str, int], Awaitable[Sequence[str]]] = resolve,
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = frozenset(plain_host(host) for host in allowed_hosts)
        self._resolver = resolver
        # httpcore types this class for those who have Trio, and pyright reads the line for those who have not.
        self._dialler = dialler or cast("httpcore.AsyncNetworkBackend", httpcore.TrioBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers.

        Raises:
            Permanent: an address of the host may not be reached (code `forbidden_address`).
            httpcore.ConnectError: none of its addresses takes the connection, or it has none.
            httpcore.ConnectTimeout: they took longer than `timeout` seconds together.
        """
        del local_address, socket_options  # never given
        with trio.move_on_after(math.inf if timeout is None else timeout):
            return await self._dial(await self._addresses(host, port), port)
        raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SOCKET_OPTION] | None = None
    ) -> NoReturn:
        """Refuse: a socket in the file system is no public address.

        Raises:
            Permanent: always.
        """
        del path, timeout, socket_options
        raise Permanent("sockets of this machine may not be reached", code="forbidden_address")

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between attempts to connect."""
        await trio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host once, and refuse it unless all its addresses may be reached."""
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the host has no address") from error
        if not self._is_allowed(host, port) and not all(is_public(address) for address in addresses):
            message = f"{host} has an address that is not public, and the operator has not allowed this host"
            raise Permanent(message, code="forbidden_address")
        return addresses

    def _is_allowed(self, host: str, port: int) -> bool:
        name = plain_host(host)
        return name in self._allowed or (f"[{name}]:{port}" if ":" in name else f"{name}:{port}") in self._allowed

    async def _dial(self, addresses: Sequence[str], port: int) -> httpcore.AsyncNetworkStream:
        patience = DIAL_SECONDS if len(addresses) > 1 else None
        for address in addresses:
            try:
                return await self._dialler.connect_tcp(address, port, patience)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise httpcore.ConnectError("no address of the host takes the connection")


def plain_host(host: str) -> str:
    """A host in the one form in which hosts are compared; `[::1]` loses its brackets, `[::1]:80` keeps them."""
    name = host.strip().lower().rstrip(".")
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name
