"""Waiting for servers that are away when a driver starts."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx2
import structlog
from confluent_kafka import KafkaException
from elasticsearch import ApiError, TransportError

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500


def patiently(step: Callable[[], None], stop: threading.Event) -> None:
    """Do a step, again and again while a server is away, until ``stop`` is set.

    Raises:
        Exception: whatever the step raises that waiting cannot mend.
    """
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            return step()
        except (TransportError, KafkaException, httpx2.TransportError, OSError) as e:
            reason = f"{type(e).__name__}: {e}"
        except ApiError as e:
            if e.meta.status != TOO_MANY_REQUESTS and e.meta.status < SERVER_ERROR:
                raise
            reason = str(e)
        log.warning("server.awaited", pause_seconds=pause, reason=reason)
        stop.wait(pause)
        pause = min(pause * 2, MAX_PAUSE_SECONDS)
    return None
