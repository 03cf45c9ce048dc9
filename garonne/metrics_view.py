"""What running processes say of themselves: their Prometheus pages, as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from runtime.processes import LOOPBACK, Process

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    """One number of a metric."""

    name: str
    labels: dict[str, str]
    value: float


def scraped(processes: Iterable[Process]) -> list[Sample]:
    """All samples of the processes that answer."""
    return [s for p in processes for s in _page(p)]


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Sum of a metric over all its labels but those given."""
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def by_label(samples: Iterable[Sample], name: str, label: str) -> dict[str, float]:
    """A metric by the values of one label, summed over the others."""
    found: dict[str, float] = {}
    for s in samples:
        if s.name == name and label in s.labels:
            found[s.labels[label]] = found.get(s.labels[label], 0.0) + s.value
    return found


def _page(process: Process) -> Iterator[Sample]:
    try:
        text = httpx2.get(f"http://{LOOPBACK}:{process.metrics_port}/metrics", timeout=TIMEOUT_SECONDS).text
    except httpx2.HTTPError:
        return
    for family in text_string_to_metric_families(text):
        if family.name.startswith("garonne_"):
            for s in family.samples:
                yield Sample(s.name, dict(s.labels), s.value)
