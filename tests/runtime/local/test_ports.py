"""Ports stay the same while nobody else takes them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from runtime.local.ports import LOOPBACK, RANGE, accepts, chosen, is_free


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield int(server.getsockname()[1])


def test_a_known_port_that_is_free_is_kept() -> None:
    ports = chosen(["port"], {})
    assert chosen(["port"], ports) == ports


def test_a_known_port_that_another_took_is_replaced(listener: int) -> None:
    port = chosen(["port"], {"port": listener})["port"]
    assert port != listener
    assert is_free(port)


def test_every_name_gets_a_port_of_its_own() -> None:
    first = chosen(["port"], {})["port"]
    ports = chosen(["a", "b"], {"a": first, "b": first})
    assert ports["a"] != ports["b"]


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert all(RANGE[0] <= port < RANGE[1] for port in chosen(list("abcdefgh"), {}).values())


def test_a_listening_port_is_not_free_and_accepts(listener: int) -> None:
    assert not is_free(listener)
    assert accepts(listener)
