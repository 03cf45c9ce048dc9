"""The record of who asked for what: a line in the log at once, and documents in an index of the month."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import structlog
from elasticsearch import ApiError, AuthorizationException, Elasticsearch, TransportError

from runtime import metrics

log = structlog.get_logger()

INDEX = "garonne-audit"
TEMPLATE = {
    "index_patterns": [f"{INDEX}-*"],
    "template": {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {
            "dynamic": "false",  # an index made before a field still takes it
            "properties": {
                "@timestamp": {"type": "date"},
                **{n: {"type": "keyword"} for n in ("caller", "access_level", "tenants", "dataset", "method", "path")},
                "query": {"type": "keyword", "index": False, "doc_values": False},
                "address": {"type": "ip", "ignore_malformed": True},
                "status": {"type": "integer"},
                "body_bytes": {"type": "long"},
                "duration_seconds": {"type": "float"},
            },
        },
    },
}
MAX_WAITING = 10_000
MAX_REQUEST = 1000
PAUSE_SECONDS = 1.0


def put_template(es: Elasticsearch) -> None:
    """Put the template of the record's indices."""
    es.indices.put_index_template(name=INDEX, **TEMPLATE)  # type: ignore[arg-type]


class Audit:
    """Writes accesses from a thread of its own, so that no answer waits for it."""

    def __init__(self, es: Elasticsearch) -> None:
        self._es = es
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(MAX_WAITING)
        self._end = threading.Event()
        self._writer: threading.Thread | None = None

    def begin(self) -> None:
        """Write from now on."""
        self._end.clear()
        self._writer = threading.Thread(target=self._write, name="audit", daemon=True)
        self._writer.start()

    def end(self) -> None:
        """Write what is left, once."""
        self._end.set()
        if self._writer is not None:
            self._writer.join(PAUSE_SECONDS + 30)

    def note(self, access: dict[str, Any]) -> None:
        """Record an access; where too many wait, the index does without it and the log has it."""
        log.info("api.access", **{k: v for k, v in access.items() if k != "@timestamp"})
        try:
            self._waiting.put_nowait(access)
        except queue.Full:
            metrics.API_AUDIT_LOST.inc()

    def _write(self) -> None:
        is_ready, left = False, list[dict[str, Any]]()
        while True:
            is_last = self._end.wait(PAUSE_SECONDS)
            left += _taken(self._waiting, MAX_REQUEST - len(left))
            try:
                if left and not is_ready:
                    self._prepare()
                    is_ready = True
                if left:
                    self._send(left)
                left = []
            except (ApiError, TransportError) as e:
                log.warning("api.audit_waits", accesses=len(left), reason=type(e).__name__)
            if is_last:
                metrics.API_AUDIT_LOST.inc(len(left))
                return

    def _prepare(self) -> None:
        try:
            put_template(self._es)
        except AuthorizationException:  # a key that may only write finds the template that came with the key
            log.info("api.audit_template_kept")

    def _send(self, accesses: list[dict[str, Any]]) -> None:
        body: Any = b"".join(map(_lines, accesses))
        answer = self._es.bulk(operations=body)
        if refused := _refused(answer["items"]) if answer["errors"] else []:
            metrics.API_AUDIT_LOST.inc(len(refused))
            log.error("api.audit_refused", accesses=len(refused), reason=refused[0][:500])


def _refused(items: list[dict[str, Any]]) -> list[str]:
    return [str(item["create"]["error"]) for item in items if "error" in item["create"]]


def _taken(waiting: queue.Queue[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    get: Callable[[], dict[str, Any]] = waiting.get_nowait
    while len(found) < most:
        try:
            found.append(get())
        except queue.Empty:
            break
    return found


def _lines(access: dict[str, Any]) -> bytes:
    at: datetime = access["@timestamp"]
    head = {"create": {"_index": f"{INDEX}-{at:%Y.%m}"}}
    return orjson.dumps(head) + b"\n" + orjson.dumps(access) + b"\n"
