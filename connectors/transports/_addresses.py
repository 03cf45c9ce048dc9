"""Where a name leads: resolved once, judged, and the connection goes to what was judged.

A feed reads what the world may see. An address inside (of this machine, its link, a private network, or none that is
routed) is refused, unless the feed names its host under ``internal_hosts``. A name that leads elsewhere when it is
looked up a second time gains nothing by it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address

MAX_ADDRESSES = 4  # of one name that are tried
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class RefusedError(ValueError):
    """An address that may not be read."""


async def addresses_of(host: str, port: int, internal_hosts: Collection[str] = ()) -> list[str]:
    """The addresses of a host (a name, or an address in any notation), in the order to try them.

    Raises:
        RefusedError: one of them is internal, and the host is not named as such.
        OSError: there is none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    inside = [a for a in addresses if is_internal(a)]
    if inside and not is_named(host, internal_hosts):
        raise RefusedError(f"{host} is {inside[0]}, an internal address; name it in internal_hosts if that is meant")
    return addresses[:MAX_ADDRESSES]


def is_named(host: str, hosts: Collection[str]) -> bool:
    """Whether a host is one of these; case, a last dot and the brackets of IPv6 do not matter."""
    return _plain(host) in {_plain(h) for h in hosts}


def is_internal(address: str) -> bool:
    """Whether an address is not one of the open internet, also where IPv6 only wraps one of IPv4."""
    found = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    is_local_site = isinstance(found, IPv6Address) and found.is_site_local
    return not found.is_global or found.is_multicast or found.is_reserved or is_local_site


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    return address if inner is None else inner


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
