"""The only place that asks Elasticsearch for documents; every question is put through a view."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from elasticsearch import Elasticsearch

from serving import problems
from serving.access.view import View
from serving.queries.bodies import (
    NUMBER,
    Document,
    Order,
    Position,
    document,
    figures,
    nothing,
    require_names,
    sort,
    wanted,
    written_after,
)
from serving.queries.conditions import Condition, Everything
from serving.queries.cursors import Cursor
from serving.queries.kinds import FieldKind, exact, require
from serving.queries.measures import GROUPABLE, Grouping, Measure, aggregation, group_value, source, time_of

SEARCH_SECONDS = 20
KEEP_ALIVE = "5m"
PAGE = 2000
MAX_SIZE = 10_000  # index.max_result_window
MAX_GROUPS = 10_000
DEGREE_DECIMALS = 6  # as exactly as Elasticsearch keeps places
CORNERS = (("top_left", "lon"), ("bottom_right", "lat"), ("bottom_right", "lon"), ("top_left", "lat"))


@dataclass(frozen=True)
class Page:
    """Some documents, and how to go on; None when there are no more."""

    documents: list[Document]
    next: Cursor | None
    total: int | None = None  # of all pages, where it was asked for


@dataclass(frozen=True)
class Extent:
    """Where and when documents are: west, south, east, north in degrees, and the first and last time."""

    box: tuple[float, float, float, float] | None
    first: str | None
    last: str | None


class Reader:
    """Documents of views, by condition: some, pages, all, counted, grouped."""

    def __init__(self, es: Elasticsearch) -> None:
        self._es = es.options(request_timeout=SEARCH_SECONDS + 5)

    def answers(self) -> bool:
        """Whether Elasticsearch says anything."""
        return bool(self._es.options(request_timeout=5).info())

    def total(self, view: View, condition: Condition = Everything()) -> int:  # noqa: B008 -- a constant
        """Number of documents."""
        found = self._es.count(index=view.dataset.alias, query=view.query(condition), ignore_unavailable=True)
        return int(found["count"])

    def some(
        self, view: View, condition: Condition, select: Sequence[str], order: Sequence[Order], offset: int, limit: int
    ) -> tuple[int, list[Document]]:
        """How many documents there are, and some of them."""
        asked = {**wanted(view, select), "sort": sort(view, order), "from_": offset, "size": limit}
        found = self._search(view, condition, track_total_hits=True, **asked)
        return found["hits"]["total"]["value"], [document(h, select) for h in found["hits"]["hits"]]

    def page(
        self,
        view: View,
        condition: Condition,
        select: Sequence[str],
        order: Sequence[Order],
        limit: int,
        at: Cursor | None,
        is_counted: bool = False,
    ) -> Page:
        """A page of documents of one point in time, after those before it; counted, with the number of all."""
        size = min(limit + 1, MAX_SIZE)  # one more tells whether there are more
        asked = {**wanted(view, select), "sort": [*sort(view, order), {"_shard_doc": "asc"}], "size": size}
        view.query(condition)  # what cannot be asked opens no point in time
        point = at.point if at else self._point(view)
        if point is None:
            return Page([], None, 0 if is_counted else None)
        after: dict[str, Any] = {"search_after": at.after} if at else {}
        is_open = False
        try:
            pit = {"id": point, "keep_alive": KEEP_ALIVE}
            found = self._search(view, condition, pit=pit, track_total_hits=is_counted, **after, **asked)
            hits = found["hits"]["hits"]
            total = found["hits"]["total"]["value"] if is_counted else None
            is_open = len(hits) > limit or len(hits) == MAX_SIZE
            documents = [document(h, select) for h in hits[:limit]]
            return Page(documents, Cursor(found["pit_id"], hits[limit - 1]["sort"]) if is_open else None, total)
        finally:
            if not is_open and at is None:
                self._es.close_point_in_time(id=point)

    def scan(
        self, view: View, condition: Condition, select: Sequence[str], order: Sequence[Order], most: int | None = None
    ) -> Generator[list[Document], None, None]:
        """All documents, or the first, in pages, of one point in time."""
        at: Cursor | None = None
        left = most
        try:
            while left is None or left > 0:
                found = self.page(view, condition, select, order, PAGE if left is None else min(PAGE, left), at)
                at = found.next
                yield found.documents
                left = None if left is None else left - len(found.documents)
                if at is None:
                    return
        finally:
            if at is not None:
                self._es.options(ignore_status=404).close_point_in_time(id=at.point)

    def groups(
        self, view: View, condition: Condition, groupings: Sequence[Grouping], measures: Sequence[Measure]
    ) -> list[Document]:
        """What every group has in common, and its figures.

        Raises:
            ProblemError: there are more groups than can be told.
        """
        require_names(groupings, measures)
        places = {f"m{i}": a for i, m in enumerate(measures) if (a := aggregation(m, view.field)) is not None}
        if not groupings:
            return [self._one_group(view, condition, measures, places)]
        sources = [{f"g{i}": source(g, view.field)} for i, g in enumerate(groupings)]
        composite = {"composite": {"size": MAX_GROUPS + 1, "sources": sources}, "aggregations": places}
        found = self._search(view, condition, size=0, aggregations={"groups": composite})
        buckets = found.get("aggregations", {}).get("groups", {}).get("buckets", [])
        if len(buckets) > MAX_GROUPS:
            raise problems.bad_query(f"more than {MAX_GROUPS:,} groups; ask for less time or longer steps")
        return [
            {g.name: group_value(g, view.field, b["key"][f"g{i}"]) for i, g in enumerate(groupings)}
            | figures(view, measures, b)
            for b in buckets
        ]

    def newest(
        self, view: View, condition: Condition, select: Sequence[str], limit: int, each: int = 1
    ) -> list[Document]:
        """The newest document of each entity, or its newest few, where the dataset does not keep them apart."""
        contract = view.dataset.contract
        identity = [view.field(name) for name in contract.key if name != contract.time]
        sources = [{f.name: {"terms": {"field": exact(f)}}} for f in identity]
        wanted = [*dict.fromkeys([*select, contract.time])]
        top = {"size": each, "sort": sort(view, [Order(contract.time, is_descending=True)]), "_source": wanted}
        composite = {"composite": {"size": limit, "sources": sources}, "aggregations": {"top": {"top_hits": top}}}
        found = self._search(view, condition, size=0, aggregations={"entities": composite})
        buckets = found.get("aggregations", {}).get("entities", {}).get("buckets", [])
        return [document(hit, select) for b in buckets for hit in b["top"]["hits"]["hits"]]

    def extent(self, view: View, place: str) -> Extent:
        """Where and when the documents of a dataset are."""
        time = view.dataset.contract.time
        asked = {
            "box": {"geo_bounds": {"field": require(view.field(place), {FieldKind.PLACE}, "an extent").name}},
            "first": {"min": {"field": time}},
            "last": {"max": {"field": time}},
        }
        found = self._search(view, Everything(), size=0, aggregations=asked).get("aggregations", {})
        bounds = found.get("box", {}).get("bounds")
        west_south_east_north = (
            tuple(round(bounds[corner][axis], DEGREE_DECIMALS) for corner, axis in CORNERS) if bounds else None
        )
        times = (found.get(name, {}).get("value") for name in ("first", "last"))
        first, last = (None if value is None else time_of(value) for value in times)
        return Extent(cast(tuple[float, float, float, float] | None, west_south_east_north), first, last)

    def values(
        self, view: View, condition: Condition, fields: Sequence[str], most: int
    ) -> dict[str, list[tuple[Any, int]]]:
        """The most frequent values of fields, with the number of their documents."""
        known = [require(view.field(name), GROUPABLE, "counting values") for name in fields]
        asked = {f"v{i}": {"terms": {"field": exact(f), "size": most}} for i, f in enumerate(known)}
        found = self._search(view, condition, size=0, aggregations=asked).get("aggregations", {})
        return {
            f.name: [(b.get("key_as_string", b["key"]), b["doc_count"]) for b in found[f"v{i}"]["buckets"]]
            for i, f in enumerate(known)
            if f"v{i}" in found
        }

    def position(self, view: View) -> Position:
        """How far the writing of each index of a dataset has come."""
        by_index = {
            "terms": {"field": "_index", "size": MAX_GROUPS},
            "aggregations": {"last": {"max": {"field": NUMBER}}},
        }
        found = self._search(view, Everything(), size=0, aggregations={"indices": by_index})
        buckets = found.get("aggregations", {}).get("indices", {}).get("buckets", [])
        return {b["key"]: int(b["last"]["value"]) for b in buckets}

    def changes(self, view: View, condition: Condition, since: Position, most: int) -> tuple[list[Document], Position]:
        """Documents that were written after a position, the oldest first, and the position after them."""
        asked = {**wanted(view, list(view.fields)), "sort": [{NUMBER: "asc"}], "size": most}
        found = self._search(view, condition, also=written_after(since), seq_no_primary_term=True, **asked)
        reached = dict(since)
        for hit in found["hits"]["hits"]:
            reached[hit["_index"]] = max(reached.get(hit["_index"], 0), hit[NUMBER])
        return [document(h, list(view.fields)) for h in found["hits"]["hits"]], reached

    def _one_group(
        self, view: View, condition: Condition, measures: Sequence[Measure], places: dict[str, Any]
    ) -> Document:
        more = {"aggregations": places} if places else {}
        found = self._search(view, condition, size=0, track_total_hits=True, **more)
        count = found["hits"]["total"]["value"]
        answered = found.get("aggregations") or {name: nothing(a) for name, a in places.items()}
        return figures(view, measures, {"doc_count": count, **answered})

    def _search(self, view: View, condition: Condition, also: Document | None = None, **asked: Any) -> dict[str, Any]:
        where: dict[str, Any] = {} if "pit" in asked else {"index": view.dataset.alias, "ignore_unavailable": True}
        if "index" in where:
            asked["allow_partial_search_results"] = False
        query, limit = view.query(condition), f"{SEARCH_SECONDS}s"
        if also is not None:
            query = {"bool": {"filter": [query, also]}}
        found = self._es.search(query=query, timeout=limit, **where, **asked)
        if found["timed_out"]:
            raise problems.unavailable(SEARCH_SECONDS)
        return dict(found)

    def _point(self, view: View) -> str | None:
        """A point in time of a dataset; None when it has no documents yet."""
        if not self._es.indices.exists(index=view.dataset.alias):
            return None
        return str(self._es.open_point_in_time(index=view.dataset.alias, keep_alive=KEEP_ALIVE)["id"])
