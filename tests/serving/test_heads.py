"""HEAD: what GET says of an answer, without the answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from serving.heads import Heads

PATHS = [
    "/docs",
    "/openapi.json",
    "/health",
    "/ogc",
    "/ogc/conformance",
    "/ogc/nothing",
    "/ngsi-ld/v1/types",
    "/api/v1/datasets",
]


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_says(alone: TestClient, path: str) -> None:
    got, head = alone.get(path), alone.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers.get(name) == got.headers.get(name)


def asked(method: str, parts: int) -> tuple[list[Message], list[str], int, str]:
    """What is sent of an answer of some parts, how the application was asked, and how many parts it made."""
    sent: list[Message] = []
    methods: list[str] = []
    made = 0

    async def application(scope: Scope, _: Receive, send: Send) -> None:
        nonlocal made
        methods.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        for _ in range(parts):
            made += 1
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: dict[str, Any] = {"type": "http", "method": method}
    asyncio.run(Heads(application)(scope, receive, send))
    return sent, methods, made, scope["method"]


def test_an_answer_without_an_end_is_ended_where_its_body_would_begin() -> None:
    sent, methods, made, method = asked("HEAD", 10**9)
    assert sent[0]["headers"] == [(b"content-length", b"9")]
    assert sent[1:] == [{"type": "http.response.body"}]
    assert (methods, made, method) == (["GET"], 1, "HEAD")


def test_get_is_left_alone() -> None:
    sent, methods, made, _ = asked("GET", 3)
    assert ([m.get("body") for m in sent[1:]], methods, made) == ([b"x"] * 3, ["GET"], 3)
