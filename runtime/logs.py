"""Logs as ECS JSON lines on standard error, or as plain text where a person watches."""

from __future__ import annotations

import logging
import sys
from typing import Any

import ecs_logging
import structlog


def configure_logs(level: int = logging.INFO) -> None:
    """Set up structlog for this process."""
    watched = sys.stderr.isatty()
    renderer: Any = structlog.dev.ConsoleRenderer() if watched else ecs_logging.StructlogFormatter()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
