"""A poller and its server in a network of their own, which a route that swallows all packets cuts in two.

Run as ``unshare --net --map-root-user python -m tests.faults.partitioned``; prints, as JSON, what was delivered before,
during and after the partition and which errors were reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.cursor import Cursor
from connectors.delivery import Context
from connectors.transports import http
from tests.connectors.scripted import Errors, KeptIntake, until

ADDRESS = "127.0.0.5"
BLACKHOLE = ("blackhole", f"{ADDRESS}/32", "table", "local")
ERRORS = 3
PARTS, PART_BYTES = 10, 1_000


class _Server:
    """Answers in ten parts, and is cut off in the middle of one answer when that is asked for."""

    def __init__(self) -> None:
        self.is_to_be_cut_off = False
        self._answers = count()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            body = b"%-*d" % (PARTS * PART_BYTES, next(self._answers))
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            for part in range(PARTS):
                if self.is_to_be_cut_off and part == PARTS // 2:
                    self.is_to_be_cut_off = False
                    _ip("add")
                writer.write(body[part * PART_BYTES : (part + 1) * PART_BYTES])
                await writer.drain()
        writer.close()


async def _main(state: Path) -> dict[str, object]:
    errors, answering = Errors(), _Server()
    context = Context("city", "feed", state, Cursor(), errors.report)
    intake = KeptIntake(context, 2**31)
    server = await asyncio.start_server(answering.answer, ADDRESS, 0)
    url = f"http://{ADDRESS}:{server.sockets[0].getsockname()[1]}/"
    limits = {"connect_timeout_seconds": 0.3, "read_timeout_seconds": 0.3, "total_timeout_seconds": 1}
    pace = {"period_seconds": 0.01, "retry_seconds": 0.1, "max_retry_seconds": 0.2}
    source = {"kind": "http", "url": url, "internal_hosts": [ADDRESS]}
    options = http.Options.model_validate({**source, **limits, **pace})
    async with server:
        polling = asyncio.create_task(http.run(options, context, intake))
        try:
            await until(lambda: len(intake.deliveries) >= ERRORS)
            answering.is_to_be_cut_off = True
            await until(lambda: not answering.is_to_be_cut_off)
            before = len(intake.deliveries)
            await until(lambda: len(errors.kinds) >= ERRORS)
            during = len(intake.deliveries) - before
            reported = list(errors.kinds)
            _ip("del")
            await until(lambda: len(intake.deliveries) >= before + during + ERRORS)
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
    return {"before": before, "during": during, "errors": reported}


def _ip(what: str) -> None:
    subprocess.run(["ip", "route", what, *BLACKHOLE], check=True)


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with TemporaryDirectory() as folder:
        json.dump(asyncio.run(_main(Path(folder))), sys.stdout)
