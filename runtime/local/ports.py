"""Ports on the loopback that stay the same from run to run while nobody else takes them."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection, Mapping

LOOPBACK = "127.0.0.1"
RANGE = (20000, 32000)
"""Below the ports that systems give to outgoing connections, so none is taken between choice and use."""


def is_free(port: int) -> bool:
    """True if a server could listen on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts(port: int, timeout_seconds: float = 1.0) -> bool:
    """True if somebody listens on it."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout_seconds):
            return True
    except OSError:
        return False


def chosen(names: Collection[str], known: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name: the known one if it is still free, otherwise another."""
    ports: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        while port is None or port in ports.values() or not is_free(port):
            port = RANGE[0] + secrets.randbelow(RANGE[1] - RANGE[0])
        ports[name] = port
    return ports
