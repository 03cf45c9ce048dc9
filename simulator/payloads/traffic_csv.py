"""Traffic counts as French road authorities write them: `;`, decimal commas, Lambert 93, gz; a file for minutes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from simulator.chance import Ints
from simulator.local_time import iso
from simulator.traffic import Traffic, TrafficStates

HEADER = "troncon;debut;duree_s;vehicules;vitesse_km_h;taux_occupation;vitesse_libre_km_h;longueur_m;voies;x_l93;y_l93"


class TrafficFiles:
    """Writes the files of a city's road segments; what does not change of a line is made once."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        x, y = traffic.places.lambert93()
        columns = (traffic.free_flow_km_per_h, traffic.length_m, traffic.lanes, x, y)
        self._ends = [
            f"{free};{length};{lanes};{f'{east:.2f};{north:.2f}'.replace('.', ',')}"
            for free, length, lanes, east, north in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def content(self, times: Ints, states: TrafficStates, twice: Ints, broken: Ints) -> bytes:
        """The file of the periods that start at these times; `twice` and `broken` count its rows from 0, by time."""
        rows = list(self._rows(times, states))
        bad = [f"defaut-{n};{iso(int(times[0]))};un peu;beaucoup;;;;;;;" for n in broken]
        text = "\r\n".join([HEADER, *rows, *(rows[n] for n in twice), *bad]) + "\r\n"
        return gzip.compress(text.encode(), compresslevel=1, mtime=0)

    def _rows(self, times: Ints, states: TrafficStates) -> Iterator[str]:
        ids, ends, period = self._traffic.ids, self._ends, self._traffic.step
        for n, time in enumerate(times.tolist()):
            start = iso(time)
            columns = (states.vehicles[:, n], states.speed_tenths[:, n], states.occupancy_tenths[:, n])
            for name, vehicles, speed, covered, end in zip(ids, *(c.tolist() for c in columns), ends, strict=True):
                seen = f"{speed // 10},{speed % 10}" if vehicles else ""
                yield f"{name};{start};{period};{vehicles};{seen};{covered // 10},{covered % 10};{end}"
