"""How the pipeline is, and the way back of dead letters; the records themselves are datasets like others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from schemas import contract
from serving import problems
from serving.access.caller import Caller
from serving.doors.answers import json
from serving.doors.asking import Asking, Known, tenants, viewed
from serving.doors.datasets import require_known
from serving.pipeline import Account, FeedState, Pipeline, QueryState
from serving.problems import ProblemError
from serving.services import Services

log = structlog.get_logger()

PREFIX = "/api/v1/pipeline"
RETRY_SECONDS = 10
SENSITIVITY = contract("ledger").declaration.sensitivity  # health says of feeds what the ledger counts of them
Tenants = Annotated[list[str], Query()]
Name = Annotated[str, Path(max_length=64)]

router = APIRouter(prefix=PREFIX, tags=["pipeline"])


@router.get("/feeds", summary="How the feeds are")
def feeds(request: Request, who: Asking, known: Known, tenant: Tenants = []) -> Response:  # noqa: B006
    """Each feed of the caller's tenants that ever said something: its state and why, its age, its silent devices."""
    require_known(request, {"tenant"})
    reach = _reach(who, tenant)
    return _of_tenants(_pipeline(known).feeds, reach)


@router.get("/ledger", summary="Whether everything that came is there")
def ledger(request: Request, who: Asking, known: Known, tenant: Tenants = []) -> Response:  # noqa: B006
    """What became of the last day's records of each feed, and of the observations of each job; what does not add up."""
    require_known(request, {"tenant"})
    reach = _reach(who, tenant)
    return _of_tenants(_pipeline(known).ledger, reach)


@router.get("/queries", summary="How the streaming queries are")
def queries(request: Request, who: Asking, known: Known) -> Response:
    """Each query that runs: its lag, watermark and batch times; counts of rows for those who may see every tenant."""
    require_known(request, set())
    sees_all = _reach(who, []) is None
    found = [q if sees_all else _without_counts(q) for q in _pipeline(known).queries()]
    return json({"count": len(found), "results": [asdict(q) for q in found]})


@router.post("/dead-letters/{tenant}/{dead_letter_id}/replay", summary="Replay a dead letter")
def replay(request: Request, tenant: Name, dead_letter_id: Name, who: Asking, known: Known) -> Response:
    """Decode a letter by what its feed's file says now, and send its events; called again, nothing is sent again."""
    viewed(request, "dead_letter", [tenant], who)
    try:
        found = _pipeline(known).replay(tenant, dead_letter_id)
    except LookupError:
        raise ProblemError(404, "unknown-letter", "there is no such dead letter of this tenant") from None
    except OSError as e:
        log.warning("api.replay", error=type(e).__name__, reason=str(e)[:500])
        raise problems.unavailable(RETRY_SECONDS) from None
    return json(asdict(found))


def _reach(who: Caller, names: list[str]) -> frozenset[str] | None:
    """The tenants whose pipeline the caller may look into; None for all.

    Raises:
        ProblemError: their level does not reach.
    """
    level, reach = who.scope(tenants(names))
    if not level.sees(SENSITIVITY):
        detail = f"the pipeline is told at the level {SENSITIVITY}; give a key of that level for these tenants"
        raise ProblemError(403, "level", detail)
    return reach


def _of_tenants(ask: Callable[[], Sequence[FeedState | Account]], reach: frozenset[str] | None) -> Response:
    try:
        found = [one for one in ask() if reach is None or one.tenant in reach]
    except RuntimeError as e:
        log.warning("api.pipeline", reason=str(e)[:500])
        raise problems.unavailable(RETRY_SECONDS) from None
    return json({"count": len(found), "results": [asdict(one) for one in found]})


def _pipeline(known: Services) -> Pipeline:
    if known.pipeline is None:
        raise ProblemError(404, "no-pipeline", "this server answers for documents alone, and knows no pipeline")
    return known.pipeline


def _without_counts(query: QueryState) -> QueryState:
    return replace(query, rows_count=None, written_count=None, refused_count=None, late_count=None)
