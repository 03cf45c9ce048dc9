"""Bearer tokens: who they name, and everything that must open nothing."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.testclient import TestClient

from serving.access.caller import Caller
from serving.access.fetching import MAX_BYTES, FetchError, fetched
from serving.access.issuer_keys import (
    DISCOVERY,
    FRESH_SECONDS,
    LEAST_SECONDS,
    MAX_KEYS,
    STALE_SECONDS,
    IssuerAwayError,
    IssuerKeys,
)
from serving.access.issuers import Issuer, issuers
from serving.access.levels import Level
from serving.access.tokens import MAX_CHARACTERS, TokenError, Tokens
from serving.app import application
from serving.doors.asking import caller, is_still_valid
from serving.services import Services
from tests.serving.scripted_issuer import ScriptedIssuer, ec, rsa, running

RSA_A, RSA_B, EC_A, NEW = rsa("a"), rsa("b"), ec("ec"), ec("new")
HOUR = 3600


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metropole() -> Iterator[ScriptedIssuer]:
    with running(RSA_A, EC_A) as issuer:
        yield issuer


@pytest.fixture
def region() -> Iterator[ScriptedIssuer]:
    with running(RSA_B) as issuer:
        yield issuer


@pytest.fixture
def trusted(metropole: ScriptedIssuer, region: ScriptedIssuer, clock: Clock) -> Tokens:
    """Both issuers; what reads their keys has a clock that stands still."""
    both = (metropole.trusted("metropole"), region.trusted("region"))
    return Tokens(both, partial(IssuerKeys, clock=clock))


def refused(tokens: Tokens, token: str) -> str:
    with pytest.raises(TokenError) as error:
        tokens.caller(token)
    return str(error.value)


def test_a_token_opens_what_its_claims_are_written_down_for(trusted: Tokens, metropole: ScriptedIssuer) -> None:
    partner = Caller("metropole:somebody", Level.PARTNER, frozenset({"balma"}), 1200, "metropole:somebody")
    assert trusted.caller(metropole.token()) == partner
    assert trusted.caller(metropole.token(EC_A)) == partner
    assert trusted.caller(metropole.token(realm_access={"roles": ["reader", "manager"]})).level is Level.PRIVATE
    assert trusted.caller(metropole.token(realm_access={"roles": "manager"})).level is Level.PRIVATE
    assert trusted.caller(metropole.token(realm_access="manager")).level is Level.OPEN
    assert trusted.caller(metropole.token(groups="everybody")).tenants is None


def test_a_token_without_a_known_tenant_sees_what_is_open(trusted: Tokens, metropole: ScriptedIssuer) -> None:
    for groups in (None, [], ["toulouse"], 7, {"agents": True}):
        who = trusted.caller(metropole.token(groups=groups, realm_access={"roles": ["manager"]}))
        assert (who.level, who.tenants) == (Level.OPEN, None)


def test_each_issuer_has_its_own_callers(trusted: Tokens, metropole: ScriptedIssuer, region: ScriptedIssuer) -> None:
    names = {trusted.caller(i.token()).counted_as for i in (metropole, region)}
    assert names == {"metropole:somebody", "region:somebody"}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "lacks exp"),
        ({"exp": "never"}, "exp that cannot be one"),
        ({"nbf": int(time.time()) + HOUR}, "not valid yet"),
        ({"iat": int(time.time()) + HOUR}, "in the future"),
        ({"aud": "another"}, "meant for somebody else"),
        ({"aud": ["another", "garonn"]}, "meant for somebody else"),
        ({"aud": None}, "lacks aud"),
        ({"sub": None}, "lacks sub"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": 5}, "sub that cannot be one"),
        ({"iss": None}, "issuer of the token is not trusted"),
        ({"iss": "https://elsewhere.example"}, "issuer of the token is not trusted"),
    ],
)
def test_a_claim_that_is_not_right_opens_nothing(
    trusted: Tokens, metropole: ScriptedIssuer, claims: dict[str, Any], reason: str
) -> None:
    assert reason in refused(trusted, metropole.token(**claims))


def test_clocks_may_differ_a_little(metropole: ScriptedIssuer) -> None:
    token = metropole.token(exp=1000, nbf=900, iat=900)
    at: Callable[[float], Tokens] = lambda now: Tokens([metropole.trusted("m")], now=lambda: now)  # noqa: E731
    assert at(1029).caller(token)
    assert at(871).caller(token)
    assert "expired" in refused(at(1030), token)
    assert "not valid yet" in refused(at(869), metropole.token(exp=1000, nbf=900, iat=800))


def test_a_token_of_one_issuer_signed_by_another_opens_nothing(
    trusted: Tokens, metropole: ScriptedIssuer, region: ScriptedIssuer
) -> None:
    assert "signed with a key that its issuer does not have" in refused(trusted, metropole.token(RSA_B))
    assert "signature" in refused(trusted, metropole.token(RSA_B, {"kid": "a"}))
    assert trusted.caller(region.token(RSA_B))


def test_only_asymmetric_signatures_count(trusted: Tokens, metropole: ScriptedIssuer) -> None:
    claims = {"iss": metropole.url, "aud": "garonne", "sub": "x", "exp": int(time.time()) + 300}
    text = f"{packed({'alg': 'HS256', 'kid': 'a'})}.{packed(claims)}"
    digest = hmac.digest(RSA_A.as_pem(private=False), text.encode(), "sha256")
    forged = f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    for token in (forged, unsigned(claims, "none"), unsigned(claims, "None"), unsigned(claims, ["RS256"])):
        assert "must be signed with one of RS256" in refused(trusted, token)
    assert metropole.asked == []  # nobody was asked for it
    head, body, signature = metropole.token().split(".")
    assert "signature" in refused(trusted, f"{head}.{changed(body, groups=['everybody'])}.{signature}")
    assert "signature" in refused(trusted, f"{head}.{body}.")
    assert "signature" in refused(trusted, metropole.token(header={"alg": "PS256"}, exp=1)[:-5] + "AAAAA")


def test_a_key_verifies_what_it_is_for_alone(trusted: Tokens, metropole: ScriptedIssuer) -> None:
    metropole.keys = [RSAKey.import_key({**RSA_A.as_dict(private=True), "alg": "PS256"})]
    assert "in another way" in refused(trusted, metropole.token(RSA_A))
    assert trusted.caller(metropole.token(RSA_A, {"alg": "PS256"}))


@pytest.mark.parametrize(
    "text",
    ["", "x", "a.b", "a.b.c", "é.é.é", "." * 3, "W10.W10.W10", "ImFsZyI.e30.", "WyJhbGciXQ.e30.e30", "x" * 20_000],
)
def test_what_is_no_token_is_told_so(trusted: Tokens, text: str) -> None:
    assert "token" in refused(trusted, text)


def test_a_payload_of_brackets_alone_breaks_nothing(trusted: Tokens, metropole: ScriptedIssuer) -> None:
    head = metropole.token().split(".")[0]
    body = base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("=")
    assert len(f"{head}.{body}.x") < MAX_CHARACTERS
    assert "not a signed token" in refused(trusted, f"{head}.{body}.x")


def test_keys_are_read_once_and_kept(trusted: Tokens, metropole: ScriptedIssuer, clock: Clock) -> None:
    for _ in range(5):
        trusted.caller(metropole.token())
    assert metropole.reads == 1
    clock.now += FRESH_SECONDS
    trusted.caller(metropole.token())
    assert metropole.reads == 2


def test_a_new_key_is_found_and_an_old_one_forgotten(trusted: Tokens, metropole: ScriptedIssuer, clock: Clock) -> None:
    trusted.caller(metropole.token())
    metropole.keys = [NEW]
    clock.now += LEAST_SECONDS
    assert trusted.caller(metropole.token(NEW))
    assert "does not have" in refused(trusted, metropole.token(RSA_A))


def test_tokens_with_unknown_keys_do_not_make_us_ask_for_ever(
    trusted: Tokens, metropole: ScriptedIssuer, clock: Clock
) -> None:
    for n in range(200):
        assert "does not have" in refused(trusted, metropole.token(RSA_B, {"kid": f"k{n}"}))
    assert metropole.reads == 1
    assert trusted.caller(metropole.token())
    clock.now += LEAST_SECONDS
    refused(trusted, metropole.token(RSA_B, {"kid": "one more"}))
    refused(trusted, metropole.token(RSA_B, {"kid": "and another"}))
    assert metropole.reads == 2


def test_an_issuer_that_goes_away_is_believed_for_a_day(
    trusted: Tokens, metropole: ScriptedIssuer, clock: Clock
) -> None:
    trusted.caller(metropole.token())
    metropole.status = 500
    clock.now += FRESH_SECONDS
    assert trusted.caller(metropole.token())
    with pytest.raises(IssuerAwayError):
        trusted.caller(metropole.token(NEW))
    clock.now += STALE_SECONDS
    with pytest.raises(IssuerAwayError):
        trusted.caller(metropole.token())
    metropole.status = 200
    with pytest.raises(IssuerAwayError):  # not asked again so soon
        trusted.caller(metropole.token())
    clock.now += LEAST_SECONDS
    assert trusted.caller(metropole.token())


@pytest.mark.parametrize(
    "wrong",
    [
        {"padding": MAX_BYTES},
        {"extra": [{"kty": "oct"}] * MAX_KEYS},
        {"status": 302},
        {"said": {"issuer": "https://elsewhere.example"}},
        {"said": {"jwks_uri": "http://127.0.0.1:1/keys"}},
        {"said": {"jwks_uri": None}},
        {"said": {"jwks_uri": 7}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_issuer_that_says_what_it_must_not_is_away(
    trusted: Tokens, metropole: ScriptedIssuer, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(metropole, name, value)
    with pytest.raises(IssuerAwayError):
        trusted.caller(metropole.token())


def test_keys_that_cannot_verify_are_passed_over(trusted: Tokens, metropole: ScriptedIssuer) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}
    cipher = {**RSA_B.as_dict(private=False), "use": "enc", "kid": "cipher"}
    nameless = {k: v for k, v in RSA_B.as_dict(private=False).items() if k != "kid"}
    small = {"kty": "RSA", "n": base64.urlsafe_b64encode(b"\xf1" * 128).decode(), "e": "AQAB", "kid": "small"}
    broken = {"kty": "RSA", "n": "", "e": "?", "kid": "broken"}
    metropole.extra = [secret, cipher, nameless, small, broken, "text", None, {"kty": "ML-DSA", "kid": "later"}]
    assert trusted.caller(metropole.token())
    for kid in ("secret", "cipher", "small", "broken", "later"):
        assert "does not have" in refused(trusted, metropole.token(RSA_B, {"kid": kid}))


def test_a_slow_issuer_holds_up_few_and_not_for_long(metropole: ScriptedIssuer) -> None:
    metropole.delay_seconds = 1.5
    tokens = Tokens([metropole.trusted("m")], partial(IssuerKeys, get=partial(fetched, total_seconds=0.5)))
    token = metropole.token()

    def ask() -> float:
        began = time.monotonic()
        with pytest.raises(IssuerAwayError):
            tokens.caller(token)
        return time.monotonic() - began

    with ThreadPoolExecutor(20) as pool:
        waited = sorted(f.result() for f in [pool.submit(ask) for _ in range(20)])
    assert metropole.asked.count(metropole.asked[0]) == len(metropole.asked) == 1
    assert waited[9] < 0.4  # most were told at once
    assert waited[-1] < 1.4


def test_an_issuer_that_drips_is_left_in_time(metropole: ScriptedIssuer) -> None:
    metropole.drip_seconds = 0.05
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"no whole answer within 0\.3 s"):
        fetched(metropole.url + DISCOVERY, total_seconds=0.3)
    assert time.monotonic() - began < 2


def test_those_who_come_while_the_keys_are_read_get_them(metropole: ScriptedIssuer) -> None:
    metropole.delay_seconds = 0.2
    tokens = Tokens([metropole.trusted("m")])
    together = threading.Barrier(5)

    def ask() -> str:
        together.wait(10)
        return tokens.caller(metropole.token()).name

    with ThreadPoolExecutor(5) as pool:
        assert {f.result() for f in [pool.submit(ask) for _ in range(5)]} == {"m:somebody"}
    assert metropole.reads == 1


def test_the_api_says_what_is_wrong_with_a_token(
    services: Services, trusted: Tokens, metropole: ScriptedIssuer
) -> None:
    app = application(replace(services, tokens=trusted))
    with TestClient(app, raise_server_exceptions=False) as api:
        asked = partial(api.get, "/api/v1/datasets")
        good = asked(headers={"Authorization": f"Bearer {metropole.token()}"})
        assert (good.status_code, "ledger" in good.text) == (200, True)
        late = asked(headers={"Authorization": f"bearer {metropole.token(exp=1)}"})
        assert (late.status_code, late.json()["type"]) == (401, "urn:garonne:problem:bad-token")
        assert late.headers["www-authenticate"] == (
            'Bearer realm="garonne", error="invalid_token", error_description="the token has expired"'
        )
        metropole.status = 500
        away = asked(headers={"Authorization": f"Bearer {metropole.token(NEW)}"})
        assert away.status_code == 401  # it was asked a moment ago
    with TestClient(application(services), raise_server_exceptions=False) as api:
        nobody = api.get("/api/v1/datasets", headers={"Authorization": f"Bearer {metropole.token()}"})
        assert (nobody.status_code, "not trusted here" in nobody.json()["detail"]) == (401, True)


def test_an_issuer_that_is_away_is_our_trouble_and_not_the_callers(
    services: Services, trusted: Tokens, metropole: ScriptedIssuer
) -> None:
    metropole.status = 500
    with TestClient(application(replace(services, tokens=trusted)), raise_server_exceptions=False) as api:
        answer = api.get("/api/v1/datasets", headers={"Authorization": f"Bearer {metropole.token()}"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:garonne:problem:issuer-away")
    assert answer.headers["retry-after"] == "30"


def test_who_listens_hears_nothing_more_once_the_token_has_expired(
    services: Services, metropole: ScriptedIssuer
) -> None:
    now = [1000.0]
    known = replace(services, tokens=Tokens([metropole.trusted("m")], now=lambda: now[0]))
    token = metropole.token(exp=1300, iat=1000)
    header = (b"authorization", f"Bearer {token}".encode())
    request = Request({"type": "http", "headers": [header], "client": ("127.0.0.1", 1), "app": application(known)})
    who = caller(request)
    assert who.level is Level.PARTNER
    assert is_still_valid(request, known, who)
    now[0] = 1330
    assert not is_still_valid(request, known, who)


def test_the_file_of_issuers_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "issuers.yaml"
    path.write_text(FILE, encoding="utf-8")
    (found,) = issuers(path)
    assert (found.name, found.level.claim, found.tenants.values) == (
        "metropole",
        ("realm_access", "roles"),
        {"balma-agents": ("balma",)},
    )
    assert issuers(None) == ()
    for old, new, says in [
        ("https://connect", "http://connect", "https"),
        ("partner", "personal", "level"),
        ("balma]", "Balma!]", "tenants"),
        ("audience: garonne", "", "audience"),
        ("audience", "audiance", "audiance"),
        ("issuers:", "issuers: [", "issuers.yaml"),
        (FILE.partition("\n")[2], FILE.partition("\n")[2] * 2, "same name"),
    ]:
        path.write_text(FILE.replace(old, new), encoding="utf-8")
        with pytest.raises(ValueError, match=says):
            issuers(path)


FILE = """issuers:
  - name: metropole
    url: https://connect.example.org/realms/city
    audience: garonne
    tenants:
      claim: groups
      values: {balma-agents: [balma]}
    level:
      claim: [realm_access, roles]
      values: {garonne-partner: partner}
"""


def unsigned(claims: dict[str, Any], algorithm: Any) -> str:
    return f"{packed({'alg': algorithm, 'kid': 'a'})}.{packed(claims)}."


def changed(body: str, **claims: Any) -> str:
    return packed({**json.loads(base64.urlsafe_b64decode(body + "===")), **claims})


def packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_issuer_can_be_written_down_for_several_tenants() -> None:
    one = Issuer.model_validate(
        {
            "name": "x",
            "url": "https://x.example",
            "audience": "g",
            "tenants": {"claim": "t", "values": {"a": ["balma", "toulouse"], "b": ["labege"]}},
            "level": {"claim": "l", "values": {"p": "partner", "q": "private"}},
        }
    )
    who = one.caller({"sub": "s", "t": ["a", "b"], "l": ["q", "p"]})
    assert (who.tenants, who.level) == (frozenset({"balma", "toulouse", "labege"}), Level.PRIVATE)
