"""Who asks, checked for every path: the key or token, the quota, and what goes into the record of accesses."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from schemas.documents import TENANT
from serving import problems
from serving.access.caller import EVERY_TENANT, Caller, anonymous
from serving.access.credentials import Credential, credential, holder
from serving.access.view import View, view
from serving.problems import ProblemError
from serving.services import Services

MAX_TENANTS = 100
key_header = APIKeyHeader(
    name="X-API-Key",
    auto_error=False,
    description="A key made by `garonne keys add`; also taken as `Authorization: Apikey …`. Without one: open data.",
)
bearer_header = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="A token of an issuer that is trusted here (OpenID Connect)."
)


def services(request: Request) -> Services:
    """What the application works with."""
    return cast(Services, request.app.state.services)


def caller(
    request: Request,
    key: Annotated[str | None, Depends(key_header)] = None,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_header)] = None,  # to be in the document
) -> Caller:
    """Who asks, with one request less in their quota.

    Raises:
        ProblemError: the key or token opens nothing, or the quota is used up.
    """
    known = services(request)
    address = request.client.host if request.client else ""
    who = anonymous(address, known.anonymous_per_minute)
    try:
        given = _given(request, key)
        who = who if given is None else holder(given, known.keys, known.tokens)
    except ProblemError:
        known.quotas.take(who)
        raise
    request.state.caller = who
    known.quotas.take(who)
    return who


def viewed(request: Request, dataset: str, tenant: list[str], who: Caller) -> View:
    """What the caller may see of a dataset, for the tenants that are asked for; kept for the record.

    Raises:
        ProblemError: there is no such dataset for the caller.
    """
    found = view(services(request).contracts.values(), who, dataset, tenants(tenant))
    request.state.view = found
    return found


def tenants(names: list[str]) -> frozenset[str]:
    """The tenants that are asked for.

    Raises:
        ProblemError: one of the names cannot be a tenant's.
    """
    if len(names) > MAX_TENANTS:
        raise problems.bad_parameter("tenant", f"{len(names)} of them, and there may be {MAX_TENANTS}")
    for name in names:
        if name != EVERY_TENANT and not re.fullmatch(TENANT, name):
            raise problems.bad_parameter("tenant", f"{problems.cut(name)!r} cannot be a tenant's name")
    return frozenset(names)


def is_still_valid(request: Request, known: Services, who: Caller) -> bool:
    """Whether a caller whose answer goes on may still see what they could when they asked."""
    given = _given(request, request.headers.get(key_header.model.name))
    try:
        return given is None or holder(given, known.keys, known.tokens) == who
    except ProblemError:
        return False


def _given(request: Request, key: str | None) -> Credential | None:
    return credential(key, request.headers.get("authorization"))


Asking = Annotated[Caller, Depends(caller)]
Known = Annotated[Services, Depends(services)]
