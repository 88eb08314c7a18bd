"""Which addresses are public, whatever form they come in.

The standard library's `is_global` changes between releases of Python and takes an address inside an address for a
stranger, so the ranges are named here. IPv4 is public but for what is reserved; of IPv6 only the global unicast range
is, and an address that carries an IPv4 address is as public as that one.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_RESERVED_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's translation
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, the metadata service of clouds among it
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast among it
        "168.63.129.16/32",  # a public address by its form, and the metadata service inside a cloud
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_RESERVED_V6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, tunnels that carry an address among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an address
        "3fff::/20",  # documentation
    )
)
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""NAT64: networks without IPv4 reach every IPv4 address behind this prefix, private ones as well."""


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet.

    Args:
        address: as a resolver gives it, a zone as in `fe80::1%eth0` included; what is no address is not public.
    """
    try:
        return _is_public(ip_address(address))
    except ValueError:
        return False


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _RESERVED_V4)
    inner = _carried(address)
    if inner is not None:
        return _is_public(inner)
    return address in _GLOBAL_V6 and not any(address in network for network in _RESERVED_V6)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped
