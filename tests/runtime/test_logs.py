from __future__ import annotations

import json
from typing import Any

from runtime.logs import processors


def written(**event: Any) -> dict[str, Any]:
    line: Any = event
    for process in processors(is_watched=False):
        line = process(None, "error", line)
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_error_is_an_object_with_or_without_the_exception_that_told_of_it() -> None:
    try:
        raise OSError("connection refused")
    except OSError as e:
        found = written(event="upkeep.failed", chore="repair", error=str(e), exc_info=True)
    assert found["error"]["message"] == "connection refused"
    assert "OSError: connection refused" in found["error"]["stack_trace"]
    assert written(event="x", error="away")["error"] == {"message": "away"}
    assert "ValueError" in written(event="x", exc_info=ValueError("y"))["error"]["stack_trace"]
