"""ODSQL as typed values: what it means, and what is said of a clause that is none."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.access.levels import Level
from serving.access.view import View, datasets
from serving.odsql.clauses import Column, Selection, groupings, orders, selection
from serving.odsql.where import condition
from serving.problems import ProblemError
from serving.queries.bodies import Order
from serving.queries.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    InBox,
    InPolygon,
    IsNull,
    Near,
    Not,
    OneOf,
    StartsWith,
)
from serving.queries.measures import Grouping, Measure, Step
from tests.servers.serving import probes

PROBE = probes()["probe_observed"]
SEEN = View(next(datasets([PROBE])), Level.OPEN, None)
OPEN, NOT_NULL, IN_TOWN = (Compare(name, "=", True) for name in ("is_open", "not_null", "in_town"))
RING = ((1.0, 43.0), (2.0, 43.0), (2.0, 44.0), (1.0, 43.0))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("visits_count > 3", Compare("visits_count", ">", 3)),
        ("visits_count: 3", Compare("visits_count", "=", 3)),
        ("`state` <> 'it\\'s'", Compare("state", "!=", "it's")),
        ("level_celsius < -1.5e1", Compare("level_celsius", "<", -15.0)),
        ("observed_at >= date'2026-07-14'", Compare("observed_at", ">=", datetime(2026, 7, 14, tzinfo=UTC))),
        ("is_open", Compare("is_open", "=", True)),
        ("is_open is FALSE", Compare("is_open", "=", False)),
        ("state is null", IsNull("state")),
        ("state IS NOT NULL", Not(IsNull("state"))),
        ("state in ('a', \"b\")", OneOf("state", ("a", "b"))),
        ("state not in ('a')", Not(OneOf("state", ("a",)))),
        ("visits_count in [1..3[", AllOf((Compare("visits_count", ">=", 1), Compare("visits_count", "<", 3)))),
        ("visits_count in ]1 TO 3]", AllOf((Compare("visits_count", ">", 1), Compare("visits_count", "<=", 3)))),
        ("name like 'capitole'", Contains("name", "capitole")),
        ("startswith(entity_id, 'p-')", StartsWith("entity_id", "p-")),
        ("search(name, state, 'x')", AnyOf((Contains("name", "x"), Contains("state", "x")))),
        ("in_bbox(location, 43, 1, 44, 2)", InBox("location", 1.0, 43.0, 2.0, 44.0)),
        ("within_distance(location, GEOM'POINT(1.44 43.6)', 1.5km)", Near("location", (1.44, 43.6), 1500.0)),
        ("intersects(location, geom'POLYGON((1 43, 2 43, 2 44, 1 43))')", InPolygon("location", RING)),
        ("not is_open or is_open and is_open", AnyOf((Not(OPEN), AllOf((OPEN, OPEN))))),
        ("is_open and (not_null or in_town)", AllOf((OPEN, AnyOf((NOT_NULL, IN_TOWN))))),
    ],
)
def test_where_means(text: str, meaning: Condition) -> None:
    assert condition(text, SEEN.fields) == meaning


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at character 1 stands the end"),
        ("visits_count >", "at character 15 stands the end, where a number"),
        ("visits_count = 1 )", "at character 18 stands ')'"),
        ("visits_count = 1 § 2", "at character 18 stands '§ 2'"),
        ("near(location)", "no function near; there are in_bbox"),
        ("in_bbox(location)", "in_bbox(location, south, west, north, east)"),
        ("within_distance(location, geom'LINE(1 2)', 1m)", "geom'POINT(1.44 43.6)'"),
        ("observed_at > date'soon'", "2026-07-14T21:00:00Z"),
        ("nobody = 1", "has no field 'nobody'; it has tenant"),
        ("operator_note = 'x'", "has no field 'operator_note'; it has tenant"),
        ("visits_count = 'many'", "'many' is not a number"),
        ("visits_count > 1e30", "is too large"),
        ("entity_id = 5", "put it in quotes"),
        ("location = 'x'", "of the kind place"),
        ("visits_count like 'x'", "of the kind integer"),
        ("within_distance(location, geom'POINT(200 0)', 1m)", "is no place"),
        ("in_bbox(location, 44, 1, 43, 2)", "lies north"),
        ("not " * 30 + "is_open", "more than 20 conditions"),
        ("x" * 5000, "5000 characters"),
    ],
)
def test_what_is_wrong_with_where_is_said(text: str, says: str) -> None:
    with pytest.raises(ProblemError) as problem:
        SEEN.query(condition(text, SEEN.fields))
    assert says in problem.value.detail


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_a_condition_or_a_problem(text: str) -> None:
    for clause in (lambda t: SEEN.query(condition(t, SEEN.fields)), groupings, orders, lambda t: selection(t, [])):
        with contextlib.suppress(ProblemError):
            clause(text)


WORDS = [
    "visits_count",
    "state",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "(",
    ")",
    "[",
    "..",
    ",",
    "=",
    ">",
    "3",
    "'a'",
]


@given(
    st.lists(st.sampled_from([*WORDS, "like", "*", "range", "avg", "as", "date'2026-01-01'"]), max_size=12).map(
        " ".join
    )
)
def test_any_words_of_the_language_are_a_condition_or_a_problem(text: str) -> None:
    test_any_text_is_a_condition_or_a_problem.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@given(st.text(max_size=30))
def test_a_text_in_quotes_is_only_a_text(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert condition(f'state = "{quoted}"', SEEN.fields) == Compare("state", "=", text)


def test_the_other_clauses_mean() -> None:
    assert selection("a, b AS c, count(*), AVG(x) as mean, count(distinct y)", []) == Selection(
        (Column("a", "a"), Column("c", "b")),
        (Measure("count(*)", "count"), Measure("mean", "avg", "x"), Measure("count(distinct y)", "count", "y", True)),
    )
    assert selection("*", ["a", "b"]).columns == (Column("a", "a"), Column("b", "b"))
    assert groupings("a as b, range(t, 15 minutes), range(n, 2.5)", "Europe/Paris") == (
        Grouping("b", "a", None, "Europe/Paris"),
        Grouping("t", "t", Step(15, "minute"), "Europe/Paris"),
        Grouping("n", "n", 2.5, "Europe/Paris"),
    )
    assert orders("a, b DESC, count(*) desc") == (Order("a"), Order("b", True), Order("count(*)", True))


@pytest.mark.parametrize(
    ("clause", "text", "says"),
    [
        (orders, "a sideways", "asc or desc"),
        (groupings, "year(t)", "stands ')'"),
        (groupings, "floor(t, 3)", "no function floor"),
        (lambda t: selection(t, []), "variance(x)", "no function variance; there are count"),
        (lambda t: selection(t, []), "sum(*)", "sum needs a field"),
        (lambda t: selection(t, []), "a, a", "two parts are called a"),
    ],
)
def test_what_is_wrong_with_the_other_clauses_is_said(clause: object, text: str, says: str) -> None:
    assert callable(clause)
    with pytest.raises(ProblemError) as problem:
        clause(text)
    assert says in problem.value.detail
