"""The communes that there are data of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.access.view import View, views
from serving.doors.answers import json
from serving.doors.asking import Asking, Known
from serving.doors.datasets import COUNT, require_known
from serving.queries.conditions import Everything
from serving.queries.measures import Grouping
from serving.queries.reader import Reader

router = APIRouter(prefix="/api/v1")


@router.get("/tenants", tags=["catalogue"], summary="Whose data there are")
def communes(request: Request, who: Asking, known: Known) -> Response:
    """The tenants that the caller may see, each with the datasets in which it has latest states."""
    require_known(request, set())
    seen = [v for v in views(known.contracts.values(), who, frozenset()).values() if v.dataset.is_latest]
    scope = next((v.scope for v in seen), "")
    found = known.communes.get(scope, lambda: with_states(known.reader, seen))
    return json({"count": len(found), "results": found})


def with_states(reader: Reader, seen: Iterable[View]) -> list[dict[str, Any]]:
    """The tenants in what is seen."""
    datasets: dict[str, list[str]] = defaultdict(list)
    for view in seen:
        for row in reader.groups(view, Everything(), [Grouping("tenant", "tenant")], COUNT):
            datasets[row["tenant"]].append(view.dataset.contract.name)
    return [{"tenant": tenant, "datasets": names} for tenant, names in sorted(datasets.items())]
