"""Bulk writing: every item is looked at, and nothing is given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, AuthenticationException, ConnectionTimeout

from runtime.elastic import bulk
from runtime.elastic.bulk import Action, BlockedSinkError, BrokenSinkError


class ScriptedElasticsearch:
    """Answers bulk requests from a script; the last answer repeats."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[list[str]] = []
        self.refreshed = False

    def bulk(self, *, operations: bytes, filter_path: str, refresh: bool) -> Any:  # noqa: ARG002
        self.refreshed = refresh
        ids = [orjson.loads(line)["index"]["_id"] for line in operations.splitlines()[::2]]
        self.requests.append(ids)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(ids) if callable(answer) else answer


def status(number: int) -> ApiError:
    meta = ApiResponseMeta(number, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 1))
    return (AuthenticationException if number == 401 else ApiError)("no", meta, {})


def items(*statuses: int) -> dict[str, Any]:
    error = {"type": "t", "reason": "r"}
    return {
        "errors": True,
        "items": [{"index": {"status": s, **({"error": error} if s >= 400 else {})}} for s in statuses],
    }


FINE = {"errors": False}


def actions(count: int) -> list[Action]:
    return [Action("i", str(n), 1, b"{}") for n in range(count)]


def written(es: ScriptedElasticsearch, todo: Sequence[Action]) -> tuple[bulk.Outcome, list[float]]:
    pauses: list[float] = []
    return bulk.write(es, todo, pauses.append), pauses  # type: ignore[arg-type]


def test_only_what_is_to_be_visible_at_once_is_refreshed() -> None:
    es = ScriptedElasticsearch(FINE)
    bulk.write(es, actions(1), visible=True)  # type: ignore[arg-type]
    assert es.refreshed
    bulk.write(es, actions(1))  # type: ignore[arg-type]
    assert not es.refreshed


def test_each_item_is_counted_for_what_it_is() -> None:
    outcome, pauses = written(ScriptedElasticsearch(items(201, 409, 400, 200)), actions(4))
    assert (outcome.written, outcome.unchanged, [r.action.id for r in outcome.refused]) == (2, 1, ["2"])
    assert outcome.refused[0].reason == "t: r"
    assert pauses == []


def test_only_what_was_not_taken_is_sent_again() -> None:
    es = ScriptedElasticsearch(items(201, 429, 503, 201), items(429, 201), FINE)
    outcome, pauses = written(es, actions(4))
    assert es.requests == [["0", "1", "2", "3"], ["1", "2"], ["1"]]
    assert outcome.written == 4
    assert len(pauses) == 2


@pytest.mark.parametrize("failure", [status(429), status(503), ConnectionTimeout("slow")])
def test_a_request_that_fails_is_sent_again_for_as_long_as_it_takes(failure: Exception) -> None:
    es = ScriptedElasticsearch(*[failure] * 40, FINE)
    outcome, pauses = written(es, actions(2))
    assert outcome.written == 2
    assert len(pauses) == 40
    assert max(pauses) <= bulk.MAX_PAUSE_SECONDS


def test_a_request_that_is_refused_as_a_whole_is_parted_until_one_is_to_blame() -> None:
    def judge(ids: list[str]) -> Any:
        if "3" in ids:
            raise status(400)
        return FINE

    es = ScriptedElasticsearch(judge)
    outcome, pauses = written(es, actions(8))
    assert (outcome.written, [r.action.id for r in outcome.refused], pauses) == (7, ["3"], [])
    assert len(es.requests) == 7


def test_a_wrong_login_is_said_at_once() -> None:
    with pytest.raises(AuthenticationException):
        written(ScriptedElasticsearch(status(401)), actions(1))


def test_a_batch_that_is_mostly_refused_stops_the_sink() -> None:
    es = ScriptedElasticsearch(items(*[400] * 60, *[201] * 20))
    with pytest.raises(BrokenSinkError, match="60 of 80 documents refused, the first: t: r"):
        written(es, actions(80))


def test_a_sink_in_doubt_is_stopped_by_fewer() -> None:
    with pytest.raises(BrokenSinkError, match="2 of 3 documents refused"):
        bulk.write(ScriptedElasticsearch(items(400, 400, 201)), actions(3), breaker_minimum=2)  # type: ignore[arg-type]
    es = ScriptedElasticsearch(items(400, 201, 201))
    assert len(bulk.write(es, actions(3), breaker_minimum=1).refused) == 1  # type: ignore[arg-type]


def blocked(number: int, kind: str = "cluster_block_exception") -> dict[str, Any]:
    error = {"type": kind, "reason": "index [i] blocked by: [disk usage exceeded flood-stage watermark]"}
    return {"errors": True, "items": [{"index": {"status": number, "error": error}}]}


@pytest.mark.parametrize("kind", ["cluster_block_exception", "index_closed_exception", "security_exception"])
@pytest.mark.parametrize("number", [400, 403, 429])
def test_what_a_blocked_index_does_not_take_is_no_dead_letter_and_sent_again(number: int, kind: str) -> None:
    es = ScriptedElasticsearch(*[blocked(number, kind)] * 5, FINE)
    outcome, pauses = written(es, actions(1))
    assert (outcome.written, outcome.refused, len(pauses)) == (1, [], 5)


def test_an_index_that_stays_blocked_is_waited_for_a_minute_and_left_to_the_query() -> None:
    pauses: list[float] = []
    with pytest.raises(BlockedSinkError, match=r"1 documents not taken: cluster_block_exception: .*flood-stage"):
        bulk.write(ScriptedElasticsearch(blocked(403)), actions(1), pauses.append)  # type: ignore[arg-type]
    assert 40 < sum(pauses) < 80


def test_a_cluster_that_is_blocked_as_a_whole_is_waited_for_as_well() -> None:
    meta = ApiResponseMeta(403, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 1))
    error = ApiError("cluster_block_exception", meta, {"error": {"type": "cluster_block_exception"}})
    outcome, pauses = written(ScriptedElasticsearch(error, error, FINE), actions(1))
    assert (outcome.written, len(pauses)) == (1, 2)


def test_waiting_is_told_with_its_reason_and_so_is_its_end() -> None:
    told: list[str | None] = []
    es = ScriptedElasticsearch(ConnectionTimeout("slow"), items(429), FINE)
    bulk.write(es, actions(1), lambda _: None, waiting=told.append)  # type: ignore[arg-type]
    assert told[:2] == ["ConnectionTimeout: slow", "t: r"]
    assert told[-1] is None
    told.clear()
    es = ScriptedElasticsearch(status(503), status(401))
    with pytest.raises(AuthenticationException):
        bulk.write(es, actions(1), lambda _: None, waiting=told.append)  # type: ignore[arg-type]
    assert told[-1] is None


def test_documents_that_are_all_refused_do_not_fill_the_memory() -> None:
    es = ScriptedElasticsearch(lambda ids: items(*[400] * len(ids)))
    with pytest.raises(BrokenSinkError):
        written(es, actions(100_000))
    assert len(es.requests) == 2


def test_requests_are_bounded_in_count_and_bytes() -> None:
    es = ScriptedElasticsearch(FINE)
    big = [Action("i", str(n), 1, b"x" * 3_000_000) for n in range(5)]
    outcome, _ = written(es, big)
    assert outcome.written == 5
    assert [len(r) for r in es.requests] == [2, 2, 1]
    es = ScriptedElasticsearch(FINE)
    written(es, actions(12_000))
    assert [len(r) for r in es.requests] == [5000, 5000, 2000]
