"""Which addresses we connect to.

A teacher may live on this machine or in a private network: an admin registered it. Link-local and
metadata addresses are never one, however they are written. A webhook's address is public.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx

_NEVER = tuple(
    ip_network(block)
    for block in (
        "169.254.0.0/16",  # link-local, and where clouds keep their metadata
        "0.0.0.0/8",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "192.0.0.192/32",  # Oracle Cloud's metadata
        "100.100.100.200/32",  # Alibaba Cloud's metadata
        "168.63.129.16/32",  # Azure's host
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "::/128",
        "fd00:ec2::/32",  # AWS's metadata and its siblings
        "fd20:ce::254/128",  # Google Cloud's metadata
    )
)

_NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        # What Python 3.11 takes for global and is not for us.
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays, given up
        "64:ff9b:1::/48",  # NAT64 of a local network
        "2001::/32",  # Teredo: the address of whoever is behind it is its own to say
    )
)

_LAST = 0
_AFTER_16 = 80
_IPV4_INSIDE = (
    (IPv6Network("::ffff:0:0/96"), _LAST),  # mapped
    (IPv6Network("::ffff:0:0:0/96"), _LAST),  # translated
    (IPv6Network("64:ff9b::/96"), _LAST),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), _LAST),  # NAT64 of a local network
    (IPv6Network("2002::/16"), _AFTER_16),  # 6to4
    (IPv6Network("::/96"), _LAST),  # compatible, long deprecated
)
_LOOPBACK = IPv6Address("::1")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def is_allowed(address: Address) -> bool:
    """Whether we may connect there. An IPv4 address inside an IPv6 one is judged as itself, too."""
    if any(address in block for block in _NEVER if block.version == address.version):
        return False
    return all(is_allowed(inner) for inner in _embedded(address))


def is_public(address: Address) -> bool:
    """Whether it is one that anybody may be asked to connect to."""
    if not (is_allowed(address) and address.is_global):
        return False
    if any(address in block for block in _NOT_PUBLIC if block.version == address.version):
        return False
    return all(is_public(inner) for inner in _embedded(address))


def _embedded(address: Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address) or address == _LOOPBACK:
        return []
    number = int(address)
    found = [number >> shift for block, shift in _IPV4_INSIDE if address in block]
    if address in _TEREDO:
        found += [number >> 64, ~number]
    if (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        found.append(number)
    return [IPv4Address(part & 0xFFFF_FFFF) for part in found]


async def resolve(
    host: str, port: int, networks: Sequence[Network] = (), *, public: bool = False
) -> list[str]:
    """The addresses of a name, all of them checked: one that is refused refuses the name. With
    `networks`, only addresses in one of them are allowed; with `public`, all public ones besides.

    Raises `httpx.ConnectError`, or `AddressRefused`.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"the name {host!r} has no address: {error}") from error
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in texts:
        address = ip_address(text.partition("%")[0])
        listed = any(
            address in network for network in networks if network.version == address.version
        )
        welcome = listed or (is_public(address) if public else not networks)
        if not (welcome and is_allowed(address)):
            raise AddressRefused(f"{host!r} is at {text}, where we never connect to")
    return texts


class AddressRefused(httpx.UnsupportedProtocol):
    """The name leads where we never connect to."""
