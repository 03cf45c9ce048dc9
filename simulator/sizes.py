"""How large a city is and how often its things report."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class CitySize:
    """Counts of entities, and the seconds between two reports of each; every period divides an hour."""

    weather_radio: int  # stations that send radio frames
    weather_portal: int  # stations on the open-data portal
    parking_record: int  # car parks in DATEX II parking records
    parking_table: int  # car parks in DATEX II facility tables
    spots: int
    zones: int
    segments: int
    lines: int
    buses: int
    bikes_v3: int
    bikes_v2: int
    weather_seconds: int = 900
    parking_seconds: int = 60
    spot_heartbeat_seconds: int = 1200
    traffic_seconds: int = 60
    traffic_file_seconds: int = 300
    bus_seconds: int = 30
    bike_seconds: int = 300
    bus_first_hour: int = 5  # local hour of the first departures
    bus_last_hour: int = 23  # local hour of the last departures; 24 and first hour 0 means all day

    def __post_init__(self) -> None:
        """Refuses periods that do not divide an hour, since steps are counted from the epoch."""
        periods = {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_seconds")}
        bad = {name: value for name, value in periods.items() if value <= 0 or 3600 % value}
        if bad or self.traffic_file_seconds % self.traffic_seconds:
            raise ValueError(f"periods must divide an hour, and a file must hold whole periods: {bad or periods}")

    @property
    def buses_per_line(self) -> int:
        """Vehicles that share a line's timetable."""
        return self.buses // self.lines


#: For tests: each kind of thing, and few of them.
SMALL = CitySize(
    weather_radio=10,
    weather_portal=4,
    parking_record=4,
    parking_table=4,
    spots=40,
    zones=2,
    segments=6,
    lines=2,
    buses=12,
    bikes_v3=3,
    bikes_v2=2,
)

#: About a million events a day.
DEMO = CitySize(
    weather_radio=48,
    weather_portal=12,
    parking_record=30,
    parking_table=30,
    spots=2000,
    zones=20,
    segments=150,
    lines=20,
    buses=200,
    bikes_v3=60,
    bikes_v2=40,
)

#: 2,000 events a second by day and by night, for benchmarks.
LARGE = CitySize(
    weather_radio=180,
    weather_portal=20,
    parking_record=300,
    parking_table=300,
    spots=5000,
    zones=50,
    segments=3500,
    lines=100,
    buses=2000,
    bikes_v3=180,
    bikes_v2=120,
    weather_seconds=60,
    parking_seconds=4,
    spot_heartbeat_seconds=60,
    traffic_seconds=5,
    traffic_file_seconds=5,
    bus_seconds=2,
    bike_seconds=6,
    bus_first_hour=0,
    bus_last_hour=24,
)

SIZES = {"small": SMALL, "demo": DEMO, "large": LARGE}

_COUNTS = (
    "weather_radio",
    "weather_portal",
    "parking_record",
    "parking_table",
    "spots",
    "segments",
    "bikes_v3",
    "bikes_v2",
)


def at_rate(events_per_second: float) -> CitySize:
    """The large city with more or fewer entities, so that it brings about that many events a second.

    Raises:
        ValueError: the rate is below 100 or above 50,000.
    """
    if not 100 <= events_per_second <= 50_000:
        raise ValueError(f"a rate of {events_per_second} events/s: it must lie between 100 and 50,000")
    share = events_per_second / 2000
    counts = {name: max(2, round(getattr(LARGE, name) * share)) for name in _COUNTS}
    lines = max(1, round(LARGE.lines * share))
    return replace(LARGE, **counts, lines=lines, buses=lines * LARGE.buses_per_line)
