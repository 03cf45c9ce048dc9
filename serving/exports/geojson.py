"""GeoJSON after RFC 7946: a collection of points, with the other fields as their properties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from serving.exports.format import Document, Exported, Format, Pages
from serving.queries.kinds import FieldKind, kind_of


def collection(pages: Pages, columns: Sequence[Exported]) -> Iterator[bytes]:
    """The collection, in parts."""
    place = next((c.name for c in columns if c.field and kind_of(c.field) is FieldKind.PLACE), None)
    yield b'{"type":"FeatureCollection","features":['
    before = b""
    for page in pages:
        written = [orjson.dumps(feature(d, place)) for d in page]
        if written:
            yield before + b",\n".join(written)
            before = b",\n"
    yield b"]}\n"


def feature(document: Document, place: str | None) -> dict[str, Any]:
    """A document as a feature; without a place its geometry is null."""
    where = document.get(place) if place else None
    geometry = {"type": "Point", "coordinates": [where["lon"], where["lat"]]} if where else None
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {name: value for name, value in document.items() if name != place},
    }


FORMAT = Format("geojson", "application/geo+json", collection)
