"""The conformance classes that the paths meet; each is tested."""

from __future__ import annotations

FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
FILTERS = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"

CLASSES = (
    *(FEATURES + name for name in ("core", "geojson", "html", "oas30")),
    *(FILTERS + name for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(CQL2 + name for name in ("cql2-text", "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions")),
)
