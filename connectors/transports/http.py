"""HTTP polling: a GET every so often, polite to the server (conditional, Retry-After, backoff) and with limits.

``for_each: {station: [a, b]}`` reads one address for each value, ``{station}`` in the url being replaced by it. With
``follow_max_age`` the next poll comes when the answer's ``Cache-Control: max-age`` says, if that is before the period.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from urllib.parse import urlsplit

import httpx2
from pydantic import Field, field_validator, model_validator

from connectors.backoff import Backoff
from connectors.delivery import Context, Delivery, Intake
from connectors.feed import TransportOptions
from connectors.model import Payload
from connectors.secret import FromEnvironment, MissingSecretError
from connectors.transports._guarded import Guarded
from connectors.transports._http_get import Answer, GetError, Limits, get
from connectors.transports._urls import expanded
from runtime.urls import shown

MAX_ADDRESSES = 1_000
USER_AGENT = f"garonne/{version('garonne')}"


class Options(TransportOptions):
    """Which addresses, how often, and how much an answer may take."""

    url: str = Field(max_length=4096)
    for_each: dict[str, list[str]] = Field(default_factory=dict)
    headers: dict[str, str | FromEnvironment] = Field(default_factory=dict)
    period_seconds: float = Field(default=60, gt=0)
    min_period_seconds: float = Field(default=5, ge=0)
    follow_max_age: bool = False
    allowed_hosts: tuple[str, ...] = ()  # that a redirect may lead to
    internal_hosts: tuple[str, ...] = ()  # that may be inside: this machine or a private network
    max_bytes: int = Field(default=50_000_000, gt=0)
    connect_timeout_seconds: float = Field(default=10, gt=0)
    read_timeout_seconds: float = Field(default=30, gt=0)
    total_timeout_seconds: float = Field(default=120, gt=0)
    max_concurrency: int = Field(default=4, gt=0, le=64)
    retry_seconds: float = Field(default=2, gt=0)  # first pause after a failure
    max_retry_seconds: float = Field(default=900, gt=0)  # no pause is longer, whatever a server asks for

    @field_validator("url")
    @classmethod
    def _is_web(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address that starts with http:// or https://")
        return url

    @model_validator(mode="after")
    def _names_are_used(self) -> Options:
        unused = [name for name in self.for_each if f"{{{name}}}" not in self.url]
        if unused:
            raise ValueError(f"for_each: {{{unused[0]}}} is not in the url")
        if not 1 <= sum(1 for _ in product(*self.for_each.values())) <= MAX_ADDRESSES:
            raise ValueError(f"for_each: gives no address, or more than {MAX_ADDRESSES}")
        return self

    @property
    def least_pause_seconds(self) -> float:
        """A server is polled no more often while its feed is paused."""
        return self.period_seconds

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses by name."""
        return expanded(self.url, self.for_each)


async def run(options: Options, context: Context, intake: Intake) -> None:
    """Poll every address until cancelled; one that fails does not hold up the others."""
    addresses = options.addresses
    context.cursor.keep(addresses)
    turn = asyncio.Semaphore(options.max_concurrency)
    async with _client(options) as client, asyncio.TaskGroup() as tasks:
        for name, url in addresses.items():
            tasks.create_task(_Poller(name, url, options, context, client, turn).run(intake))


async def fetch(options: Options, context: Context) -> AsyncGenerator[Payload, None]:
    """What each address says now.

    Raises:
        GetError: an answer is of no use.
        MissingSecretError: a header's secret is not set.
    """
    del context
    async with _client(options) as client:
        for url in options.addresses.values():
            answer = await get(client, url, _headers(options), {}, _limits(options))
            if answer.body is not None:
                yield _payload(url, answer, answer.body)


def next_poll(options: Options, max_age: float | None) -> float:
    """Seconds from a poll whose answer may live `max_age` seconds to the next."""
    if max_age is None or not options.follow_max_age:
        return options.period_seconds
    return max(options.min_period_seconds, min(max_age, options.period_seconds))


class _Poller:
    """One address, over and over."""

    def __init__(
        self,
        name: str,
        url: str,
        options: Options,
        context: Context,
        client: httpx2.AsyncClient,
        turn: asyncio.Semaphore,
    ) -> None:
        self._name, self._url = name, url
        self._options, self._context = options, context
        self._client, self._turn = client, turn
        self._url_digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._backoff = Backoff(options.retry_seconds, options.max_retry_seconds)
        self._validators = self._stored_validators()

    async def run(self, intake: Intake) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = await self._poll(intake, loop)
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _poll(self, intake: Intake, loop: asyncio.AbstractEventLoop) -> float:
        """When to poll again, by the loop's clock: a period after this poll began, or a pause after it failed."""
        started = loop.time()
        try:
            async with self._turn:
                answer = await self._get()
        except GetError as e:
            self._context.report(e.kind, e)
            asked = min(e.retry_after or 0.0, self._options.max_retry_seconds)
            return loop.time() + asked + self._backoff.next()
        except MissingSecretError as e:
            self._context.report("secret", e)
            return started + self._options.max_retry_seconds
        self._backoff.reset()
        if answer.body is not None and await intake.deliver(self._delivery(answer, answer.body)):
            self._validators = answer.validators
        return started + next_poll(self._options, answer.max_age)

    async def _get(self) -> Answer:
        options = self._options
        return await get(self._client, self._url, _headers(options), self._validators, _limits(options))

    def _delivery(self, answer: Answer, body: bytes) -> Delivery:
        position = {"url": self._url_digest, "validators": dict(answer.validators)}
        return Delivery(_payload(self._url, answer, body), self._name, position, repeats=True)

    def _stored_validators(self) -> Mapping[str, str]:
        stored = self._context.cursor.position(self._name) or {}
        return stored["validators"] if stored.get("url") == self._url_digest else {}


def _payload(url: str, answer: Answer, body: bytes) -> Payload:
    return Payload(body, shown(url), datetime.now(UTC), answer.content_type)


def _limits(options: Options) -> Limits:
    return Limits(options.max_bytes, options.total_timeout_seconds, options.allowed_hosts)


def _headers(options: Options) -> dict[str, str]:
    return {
        name: value.secret().get_secret_value() if isinstance(value, FromEnvironment) else value
        for name, value in options.headers.items()
    }


@asynccontextmanager
async def _client(options: Options) -> AsyncIterator[httpx2.AsyncClient]:
    timeout = httpx2.Timeout(options.read_timeout_seconds, connect=options.connect_timeout_seconds, pool=None)
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
    transport = Guarded(options.internal_hosts)
    async with httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False, headers=headers) as client:
        yield client
