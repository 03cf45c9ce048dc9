"""Opendatasoft Explore v2.1 answers with the fields of Toulouse's weather stations: readings come in, JSON goes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from simulator.chance import Ints
from simulator.local_time import utc
from simulator.weather import Readings, Weather

PLACES_DATASET = "stations-meteo-en-place"
READINGS_DATASET = "stations-meteo-en-direct"
#: How the data set of places numbers the zones of land cover, whose names are letters.
_LETTERS = {"A": 101, "B": 102, "C": 103, "D": 104, "E": 105, "F": 106, "G": 107}


def records(rows: Sequence[dict[str, Any]], limit: int = 100, offset: int = 0) -> bytes:
    """An answer of /records."""
    return orjson.dumps({"total_count": len(rows), "results": rows[offset : offset + limit]})


def readings(said: Readings, time: int, stations: Ints) -> list[dict[str, Any]]:
    """What the stations say at a time; `said` holds that time alone."""
    at = utc(time).isoformat()
    return [
        {
            "id": int(n) + 1,
            "humidite": round(100 * float(said.humidity_ratio[n, 0])),
            "pression": round(100 * float(said.pressure_hpa[n, 0])),
            "direction_du_vecteur_vent_moyen": round(float(said.wind_degrees[n, 0])) % 360,
            "type_de_station": "ISS",
            "pluie": round(float(said.rain_mm[n, 0]), 1),
            "force_moyenne_du_vecteur_vent": round(3.6 * float(said.wind_m_per_s[n, 0])),
            "force_rafale_max": round(3.6 * float(said.gust_m_per_s[n, 0])),
            "temperature_en_degre_c": round(float(said.temperature_celsius[n, 0]), 1),
            "heure_de_paris": at,  # the portal writes UTC here too
            "heure_utc": at,
        }
        for n in stations
    ]


def places(weather: Weather, stations: Ints) -> list[dict[str, Any]]:
    """Where the stations stand."""
    return [
        {
            "longitude": float(weather.places.lon[n]),
            "latitude": float(weather.places.lat[n]),
            "altitude": float(weather.elevation_m[n]),
            "id_nom": weather.ids[n],
            "id_numero": int(n) + 1,
            "emission": "V",
            "installation": "2019-03-01",
            "type_stati": "ISS",
            "lcz": _LETTERS.get(weather.zones[n]) or int(weather.zones[n]),
            "ville": "Toulouse",
        }
        for n in stations
    ]
