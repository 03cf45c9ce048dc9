from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.cursor import Cursor
from connectors.delivery import Context
from connectors.inflate import Inflater, TooLargeError
from connectors.transports import http
from connectors.transports._http_get import GetError
from runtime.urls import shown
from tests.connectors.benches import Bench
from tests.connectors.scripted import LOCAL, Answer, Errors, KeptIntake, Polled, ScriptedServer, answer, polled, until

BODY = b'{"results": []}'


def poll(context: Context, *answers: Answer | float | None, **wanted: Any) -> Polled:
    return asyncio.run(polled(context, ScriptedServer(answers), **wanted))


def fetch(context: Context, *answers: Answer | float | None, **options: Any) -> bytes:
    async def fetching() -> bytes:
        server = ScriptedServer(answers)
        async with server.running():
            given = http.Options.model_validate({"kind": "http", **LOCAL, "url": server.url, **options})
            return b"".join([payload.body async for payload in http.fetch(given, context)])

    return asyncio.run(fetching())


def test_each_answer_is_delivered_with_its_address_type_and_time(context: Context) -> None:
    before = datetime.now(UTC)
    result = poll(context, answer(body=BODY, Content_Type="application/json"), deliveries=2, period_seconds=0.01)
    payload = result.deliveries[0].payload
    assert payload.body == BODY
    assert payload.place == result.server.url
    assert payload.content_type == "application/json"
    assert before <= payload.received_at <= datetime.now(UTC)


def test_the_next_request_is_conditional_and_not_modified_delivers_nothing(context: Context) -> None:
    date = "Tue, 14 Jul 2026 10:00:00 GMT"
    first = answer(body=BODY, ETag='"one"', Last_Modified=date)
    result = poll(context, first, answer("304 Not Modified"), deliveries=1, requests=4, period_seconds=0.01)
    requests = result.server.requests
    assert result.bodies == [BODY]
    assert "if-none-match" not in requests[0].headers
    assert requests[1].headers["if-none-match"] == '"one"'
    assert requests[3].headers["if-modified-since"] == date


def test_a_new_start_goes_on_from_the_answer_that_was_acknowledged_last(context: Context) -> None:
    async def twice() -> list[str | None]:
        server = ScriptedServer([answer(body=BODY, ETag='"one"')])
        async with server.running():
            options = http.Options.model_validate({"kind": "http", **LOCAL, "url": server.url})
            for _ in range(2):
                await first_delivery(options, context)
        return [r.headers.get("if-none-match") for r in server.requests]

    assert asyncio.run(twice()) == [None, '"one"']


def test_what_was_not_acknowledged_is_asked_for_without_condition_after_a_new_start(context: Context) -> None:
    async def twice() -> list[str | None]:
        server = ScriptedServer([answer(body=BODY, ETag='"one"')])
        async with server.running():
            options = http.Options.model_validate({"kind": "http", **LOCAL, "url": server.url})
            for _ in range(2):
                await first_delivery(options, replace(context, cursor=Cursor()))
        return [r.headers.get("if-none-match") for r in server.requests]

    assert asyncio.run(twice()) == [None, None]


async def first_delivery(options: http.Options, context: Context) -> None:
    intake = KeptIntake(context, 1)
    task = asyncio.create_task(http.run(options, context, intake))
    await asyncio.wait_for(intake.enough.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    "wait", ["1", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)], ids=["seconds", "date"]
)
def test_a_server_that_asks_to_wait_is_left_alone_for_so_long(
    context: Context, errors: Errors, status: str, wait: str
) -> None:
    async def one_second() -> int:
        server = ScriptedServer([answer(status, Retry_After=wait), answer(body=BODY)])
        async with server.running():
            given = {"kind": "http", **LOCAL, "url": server.url, "retry_seconds": 0.001}
            task = asyncio.create_task(http.run(http.Options.model_validate(given), context, KeptNothing()))
            await until(lambda: bool(server.requests))
            await asyncio.sleep(0.3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return len(server.requests)

    assert asyncio.run(one_second()) == 1
    assert errors.kinds == [f"status_{status[:3]}"]


class KeptNothing:
    async def deliver(self, delivery: Any) -> None:
        raise AssertionError(f"nothing was to come, and there is {delivery}")

    async def drain(self) -> None:
        return


def test_no_server_makes_us_wait_longer_than_the_cap(context: Context) -> None:
    busy = answer("429 Too Many Requests", Retry_After="86400")
    assert poll(context, busy, answer(body=BODY), deliveries=1, max_retry_seconds=0.05).bodies == [BODY]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answer("500 Internal Server Error"), "status_500"),
        (answer("404 Not Found"), "status_404"),
        (None, "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "connection"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "connection"),
        (b"not http\r\n\r\n", "connection"),
        (answer(body=gzip.compress(BODY)[:-9], Content_Encoding="gzip"), "damaged"),
        (answer(body=BODY, Content_Encoding="gzip"), "damaged"),
        (answer(body=BODY, Content_Encoding="br"), "damaged"),
    ],
)
def test_a_fault_is_reported_and_the_address_tried_again(
    context: Context, errors: Errors, fault: bytes | None, kind: str
) -> None:
    assert poll(context, fault, fault, answer(body=BODY), deliveries=1).bodies == [BODY]
    assert errors.kinds == [kind, kind]


def test_half_a_document_is_asked_for_again_though_it_bears_the_mark_of_the_whole(
    context: Context, bench: Bench
) -> None:
    def unchanged_or(body: bytes) -> Answer:
        unchanged = answer("304 Not Modified", ETag='"1"')
        return lambda r: unchanged if "if-none-match" in r.headers else answer(body=body, ETag='"1"')

    async def main() -> list[str | None]:
        server = ScriptedServer([unchanged_or(b'["s1", "s'), unchanged_or(b'["s1", "s2"]')])
        async with server.running():
            given = {"kind": "http", **LOCAL, "url": server.url, "period_seconds": 0.02}
            task = asyncio.create_task(http.run(http.Options.model_validate(given), context, bench.intake()))
            await until(lambda: task.done() or len(server.requests) >= 4)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return [r.headers.get("if-none-match") for r in server.requests[:4]]

    assert asyncio.run(main()) == [None, None, '"1"', '"1"']
    assert bench.entities == ["s1", "s2"]
    assert [letter["reason"] for letter in bench.letters] == ["malformed"]


def test_a_slow_server_costs_no_more_than_the_total_time(context: Context, errors: Errors) -> None:
    assert poll(context, 5.0, answer(body=BODY), deliveries=1, total_timeout_seconds=0.1).bodies == [BODY]
    assert errors.kinds == ["timeout"]


def test_an_address_that_is_down_does_not_hold_up_the_others(context: Context, errors: Errors) -> None:
    def by_station(request: Any) -> bytes:
        return answer("500 Oops") if "down" in request.target else answer(body=request.target.encode())

    url = "http://127.0.0.1:{port}/{station}"
    result = asyncio.run(polled_stations(context, url, by_station, ["down", "a b", "c"]))
    assert {b"/a%20b", b"/c"} <= set(result)
    assert set(errors.kinds) == {"status_500"}


async def polled_stations(context: Context, url: str, by: Answer, stations: Sequence[str]) -> list[bytes]:
    server = ScriptedServer([by])
    async with server.running():
        given = {
            "kind": "http",
            **LOCAL,
            "url": url.replace("{port}", str(server.port)),
            "for_each": {"station": stations},
        }
        options = http.Options.model_validate({**given, "period_seconds": 0.02, "retry_seconds": 0.001})
        intake = KeptIntake(context, 6)
        task = asyncio.create_task(http.run(options, context, intake))
        await until(intake.enough.is_set)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return intake.bodies


def test_a_body_is_unpacked_when_the_server_packs_it(context: Context) -> None:
    assert fetch(context, answer(body=gzip.compress(BODY), Content_Encoding="gzip")) == BODY


@pytest.mark.parametrize(
    "large",
    [
        answer(body=b"x" * 2_000),
        answer(body=gzip.compress(b"x" * 2_000), Content_Encoding="gzip"),
        answer(body=b"x" * 2_000).replace(b"Content-Length: 2000\r\n", b""),
    ],
)
def test_a_body_over_the_limit_is_refused_packed_or_not(context: Context, large: bytes) -> None:
    with pytest.raises(GetError) as refused:
        fetch(context, large, max_bytes=1_000)
    assert refused.value.kind == "too_large"


def test_unpacking_never_makes_more_bytes_than_it_may() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    with pytest.raises(TooLargeError):
        list(Inflater(1_000_000).feed(bomb))


def test_redirects_on_the_same_host_are_followed(context: Context) -> None:
    moved = answer("302 Found", Location="/elsewhere")
    result = poll(context, moved, moved, moved, answer(body=BODY), deliveries=1)
    assert result.bodies == [BODY]
    assert result.server.requests[3].target == "/elsewhere"


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:9/x",  # another name, even of the same machine
        "http://example.org/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "//127.0.0.2/x",
        "//127.0.0.1:9200/x",  # another port, and so another service
    ],
)
def test_redirects_to_anywhere_else_are_refused(context: Context, location: str) -> None:
    with pytest.raises(GetError, match="redirect") as refused:
        fetch(context, answer("302 Found", Location=location), answer(body=BODY))
    assert refused.value.kind == "refused"


def test_a_fourth_redirect_is_refused(context: Context) -> None:
    with pytest.raises(GetError, match="more than 3"):
        fetch(context, answer("302 Found", Location="/again"))


def test_another_host_is_followed_when_it_is_allowed_by_name_and_gets_no_secret(context: Context) -> None:
    def redirect(request: Any) -> bytes:
        port = request.headers["host"].partition(":")[2]
        return answer("302 Found", Location=f"http://localhost:{port}/x")

    options: dict[str, Any] = {"allowed_hosts": ["localhost"], "headers": {"X-Api-Key": "canary"}}
    result = poll(context, redirect, answer(body=BODY), deliveries=1, **options)
    assert result.server.requests[0].headers["x-api-key"] == "canary"
    assert "x-api-key" not in result.server.requests[1].headers


def test_secrets_come_from_the_environment_and_are_shown_nowhere(
    context: Context, errors: Errors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "canary")
    headers = {"X-Api-Key": {"env": "TEST_KEY"}}
    result = poll(context, answer("401 Unauthorized"), answer(body=BODY), deliveries=1, headers=headers)
    assert result.server.requests[0].headers["x-api-key"] == "canary"
    options = http.Options.model_validate({"kind": "http", "url": "http://a/", "headers": headers})
    assert "canary" not in repr(options) + str(errors) + str(result.deliveries)


def test_a_secret_that_is_not_set_is_reported_by_the_name_of_its_variable(context: Context, errors: Errors) -> None:
    options: dict[str, Any] = {"headers": {"X": {"env": "NOT_SET_ANYWHERE"}}, "max_retry_seconds": 0.001}

    async def one_error() -> int:
        server = ScriptedServer([answer(body=BODY)])
        async with server.running():
            given = http.Options.model_validate({"kind": "http", **LOCAL, "url": server.url, **options})
            task = asyncio.create_task(http.run(given, context, KeptNothing()))
            await until(lambda: bool(errors.kinds))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return len(server.requests)

    assert asyncio.run(one_error()) == 0
    assert errors.kinds[0] == "secret"
    assert "NOT_SET_ANYWHERE" in errors.texts[0]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@host/a?limit=5&apikey=canary", "https://host/a?limit=5&apikey=***"),
        ("https://host/a?access_token=canary&x=1", "https://host/a?access_token=***&x=1"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_the_age_a_server_gives_its_answer_sets_the_pace_when_that_is_asked_for(context: Context) -> None:
    more = answer(body=BODY, Cache_Control="public, max-age=0")
    options: dict[str, Any] = {"period_seconds": 3600, "min_period_seconds": 0, "follow_max_age": True}
    assert len(poll(context, more, deliveries=20, **options).bodies) >= 20


def test_max_age_of_an_unchanged_answer_is_followed_too(context: Context) -> None:
    first = answer(body=BODY, ETag='"one"', Cache_Control="max-age=0")
    unchanged = answer("304 Not Modified", Cache_Control="max-age=0")
    options: dict[str, Any] = {"period_seconds": 3600, "min_period_seconds": 0, "follow_max_age": True}
    assert len(poll(context, first, unchanged, deliveries=1, requests=5, **options).server.requests) >= 5


def test_the_period_is_kept_when_an_answer_may_live_longer_or_shorter() -> None:
    def pause(max_age: float | None, **options: Any) -> float:
        given = http.Options.model_validate({"kind": "http", "url": "http://a/", "period_seconds": 60, **options})
        return http.next_poll(given, max_age)

    assert pause(0) == 60
    assert pause(None, follow_max_age=True) == 60
    assert pause(3600, follow_max_age=True) == 60
    assert pause(20, follow_max_age=True) == 20
    assert pause(0, follow_max_age=True) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"url": "file:///etc/passwd"},
        {"url": "ftp://host/x"},
        {"url": "http:///x"},
        {"url": "http://host/", "for_each": {"station": ["a"]}},
        {"url": "http://host/{s}", "for_each": {"s": []}},
        {"url": "http://host/{s}/{t}", "for_each": {"s": ["a"] * 100, "t": ["b"] * 100}},
        {"url": "http://host/", "headers": {"X": {"env": "not a name"}}},
        {"url": "http://host/", "unknown": 1},
    ],
)
def test_options_that_cannot_work_are_refused_when_the_feed_is_loaded(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        http.Options.model_validate({"kind": "http", **options})
