"""Every metric of Garonne, defined once: name, kind, labels and meaning."""

from prometheus_client import Counter, Gauge, Histogram

FEED_RECORDS = Counter(
    "garonne_feed_records",
    "Records of a feed by what became of them: accepted, duplicate, rejected",
    ["feed", "tenant", "outcome"],
)
FEED_REJECTED = Counter("garonne_feed_rejected", "Rejected records of a feed by reason", ["feed", "tenant", "reason"])
FEED_PAYLOADS = Counter("garonne_feed_payloads", "Messages, answers or files a feed got", ["feed", "tenant"])
FEED_ERRORS = Counter("garonne_feed_errors", "Attempts to read a feed that failed, by kind", ["feed", "tenant", "kind"])
FEED_PAUSED = Gauge("garonne_feed_paused", "1 while a feed is stopped since most of it is bad", ["feed", "tenant"])
FEED_LAST_OBSERVED = Gauge(
    "garonne_feed_last_observed_timestamp_seconds", "Event time of the newest accepted record", ["feed", "tenant"]
)
FEED_PERIOD = Gauge(
    "garonne_feed_period_seconds",
    "Declared period of a feed: time() - garonne_feed_last_observed_timestamp_seconds above two of them is stale",
    ["feed", "tenant"],
)
FEED_PAYLOAD_SECONDS = Histogram(
    "garonne_feed_payload_seconds",
    "Time from a payload's arrival to its acknowledgement by Kafka",
    ["feed"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
QUERY_ROWS = Counter("garonne_query_rows", "Rows a streaming query read", ["query"])
QUERY_DOCUMENTS = Counter(
    "garonne_query_documents",
    "Documents a query sent to Elasticsearch by what became of them: written, unchanged, refused",
    ["query", "outcome"],
)
QUERY_BATCH_SECONDS = Histogram(
    "garonne_query_batch_seconds",
    "Duration of a micro-batch",
    ["query"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60),
)
QUERY_LAG_RECORDS = Gauge(
    "garonne_query_lag_records",
    "Records in Kafka that a query had left for later at its last batch",
    ["query", "topic", "partition"],
)
QUERY_WATERMARK = Gauge("garonne_query_watermark_timestamp_seconds", "Watermark of a query", ["query"])
QUERY_LATE_ROWS = Counter(
    "garonne_query_late_rows", "Rows that came when their window was closed, kept to repair it", ["query"]
)
LEDGER_PROBLEMS = Gauge(
    "garonne_ledger_problems", "Hours of feeds and jobs of the last day that do not add up in the ledger"
)
UPKEEP_FAILURES = Counter(
    "garonne_upkeep_failures",
    "Attempts of a driver to keep late rows, to repair windows or to count that failed",
    ["chore"],
)
ARCHIVE_RECORDS = Counter("garonne_archive_records", "Records of Kafka that were carried into the archive", ["event"])
ARCHIVE_WAITING = Gauge("garonne_archive_waiting_records", "Records in Kafka that the archive has not yet", ["event"])
ARCHIVE_FAILURES = Counter(
    "garonne_archive_failures",
    "Attempts to carry records into the archive that failed and are made again, by reason",
    ["event", "reason"],
)
SINK_RETRIES = Counter("garonne_sink_retries", "Bulk requests sent again, by status", ["status"])
QUERY_REFUSED = Gauge(
    "garonne_query_refused",
    "1 for a query that must not go on from its checkpoint: lost, damaged, place, changed, unfinished",
    ["query", "reason"],
)
QUERY_PAUSED = Gauge(
    "garonne_query_paused",
    "1 for a query that has failed and is tried again: sink, blocked, login, kafka, elasticsearch, failure, stuck",
    ["query", "reason"],
)
QUERY_FAILURES = Counter(
    "garonne_query_failures", "Failures of a query, by what it waited for then", ["query", "reason"]
)
SINK_WAITING = Gauge(
    "garonne_sink_waiting",
    "Seconds that a query's writing has been waiting for Elasticsearch, by the kind of its answer",
    ["query", "reason"],
)
API_REQUESTS = Counter("garonne_api_requests", "Requests to the API by path and status", ["route", "status"])
API_SECONDS = Histogram(
    "garonne_api_seconds",
    "Time from a request to the end of its answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
API_AUDIT_LOST = Counter("garonne_api_audit_lost", "Accesses that are in the log and not in the index of the record")
API_LISTENERS = Gauge("garonne_api_listeners", "Clients that listen to live updates now")
