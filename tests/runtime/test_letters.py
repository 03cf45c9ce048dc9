"""Which letters are chosen, and when one is settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from runtime.dead_letters import dead_letter
from runtime.elastic.letters import Letter, Selection
from runtime.elastic.resolutions import LEASE, Resolution, Sent
from schemas import contract
from schemas.validation import problems

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
LETTER = Letter(
    **dead_letter(tenant="t", feed="f", stage="decode", reason="r", detail="", place="p", payload=b"", occurred_at=NOON)
)


@pytest.mark.parametrize("evil", ['*" OR feed:*', "/.*/", '{"match_all":{}}', "a\nb"])
def test_what_an_operator_writes_is_compared_and_never_interpreted(evil: str) -> None:
    query = Selection(ids=(evil,), tenant=evil, feed=evil, reason=evil, stage=evil).query()
    clauses = query["bool"]["filter"]
    assert {next(iter(c)) for c in clauses} == {"term", "terms"}
    assert [c["term"] for c in clauses if "term" in c] == [
        {n: {"value": evil}} for n in ("tenant", "feed", "reason", "stage")
    ]


def test_a_span_of_time_is_a_range_with_its_end_left_out() -> None:
    assert Selection(since=NOON, until=NOON + timedelta(hours=1)).query() == {
        "bool": {"filter": [{"range": {"occurred_at": {"gte": NOON.isoformat(), "lt": "2026-07-14T13:00:00+00:00"}}}]}
    }
    assert Selection().is_all
    assert Selection().query() == {"bool": {"filter": []}}


def test_a_resolved_letter_is_settled_unless_the_index_refused_its_event_again() -> None:
    resolution = Resolution.begun(LETTER, "resolved", NOON + timedelta(hours=1))
    later = NOON + timedelta(hours=2)
    assert resolution.settles(LETTER)
    assert resolution.settles(replace(LETTER, occurred_at=later))
    assert resolution.settles(replace(LETTER, stage="index"))
    assert not resolution.settles(replace(LETTER, stage="index", occurred_at=later))
    assert not replace(resolution, state="fixed").settles(LETTER)


def test_one_who_sends_is_left_alone_for_as_long_as_sending_may_take() -> None:
    resolution = Resolution.begun(LETTER, "sending", NOON)
    assert resolution.is_being_sent(NOON + LEASE - timedelta(seconds=1))
    assert not resolution.is_being_sent(NOON + LEASE)
    assert not replace(resolution, state="fixed").is_being_sent(NOON)


def test_a_resolution_is_what_its_contract_says() -> None:
    made = replace(Resolution.begun(LETTER, "sending", NOON), event="weather_observed", events=(Sent("s", NOON, b"x"),))
    assert problems(contract("dead_letter_resolution"), made.record()) == []


def test_a_letter_is_read_back_as_it_was_indexed() -> None:
    source: dict[str, Any] = {n: getattr(LETTER, n) for n in Letter.__slots__ if getattr(LETTER, n) is not None}
    document = orjson.loads(orjson.dumps({**source, "payload": "AP8="}))
    assert Letter.of(document) == replace(LETTER, payload=b"\x00\xff")
