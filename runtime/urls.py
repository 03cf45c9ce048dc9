"""Addresses as they may be shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

SECRET_PARAMETER = re.compile(r"(?i)((?:^|[&?;])[^=&;]*(?:key|token|secret|pass|auth|sig)[^=&;]*=)[^&;]*")


def shown(url: str) -> str:
    """An address for people, logs and dead letters: without user, password, and parameters that look secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, SECRET_PARAMETER.sub(r"\1***", parts.query), ""))
