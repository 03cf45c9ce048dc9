"""Logs as ECS JSON lines on standard error, or as plain text where a person watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import ecs_logging
import structlog


def configure_logs(level: int = logging.INFO) -> None:
    """Set up structlog for this process."""
    structlog.configure(
        processors=processors(is_watched=sys.stderr.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def processors(*, is_watched: bool) -> list[Any]:
    """What an event goes through until it is text."""
    ecs = (_error_as_object, ecs_logging.StructlogFormatter())
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        *([structlog.dev.ConsoleRenderer()] if is_watched else ecs),
    ]


def _error_as_object(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """In ECS an error is an object; a formatter that adds a stack trace to a text fails, and with it whoever logs."""
    if isinstance(event.get("error"), str):
        event["error"] = {"message": event["error"]}
    return event
