"""The natural key of a mapped record: whose it is and when it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as ModelField

from connectors.formats._errors import ReadError, shown
from connectors.formats._paths import Getter, Resolve, first_of
from connectors.formats._times import instant
from connectors.formats._values import scalar_text
from connectors.model import Payload, Reason

EntityGetter = Callable[[Any, Any, Payload], str]
TimeGetter = Callable[[Any, Any], datetime]


class EntityId(BaseModel):
    """Whose record it is: the value at ``from``, or the group of a pattern found in the payload's address."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: tuple[str, ...] = ModelField(default=(), alias="from")
    place: re.Pattern[str] | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> EntityId:
        if bool(self.source) == bool(self.place):
            raise ValueError("needs either 'from' or 'place'")
        if self.place and self.place.groups != 1:
            raise ValueError(r"'place' needs one group, such as datasets/0*(\d+)-")
        return self

    def getter(self, resolve: Resolve) -> EntityGetter:
        """The entity of a record, never empty; raises `ReadError`."""
        prefix = self.prefix
        if self.place is not None:
            search = self.place.search
            return lambda _row, _document, payload: prefix + _found(search(payload.place), payload)
        get = first_of([resolve(p) for p in self.source])
        return lambda row, document, _payload: prefix + _identifier(get(row, document))


class ObservedAt(BaseModel):
    """When it was: the value at ``from``, or those at ``join`` with a space between, moved by ``add_seconds``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: tuple[str, ...] = ModelField(default=(), alias="from")
    join: tuple[str, ...] = ()
    format: str = "iso"
    timezone: str | None = None
    add_seconds: float = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> ObservedAt:
        if bool(self.source) == bool(self.join):
            raise ValueError("needs either 'from' or 'join'")
        instant(self.format, self.timezone)
        return self

    def getter(self, resolve: Resolve) -> TimeGetter:
        """The instant of a record, in UTC; raises `ReadError`."""
        read, shift = instant(self.format, self.timezone), timedelta(seconds=self.add_seconds)
        get = first_of([resolve(p) for p in self.source]) if self.source else _joined(self.join, resolve)

        def time(row: Any, document: Any) -> datetime:
            raw = get(row, document)
            if raw is None or raw == "" or raw == 0:  # an epoch of zero is how machines write "never"
                raise ReadError(Reason.MISSING_FIELD, "observed_at: is required and not there")
            try:
                return read(raw) + shift if shift else read(raw)
            except ReadError as e:
                raise e.at("observed_at") from e
            except (ValueError, TypeError, ArithmeticError) as e:
                raise ReadError(Reason.WRONG_TYPE, f"observed_at: {shown(raw)}: {e}") from e

        return time


def _identifier(raw: Any) -> str:
    if raw is None or raw == "":
        raise ReadError(Reason.MISSING_FIELD, "entity_id: is required and not there")
    try:
        text = scalar_text(raw).strip()
    except ReadError as e:
        raise e.at("entity_id") from e
    if not text:
        raise ReadError(Reason.MISSING_FIELD, "entity_id: is empty")
    return text


def _found(match: re.Match[str] | None, payload: Payload) -> str:
    found = match.group(1) if match else None
    if not found:
        raise ReadError(Reason.MISSING_FIELD, f"entity_id: not found in {shown(payload.place)}")
    return found


def _joined(paths: tuple[str, ...], resolve: Resolve) -> Getter:
    getters = [resolve(p) for p in paths]

    def get(row: Any, document: Any) -> Any:
        parts = [g(row, document) for g in getters]
        return None if any(p is None or p == "" for p in parts) else " ".join(scalar_text(p).strip() for p in parts)

    return get
