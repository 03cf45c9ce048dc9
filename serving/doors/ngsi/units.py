"""Units of the contracts (UCUM) in the codes that NGSI-LD wants (UN/CEFACT Recommendation 20)."""

from __future__ import annotations

from collections.abc import Mapping

UNIT_CODES: Mapping[str | None, str] = {
    "1": "C62",
    "s": "SEC",
    "/h": "H10",
    "mm": "MMT",
    "m": "MTR",
    "m/s": "MTS",
    "km/h": "KMH",
    "deg": "DD",
    "Cel": "CEL",
    "K": "KEL",
    "hPa": "A97",
    "By": "AD",
}
