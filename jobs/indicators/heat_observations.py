"""What a network of weather stations said: an Arrow array of structs comes in, distinct `Observations` go out."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Local climate zones of Stewart and Oke (2012): ten that are built, seven that are land cover.
ZONES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "A", "B", "C", "D", "E", "F", "G")
FIRST_LAND_COVER_ZONE = ZONES.index("A")
UNKNOWN = -1

#: What the jobs collect of each observation, and apart from it of each station: a window's set then holds what does
#: not change once for a station, which halves the state.
OBSERVATION_FIELDS = (
    "entity_id",
    "observed_at",
    "ingested_at",
    "temperature_celsius",
    "relative_humidity_ratio",
    "flags",
)
STATION_FIELDS = ("entity_id", "lat", "lon", "elevation_m", "local_climate_zone", "is_rural_reference")


@dataclass(frozen=True)
class Descriptions:
    """What was said of stations; one element for each station and version of it. Unknown is NaN or UNKNOWN."""

    station: Ints
    latitude: Floats
    longitude: Floats
    elevation_m: Floats
    zone: Ints  # index into `ZONES`
    reference: Ints  # 1 or 0


@dataclass(frozen=True)
class Observations:
    """One element for each observation, by station and time. Times are microseconds UTC; an unknown number is NaN."""

    stations: tuple[str, ...]  # sorted; what `station` points into
    described: Descriptions
    flag_sets: tuple[str, ...]  # flags joined by commas; what `flags` points into
    station: Ints
    observed_at: Ints
    ingested_at: Ints
    temperature_celsius: Floats
    humidity_ratio: Floats
    flags: Ints

    def take(self, index: Ints | Bools) -> Observations:
        """Those observations only; the stations stay the same."""
        arrays = {f.name: getattr(self, f.name)[index] for f in fields(self)[3:]}
        return Observations(self.stations, self.described, self.flag_sets, **arrays)

    def between(self, start: int, end: int) -> Observations:
        """Those observed from start, inclusive, to end, exclusive."""
        return self.take((self.observed_at >= start) & (self.observed_at < end))


def observations(observed: pa.StructArray, described: pa.StructArray) -> Observations:
    """The distinct observations in arrays of structs with `OBSERVATION_FIELDS` and `STATION_FIELDS`.

    Two with the same station and time are one, and the one taken in last counts; order and repetition do not.
    """
    column = dict(zip(OBSERVATION_FIELDS, observed.flatten(), strict=True))
    about = dict(zip(STATION_FIELDS, described.flatten(), strict=True))
    stations, station = _coded(column["entity_id"])
    flag_sets, flags = _coded(column["flags"])
    zone = pc.index_in(about["local_climate_zone"], value_set=pa.array(ZONES))
    return distinct(
        Observations(
            stations=stations,
            described=Descriptions(
                station=_ints(pc.index_in(about["entity_id"], value_set=pa.array(stations, pa.string()))),
                latitude=_floats(about["lat"]),
                longitude=_floats(about["lon"]),
                elevation_m=_floats(about["elevation_m"]),
                zone=_ints(pc.fill_null(zone, UNKNOWN)),
                reference=_ints(pc.fill_null(pc.cast(about["is_rural_reference"], pa.int64()), UNKNOWN)),
            ),
            flag_sets=flag_sets,
            station=station,
            observed_at=_ints(column["observed_at"]),
            ingested_at=_ints(column["ingested_at"]),
            temperature_celsius=_floats(column["temperature_celsius"]),
            humidity_ratio=_floats(column["relative_humidity_ratio"]),
            flags=flags,
        )
    )


def distinct(repeated: Observations) -> Observations:
    """One observation for each station and time, sorted by them: the one taken in last.

    All the other columns break a tie, so that the order of arrival never decides.
    """
    order = np.lexsort(
        [
            repeated.flags,
            repeated.humidity_ratio,
            repeated.temperature_celsius,
            repeated.ingested_at,
            repeated.observed_at,
            repeated.station,
        ]
    )
    station, time = repeated.station[order], repeated.observed_at[order]
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = (station[1:] != station[:-1]) | (time[1:] != time[:-1])
    return repeated.take(order[is_last])


def reported_flags(observed: Observations) -> dict[int, set[str]]:
    """The flags that observations brought along, by station; stations without any are not in it."""
    flags: dict[int, set[str]] = {}
    flagged = [i for i, joined in enumerate(observed.flag_sets) if joined]
    for i in np.flatnonzero(np.isin(observed.flags, flagged)):
        flags.setdefault(int(observed.station[i]), set()).update(observed.flag_sets[observed.flags[i]].split(","))
    return flags


def _coded(strings: pa.Array) -> tuple[tuple[str, ...], Ints]:
    """The distinct strings, sorted, and for each element the place of its own."""
    encoded = strings.dictionary_encode()
    words = [str(w) for w in encoded.dictionary.to_pylist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(len(words), dtype=np.int64)
    rank[order] = np.arange(len(words))
    return tuple(words[i] for i in order), rank[_ints(encoded.indices)]


def _ints(numbers: pa.Array) -> Ints:
    return np.asarray(pc.cast(numbers, pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _floats(numbers: pa.Array) -> Floats:
    # + 0.0 makes one of the two zeros, which sort as equal and would let the order of arrival through.
    return np.asarray(pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64) + 0.0
