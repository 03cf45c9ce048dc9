"""Parking spaces with a sensor: when each one fills and empties, and what its sensor sends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.chance import Floats, Ints, key, uniform
from simulator.local_time import DAY, HOUR, hours_of_day
from simulator.places import Places, around, at, centre
from simulator.sizes import CitySize

#: How much comes and goes by local hour.
_ACTIVE_HOURS = (0, 5, 7, 9, 12, 15, 18, 21, 23)
_ACTIVITY = (0.10, 0.05, 0.6, 1.0, 1.1, 0.9, 1.1, 0.5, 0.2)
_FULL_AT_NIGHT = (0.85, 0.10, 0.45)  # residents, offices, both: chance of a car at midnight
_STAY_WEIGHT = (1.2, 1.8, 1.5)  # stays against gaps, in the same order
_MIN_PAIRS, _MAX_PAIRS = 4, 18  # stays of a space in a day
_APART = 61  # seconds between two changes at least
_SITE_SPOTS = 25
_BITS = 32  # a time of the day and a space share one number, to be looked up in one sorted array
_MARGIN = 2 * DAY


@dataclass(frozen=True)
class SpotMessages:
    """What sensors send, in the order of time."""

    spots: Ints  # which space
    times: Ints
    occupied: NDArray[np.bool_]
    since_seconds: Ints  # how long the status has lasted
    previous_seconds: Ints  # how long the one before it lasted
    is_change: NDArray[np.bool_]


@dataclass(frozen=True)
class _Day:
    """Changes of all spaces in a UTC day, by space and time; two of the day before come first for each space."""

    start: int
    spots: Ints
    times: Ints
    occupied: NDArray[np.bool_]
    sorted_keys: Ints


class Spots:
    """The spaces of a city, each in a street (site) of a zone."""

    def __init__(self, seed: int, tenant: str, size: CitySize) -> None:
        self.heartbeat = size.spot_heartbeat_seconds
        self.count = size.spots
        self.zones = size.zones
        self.numbers = np.arange(self.count)
        self.zone = self.numbers * size.zones // size.spots
        self.ids = [f"place-{n + 1:05d}" for n in range(self.count)]
        self.zone_ids = [f"zone-{z + 1:02d}" for z in range(size.zones)]
        self._middle = centre(tenant)
        self._key = key(seed, tenant, "spots")
        self._day = lru_cache(maxsize=3)(self._changes_of_day)
        self._moves = lru_cache(maxsize=4)(self._own_changes)

    @cached_property
    def zone_spaces(self) -> Ints:
        """Spaces of each zone."""
        return np.bincount(self.zone, minlength=self.zones)

    @cached_property
    def rank(self) -> Ints:
        """Rank of each space within its zone."""
        return np.asarray(self.numbers - np.searchsorted(self.zone, self.zone), dtype=np.int64)

    @cached_property
    def site_ids(self) -> list[str]:
        """Street of each space."""
        return [f"{self.zone_ids[z]}-rue-{r // _SITE_SPOTS + 1}" for z, r in zip(self.zone, self.rank, strict=True)]

    @cached_property
    def site_spaces(self) -> Ints:
        """Spaces in the street of each space."""
        first = self.rank // _SITE_SPOTS * _SITE_SPOTS
        return np.asarray(np.minimum(_SITE_SPOTS, self.zone_spaces[self.zone] - first), dtype=np.int64)

    @cached_property
    def places(self) -> Places:
        """Where the spaces are: in rows of 6 m around the middle of their zone."""
        middles = around(self._middle, key(self._key, "zone"), self.zones, 0.3, 3)
        along, aside = self.rank % _SITE_SPOTS * np.float64(0.006), self.rank // _SITE_SPOTS * np.float64(0.7)
        rows = at((0, 0), np.asarray(along), np.asarray(np.pi / 3 + aside))
        return Places(np.round(middles.lat[self.zone] + rows.lat, 6), np.round(middles.lon[self.zone] + rows.lon, 6))

    def messages(self, start: int, end: int) -> SpotMessages:
        """What the sensors send from start to end (exclusive): each change, and a heartbeat."""
        days = range(start // DAY, (end - 1) // DAY + 1)
        parts = [self._messages_of_day(d, max(start, d * DAY), min(end, (d + 1) * DAY)) for d in days]
        spots, times, is_change = (np.concatenate([p[i] for p in parts]) for i in range(3))
        order = np.lexsort((spots, times))
        spots, times, is_change = spots[order], times[order], is_change[order]
        occupied, since, previous = self.state(spots, times)
        return SpotMessages(spots, times, occupied, times - since, previous, is_change)

    def state(self, spots: Ints, times: Ints) -> tuple[NDArray[np.bool_], Ints, Ints]:
        """For spaces at times: whether occupied, since when, and for how many seconds the state before lasted."""
        occupied = np.empty(len(spots), dtype=np.bool_)
        since, previous = np.empty_like(times), np.empty_like(times)
        for number in np.unique(times // DAY):
            here = times // DAY == number
            day = self._day(int(number))
            at_last = np.searchsorted(day.sorted_keys, _keys(day.start, spots[here], times[here]), side="right") - 1
            occupied[here], since[here] = day.occupied[at_last], day.times[at_last]
            previous[here] = day.times[at_last] - day.times[at_last - 1]
        return occupied, since, previous

    def _messages_of_day(self, number: int, start: int, end: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        day = self._day(number)
        changes = (day.times >= start) & (day.times < end)
        phase = (self.heartbeat * uniform(key(self._key, "phase"), self.numbers)).astype(np.int64)
        first = start + (phase - start) % self.heartbeat
        beats = first[:, None] + np.arange(0, end - start, self.heartbeat)[None, :]
        which = np.broadcast_to(self.numbers[:, None], beats.shape)[beats < end]
        beats = beats[beats < end]
        # A change says all that a heartbeat in the same second would.
        beat_keys = _keys(day.start, which, beats)
        found = np.searchsorted(day.sorted_keys, beat_keys).clip(max=len(day.sorted_keys) - 1)
        alone = day.sorted_keys[found] != beat_keys
        spots = np.concatenate([day.spots[changes], which[alone]])
        times = np.concatenate([day.times[changes], beats[alone]])
        is_change = np.arange(len(spots)) < np.count_nonzero(changes)
        return spots, times, is_change

    def _changes_of_day(self, number: int) -> _Day:
        counts, times, first_state = self._moves(number)
        before_counts, before_times, _ = self._moves(number - 1)
        lead = np.take_along_axis(before_times, (before_counts - np.array([[2], [1]])).T, axis=1)
        width = times.shape[1]
        all_times = np.concatenate([lead, times], axis=1)
        rank = np.arange(-2, width)[None, :]
        there = rank < counts[:, None]
        occupied = first_state[:, None] ^ (rank % 2 == 0)  # the first change leaves the day's first state
        spots = np.broadcast_to(self.numbers[:, None], there.shape)[there]
        start = number * DAY
        return _Day(start, spots, all_times[there], occupied[there], _keys(start, spots, all_times[there]))

    def _own_changes(self, number: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """How many changes each space has in a day, their times (spaces × rank, unused ranks included), first state."""
        n = self.numbers
        first, last = self._midnight_state(number), self._midnight_state(number + 1)
        pairs = _MIN_PAIRS + (uniform(key(self._key, "pairs"), n, np.full(1, number)) * (_MAX_PAIRS - _MIN_PAIRS + 1))
        counts = 2 * pairs.astype(np.int64) + (first != last)
        width = 2 * _MAX_PAIRS + 1
        rank = np.arange(width + 1)[None, :]
        seeds = (n[:, None], np.full((1, 1), number), rank)
        gaps = -np.log1p(-uniform(key(self._key, "a"), *seeds)) - np.log1p(-uniform(key(self._key, "b"), *seeds))
        gaps = gaps * np.where(first[:, None] ^ (rank % 2 == 1), np.array(_STAY_WEIGHT)[self.zone % 3][:, None], 1.0)
        gaps = np.where(rank <= counts[:, None], gaps, 0.0)
        shares = np.cumsum(gaps, axis=1) / gaps.sum(axis=1, keepdims=True)
        times = _apart(_busy_times(number, shares[:, :width]), counts)
        return counts, times + number * DAY, first

    def _midnight_state(self, number: int) -> NDArray[np.bool_]:
        chance = np.array(_FULL_AT_NIGHT)[self.zone % 3]
        return np.asarray(uniform(key(self._key, "midnight"), self.numbers, np.full(1, number)) < chance)


def _keys(day_start: int, spots: Ints, times: Ints) -> Ints:
    return np.asarray((spots << _BITS) + (times - day_start + _MARGIN), dtype=np.int64)


def _busy_times(number: int, shares: Floats) -> Ints:
    """Seconds of the UTC day by which these shares of the day's coming and going have happened."""
    seconds = np.arange(0, DAY + 1, HOUR // 4)
    activity = np.interp(hours_of_day(number * DAY + seconds[:-1]), _ACTIVE_HOURS, _ACTIVITY, period=24)
    done = np.concatenate([[0.0], np.cumsum(activity)])
    return np.interp(shares, done / done[-1], seconds).astype(np.int64)


def _apart(times: Ints, counts: Ints) -> Ints:
    """The times moved so that they rise by a minute at least and stay within the day."""
    rank = np.arange(times.shape[1])[None, :]
    rising = np.maximum.accumulate(times - _APART * rank, axis=1) + _APART * rank
    latest = DAY - _APART * (counts[:, None] - rank)
    return np.asarray(np.minimum(np.maximum(rising, _APART * (rank + 1)), latest), dtype=np.int64)
