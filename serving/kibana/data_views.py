"""Data views of Kibana, one for each contract and one for each of its latest states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from schemas import Contract, Field
from schemas.contract import Sensitivity
from serving.kibana.aggregations import index_pattern
from serving.queries.kinds import NUMBERS, kind_of

MOST_LABEL = 100


def view_id(contract: Contract, is_latest: bool = False) -> str:
    """The id of a contract's data view; the same for ever."""
    return f"garonne-{contract.name}{'_latest' if is_latest else ''}"


def data_views(contracts: Iterable[Contract]) -> Iterator[dict[str, Any]]:
    """Every data view as Kibana's API takes it."""
    for contract in contracts:
        yield _view(contract, False)
        if contract.has_latest:
            yield _view(contract, True)


def _view(contract: Contract, is_latest: bool) -> dict[str, Any]:
    title = contract.declaration.title["fr"] + (" · état actuel" if is_latest else "")
    alias = contract.latest_alias if is_latest else contract.alias
    shown = [f for f in contract.fields if f.sensitivity is not Sensitivity.PERSONAL]
    formats = {f.name: found for f in shown if (found := _format(f)) is not None}
    return {
        "id": view_id(contract, is_latest),
        "title": index_pattern(alias),
        "name": f"Garonne · {title}",
        "timeFieldName": contract.time,
        "fieldFormats": formats,
        "fieldAttrs": {f.name: _attributes(f) for f in shown},
    }


def _attributes(field: Field) -> dict[str, str]:
    unit = f" ({field.unit})" if field.unit and field.unit != "1" else ""
    described = {"customDescription": field.doc} if field.doc else {}
    return {"customLabel": f"{field.name}{unit}"[:MOST_LABEL], **described}


def _format(field: Field) -> dict[str, Any] | None:
    """How Kibana shows a number; None where it knows itself."""
    if kind_of(field) not in NUMBERS:
        return None
    if field.name.endswith("_ratio"):
        return {"id": "percent", "params": {"pattern": "0,0.[0]%"}}
    if field.name.endswith("_bytes"):
        return {"id": "bytes"}
    return {"id": "number", "params": {"pattern": "0,0.[00]"}}
