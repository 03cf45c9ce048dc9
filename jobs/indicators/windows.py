"""Windows as sets: what a window's figure is made of does not depend on the order and repetition of messages.

Structured Streaming in update mode allows one aggregation. So it collects the distinct observations of an entity's
window, and everything else is computed from that sorted array inside the JVM.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

TIMES = ("observed_at", "ingested_at")


@dataclass(frozen=True)
class Windows:
    """Windows of event time, UTC, one after the other, and how far around itself each of them reads.

    Lookback and lookahead are multiples of the length; a span is a window with both.
    """

    length: timedelta
    lookback: timedelta = timedelta(0)
    lookahead: timedelta = timedelta(0)

    def assign(self, events: DataFrame) -> DataFrame:
        """Each event once for each window that reads it; ``span`` keeps the watermark of ``observed_at``."""
        span = self.lookback + self.length + self.lookahead
        return events.withColumn("span", F.window("observed_at", _text(span), _text(self.length)))

    @property
    def start(self) -> Column:
        """Start of the window, inclusive."""
        return later(F.col("span.start"), self.lookback)

    @property
    def end(self) -> Column:
        """End of the window, exclusive."""
        return later(F.col("span.end"), -self.lookahead)

    def holds(self, time: Column | str) -> Column:
        """Whether a time lies in the window itself."""
        at = F.col(time) if isinstance(time, str) else time
        return (at >= self.start) & (at < self.end)


def later(time: Column, by: timedelta) -> Column:
    """A timestamp moved by a length of time; adding an interval goes through a calendar, which is far slower."""
    return F.timestamp_micros(F.unix_micros(time) + by // timedelta(microseconds=1)) if by else time


def newest(*fields: str, where: Column | None = None) -> Column:
    """The newest observation of a group, as a struct; null when there is none."""
    row = F.struct(*TIMES, *fields)
    return F.max(row if where is None else F.when(where, row))


def collected(*fields: str, entity: Sequence[str] = (), where: Column | None = None) -> Column:
    """The set of a group's observations, repeats among them; `distinct` makes a sorted array of it without them."""
    row = F.struct(*entity, *TIMES, *fields)
    return F.collect_set(row if where is None else F.when(where, row))


def distinct(grouped: DataFrame, column: str, *key: str) -> DataFrame:
    """The rows of the column sorted, one for each key: the one taken in last.

    The key is the first fields of the struct, up to ``observed_at``.
    """
    return grouped.withColumn(column, F.sort_array(column)).withColumn(column, last_of_each(column, *key))


def last_of_each(rows: str, *key: str) -> Column:
    """Of a column with an array sorted by the key, the last row for each."""
    return F.filter(rows, lambda row, i: _differs(row, F.get(rows, i + 1), key))


def before(rows: str, row: Column, i: Column, *key: str) -> Column:
    """The row before the i-th one in a column with a sorted array; null when its key is another one."""
    other = F.get(rows, i - 1)
    return F.when(~_differs(row, other, key), other)


def total(rows: Column | str, field: str, kind: str = "long") -> Column:
    """Sum of what is known; null when nothing is."""
    return F.aggregate(
        rows,
        F.lit(None).cast(kind),
        lambda sum_, row: F.coalesce(sum_ + row[field], sum_, row[field].cast(kind)),
    )


def full_total(rows: Column | str, field: str) -> Column:
    """Sum of what must be known of all; null when something is not."""
    return F.aggregate(rows, F.lit(0).cast("long"), lambda sum_, row: sum_ + row[field])


def mean(rows: Column | str, field: str) -> Column:
    """Mean of what is known; null when nothing is."""
    known = F.filter(rows, lambda row: row[field].isNotNull())
    return F.try_divide(total(known, field, "double"), F.size(known))


def share(rows: Column | str, field: str) -> Column:
    """Share (0–1) of the rows in which a condition holds, of those in which it is known."""
    known = F.filter(rows, lambda row: row[field].isNotNull())
    return F.try_divide(count(known, lambda row: row[field]), F.size(known))


def count(rows: Column | str, holds: Callable[[Column], Column]) -> Column:
    """Number of rows in which a condition holds; unknown is no."""
    return F.size(F.filter(rows, holds)).cast("long")


def flags(*sets: Column) -> Column:
    """The union of arrays of flags, sorted."""
    return F.sort_array(F.array_distinct(F.concat(*sets)))


def flag(name: str, when: Column) -> Column:
    """An array with the flag, or an empty one."""
    return F.when(when, F.array(F.lit(name))).otherwise(F.array().cast("array<string>"))


def place(rows: Column | str) -> Column:
    """Mean of the places of rows with ``lat`` and ``lon``; null when none is known."""
    lat, lon = mean(rows, "lat"), mean(rows, "lon")
    return F.when(lat.isNotNull(), F.struct(lat.alias("lat"), lon.alias("lon")))


def _differs(row: Column, other: Column, key: tuple[str, ...]) -> Column:
    return reduce(or_, (row[k] != other[k] for k in key), other.isNull())


def _text(length: timedelta) -> str:
    return f"{round(length.total_seconds())} seconds"
