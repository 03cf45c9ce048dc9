"""What Spark's texts mean: those here were caused with Spark 4.1.1 and shortened."""

from __future__ import annotations

import pytest

from jobs.engine.failures import Kind, failure, signature
from jobs.engine.refusal import Reason

PROXY = "An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):\n  File x\n"
LOAD = f"{PROXY}org.apache.spark.SparkException: [CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred. at x\n"
DAMAGED = [
    f"{PROXY}[CANNOT_LOAD_STATE_STORE.CANNOT_READ_STREAMING_STATE_FILE] Error reading streaming state file",
    f"{LOAD}Caused by: org.apache.spark.SparkException: [CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED] Checksum",
    f"{LOAD}Caused by: org.apache.hadoop.fs.ChecksumException: Checksum error: file:/c/state/0/0/25.zip at 1536",
    f"{LOAD}Caused by: java.io.EOFException: Unexpected end of ZLIB input stream",
    f"{LOAD}Caused by: java.io.FileNotFoundException: File file:/c/state/0/0/SSTs/000013.sst does not exist",
    f"{LOAD}Caused by: org.rocksdb.RocksDBException: block checksum mismatch: stored = 38, computed = 79",
    "Failed to read log file file:/c/offsets/24. Incomplete log file",
    "[STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY] The checkpoint location should be empty on batch 0",
]
CHANGED = ["[STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE] Provided", "[STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE] Provided"]
PASSING = {
    f"{PROXY}runtime.elastic.bulk.BrokenSinkError: 60 of 80 documents refused, the first: t: r": Kind.SINK,
    f"{PROXY}runtime.elastic.bulk.BlockedSinkError: index read-only": Kind.BLOCKED,
    f"{PROXY}elasticsearch.AuthenticationException: AuthenticationException(401, 'security_exception')": Kind.LOGIN,
    "java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.TimeoutException: Timed out": Kind.KAFKA,
    "cimpl.KafkaException: KafkaError{code=_TRANSPORT}": Kind.KAFKA,
    "elastic_transport.ConnectionError: Connection error caused by: ...": Kind.ELASTICSEARCH,
    "elasticsearch.ApiError: ApiError(503, 'unavailable')": Kind.ELASTICSEARCH,
    f"{LOAD}Caused by: java.io.IOException: No space left on device": Kind.FAILURE,
    f"{PROXY}java.io.FileNotFoundException: /tmp/spark-1/blockmgr-2/shuffle_1.data": Kind.FAILURE,
    f"{PROXY}org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)": Kind.FAILURE,
    "stopped without a reason": Kind.FAILURE,
}


@pytest.mark.parametrize("text", DAMAGED)
def test_damage_of_the_state_is_told_apart(text: str) -> None:
    assert failure(text).damage is Reason.DAMAGED


@pytest.mark.parametrize("text", CHANGED)
def test_state_of_another_job_is_a_changed_job(text: str) -> None:
    assert failure(text).damage is Reason.CHANGED


@pytest.mark.parametrize("text", PASSING)
def test_what_may_pass_is_waited_for(text: str) -> None:
    found = failure(text)
    assert (found.damage, found.kind) == (None, PASSING[text])


def test_the_cause_is_what_is_said() -> None:
    assert failure(DAMAGED[3]).text == "java.io.EOFException: Unexpected end of ZLIB input stream"


def test_the_same_failure_has_the_same_signature() -> None:
    one, two = (f"ValueError: row {n} at 0x7f{n}a of task {n * 3}.0" for n in (1, 22))
    assert signature(one) == signature(two) != signature("ValueError: column")
