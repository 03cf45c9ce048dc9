"""Ages of documents: counted in steps, never taken for less than they are."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from garonne.freshness import STEP_MS, Probe, ResultProbe, percentiles

START = datetime(2026, 7, 14, 12, tzinfo=UTC)


def answer(newest: int | None, **started: int) -> dict[str, Any]:
    """What Elasticsearch says: documents by the second after START in which their clock started."""
    buckets = [
        {"key": (START + timedelta(seconds=int(s.removeprefix("s")))).timestamp() * 1000, "doc_count": n}
        for s, n in started.items()
    ]
    return {"aggregations": {"newest": {"value": newest}, "counted": {"started": {"buckets": buckets}}}}


def test_a_documents_age_is_from_its_clock_to_the_look() -> None:
    probe = Probe("city-latest", "ingested_at", START)
    probe.take("a", answer(9, s1=3, s4=1), START + timedelta(seconds=5))
    assert probe.ages == Counter({4000 // STEP_MS: 3, 1000 // STEP_MS: 1})


def test_an_age_between_two_steps_is_taken_for_the_longer() -> None:
    probe = Probe("city-latest", "ingested_at", START)
    probe.take("a", answer(9, s1=1), START + timedelta(seconds=2, milliseconds=10))
    assert probe.ages == Counter({1050 // STEP_MS: 1})


def test_what_was_fresh_long_ago_no_longer_counts() -> None:
    probe = Probe("city-latest", "ingested_at", START)
    probe.take("a", answer(9, s1=3), START + timedelta(seconds=5))
    probe.take("a", answer(12, s130=1), START + timedelta(seconds=131))
    assert probe.ages == Counter({1000 // STEP_MS: 1})


def test_the_next_look_begins_after_the_newest_document() -> None:
    probe = Probe("city-latest", "ingested_at", START)
    probe.take("a", answer(41), START)
    probe.take("b", answer(None), START)
    assert probe.search("a")["query"] == {"range": {"_seq_no": {"gt": 41}}}
    assert probe.search("b")["query"] == {"range": {"_seq_no": {"gt": -1}}}


def written(*documents: tuple[str, int, int]) -> dict[str, Any]:
    """What Elasticsearch says of documents: id, number in the index, second in which the clock started."""
    return {
        "hits": {
            "hits": [
                {"_id": id_, "fields": {"last_ingested_at": [milliseconds(second)]}, "sort": [number]}
                for id_, number, second in documents
            ]
        }
    }


def milliseconds(second: int) -> str:
    return str((START + timedelta(seconds=second)).timestamp() * 1000)


def after(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_figure_counts_when_it_stands_on_a_newer_observation() -> None:
    probe = ResultProbe("city-heat", "last_ingested_at", START)
    probe.take("a", written(("x", 1, 1), ("y", 2, 2)), after(5))
    probe.take("a", written(("x", 3, 1), ("y", 4, 60)), after(70))
    assert probe.ages == Counter({4000 // STEP_MS: 1, 3000 // STEP_MS: 1, 10_000 // STEP_MS: 1})


def test_a_figure_that_is_put_back_and_comes_again_counts_once() -> None:
    probe = ResultProbe("city-heat", "last_ingested_at", START)
    for number, second in enumerate((10, 5, 10)):
        probe.take("a", written(("x", number, second)), after(20))
    assert probe.ages == Counter({10_000 // STEP_MS: 1})


def test_figures_of_before_the_watch_do_not_count() -> None:
    probe = ResultProbe("city-heat", "last_ingested_at", after(10))
    probe.take("a", written(("x", 1, 9), ("y", 2, 10)), after(12))
    assert probe.ages == Counter({2000 // STEP_MS: 1})


def test_the_next_look_for_figures_goes_on_after_the_last_one_seen() -> None:
    probe = ResultProbe("city-heat", "last_ingested_at", START)
    probe.take("a", written(("x", 7, 1), ("y", 9, 1)), after(2))
    probe.take("a", written(), after(3))
    assert probe.search("a")["query"] == {"range": {"_seq_no": {"gt": 9}}}


def test_percentiles_are_those_of_the_documents() -> None:
    ages = Counter({second * 1000 // STEP_MS: 1 for second in range(1, 101)})
    found = percentiles(ages)
    assert found is not None
    assert (found.count, found.p50, found.p95, found.p99) == (100, 50.0, 95.0, 99.0)


def test_one_slow_document_in_a_hundred_is_not_yet_the_99th_percentile_but_two_are() -> None:
    of_hundred = Counter({1: 99, 200: 1}), Counter({1: 98, 200: 2})
    assert [p.p99 for ages in of_hundred if (p := percentiles(ages))] == [STEP_MS / 1000, 200 * STEP_MS / 1000]


def test_without_documents_there_is_nothing_to_say() -> None:
    assert percentiles(Counter()) is None
