"""What `garonne status` says of queries that do not run."""

from __future__ import annotations

import pytest

from garonne.metrics_view import Sample
from garonne.status import PAUSED, REFUSED, stopped_queries
from jobs.engine.failures import Kind
from jobs.engine.refusal import Reason


def test_every_reason_has_its_sentence() -> None:
    assert set(REFUSED) == set(Reason)
    assert set(PAUSED) == set(Kind)


def test_a_refused_query_is_shown_with_the_command_that_mends_it() -> None:
    [line] = stopped_queries([Sample("garonne_query_refused", {"query": "heat", "reason": "lost"}, 1)])
    assert line == (
        "heat is refused: it has run before, and its checkpoint is gone. To begin anew: garonne rebuild heat"
    )


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (Sample("garonne_query_paused", {"query": "heat", "reason": "sink"}, 1), "its mapping is to be mended"),
        (Sample("garonne_sink_waiting", {"query": "heat", "reason": "ConnectionError"}, 35.2), "for 35 s: Connection"),
    ],
)
def test_a_query_that_waits_is_shown_with_what_it_waits_for(sample: Sample, said: str) -> None:
    [line] = stopped_queries([sample])
    assert line.startswith("heat ")
    assert said in line


def test_nothing_is_said_of_queries_that_run() -> None:
    assert stopped_queries([Sample("garonne_query_rows_total", {"query": "heat"}, 7)]) == []
