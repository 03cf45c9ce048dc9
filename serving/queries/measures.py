"""Figures over groups of documents, as typed values and as aggregations of Elasticsearch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from schemas import Field
from serving import problems
from serving.queries.kinds import NUMBERS, ORDERED, FieldKind, exact, kind_of, require

Fields = Callable[[str], Field]
Kind = Literal["count", "sum", "avg", "min", "max", "median"]
#: Units of a step of time, with how Elasticsearch writes them; months and years are of the calendar.
FIXED = {"second": "s", "minute": "m", "hour": "h", "day": "d"}
CALENDAR = {"week": "1w", "month": "1M", "quarter": "1q", "year": "1y"}
MAX_STEP = 100_000
GROUPABLE = ORDERED


@dataclass(frozen=True)
class Measure:
    """A figure of each group; without a field, the number of documents."""

    name: str
    kind: Kind
    field: str | None = None
    is_distinct: bool = False


@dataclass(frozen=True)
class Step:
    """A length of time that begins at midnight or at full hours of a zone."""

    count: int
    unit: str


@dataclass(frozen=True)
class Grouping:
    """What documents of a group have in common: a value, or the step of time or numbers that the value lies in."""

    name: str
    field: str
    step: Step | float | None = None
    zone: str = "UTC"


def aggregation(measure: Measure, fields: Fields) -> dict[str, Any] | None:
    """The aggregation for a measure; None for the number of documents, which every group has.

    Raises:
        ProblemError: the field is not there, or not of a kind that has such a figure.
    """
    if measure.field is None:
        return None
    field = fields(measure.field)
    if measure.kind == "count":
        require(field, {*ORDERED, FieldKind.PLACE} - ({FieldKind.PLACE} if measure.is_distinct else set()), "a count")
        kind = "cardinality" if measure.is_distinct else "value_count"
        return {kind: {"field": exact(field)}}
    if measure.kind in ("min", "max"):
        require(field, {*NUMBERS, FieldKind.TIME}, measure.kind)
    else:
        require(field, NUMBERS, measure.kind)
    if measure.kind == "median":
        return {"percentiles": {"field": field.name, "percents": [50], "keyed": False}}
    return {measure.kind: {"field": field.name}}


def figure(measure: Measure, fields: Fields, bucket: Mapping[str, Any], place: str) -> Any:
    """The figure in an answer's bucket; null where no document has a value."""
    if measure.field is None:
        return bucket["doc_count"]
    found = bucket[place]
    value = found["values"][0]["value"] if measure.kind == "median" else found["value"]
    if value is None:
        return None
    if measure.kind in ("min", "max") and kind_of(fields(measure.field)) is FieldKind.TIME:
        return time_of(value)
    return value


def source(grouping: Grouping, fields: Fields) -> dict[str, Any]:
    """The source of a composite aggregation for a grouping; documents without a value are a group too.

    Raises:
        ProblemError: the field is not there, or cannot be grouped so.
    """
    field = require(fields(grouping.field), GROUPABLE, "a group")
    common = {"field": exact(field), "missing_bucket": True}
    if grouping.step is None:
        return {"terms": common}
    if isinstance(grouping.step, Step):
        require(field, {FieldKind.TIME}, "a step of time")
        return {"date_histogram": {**common, "time_zone": grouping.zone, **_interval(grouping.step)}}
    require(field, NUMBERS, "a step of numbers")
    if not 0 < grouping.step < float("inf"):
        raise problems.bad_query(f"a step of {grouping.step:g} is none; it must be above 0")
    return {"histogram": {**common, "interval": grouping.step}}


def group_value(grouping: Grouping, fields: Fields, key: Any) -> Any:
    """The value of a group as it is shown."""
    if key is not None and kind_of(fields(grouping.field)) is FieldKind.TIME:
        return time_of(key)
    return key


def time_of(milliseconds: float) -> str:
    """A time from milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat().replace("+00:00", "Z")


def _interval(step: Step) -> dict[str, str]:
    if not 1 <= step.count <= MAX_STEP:
        raise problems.bad_query(f"a step of {step.count} {step.unit}s is none; 1 to {MAX_STEP}")
    if step.unit in FIXED:
        whole = step.count == 1
        return (
            {"calendar_interval": f"1{FIXED[step.unit]}"}
            if whole and step.unit != "second"
            else {"fixed_interval": f"{step.count}{FIXED[step.unit]}"}
        )
    if step.unit in CALENDAR and step.count == 1:
        return {"calendar_interval": CALENDAR[step.unit]}
    units = ", ".join([*FIXED, *CALENDAR])
    raise problems.bad_query(
        f"no step of {step.count} {problems.cut(step.unit)}: units are {units}, the longer ones by one"
    )
