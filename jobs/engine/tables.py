"""The archive's tables: an Iceberg table for each event contract, by tenant and day of event time.

Each append carries, in the summary of its snapshot, the Kafka offsets up to which the table then is complete: rows and
offsets become visible in one commit, so what was written needs no checkpoint to be known.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from jobs.engine.rows import struct_of
from runtime.kafka import Offsets
from schemas import Contract

NAMESPACE = "city"
REACHED = "garonne.reached"
PROPERTIES = {
    "format-version": "2",
    "write.distribution-mode": "none",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.row-group-size-bytes": str(16 << 20),  # what a writer holds in memory
    "write.target-file-size-bytes": str(128 << 20),
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


class ArchiveMismatchError(RuntimeError):
    """A contract has changed in a way that the archive's table cannot follow."""


@dataclass(frozen=True)
class Reached:
    """Up to where a table has a topic: the next offset of each partition."""

    topic_id: str
    offsets: Offsets
    missing_before: datetime | None = None  # some of what came before was deleted from Kafka before it was archived

    def to_json(self) -> str:
        """As the summary of a snapshot holds it."""
        missing = self.missing_before.isoformat() if self.missing_before else None
        return json.dumps({"topic_id": self.topic_id, "offsets": self.offsets, "missing_before": missing})

    @classmethod
    def from_json(cls, text: str) -> Reached:
        """From the summary of a snapshot."""
        said = json.loads(text)
        missing = datetime.fromisoformat(said["missing_before"]) if said["missing_before"] else None
        return cls(said["topic_id"], {int(p): int(n) for p, n in said["offsets"].items()}, missing)

    def joined(self, other: Reached) -> Reached:
        """The further of both, for each partition of the same topic."""
        partitions = sorted({*self.offsets, *other.offsets})
        offsets = {p: max(self.offsets.get(p, 0), other.offsets.get(p, 0)) for p in partitions}
        missing = [m for m in (self.missing_before, other.missing_before) if m]
        return Reached(self.topic_id, offsets, max(missing, default=None))


@dataclass(frozen=True)
class Table:
    """The table of a contract in the archive at a URI."""

    spark: SparkSession
    contract: Contract
    uri: str

    @property
    def catalog(self) -> str:
        """Name of Spark's catalog for the archive; a session may have several archives."""
        name = f"archive_{hashlib.sha256(self.uri.encode()).hexdigest()[:8]}"
        key = f"spark.sql.catalog.{name}"
        if self.spark.conf.get(key, None) is None:
            for option, value in (("type", "hadoop"), ("warehouse", self.uri), ("cache-enabled", "false")):
                self.spark.conf.set(f"{key}.{option}", value)
            self.spark.conf.set(key, "org.apache.iceberg.spark.SparkCatalog")
        return name

    @property
    def identifier(self) -> str:
        """Its name below the catalog."""
        return f"{NAMESPACE}.{self.contract.name}_v{self.contract.major}"

    @property
    def name(self) -> str:
        """Its name in Spark."""
        return f"{self.catalog}.{self.identifier}"

    def exists(self) -> bool:
        """Whether there is such a table."""
        return self.spark.catalog.tableExists(self.name)

    def prepare(self) -> None:
        """Make the table, or give it the fields that its contract has got since.

        Raises:
            ArchiveMismatchError: a field has gone or has another type.
        """
        if not self.exists():
            properties = ", ".join(f"'{k}'='{v}'" for k, v in PROPERTIES.items())
            fields = ", ".join(map(_column, columns(self.contract)))
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {self.name} ({fields}) USING iceberg "
                f"PARTITIONED BY (tenant, days(observed_at)) TBLPROPERTIES ({properties})"
            )
            return
        if added := new_columns(self.contract, self.spark.table(self.name).schema):
            self.spark.sql(f"ALTER TABLE {self.name} ADD COLUMNS ({', '.join(map(_column, added))})")

    def append(self, events: DataFrame, reached: Reached) -> None:
        """Add events, and say in the same commit up to where the table then has the topic."""
        # one task: one file for each tenant and day, and the other cores stay free for those who are watched
        rows = events.select(*columns(self.contract).names).coalesce(1)
        rows.writeTo(self.name).option(f"snapshot-property.{REACHED}", reached.to_json()).append()

    def rows(self) -> DataFrame:
        """All events of the table, with the columns of the contract; null where the table does not have one yet."""
        there = self.spark.table(self.name)
        nulls = {f.name: F.lit(None).cast(f.dataType) for f in new_columns(self.contract, there.schema)}
        return there.withColumns(nulls).select(*columns(self.contract).names)

    def reached(self, topic_id: str) -> Reached:
        """Up to where the table has the topic; nowhere when it has nothing of this one."""
        kept = self.spark.sql(f"SHOW TBLPROPERTIES {self.name}").where(F.col("key") == REACHED).select("value")
        appended = self.metadata("snapshots").select(F.col("summary")[REACHED].alias("value"))
        said = [Reached.from_json(row.value) for row in (*kept.collect(), *appended.collect()) if row.value]
        return functools.reduce(Reached.joined, (r for r in said if r.topic_id == topic_id), Reached(topic_id, {}))

    def remember(self, reached: Reached) -> None:
        """Say up to where the table has a topic in its properties, which outlive its snapshots."""
        self.spark.sql(f"ALTER TABLE {self.name} SET TBLPROPERTIES ('{REACHED}' = '{reached.to_json()}')")

    def metadata(self, what: str) -> DataFrame:
        """One of Iceberg's own tables about the table, such as its snapshots."""
        return self.spark.table(f"{self.name}.{what}")


def new_columns(contract: Contract, there: t.StructType) -> list[t.StructField]:
    """The fields of a contract that a table does not have.

    Raises:
        ArchiveMismatchError: a field has gone or has another type.
    """
    known = {f.name: f.dataType for f in there}
    wanted = {f.name: f.dataType for f in columns(contract)}
    for name, type_ in known.items():
        if name not in wanted:
            raise ArchiveMismatchError(
                f"{contract.name} has no field {name} any more and the archive has: "
                f"keep it, or begin v{contract.major + 1}"
            )
        if wanted[name] != type_:
            raise ArchiveMismatchError(
                f"{contract.name}: {name} is {wanted[name].simpleString()} and was archived as {type_.simpleString()}; "
                f"give the new type a new name, or begin v{contract.major + 1}"
            )
    return [f for f in columns(contract) if f.name not in known]


def columns(contract: Contract) -> t.StructType:
    """Columns of a contract's table; each may be null, so that old rows can be without a new one."""
    return t.StructType([t.StructField(f.name, f.dataType, nullable=True) for f in struct_of(contract)])


def _column(field: t.StructField) -> str:
    return f"{field.name} {field.dataType.simpleString()}"
