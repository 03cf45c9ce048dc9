"""The demo's live table: what comes in, what goes out, how far behind, and the last result of each trade."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError
from rich.console import Group
from rich.table import Table

from garonne.freshness import Percentiles
from garonne.metrics_view import Sample, by_label, total
from jobs.engine.observations import NAME as OBSERVATIONS
from jobs.job import all_jobs

DOCUMENTS = "garonne_query_documents_total"
LAG = "garonne_query_lag_records"
QUERIES = {OBSERVATIONS, *all_jobs()}
CAUGHT_UP_SECONDS = 3.0
LEAST_LAG_RECORDS = 500


@dataclass(frozen=True)
class Figure:
    """The newest figure of a trade, in words."""

    trade: str
    index: str
    words: str


@dataclass
class Rate:
    """A counter's pace, from its last two readings."""

    value: float = 0.0
    at: float = 0.0
    per_second: float = 0.0

    def read(self, value: float, now: float) -> float:
        """The pace since the reading before, in 1/s."""
        if self.at and now > self.at:
            self.per_second = max(0.0, (value - self.value) / (now - self.at))
        self.value, self.at = value, now
        return self.per_second


@dataclass
class View:
    """What the table shows, kept from one look to the next."""

    addresses: dict[str, str]
    rates: dict[str, Rate] = field(default_factory=lambda: {"in": Rate(), "out": Rate()})

    def has_caught_up(self, samples: list[Sample]) -> bool:
        """Whether every query has been at work and none is further behind than a few seconds; then all is live."""
        at_work = by_label(samples, "garonne_query_batch_seconds_count", "query")
        behind = by_label(samples, LAG, "query")
        most = max(LEAST_LAG_RECORDS, CAUGHT_UP_SECONDS * self.rates["in"].per_second)
        return at_work.keys() >= QUERIES and max(behind.values(), default=0) <= most

    def table(
        self,
        samples: list[Sample],
        city: dict[str, Any],
        figures: list[Figure],
        fresh: dict[str, Percentiles],
        now: float,
        memory: float,
    ) -> Group:
        """The table at this moment."""
        accepted = total(samples, "garonne_feed_records_total", outcome="accepted")
        written = sum(total(samples, DOCUMENTS, outcome=o) for o in ("written", "unchanged"))
        flow = Table(title="Garonne · live", title_justify="left", show_header=False, min_width=76)
        flow.add_row("city time", f"{city.get('city_time', '…')}  ({city.get('phase', 'starting')})")
        flow.add_row("events in", f"{self.rates['in'].read(accepted, now):>9,.0f} /s   {accepted:>12,.0f} in all")
        flow.add_row("documents out", f"{self.rates['out'].read(written, now):>9,.0f} /s   {written:>12,.0f} in all")
        flow.add_row("lag", f"{total(samples, LAG, query=OBSERVATIONS):>9,.0f} records")
        rejected = total(samples, "garonne_feed_records_total", outcome="rejected")
        duplicate = total(samples, "garonne_feed_records_total", outcome="duplicate")
        flow.add_row("set aside", f"{rejected:>9,.0f} dead letters, {duplicate:,.0f} duplicates")
        if (p := fresh.get("latest")) is not None:
            flow.add_row("message to search", f"{p.p50:>9.2f} s median, {p.p99:.2f} s for 99 of 100")
        flow.add_row("memory", f"{memory:>9,.0f} MB, everything together")
        last = Table("trade", "last result", title="Results", title_justify="left", min_width=76)
        for f in figures:
            last.add_row(f.trade, f.words)
        where = Table(title="Addresses", title_justify="left", show_header=False, min_width=76)
        where.add_column(no_wrap=True)
        where.add_column(overflow="fold")  # a key that is cut short opens nothing
        for name, address in self.addresses.items():
            where.add_row(name, address)
        return Group(flow, last, where)


def newest_figures(es: Elasticsearch) -> list[Figure]:
    """The newest result of each trade; a trade without one is left out."""
    return [Figure(trade, index, words(doc)) for trade, index, words in TRADES if (doc := _newest(es, index))]


def _newest(es: Elasticsearch, index: str) -> dict[str, Any] | None:
    try:
        hits = es.search(
            index=index, size=1, sort=[{"window_start": "desc"}, {"last_ingested_at": "desc"}], ignore_unavailable=True
        )["hits"]["hits"]
    except (ApiError, TransportError):
        return None
    return dict(hits[0]["_source"]) if hits else None


def _heat(d: dict[str, Any]) -> str:
    island = f"heat island {_n(d, 'intensity_celsius', '+.1f')} °C"
    return f"{_when(d)}: {_n(d, 'mean_temperature_celsius')} °C, {island}"


def _night(d: dict[str, Any]) -> str:
    return f"{d['entity_id']} night of {d['night_of']}: minimum {_n(d, 'min_temperature_celsius')} °C"


def _parking(d: dict[str, Any]) -> str:
    spaces = f"{d.get('occupied_spaces', '?')} of {d.get('total_spaces', '?')} spaces"
    return f"{_when(d)}: {spaces}, {d.get('arrivals_count', '?')} arrivals"


def _traffic(d: dict[str, Any]) -> str:
    flow = f"{_n(d, 'vehicles_per_hour', '.0f')} veh/h at {_n(d, 'mean_speed_km_per_h')} km/h"
    return f"{_when(d)}: {flow}, level {d.get('level_of_service', '?')}"


def _headway(d: dict[str, Any]) -> str:
    every = f"every {_n(d, 'mean_headway_seconds', '.0f')} s"
    return f"{_when(d)}: {every}, excess wait {_n(d, 'excess_wait_seconds', '.0f')} s"


def _bikes(d: dict[str, Any]) -> str:
    return f"{_when(d)}: {_n(d, 'mean_bikes_available')} bikes"


def _when(d: dict[str, Any]) -> str:
    return f"{d['entity_id']} {d['window_start'][11:16]} UTC"


def _n(d: dict[str, Any], name: str, form: str = ".1f") -> str:
    return format(d[name], form) if d.get(name) is not None else "?"


TRADES = (
    ("heat islands", "city-heat_island_hourly", _heat),
    ("nights", "city-heat_island_nightly", _night),
    ("parking", "city-parking_occupancy", _parking),
    ("traffic", "city-traffic_by_segment", _traffic),
    ("transit", "city-transit_headway", _headway),
    ("bikes", "city-bike_availability", _bikes),
)
