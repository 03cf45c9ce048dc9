"""JSON, one document a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from serving.exports.format import Exported, Format, Pages


def lines(pages: Pages, _: Sequence[Exported]) -> Iterator[bytes]:
    """The lines."""
    for page in pages:
        yield b"".join(orjson.dumps(d) + b"\n" for d in page)


FORMAT = Format("ndjson", "application/x-ndjson", lines)
