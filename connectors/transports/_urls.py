"""Addresses of a feed: expanded, and judged when a server redirects."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote

import httpx2

from connectors.transports._addresses import RefusedError, is_named


def expanded(url: str, for_each: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The addresses for all combinations of values, by a name made of the values."""
    addresses = {}
    for values in itertools.product(*for_each.values()):
        address = url
        for name, value in zip(for_each, values, strict=True):
            address = address.replace(f"{{{name}}}", quote(value, safe=""))
        addresses["/".join(quote(v, safe="") for v in values) or "-"] = address
    return addresses


def redirected(origin: httpx2.URL, target: httpx2.URL, allowed_hosts: Collection[str]) -> httpx2.URL:
    """The target of a redirect, where the origin's server may send us.

    Raises:
        RefusedError: another scheme, or another host or port that no one allowed.
    """
    if target.scheme not in ("http", "https") or (origin.scheme == "https" and target.scheme == "http"):
        raise RefusedError(f"redirect from {origin.scheme} to {target.scheme}")
    is_secured = target.scheme == "https" and target.port is None
    is_there = target.host == origin.host and (target.port == origin.port or is_secured)
    if not is_there and not is_named(target.host, allowed_hosts):
        raise RefusedError(f"redirect to another host or port, {target.host}; allowed_hosts can name it")
    return target
