"""The public keys of an issuer: discovered, kept for a while, and read again when a token names an unknown one."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from serving.access.fetching import FetchError, fetched

log = structlog.get_logger()

PublicKey = RSAKey | ECKey
DISCOVERY = "/.well-known/openid-configuration"
FRESH_SECONDS = 3600.0  # after that they are read again
STALE_SECONDS = 24 * 3600.0  # as long as an issuer may be away before its tokens open nothing
LEAST_SECONDS = 30.0  # between two attempts, whatever tokens name
MAX_KEYS = 100
MAX_WAITING = 8  # requests that wait for an issuer; the others are told to come again
KINDS = ("RSA", "EC")


class IssuerAwayError(RuntimeError):
    """The keys cannot be read now, so that nothing can be said of a token."""


@dataclass(frozen=True)
class _Known:
    keys: Mapping[str, PublicKey]
    at: float


class IssuerKeys:
    """The keys of one issuer, by their ids."""

    def __init__(
        self,
        url: str,
        get: Callable[[str], dict[str, Any]] = fetched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._get = get
        self._clock = clock
        self._reading = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._known: _Known | None = None
        self._tried_at = float("-inf")
        self._has_failed = False

    def find(self, key_id: str) -> PublicKey | None:
        """The key with this id; None when the issuer has none.

        Raises:
            IssuerAwayError: the issuer cannot be asked, and what is known of it does not answer.
        """
        if not self._is_known(key_id, FRESH_SECONDS):
            self._read_again(is_urgent=not self._is_known(key_id, STALE_SECONDS))
        known = self._known
        if known is not None and self._is_known(key_id, STALE_SECONDS):
            return known.keys[key_id]
        if known is None or self._has_failed or self._reading.locked():
            raise IssuerAwayError(self._url)
        return None

    def _is_known(self, key_id: str, seconds: float) -> bool:
        known = self._known
        return known is not None and key_id in known.keys and self._clock() - known.at < seconds

    def _read_again(self, is_urgent: bool) -> None:
        """Read the keys, at most once in a while; who needs them urgently waits for another who reads them."""
        if self._clock() - self._tried_at < LEAST_SECONDS and not self._reading.locked():
            return
        if not self._waiting.acquire(blocking=False):
            return
        try:
            if self._reading.acquire(blocking=is_urgent):
                try:
                    self._read()
                finally:
                    self._reading.release()
        finally:
            self._waiting.release()

    def _read(self) -> None:
        if self._clock() - self._tried_at < LEAST_SECONDS:
            return
        self._tried_at = self._clock()
        try:
            self._known = _Known(public_keys(self._get(self._address())), self._clock())
            self._has_failed = False
        except FetchError as e:
            self._has_failed = True
            log.warning("api.issuer_away", issuer=self._url, reason=str(e))

    def _address(self) -> str:
        """Where the issuer says its keys are.

        Raises:
            FetchError: it does not say so, or says it for another issuer or in the clear.
        """
        said = self._get(self._url.rstrip("/") + DISCOVERY)
        if said.get("issuer") != self._url:
            raise FetchError(f"{self._url}: its configuration is that of another issuer")
        address = said.get("jwks_uri")
        own, found = urlsplit(self._url), urlsplit(address if isinstance(address, str) else "")
        if not found.hostname or (found.scheme != "https" and found[:2] != own[:2]):
            raise FetchError(f"{self._url}: its jwks_uri is not an address of https")
        return found.geturl()


def public_keys(key_set: dict[str, Any]) -> Mapping[str, PublicKey]:
    """The keys of a JWKS that can verify signatures, by their ids; the others are passed over.

    Raises:
        FetchError: it is no key set, or too large a one.
    """
    every = key_set.get("keys")
    if not isinstance(every, list) or len(every) > MAX_KEYS:
        raise FetchError(f"its key set has no list of keys, or more than {MAX_KEYS}")
    return {str(key.kid): key for k in every if (key := _public_key(k)) is not None}


def _public_key(said: Any) -> PublicKey | None:
    if not isinstance(said, dict) or said.get("kty") not in KINDS or said.get("use", "sig") != "sig":
        return None
    if not isinstance(said.get("kid"), str):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)  # of keys that are too small
            key = JWKRegistry.import_key(said)
    except (JoseError, ValueError, TypeError, SecurityWarning):
        return None
    return key if isinstance(key, PublicKey) else None
