from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpcore
import pytest
import trio

from bluev_actors.engine.outside.network import DIAL_SECONDS, GuardedNetwork, plain_host, resolve
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from httpcore import SOCKET_OPTION
    from trio.testing import MockClock

PUBLIC = "8.8.8.8"
DEAD = "8.8.4.4"
SILENT = "1.1.1.1"


class Dialler(httpcore.AsyncNetworkBackend):
    """Notes who is dialled; some do not answer."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, refuse, or let the caller wait."""
        del local_address, socket_options
        self.dialled.append((host, port))
        if host == DEAD:
            raise httpcore.ConnectError
        if host == SILENT:
            await trio.sleep(1000 if timeout is None else timeout)
            raise httpcore.ConnectTimeout
        return httpcore.AsyncMockStream([])


def resolver(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Every name has these addresses."""

    async def answer(_host: str, _port: int) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return addresses

    return answer


async def test_it_dials_what_it_looked_at() -> None:
    """The name is resolved once; it is the address that is dialled, not the name."""
    dialler = Dialler()
    await GuardedNetwork((), resolver(PUBLIC), dialler).connect_tcp("example.com", 443)
    assert dialler.dialled == [(PUBLIC, 443)]


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """A server of names that answers otherwise the second time is not asked a second time."""
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return answers.pop(0)

    dialler = Dialler()
    network = GuardedNetwork((), rebinding, dialler)
    await network.connect_tcp("rebind.example", 80)
    with pytest.raises(Permanent):
        await network.connect_tcp("rebind.example", 80)
    assert dialler.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1%lo"]])
async def test_one_private_address_is_one_too_many(addresses: list[str]) -> None:
    """Every address of a host has to be public, whichever would be dialled."""
    dialler = Dialler()
    with pytest.raises(Permanent, match="not public") as caught:
        await GuardedNetwork((), resolver(*addresses), dialler).connect_tcp("inside.example", 80)
    assert caught.value.code == "forbidden_address"
    assert dialler.dialled == []


FORMS = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
    "0.0.0.0",  # noqa: S104 - it is refused
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
]


@pytest.mark.parametrize("host", FORMS)
async def test_no_form_of_this_machine_gets_by(host: str) -> None:
    """The system's own resolver reads every form, and what it reads is looked at."""
    dialler = Dialler()
    with pytest.raises((Permanent, httpcore.ConnectError)):
        await GuardedNetwork((), resolve, dialler).connect_tcp(host, 80)
    assert dialler.dialled == []


@pytest.mark.parametrize(
    ("allowed", "host", "port"),
    [
        ("localhost", "localhost", 8080),
        ("LocalHost.", "localhost", 80),
        ("localhost:8080", "localhost", 8080),
        ("10.0.0.5", "10.0.0.5", 80),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "::1", 8080),
    ],
)
async def test_the_operator_may_allow_a_host(allowed: str, host: str, port: int) -> None:
    """What the operator names is reached, wherever it is."""
    dialler = Dialler()
    await GuardedNetwork([allowed], resolver("10.0.0.5"), dialler).connect_tcp(host, port)
    assert dialler.dialled == [("10.0.0.5", port)]


@pytest.mark.parametrize(
    ("allowed", "host", "port"),
    [
        ("localhost:8080", "localhost", 8081),
        ("localhost", "localhost.evil.example", 80),
        ("10.0.0.5", "evil.example", 80),
        ("[::1]:8080", "::1", 80),
    ],
)
async def test_an_allowance_is_for_that_host_alone(allowed: str, host: str, port: int) -> None:
    """Not for another port, a longer name, or another name of the same address."""
    with pytest.raises(Permanent):
        await GuardedNetwork([allowed], resolver("10.0.0.5"), Dialler()).connect_tcp(host, port)


async def test_the_next_address_is_tried() -> None:
    """A host with several addresses is reached if one of them answers."""
    dialler = Dialler()
    before = trio.current_time()
    await GuardedNetwork((), resolver(DEAD, SILENT, PUBLIC), dialler).connect_tcp("example.com", 80)
    assert [address for address, _ in dialler.dialled] == [DEAD, SILENT, PUBLIC]
    assert trio.current_time() - before == DIAL_SECONDS


@pytest.mark.parametrize("addresses", [[], [DEAD], [DEAD, DEAD]])
async def test_nobody_answers(addresses: list[str]) -> None:
    """It says so, and gives up."""
    with pytest.raises(httpcore.ConnectError, match="no address"):
        await GuardedNetwork((), resolver(*addresses), Dialler()).connect_tcp("example.com", 80)


async def test_patience_ends(autojump_clock: MockClock) -> None:
    """A single address that says nothing is waited for as long as the caller says."""
    with pytest.raises(httpcore.ConnectTimeout, match="within 15 s"):
        await GuardedNetwork((), resolver(SILENT), Dialler()).connect_tcp("example.com", 80, 15)
    assert autojump_clock.current_time() == 15


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
async def test_a_name_without_addresses(error: Exception) -> None:
    """A name that nobody knows, or that is none, is a failure to connect."""

    async def unknown(_host: str, _port: int) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        raise error

    with pytest.raises(httpcore.ConnectError, match="no address"):
        await GuardedNetwork((), unknown, Dialler()).connect_tcp("nowhere.example", 80)


async def test_a_socket_in_the_file_system_is_refused() -> None:
    """The sockets of other daemons on this machine are not public."""
    with pytest.raises(Permanent, match="this machine"):
        await GuardedNetwork().connect_unix_socket("/run/docker.sock")


async def test_it_can_wait(autojump_clock: MockClock) -> None:
    """It is by its network that httpcore waits."""
    await GuardedNetwork().sleep(3)
    assert autojump_clock.current_time() == 3


@pytest.mark.parametrize(
    ("host", "plain"), [("A.Example.", "a.example"), (" [::1] ", "::1"), ("[::1]:80", "[::1]:80"), ("::1", "::1")]
)
def test_plain_host(host: str, plain: str) -> None:
    """Case, the last dot and brackets make no other host."""
    assert plain_host(host) == plain
