"""One JSON array of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from serving.exports.format import Exported, Format, Pages


def array(pages: Pages, _: Sequence[Exported]) -> Iterator[bytes]:
    """The array, in parts."""
    before = b"["
    for page in pages:
        for document in page:
            yield before + orjson.dumps(document)
            before = b",\n"
    yield b"]\n" if before != b"[" else b"[]\n"


FORMAT = Format("json", "application/json", array)
