"""What a request brings to say who asks: a key, a bearer token, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from serving.access.caller import Caller
from serving.access.issuer_keys import LEAST_SECONDS, IssuerAwayError
from serving.access.keys import KeyStore
from serving.access.tokens import TokenError, Tokens
from serving.problems import ProblemError

APIKEY = "apikey"  # as the Explore API has it
BEARER = "bearer"  # RFC 6750
CHALLENGE = {"WWW-Authenticate": 'Apikey realm="garonne", Bearer realm="garonne"'}


@dataclass(frozen=True)
class Credential:
    """A key or a token, as it was given."""

    scheme: str
    text: str


def credential(key: str | None, authorization: str | None) -> Credential | None:
    """What the headers X-API-Key and Authorization bring; the first counts where both are there.

    Raises:
        ProblemError: Authorization is neither a key nor a token.
    """
    if key:
        return Credential(APIKEY, key)
    if authorization is None:
        return None
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() not in (APIKEY, BEARER):
        detail = "the header Authorization is written: Apikey …, or: Bearer …"
        raise ProblemError(401, "bad-credential", detail, CHALLENGE)
    return Credential(scheme.lower(), text.strip())


def holder(given: Credential, keys: KeyStore, tokens: Tokens) -> Caller:
    """Who brings it.

    Raises:
        ProblemError: it opens nothing, or cannot be verified now.
    """
    if given.scheme == APIKEY:
        found = keys.caller(given.text)
        if found is None:
            detail = "this key is not known, has expired or was revoked; without a key there are open data"
            raise ProblemError(401, "bad-key", detail, CHALLENGE)
        return found
    try:
        return tokens.caller(given.text)
    except TokenError as e:
        raise ProblemError(401, "bad-token", f"{e}; without a token there are open data", _invalid(str(e))) from None
    except IssuerAwayError:
        detail = "the issuer of this token does not answer, so that it cannot be verified now"
        raise ProblemError(503, "issuer-away", detail, {"Retry-After": f"{LEAST_SECONDS:.0f}"}) from None


def _invalid(reason: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="garonne", error="invalid_token", error_description="{reason}"'}
