"""Times between vehicles: sorted arrays of timestamps come in, headways and what passengers wait go out."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

MICROS = 1_000_000


def gaps(times: str) -> Column:
    """Seconds from each timestamp of a sorted array to the next; the column must hold the array."""
    later = F.slice(times, F.lit(2), F.greatest(F.size(times) - 1, F.lit(0)))
    return F.zip_with(
        later,
        F.slice(times, F.lit(1), F.size(later)),
        lambda end, start: (F.unix_micros(end) - F.unix_micros(start)) / MICROS,
    )


def average_wait(headways: str) -> Column:
    """Expected wait (s) of who comes at random: ΣH² / 2ΣH; null without headways."""
    return F.try_divide(_sum(F.transform(headways, lambda h: h * h)), 2 * _sum(F.col(headways)))


def mean_gap(headways: str) -> Column:
    """Mean headway (s); null without headways."""
    return F.try_divide(_sum(F.col(headways)), F.size(headways))


def _sum(numbers: Column) -> Column:
    return F.aggregate(numbers, F.lit(0.0), lambda sum_, n: sum_ + n)
