"""What keeps the archive's tables quick to read, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.tables import Reached, Table

# Who began to read before a compaction goes on with the files of before it.
KEEP_SNAPSHOTS = timedelta(days=1)
# Files of a writer that was killed: no writer works as long as that.
ORPHANED_AFTER = timedelta(days=3)
SMALL_FILES = 5  # of one tenant and day, that are worth being made into one


@dataclass(frozen=True)
class Compacted:
    """What a compaction did."""

    files_before: int
    files_after: int


@dataclass(frozen=True)
class Stored:
    """What a table holds."""

    rows: int
    files: int
    bytes: int
    days: int
    first_day: date | None
    last_day: date | None


def compact(table: Table, reached: Reached) -> Compacted:
    """Make large files of the small ones of each tenant and day, and forget snapshots older than a day.

    Rows and readers' results stay: readers see the files of before or those of after. What the table has reached is
    written to the table itself first, since the snapshots that tell it may be forgotten.
    """
    table.remember(reached)
    options = {"min-input-files": SMALL_FILES, "max-concurrent-file-group-rewrites": 1}
    said = ", ".join(f"'{k}', '{v}'" for k, v in options.items())
    before, after, *_ = _call(table, "rewrite_data_files", f"options => map({said})")
    _call(table, "expire_snapshots", f"older_than => {_ago(KEEP_SNAPSHOTS)}")
    return Compacted(before, after)


def remove_orphans(table: Table) -> None:
    """Delete files that no snapshot has: those of writers that were killed days ago."""
    _call(table, "remove_orphan_files", f"older_than => {_ago(ORPHANED_AFTER)}")


def appends_since_compaction(table: Table) -> int:
    """Number of appends that the table's snapshots tell of, since the last compaction."""
    operations = table.metadata("snapshots").orderBy(F.desc("committed_at")).select("operation").collect()
    names = [row.operation for row in operations]
    return names.index("replace") if "replace" in names else len(names)


def stored(table: Table) -> Stored:
    """What a table holds, from its metadata."""
    sums = [F.coalesce(F.sum(c), F.lit(0)) for c in ("record_count", "file_count", "total_data_file_size_in_bytes")]
    day = "partition.observed_at_day"
    row = table.metadata("partitions").agg(*sums, F.countDistinct(day), F.min(day), F.max(day)).collect()[0]
    return Stored(*row)


def _call(table: Table, procedure: str, arguments: str) -> tuple[Any, ...]:
    """First row of what a procedure of Iceberg answers."""
    call = f"CALL {table.catalog}.system.{procedure}(table => '{table.identifier}', {arguments})"
    rows = table.spark.sql(call).collect()
    return tuple(rows[0]) if rows else ()


def _ago(length: timedelta) -> str:
    return f"TIMESTAMP '{datetime.now(UTC) - length:%Y-%m-%d %H:%M:%S}'"
