"""What a view adds to every question, and what it never lets through."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.settings import PROJECT
from schemas import contract, contracts
from serving.access.caller import Caller, anonymous
from serving.access.levels import Level, visible_fields
from serving.access.quotas import Quotas
from serving.access.view import View, datasets, view, views
from serving.problems import ProblemError
from serving.queries.conditions import AllOf, AnyOf, Compare, Condition, IsNull, Not, OneOf, StartsWith
from tests.servers.serving import TENANTS, probes

PROBE = probes()["probe_observed"]
NAMES = [f.name for f in PROBE.fields]
ASKING = {"search", "count", "get", "mget", "msearch", "open_point_in_time", "scroll", "knn_search", "esql", "bulk"}
CLIENT = re.compile(r"(^|[._])es(\.options\(.*\))?$")
# The keys and the record of accesses, which are nobody's documents.
OWN_INDICES = {"reader.py", "keys.py", "audit.py"}


def conditions(names: list[str]) -> st.SearchStrategy[Condition]:
    field = st.sampled_from(names)
    text = st.text(max_size=20)
    leaves: st.SearchStrategy[Condition] = st.one_of(
        st.builds(Compare, field, st.sampled_from(["=", "!=", "<", ">="]), st.one_of(text, st.integers(), st.floats())),
        st.builds(OneOf, field, st.lists(text, max_size=3).map(tuple)),
        st.builds(IsNull, field),
        st.builds(StartsWith, field, text),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
            st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        ),
        max_leaves=6,
    )


def named(query: Any) -> set[str]:
    """Every field that a query of Elasticsearch names."""
    found: set[str] = set()
    if isinstance(query, dict):
        for key, value in query.items():
            if key in ("term", "terms", "range", "prefix", "wildcard", "match"):
                found |= {name.removesuffix(".keyword") for name in value}
            elif key == "exists":
                found.add(value["field"])
            else:
                found |= named(value)
    if isinstance(query, list):
        found = set().union(*map(named, query))
    return found


@given(conditions(NAMES), st.sampled_from(Level), st.sets(st.sampled_from(TENANTS), min_size=1))
def test_every_query_is_within_the_tenants_and_names_visible_fields_alone(
    asked: Condition, level: Level, tenants: set[str]
) -> None:
    seen = View(next(datasets([PROBE])), level, frozenset(tenants))
    try:
        query = seen.query(asked)
    except ProblemError:
        return
    assert {"terms": {"tenant": sorted(tenants)}} in query["bool"]["filter"]
    assert named(query) <= {f.name for f in visible_fields(PROBE, level)}


@given(conditions(["inspector"]), st.sampled_from(Level))
def test_personal_fields_are_at_no_level(asked: Condition, level: Level) -> None:
    seen = View(next(datasets([PROBE])), level, None)
    if named_in(asked):
        with pytest.raises(ProblemError, match="has no field 'inspector'"):
            seen.query(asked)


def named_in(condition: Condition) -> bool:
    if isinstance(condition, AllOf | AnyOf):
        return any(map(named_in, condition.parts))
    return named_in(condition.part) if isinstance(condition, Not) else True


@pytest.mark.parametrize(
    ("asked", "level", "reach"),
    [
        ([], Level.PARTNER, {"balma"}),
        (["balma"], Level.PARTNER, {"balma"}),
        (["aucamville"], Level.OPEN, {"aucamville"}),
        (["balma", "aucamville"], Level.OPEN, {"balma", "aucamville"}),
        (["*"], Level.OPEN, None),
    ],
)
def test_beyond_their_tenants_the_holder_of_a_key_is_anybody(
    asked: list[str], level: Level, reach: set[str] | None
) -> None:
    holder = Caller("k", Level.PARTNER, frozenset({"balma"}), 1, "k")
    assert holder.scope(frozenset(asked)) == (level, reach if reach is None else frozenset(reach))


def test_an_anonymous_caller_sees_the_open_contracts_and_no_others() -> None:
    seen = views(contracts().values(), anonymous("127.0.0.1", 1), frozenset())
    declared = {c.name for c in contracts().values() if c.declaration.sensitivity == "open"}
    assert {v.dataset.contract.name for v in seen.values()} == declared
    assert all(v.tenants is None and v.level is Level.OPEN for v in seen.values())
    with pytest.raises(ProblemError) as hidden:
        view(contracts().values(), anonymous("127.0.0.1", 1), "dead_letter", frozenset())
    with pytest.raises(ProblemError) as nothing:
        view(contracts().values(), anonymous("127.0.0.1", 1), "no_such_one", frozenset())
    assert hidden.value.detail.replace("dead_letter", "no_such_one") == nothing.value.detail


def test_nothing_is_visible_of_a_contract_above_the_level() -> None:
    assert list(visible_fields(contract("dead_letter"), Level.PARTNER)) == []
    assert len(list(visible_fields(contract("dead_letter"), Level.PRIVATE))) == len(contract("dead_letter").fields)


def test_only_the_reader_asks_elasticsearch_for_documents() -> None:
    files = sorted((PROJECT / "serving").rglob("*.py"))
    asking = {
        path.name
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ASKING and CLIENT.search(ast.unparse(node.value))
    }
    assert asking == OWN_INDICES


def test_a_bucket_of_requests_fills_again() -> None:
    now = [0.0]
    quotas = Quotas(lambda: now[0])
    who = Caller("k", Level.OPEN, None, 60, "k")
    for _ in range(60):
        quotas.take(who)
    with pytest.raises(ProblemError) as refused:
        quotas.take(who)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    quotas.take(Caller("other", Level.OPEN, None, 60, "other"))
    now[0] = 1.0
    quotas.take(who)
    with pytest.raises(ProblemError):
        quotas.take(who)
