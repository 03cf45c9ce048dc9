"""Figures by H3 cell: Elasticsearch groups so only with a licence, so the documents are read and counted here."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import h3

from serving import problems
from serving.queries.measures import Measure, Step, time_of

MAX_DOCUMENTS = 200_000
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

Values = Sequence[Any]
FIGURES: Mapping[str, Callable[[Values], Any]] = {
    "count": len,
    "sum": lambda v: float(sum(v)),
    "avg": lambda v: float(statistics.fmean(v)) if v else None,
    "min": lambda v: min(v, default=None),
    "max": lambda v: max(v, default=None),
    "median": lambda v: float(statistics.median(v)) if v else None,
}


def step_milliseconds(step: Step) -> int:
    """Length of a step that is the same everywhere.

    Raises:
        ProblemError: months are not.
    """
    if step.unit not in SECONDS or step.count < 1:
        raise problems.bad_query(f"cells go with steps of {', '.join(SECONDS)}s")
    return int(timedelta(seconds=SECONDS[step.unit] * step.count) / timedelta(milliseconds=1))


def by_cell(
    pages: Iterable[Sequence[Mapping[str, Any]]],
    place: str,
    resolution: int,
    measures: Sequence[Measure],
    time: tuple[str, Step] | None = None,
) -> list[dict[str, Any]]:
    """The figures of each cell, and of each step of time (UTC) in it; documents without a place are left out."""
    length = step_milliseconds(time[1]) if time else None
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for page in pages:
        for document in page:
            where = document[place]
            if where is None:
                continue
            cell = h3.latlng_to_cell(where["lat"], where["lon"], resolution)
            step = _start(document[time[0]], length) if time and length else None
            groups[cell, step].append(document)
    return [
        {"h3": cell, **({time[0]: step} if time else {}), **{m.name: _figure(m, found) for m in measures}}
        for (cell, step), found in groups.items()
    ]


def _figure(measure: Measure, documents: Sequence[Mapping[str, Any]]) -> Any:
    if measure.field is None:
        return len(documents)
    values = [v for d in documents if (v := d[measure.field]) is not None]
    return FIGURES[measure.kind](list(set(values)) if measure.is_distinct else values)


def _start(time: str, length: int) -> str:
    milliseconds = int(datetime.fromisoformat(time).timestamp() * 1000)
    return time_of(milliseconds - milliseconds % length)
