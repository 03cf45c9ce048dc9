"""Addresses of a feed: expanded, shown without their secrets, and judged when a server redirects."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote, urlsplit, urlunsplit

import httpx2

SECRET_PARAMETER = re.compile(r"(?i)((?:^|[&?;])[^=&;]*(?:key|token|secret|pass|auth|sig)[^=&;]*=)[^&;]*")


class RefusedError(ValueError):
    """An address that may not be read."""


def expanded(url: str, for_each: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The addresses for all combinations of values, by a name made of the values."""
    addresses = {}
    for values in itertools.product(*for_each.values()):
        address = url
        for name, value in zip(for_each, values, strict=True):
            address = address.replace(f"{{{name}}}", quote(value, safe=""))
        addresses["/".join(quote(v, safe="") for v in values) or "-"] = address
    return addresses


def shown(url: str) -> str:
    """An address for logs and dead letters: without user, password, and parameters that look secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, SECRET_PARAMETER.sub(r"\1***", parts.query), ""))


async def redirected(origin: httpx2.URL, target: httpx2.URL, allowed_hosts: Collection[str]) -> httpx2.URL:
    """The target of a redirect, where the origin's server may send us.

    Raises:
        RefusedError: another scheme, another host that no one allowed, or an address inside this machine.
    """
    if target.scheme not in ("http", "https") or (origin.scheme == "https" and target.scheme == "http"):
        raise RefusedError(f"redirect from {origin.scheme} to {target.scheme}")
    if target.host != origin.host:
        if target.host not in allowed_hosts:
            raise RefusedError(f"redirect to another host, {target.host}; name it in allowed_hosts if that is meant")
        if await is_local(target.host) and not await is_local(origin.host):
            raise RefusedError(f"redirect to {target.host}, which is this machine or its link")
    return target


async def is_local(host: str) -> bool:
    """Whether a name or address means this machine or its own link; a name is looked up."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return False
    addresses = (ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found)
    return any(a.is_loopback or a.is_link_local or a.is_unspecified for a in addresses)
