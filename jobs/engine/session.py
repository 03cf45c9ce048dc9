"""The Spark session of the jobs, with the settings that streaming needs to be exact and small."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from pyspark.sql import SparkSession

ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"

# Avro makes room for as many bytes or items as a message says it has: four bytes of garbage could ask for 2 GB, and
# Java without memory ends the driver. No message is longer than this.
AVRO_LIMITS = " ".join(
    f"-Dorg.apache.avro.limits.{what}.maxLength={limit}"
    for what, limit in (("bytes", 4 * 2**20), ("string", 4 * 2**20), ("collectionItems", 2**18))
)

SETTINGS: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.executor.extraJavaOptions": AVRO_LIMITS,  # the driver's are those of the command that starts it
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",  # it would listen on every address; --conf spark.ui.enabled=true brings it back
    "spark.sql.shuffle.partitions": "2",  # frozen in a checkpoint; a cluster sets its own
    "spark.sql.streaming.stateStore.providerClass": ROCKSDB,
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # Update mode emits nothing when state is evicted, so an extra empty batch for it only costs.
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    "spark.sql.streaming.pollingDelay": "50ms",
    "spark.sql.streaming.minBatchesToRetain": "20",
    "spark.scheduler.mode": "FAIR",  # a long batch of one query must not hold up the others
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    "spark.sql.adaptive.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}

COMPILED: Mapping[str, str] = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",  # code, and none where it cannot be compiled
}


def session(app: str, extra: Mapping[str, str] | None = None) -> SparkSession:
    """A session; what `spark-submit` was given wins over the settings here."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    given = _submitted()
    for key, value in {**SETTINGS, **(extra or {})}.items():
        if key not in given:
            builder = builder.config(key, value)
    return builder.getOrCreate()


def compiled(spark: SparkSession) -> SparkSession:
    """A session in the same driver whose queries are compiled: for few and large ones beside many small ones."""
    own = spark.newSession()
    for key, value in COMPILED.items():
        own.conf.set(key, value)
    return own


def _submitted() -> set[str]:
    """Names of the settings on the command line of `spark-submit`."""
    from pyspark import SparkConf, SparkContext

    if SparkContext._gateway is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        return set()
    return {key for key, _ in SparkConf().getAll()}
