"""A record against its contract: `Record` comes in, a full event or a `Rejected` goes out; nothing is clipped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.feed import Feed
from connectors.fieldchecks import Check, Problem, check_of
from connectors.model import Reason, Record, Rejected
from schemas import Contract

Event = dict[str, Any]

SHOWN_ENTITY = 256

#: Set by the feed or stated by the record itself; the rest are its values.
GIVEN = frozenset({"tenant", "feed", "ingested_at", "entity_id", "observed_at"})


class Acceptance:
    """The checks of a feed's contract, put together once; a record then costs a few microseconds."""

    def __init__(self, feed: Feed, contract: Contract) -> None:
        """Put the checks together.

        Raises:
            ValueError: a default of the feed is not what the contract says.
        """
        self._contract = contract.name
        self._tenant = feed.tenant
        self._feed = feed.id
        self._tolerance = timedelta(seconds=feed.future_tolerance_seconds)
        checks = {f.name: check_of(f) for f in contract.fields}
        self._check_entity = checks["entity_id"]
        self._check_time = checks["observed_at"]
        self._plan = [
            (f.name, checks[f.name], feed.defaults.get(f.name), not f.is_optional and f.name != "flags")
            for f in contract.fields
            if f.name not in GIVEN
        ]
        self._names = frozenset(contract.field_names) - GIVEN
        self._refuse_bad_defaults(feed.defaults, checks)

    def __call__(self, record: Record, ingested_at: datetime) -> Event | Rejected:
        """The event of a record that was taken in at a time (aware), or why there is none."""
        problem = self._head_problem(record, ingested_at)
        if problem:
            return refused(problem, record)
        event: Event = {
            "tenant": self._tenant,
            "entity_id": record.entity_id,
            "observed_at": record.observed_at,
            "ingested_at": ingested_at,
            "feed": self._feed,
        }
        values = record.values
        for name, check, default, is_required in self._plan:
            value = values.get(name)
            if value is not None:
                problem = check(value)
                if problem:
                    return refused((problem[0], f"{name}: {problem[1]}"), record)
                event[name] = value
            elif default is None and is_required:
                return refused((Reason.MISSING_FIELD, f"{name}: missing"), record)
            else:
                event[name] = default
        event["flags"] = sorted(event["flags"] or ())
        return event

    def _head_problem(self, record: Record, ingested_at: datetime) -> Problem | None:
        if record.event != self._contract:
            return Reason.UNSUPPORTED, f"a {record.event}, and the feed brings {self._contract}"
        problem = self._check_entity(record.entity_id) or self._check_time(record.observed_at)
        if problem:
            return problem[0], f"entity_id or observed_at: {problem[1]}"
        if not record.entity_id:
            return Reason.MISSING_FIELD, "entity_id: is empty"
        if record.observed_at > ingested_at + self._tolerance:
            return Reason.FUTURE_TIME, f"observed_at: {record.observed_at.isoformat()} is later than now"
        if not self._names.issuperset(record.values):
            unknown = ", ".join(sorted(record.values.keys() - self._names))
            return Reason.UNKNOWN_VALUE, f"{unknown}: no field of {self._contract} that a record may set"
        return None

    def _refuse_bad_defaults(self, defaults: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
        for name, value in defaults.items():
            if name not in self._names:
                raise ValueError(f"defaults: {name} cannot have one in {self._contract}")
            problem = checks[name](value) if value is not None else None
            if problem:
                raise ValueError(f"defaults: {name}: {problem[1]}")


def refused(problem: Problem, record: Record) -> Rejected:
    """A decoded record that is not taken, with the payload that holds it alone: a mended mapping reads it again."""
    payload = record.alone() if record.alone is not None else None
    return Rejected(problem[0], problem[1], str(record.entity_id)[:SHOWN_ENTITY], payload)
