"""Weather stations and parking spaces that send radio frames."""

from __future__ import annotations

import numpy as np

from simulator.chance import Ints, key, uniform
from simulator.faults import Faults, Kind
from simulator.payloads.chirpstack import WEATHER_FRAME, Application, Device, eui, spot_frames, weather_frames
from simulator.radio import RadioSource, Uplinks
from simulator.spots import Spots
from simulator.weather import Weather

SPIKE_CELSIUS = 18.0
_WEATHER, _SPOT = 1, 2


class RadioWeather(RadioSource):
    """The stations that send frames; a spiky one also sends readings far from the truth, between the others."""

    name = "weather_radio"
    event = "weather_observed"

    def __init__(self, weather: Weather, tenant: str) -> None:
        devices = [
            Device(eui(tenant, _WEATHER, n), weather.ids[n], _weather_tags(weather, n)) for n in range(weather.radio)
        ]
        super().__init__(Application(tenant, "meteo", 2, devices))
        self._weather = weather

    def uplinks(self, start: int, end: int, faults: Faults) -> Uplinks:
        """Every station's reading at every step, and the spikes."""
        w, step = self._weather, self._weather.step
        times = np.arange(-(-start // step) * step, end, step)
        stations = np.arange(w.radio)
        usual = weather_frames(w.readings(times), stations).ravel()
        devices, at = self._spikes(start, end, faults)
        # Joining arrays loses their order of bytes, and on the air that order counts.
        frames = np.concatenate([usual, self._spiky_frames(devices, at)]).astype(WEATHER_FRAME)
        devices = np.concatenate([np.repeat(stations, len(times)), devices])
        at = np.concatenate([np.tile(times, w.radio), at])
        order = np.argsort(at, kind="stable")
        return Uplinks(devices[order], at[order], frames[order], order >= len(usual))

    def _spikes(self, start: int, end: int, faults: Faults) -> tuple[Ints, Ints]:
        """Stations and times of the spikes: between two steps, never on one."""
        step = self._weather.step
        steps = np.arange(start // step * step, end, step)
        spiky = np.array([n for n in faults.spiky_stations if n < self._weather.radio], dtype=np.int64)
        devices, at = np.repeat(spiky, len(steps)), np.tile(steps, len(spiky))
        hit = faults.hits(Kind.SPIKE, self.name, devices, at)
        devices, at = devices[hit], at[hit] + step // 2
        here = (at >= start) & (at < end)
        return devices[here], at[here]

    def _spiky_frames(self, devices: Ints, times: Ints) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        frames = weather_frames(self._weather.readings(times), devices)
        frames = frames[np.arange(len(devices)), np.arange(len(times))]
        side = np.where(uniform(key("side"), devices, times) < 0.5, -SPIKE_CELSIUS, SPIKE_CELSIUS)
        frames["temperature"] += (100 * side).astype(frames["temperature"].dtype)
        return frames


class RadioSpots(RadioSource):
    """The sensors of parking spaces."""

    name = "spots"
    event = "parking_spot_observed"

    def __init__(self, spots: Spots, tenant: str) -> None:
        devices = [Device(eui(tenant, _SPOT, n), spots.ids[n], _spot_tags(spots, n)) for n in range(spots.count)]
        super().__init__(Application(tenant, "stationnement", 10, devices))
        self._spots = spots

    def uplinks(self, start: int, end: int, faults: Faults) -> Uplinks:  # noqa: ARG002 - no faults of their own
        """Changes and heartbeats."""
        said = self._spots.messages(start, end)
        return Uplinks(said.spots, said.times, spot_frames(said), np.zeros(len(said.times), dtype=np.bool_))


def _weather_tags(weather: Weather, n: int) -> dict[str, str]:
    tags = {
        "station": weather.ids[n],
        "lcz": weather.zones[n],
        "altitude": f"{weather.elevation_m[n]:g}",
        "latitude": str(weather.places.lat[n]),
        "longitude": str(weather.places.lon[n]),
    }
    return {**tags, "reference_rurale": "true"} if weather.is_rural[n] else tags


def _spot_tags(spots: Spots, n: int) -> dict[str, str]:
    return {
        "place": spots.ids[n],
        "site": spots.site_ids[n],
        "zone": spots.zone_ids[spots.zone[n]],
        "site_spaces": str(spots.site_spaces[n]),
        "zone_spaces": str(spots.zone_spaces[spots.zone[n]]),
        "latitude": str(spots.places.lat[n]),
        "longitude": str(spots.places.lon[n]),
    }
