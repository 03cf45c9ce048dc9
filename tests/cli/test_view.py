"""The demo's table, and when the demo takes the pipeline for caught up."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from garonne.demo.view import LEAST_LAG_RECORDS, QUERIES, View
from garonne.metrics_view import Sample


def samples(lag: int, queries: set[str] = QUERIES) -> list[Sample]:
    """What a driver says whose queries are all that many records behind."""
    return [
        sample
        for query in queries
        for sample in (
            Sample("garonne_query_batch_seconds_count", {"query": query}, 4),
            Sample("garonne_query_lag_records", {"query": query}, lag),
        )
    ]


def test_it_has_caught_up_when_no_query_is_behind() -> None:
    assert View({}).has_caught_up(samples(0))


def test_it_has_not_while_a_query_is_behind() -> None:
    assert not View({}).has_caught_up(samples(LEAST_LAG_RECORDS + 1))


def test_a_few_seconds_of_events_are_not_behind() -> None:
    view = View({})
    view.rates["in"].per_second = 2000
    assert view.has_caught_up(samples(5000))
    assert not view.has_caught_up(samples(7000))


def test_it_has_not_before_every_query_has_been_at_work() -> None:
    assert not View({}).has_caught_up(samples(0, QUERIES - {"transit_headway"}))


def test_a_key_is_shown_whole_on_a_narrow_terminal() -> None:
    key = "garonne_" + "k" * 60
    console = Console(width=80, file=StringIO(), record=True)
    console.print(View({"toulouse itself": key}).table([], {}, [], {}, 0.0, 0.0))
    shown = "".join(cell for line in console.export_text().splitlines() for cell in line.split("│")[2:3])
    assert key in shown.replace(" ", "")
