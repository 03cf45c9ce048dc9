"""A driver that starts while a server is away waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx2
import pytest
from confluent_kafka import KafkaException
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, ConnectionError

from jobs.engine.patience import patiently
from runtime.registry import IncompatibleSchemaError


class Patient(threading.Event):
    """Never waits, and remembers how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        return self.is_set()


def answer(status: int) -> ApiError:
    return ApiError("no", ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 1)), {})


def failing(*errors: Exception) -> Callable[[], None]:
    left = list(errors)

    def step() -> None:
        if left:
            raise left.pop(0)

    return step


def test_servers_that_are_away_are_waited_for_with_growing_pauses() -> None:
    stop = Patient()
    away = ConnectionError("refused"), KafkaException("x"), httpx2.ConnectError("x"), OSError("x"), answer(503)
    patiently(failing(*away, *[OSError("x")] * 3), stop)
    assert stop.pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("error", [IncompatibleSchemaError("x"), answer(400), answer(401), ValueError("x")])
def test_what_waiting_cannot_mend_is_said_at_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        patiently(failing(error), Patient())


def test_a_driver_that_is_stopped_waits_no_longer() -> None:
    stop = Patient()
    stop.set()
    patiently(failing(OSError("x")), stop)
    assert stop.pauses == []
