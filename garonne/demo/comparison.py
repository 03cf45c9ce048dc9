"""Figures in Elasticsearch beside the truth of the simulated city: every entity, every whole window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch
from rich.table import Table

from runtime.elastic.documents import found
from schemas import Kind, contracts
from simulator.city import City
from simulator.truth import Truth

TENANT = "toulouse"
FIVE, QUARTER, HOUR = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)
DUSK_UTC, NOON_TO_DUSK, NIGHT = 18, timedelta(hours=6), timedelta(hours=12)
HEAT_KELVIN = 0.1
FLOAT = 1e-6
# How long after its start the city is fully known: every space has been heard of, every line has been served.
SPOTS_KNOWN, LINES_KNOWN = timedelta(minutes=30), timedelta(hours=1)

Document = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """City time that was played, [start, end)."""

    start: datetime
    end: datetime

    def windows(self, length: timedelta, after: timedelta = timedelta(0)) -> Iterator[datetime]:
        """Starts of the windows that lie wholly inside."""
        first = self.start + after
        step = length.total_seconds()
        at = datetime.fromtimestamp(-(-first.timestamp() // step) * step, UTC)
        while at + length <= self.end:
            yield at
            at += length


@dataclass
class Verdict:
    """What the comparison of one figure came to."""

    figure: str
    tolerance: float
    checked: int = 0
    missing: int = 0
    wrong: int = 0
    worst: float = 0.0
    example: str = ""

    @property
    def is_good(self) -> bool:
        """Whether there was something to compare and all of it was as it should be."""
        return self.checked > 0 and not self.is_wrong

    @property
    def is_wrong(self) -> bool:
        """Whether something is not as it should be."""
        return self.missing > 0 or self.wrong > 0

    def compare(self, where: str, doc: Document | None, field: str, truth: float | None) -> None:
        """Compare one number; null in both is equal."""
        self.checked += 1
        value = doc.get(field) if doc is not None else None
        if doc is None:
            self.missing += 1
            self.example = self.example or f"{where}: no document"
        elif value is None or truth is None:
            self._note(where, value, truth, 0.0 if value is truth else float("inf"))
        else:
            self._note(where, value, truth, abs(value - truth))

    def _note(self, where: str, value: float | None, truth: float | None, error: float) -> None:
        self.worst = max(self.worst, error)
        if error > self.tolerance:
            self.wrong += 1
            self.example = self.example or f"{where}: {value}, true is {truth}"


def span_of(status: dict[str, Any]) -> Span:
    """The span that the city has played, from what it says of itself."""
    return Span(datetime.fromisoformat(status["started_at"]), datetime.fromisoformat(status["delivered_until"]))


def compared(es: Elasticsearch, city: City, span: Span) -> list[Verdict]:
    """All comparisons, one verdict for each figure."""
    truth = Truth(city)
    es.indices.refresh(index="city-*")  # what was written a moment ago is compared too
    verdicts = [v for compare in COMPARISONS for v in compare(es, city, truth, span)]
    return sorted(verdicts, key=lambda v: v.is_good)


def table(verdicts: Iterable[Verdict]) -> Table:
    """The verdicts, for people."""
    shown = Table(
        "figure", "compared", "missing", "wrong", "largest error", "allowed", "", title="Figures and the city's truth"
    )
    for v in verdicts:
        allowed = "exact" if v.tolerance <= FLOAT else f"{v.tolerance:g}"
        verdict = "ok" if v.is_good else v.example or "nothing to compare"
        shown.add_row(v.figure, f"{v.checked:,}", str(v.missing), str(v.wrong), f"{v.worst:.3g}", allowed, verdict)
    return shown


def _heat(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-heat_island_hourly")
    verdict = Verdict("heat-island intensity by station and hour, K", HEAT_KELVIN)
    for at in span.windows(HOUR):
        for station in city.weather.ids:
            doc = docs.get((station, _key(at)))
            verdict.compare(f"{station} {at}", doc, "intensity_celsius", truth.heat_intensity(station, at))
    return [verdict]


def _nights(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    """Nights that lie wholly in the span; a short demo has none, and then there is no verdict."""
    docs = _by_entity(es, "city-heat_island_nightly")
    verdict = Verdict("heat-island intensity by station and night, K", HEAT_KELVIN)
    for hour in span.windows(HOUR):
        dusk = hour + HOUR  # quality control looks back an hour
        if dusk.hour == DUSK_UTC and dusk + NIGHT <= span.end:
            for station in city.weather.ids:
                doc = docs.get((station, _key(dusk - NOON_TO_DUSK)))
                true = truth.night(station, dusk.date()).mean_intensity
                verdict.compare(f"{station} night of {dusk.date()}", doc, "mean_intensity_celsius", true)
    return [verdict] if verdict.checked else []


def _sites(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-parking_occupancy", area_type="site", basis="counts")
    fields = {name: Verdict(f"parking by site: {name}", 0) for name in ("occupied", "free", "arrivals", "departures")}
    for at in span.windows(FIVE, after=FIVE):
        for n, site in enumerate(city.parking.ids):
            true, doc, where = truth.parking(site, at), docs.get((site, _key(at))), f"{site} {at}"
            counted = n < city.parking.record  # the others show only how the count changes
            fields["occupied"].compare(where, doc, "occupied_spaces", true.occupied)
            fields["free"].compare(where, doc, "free_spaces", true.free)
            arrivals = true.arrivals if counted else true.least_arrivals
            departures = true.departures if counted else true.least_departures
            fields["arrivals"].compare(where, doc, "arrivals_count", arrivals)
            fields["departures"].compare(where, doc, "departures_count", departures)
    return list(fields.values())


def _site_zones(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-parking_occupancy", area_type="zone", basis="counts")
    verdict = Verdict("parking by zone of car parks: occupied", 0)
    members: dict[str, list[str]] = {}
    for site, zone in zip(city.parking.ids, city.parking.zone_ids, strict=True):
        members.setdefault(zone, []).append(site)
    for at in span.windows(FIVE, after=FIVE):
        for zone, sites in members.items():
            true = sum(truth.parking(site, at).occupied for site in sites)
            verdict.compare(f"{zone} {at}", docs.get((zone, _key(at))), "occupied_spaces", true)
    return [verdict]


def _spot_zones(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-parking_occupancy", area_type="zone", basis="spots")
    fields = {name: Verdict(f"parking by zone of spaces: {name}", 0) for name in ("occupied", "arrivals", "departures")}
    stay = Verdict("parking by zone of spaces: mean stay, s", 1e-3)
    for at in span.windows(FIVE, after=SPOTS_KNOWN):
        for zone in city.spots.zone_ids:
            true, doc, where = truth.parking(zone, at), docs.get((zone, _key(at))), f"{zone} {at}"
            fields["occupied"].compare(where, doc, "occupied_spaces", true.occupied)
            fields["arrivals"].compare(where, doc, "arrivals_count", true.arrivals)
            fields["departures"].compare(where, doc, "departures_count", true.departures)
            stay.compare(where, doc, "mean_stay_seconds", true.mean_stay_seconds)
    return [*fields.values(), stay]


def _traffic(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-traffic_by_segment")
    vehicles, speed = Verdict("traffic by segment: vehicles", 0), Verdict("traffic by segment: mean speed, km/h", FLOAT)
    for at in span.windows(FIVE):
        for segment in city.traffic.ids:
            true, doc, where = truth.traffic(segment, at), docs.get((segment, _key(at))), f"{segment} {at}"
            vehicles.compare(where, doc, "vehicles_count", true.vehicles)
            speed.compare(where, doc, "mean_speed_km_per_h", true.mean_speed_km_per_h)
    return [vehicles, speed]


def _headways(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-transit_headway")
    passages = Verdict("headway by line and stop: passages", 0)
    excess = Verdict("headway by line and stop: excess wait, s", 1e-3)
    for at in span.windows(HOUR, after=LINES_KNOWN):
        for line in city.buses.lines:
            for direction in (0, 1):
                for rank in range(line.stops):
                    stop = line.stop_id(direction, rank)
                    true, name = truth.headways(line.id, direction, stop, at), f"{line.id}:{direction}:{stop}"
                    doc = docs.get((name, _key(at)))
                    if true.passages:
                        passages.compare(f"{name} {at}", doc, "passages_count", true.passages)
                        excess.compare(f"{name} {at}", doc, "excess_wait_seconds", true.excess_wait_seconds)
    return [passages, excess]


def _bikes(es: Elasticsearch, city: City, truth: Truth, span: Span) -> list[Verdict]:
    docs = _by_entity(es, "city-bike_availability")
    verdict = Verdict("bikes by station: mean available", FLOAT)
    for at in span.windows(QUARTER):
        for station in city.bikes.ids:
            true = truth.bikes(station, at).mean_bikes
            verdict.compare(f"{station} {at}", docs.get((station, _key(at))), "mean_bikes_available", true)
    return [verdict]


Comparison = Callable[[Elasticsearch, City, Truth, Span], list[Verdict]]
COMPARISONS: tuple[Comparison, ...] = (_heat, _nights, _sites, _site_zones, _spot_zones, _traffic, _headways, _bikes)


def filled(es: Elasticsearch) -> Verdict:
    """Whether every result has documents, also those that are not compared one by one."""
    verdict = Verdict("results that have documents", 0)
    for result in (c for c in contracts().values() if c.kind is Kind.RESULT):
        verdict.checked += 1
        query = {"term": {"tenant": TENANT}}
        if not es.count(index=result.alias, query=query, ignore_unavailable=True)["count"]:
            verdict.missing += 1
            verdict.example = verdict.example or f"{result.name}: no document"
    return verdict


def _by_entity(es: Elasticsearch, index: str, **terms: str) -> dict[tuple[str, str], Document]:
    """Documents by entity and start of their window."""
    return {(d["entity_id"], d["window_start"][:19]): d for d in found(es, index, tenant=TENANT, **terms).values()}


def _key(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")
