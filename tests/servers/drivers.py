"""Drivers as processes of their own, as `garonne submit` starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.endpoints import Endpoints
from runtime.files import write_atomically

DEADLINE_SECONDS = 300


def submit(
    state: Path, endpoints: Endpoints, arguments: list[str], kill_when: Callable[[], bool] | None = None
) -> None:
    """Run a driver to its end, or kill it with all its children once a condition holds."""
    given: Mapping[str, Any] = endpoints.model_dump(exclude_none=True)
    words = {k: v.get_secret_value() if hasattr(v, "get_secret_value") else v for k, v in given.items()}
    write_atomically(state / "endpoints.json", json.dumps(words))
    command = [sys.executable, "-m", "garonne", "submit", *arguments]
    environment = {**os.environ, "GARONNE_STATE": str(state)}
    with (state / "driver.log").open("ab") as log:
        driver = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + DEADLINE_SECONDS
        while driver.poll() is None and not (kill_when and kill_when()):
            assert time.monotonic() < until, (state / "driver.log").read_text()[-3000:]
            time.sleep(0.1)
        if kill_when is None:
            assert driver.returncode == 0, (state / "driver.log").read_text()[-3000:]
    finally:
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
