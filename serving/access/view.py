"""What a request may see of a dataset. Every question to Elasticsearch is put through a view, which adds its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schemas import Contract, Field
from serving import problems
from serving.access.caller import Caller
from serving.access.levels import Level, visible_fields
from serving.queries.conditions import Condition, Everything
from serving.queries.rendering import rendered


@dataclass(frozen=True)
class Dataset:
    """The documents of a contract: all, or the newest state of each entity."""

    contract: Contract
    is_latest: bool = False

    @property
    def name(self) -> str:
        """Its name in addresses."""
        return f"{self.contract.name}_latest" if self.is_latest else self.contract.name

    @property
    def alias(self) -> str:
        """Its alias in Elasticsearch."""
        return self.contract.latest_alias if self.is_latest else self.contract.alias


@dataclass(frozen=True)
class View:
    """A dataset at one level and for some tenants (None: all)."""

    dataset: Dataset
    level: Level
    tenants: frozenset[str] | None

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The fields that are there for this caller, in the contract's order."""
        return {f.name: f for f in visible_fields(self.dataset.contract, self.level)}

    def field(self, name: str) -> Field:
        """A field by name.

        Raises:
            ProblemError: there is none for this caller.
        """
        try:
            return self.fields[name]
        except KeyError:
            raise problems.unknown_field(name, self.dataset.name, self.fields) from None

    def query(self, condition: Condition = Everything()) -> dict[str, Any]:  # noqa: B008 -- a constant
        """The query of Elasticsearch for a condition, always within the tenants; its fields are all of this view."""
        clauses = [rendered(condition, self.field)]
        if self.tenants is not None:
            clauses.append({"terms": {"tenant": sorted(self.tenants)}})
        return {"bool": {"filter": clauses}}

    @property
    def scope(self) -> str:
        """Level and tenants as text, to tie a cursor to them."""
        return f"{self.level} {'*' if self.tenants is None else ','.join(sorted(self.tenants))}"


def datasets(contracts: Iterable[Contract]) -> Iterator[Dataset]:
    """All datasets of contracts."""
    for contract in contracts:
        yield Dataset(contract)
        if contract.has_latest:
            yield Dataset(contract, is_latest=True)


def views(contracts: Iterable[Contract], caller: Caller, tenants: frozenset[str]) -> dict[str, View]:
    """What a caller may see, by the names of the datasets."""
    level, reach = caller.scope(tenants)
    every = [View(d, level, reach) for d in datasets(contracts) if level.sees(d.contract.declaration.sensitivity)]
    return {v.dataset.name: v for v in every}


def view(contracts: Iterable[Contract], caller: Caller, name: str, tenants: frozenset[str]) -> View:
    """What a caller may see of a dataset.

    Raises:
        ProblemError: there is no such dataset for this caller.
    """
    known = views(contracts, caller, tenants)
    if name not in known:
        raise problems.unknown_dataset(name, known)
    return known[name]
