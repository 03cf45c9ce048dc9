"""Documents to take away: pages in, bytes of a format out, some at a time."""

from __future__ import annotations

from collections.abc import Mapping

from serving.exports import csv, geojson, json, ndjson, parquet
from serving.exports.format import Format

FORMATS: Mapping[str, Format] = {
    f.name: f for f in (csv.FORMAT, geojson.FORMAT, json.FORMAT, ndjson.FORMAT, parquet.FORMAT)
}

__all__ = ["FORMATS", "Format"]
