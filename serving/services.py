"""What the API works with: made once, handed to every request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from elasticsearch import Elasticsearch

from schemas import Contract, contracts
from serving.access.audit import Audit
from serving.access.issuers import Issuer
from serving.access.keys import KeyStore
from serving.access.quotas import Quotas
from serving.access.tokens import Tokens
from serving.kept import Kept
from serving.live import Live
from serving.pipeline import Pipeline
from serving.queries.cursors import Cursors
from serving.queries.reader import Reader

ANONYMOUS_PER_MINUTE = 600
BASEMAP_SECONDS = 300.0
COMMUNES_SECONDS = 30.0


@dataclass(frozen=True)
class Services:
    """Documents, keys and tokens, quotas, the record of accesses, and the contracts that all is derived from."""

    contracts: Mapping[str, Contract]
    reader: Reader
    keys: KeyStore
    cursors: Cursors
    audit: Audit
    quotas: Quotas = field(default_factory=Quotas)
    tokens: Tokens = field(default_factory=Tokens)
    anonymous_per_minute: int = ANONYMOUS_PER_MINUTE
    pipeline: Pipeline | None = None  # where there is none, its paths are not answered
    basemaps: Kept[dict[str, Any]] = field(default_factory=lambda: Kept(BASEMAP_SECONDS))
    communes: Kept[list[dict[str, Any]]] = field(default_factory=lambda: Kept(COMMUNES_SECONDS))

    @cached_property
    def live(self) -> Live:
        """Those who listen."""
        return Live(self.reader)

    @classmethod
    def of(
        cls,
        es: Elasticsearch,
        secret: str,
        anonymous_per_minute: int = ANONYMOUS_PER_MINUTE,
        issuers: Iterable[Issuer] = (),
        pipeline: Pipeline | None = None,
    ) -> Services:
        """The services on an Elasticsearch; the secret signs cursors, tokens of the issuers are trusted."""
        kept = (Reader(es), KeyStore(es), Cursors(secret), Audit(es))
        tokens = Tokens(issuers)
        return cls(contracts(), *kept, tokens=tokens, anonymous_per_minute=anonymous_per_minute, pipeline=pipeline)
