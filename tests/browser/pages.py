"""The pages that there are, with what each must show once its data are there."""

from __future__ import annotations

from dataclasses import dataclass

from tests.browser.city import TENANT


@dataclass(frozen=True)
class Shown:
    """A page: its path, and a text of its data; whether that needs a key."""

    path: str
    data: str
    needs_key: bool = False
    has_map: bool = False

    def address(self, **more: str) -> str:
        """Its address for the city alone: others may be in the same Elasticsearch."""
        given = {"tenant": TENANT, **more}
        return f"{self.path}?{'&'.join(f'{name}={value}' for name, value in given.items())}"


PAGES = {
    "city": Shown("/", "Parking 1", has_map=True),
    "heat": Shown("/trade/heat", "station-00"),
    "parking": Shown("/trade/parking", "Parking 1"),
    "mobility": Shown("/trade/mobility", "segment-00"),
    "dataset": Shown("/dataset/parking_occupancy", "Parking 1"),
    "entity": Shown(f"/entity/weather_observed/{TENANT}/station-07", "station-07"),
    "pipeline": Shown("/pipeline", "test-parking", needs_key=True),
    "key": Shown("/key", "weather_observed"),
    "accessibility": Shown("/accessibility", "RGAA"),
    "embedded-panel": Shown("/embed/heat/intensity", "2"),
    "embedded-map": Shown("/embed/map", "", has_map=True),
    "embedded-dataset": Shown("/embed/dataset/weather_observed", ""),
    "embedded-table": Shown("/embed/latest/parking_observed", "Parking 1"),
}
