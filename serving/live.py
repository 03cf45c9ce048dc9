"""Live updates: those who ask the same of the same view share one question to Elasticsearch a second.

A listener may hear several datasets at once: a browser has few connections to one server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from anyio import to_thread
from elasticsearch import ApiError, TransportError

from runtime import metrics
from serving import problems
from serving.access.view import View
from serving.problems import ProblemError
from serving.queries.bodies import Document, Position
from serving.queries.conditions import Condition
from serving.queries.reader import Reader

log = structlog.get_logger()

PERIOD_SECONDS = 1.0
BEGIN_SECONDS = 10.0
RETRY_SECONDS = 5
MAX_CHANGES = 10_000
MAX_WAITING = 20  # batches a slow client may be behind
MAX_LISTENERS = 500
MAX_OF_OWNER = 100  # several people may share an address
MAX_CHANNELS = 50
WAIT = {"Retry-After": "30"}


@dataclass(frozen=True)
class Question:
    """What is listened to; equal questions share their answers, so the view is part of it."""

    dataset: str
    scope: str
    condition: Condition


class Batch(NamedTuple):
    """What has changed in a dataset."""

    dataset: str
    documents: list[Document]


@dataclass(eq=False)
class Listener:
    """One client, with the batches that it has not taken yet."""

    owner: str
    waiting: asyncio.Queue[Batch] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    is_behind: bool = False


@dataclass(eq=False)
class Channel:
    """One question, those who listen to its answers, and what was answered lately."""

    view: View
    condition: Condition
    listeners: set[Listener] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[tuple[object, ...], Document] = field(default_factory=dict)
    changed: list[Document] = field(default_factory=list)

    def news(self, documents: list[Document]) -> list[Document]:
        """The documents that have changed since they were last seen here."""
        names = [n for n in self.view.dataset.contract.key if n != self.view.dataset.contract.time]
        now = {tuple(d.get(n) for n in names): d for d in documents}
        before, self.seen = self.seen, now  # every answer repeats the end of the one before
        return [d for entity, d in now.items() if before.get(entity) != d]

    def tell(self) -> None:
        """Hand changes to every listener; one that is too far behind is told so, and ends."""
        batch, self.changed = Batch(self.view.dataset.name, self.changed), []
        for listener in self.listeners:
            try:
                listener.waiting.put_nowait(batch)
            except asyncio.QueueFull:
                listener.is_behind = True


class Live:
    """The channels of a process."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._channels: dict[Question, Channel] = {}

    @asynccontextmanager
    async def listening(self, views: Sequence[View], condition: Condition, owner: str) -> AsyncIterator[Listener]:
        """A listener of an owner to what is written from now on; asking for the latest states now leaves no gap.

        Raises:
            ProblemError: too many listen, or Elasticsearch does not answer.
        """
        questions = {Question(v.dataset.name, v.scope, condition): v for v in views}
        self._require_room(questions, owner)
        listener = Listener(owner)
        joined = {q: self._joined(q, view, listener) for q, view in questions.items()}
        metrics.API_LISTENERS.set(len(self._listeners()))
        try:
            for channel in joined.values():
                await _begun(channel)
            yield listener
        finally:
            for question, channel in joined.items():
                self._leave(question, channel, listener)
            metrics.API_LISTENERS.set(len(self._listeners()))

    def _joined(self, question: Question, view: View, listener: Listener) -> Channel:
        channel = self._channels.setdefault(question, Channel(view, question.condition))
        channel.listeners.add(listener)
        if channel.task is None:
            channel.task = asyncio.create_task(self._run(channel))
        return channel

    def _leave(self, question: Question, channel: Channel, listener: Listener) -> None:
        channel.listeners.discard(listener)
        if not channel.listeners:
            if channel.task is not None:
                channel.task.cancel()
            self._channels.pop(question, None)

    def _require_room(self, questions: Mapping[Question, View], owner: str) -> None:
        every = self._listeners()
        new = questions.keys() - self._channels.keys()
        if sum(x.owner == owner for x in every) >= MAX_OF_OWNER:
            detail = f"{MAX_OF_OWNER} of your clients listen already; end one of them"
            raise ProblemError(429, "too-many-listeners", detail, WAIT)
        if len(every) >= MAX_LISTENERS or len(self._channels) + len(new) > MAX_CHANNELS:
            raise ProblemError(503, "too-many-listeners", "too many listen now; try again later", WAIT)

    def _listeners(self) -> set[Listener]:
        return {x for c in self._channels.values() for x in c.listeners}

    async def _run(self, channel: Channel) -> None:
        """Ask again and again what was written; where Elasticsearch is away, what is missed comes when it is back."""
        position: Position | None = None
        while True:
            try:
                position = await to_thread.run_sync(self._step, channel, position)
            except (ApiError, TransportError, ProblemError) as e:
                log.warning("api.live_waits", dataset=channel.view.dataset.name, reason=type(e).__name__)
            else:
                channel.is_ready.set()
                if channel.changed:
                    channel.tell()
            await asyncio.sleep(PERIOD_SECONDS)

    def _step(self, channel: Channel, position: Position | None) -> Position:
        known = self._reader.position(channel.view) if position is None else position
        found, reached = self._reader.changes(channel.view, channel.condition, known, MAX_CHANGES)
        news = channel.news(found)
        channel.changed = [] if position is None else news
        return reached


async def _begun(channel: Channel) -> None:
    try:
        await asyncio.wait_for(channel.is_ready.wait(), BEGIN_SECONDS)
    except TimeoutError:
        raise problems.unavailable(RETRY_SECONDS) from None
