"""`garonne serve` as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from runtime.endpoints import Endpoints
from runtime.local.ports import chosen
from runtime.settings import PROJECT
from tests.servers.drivers import environment_of
from tests.servers.stacks import until


@contextmanager
def serving(state: Path, servers: Endpoints, *options: str) -> Iterator[str]:
    """The API and the dashboards as a process, until it has been asked to end and has done so."""
    port = chosen(["port"], {})["port"]
    words = [sys.executable, "-m", "garonne", "serve", "--port", str(port), *options]
    address = f"http://127.0.0.1:{port}"
    with (state / "api.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=PROJECT, env=environment_of(state, servers), stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _answers(address), "the API answers", 120)
        assert process.poll() is None, (state / "api.log").read_text()
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/health", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
