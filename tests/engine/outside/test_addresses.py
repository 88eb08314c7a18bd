from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from bluev_actors.engine.outside.addresses import is_public

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - it is refused
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:4860:4860::8888",
    "2606:4700::1111",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public(address: str) -> None:
    """Loopback, private, link-local, reserved, and all of them inside another address."""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public(address: str) -> None:
    """The neighbours of the reserved ranges are as public as any."""
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "2130706433", "0x7f.1", "127.1", "8.8.8", "8.8.8.8.8", "1.1.1.01"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    """Only a whole address in its usual form is taken; resolvers give no others."""
    assert not is_public(text)


def laxer(address: IPv4Address | IPv6Address) -> bool:
    """Whether we let through what the standard library takes for private, or what many are sent to."""
    return is_public(str(address)) and (not address.is_global or address.is_multicast)


@given(integers(0, 2**32 - 1).map(IPv4Address))
def test_never_laxer_than_the_standard_library(address: IPv4Address) -> None:
    """Our own table forgets none of the ranges that Python knows."""
    assert not laxer(address)


@given(integers(0, 2**128 - 1).map(IPv6Address))
def test_never_laxer_for_the_longer_addresses(address: IPv6Address) -> None:
    """The same for IPv6, where an address may carry another."""
    assert address.ipv4_mapped or not laxer(address)


@given(integers(0, 2**32 - 1))
def test_a_carried_address_counts(number: int) -> None:
    """Behind a translation prefix, an IPv4 address is as public as without."""
    alone = is_public(str(IPv4Address(number)))
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert is_public(str(ip_address(int(ip_address(prefix)) + number))) is alone
