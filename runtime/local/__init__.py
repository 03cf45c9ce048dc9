"""Real servers as processes of one machine: Kafka, schema registry, Elasticsearch, MQTT broker."""

from runtime.local.backend import ServerStatus
from runtime.local.downloads import spark_jars
from runtime.local.errors import ServerError, SetupError
from runtime.local.progress import Progress, quiet
from runtime.local.stack import ALL, down, reset, status, up

__all__ = [
    "ALL",
    "Progress",
    "ServerError",
    "ServerStatus",
    "SetupError",
    "down",
    "quiet",
    "reset",
    "spark_jars",
    "status",
    "up",
]
