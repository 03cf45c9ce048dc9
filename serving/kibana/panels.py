"""What dashboards show, in one file for all forms: panels of figures of a contract, in groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas import Contract, contract
from schemas.contract import Field as ContractField
from serving.odsql.clauses import selection
from serving.problems import ProblemError
from serving.queries.kinds import require
from serving.queries.measures import GROUPABLE, Measure, aggregation

FILE = files("serving.kibana") / "dashboards.yaml"
COLUMNS = 48  # of Kibana's grid
PanelKind = Literal["metric", "line", "bar", "table"]
SIZES: Mapping[PanelKind, tuple[int, int]] = {"metric": (12, 6), "line": (24, 12), "bar": (24, 12), "table": (48, 14)}
Words = dict[Literal["fr", "en"], str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Panel(_Strict):
    """Figures of a contract's documents: one, over time, or by groups."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    title: Words
    kind: PanelKind
    contract: str
    show: dict[str, str]  # label: a figure as in `select` of the API
    by: tuple[str, ...] = ()
    limit: int = Field(default=10, ge=1, le=1000)  # groups

    @property
    def of(self) -> Contract:
        """The contract it is about."""
        return contract(self.contract)

    def field(self, name: str) -> ContractField:
        """A field of the contract.

        Raises:
            ValueError: it has none of that name.
        """
        try:
            return next(f for f in self.of.fields if f.name == name)
        except StopIteration:
            raise ValueError(f"{self.id}: {self.contract} has no field {name}") from None

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """The figures by their labels."""
        return {label: _measure(self.id, text) for label, text in self.show.items()}

    @property
    def is_over_time(self) -> bool:
        """Whether its figures are those of steps of time."""
        return self.kind == "line"

    @model_validator(mode="after")
    def _can_be_shown(self) -> Panel:
        try:
            for measure in self.measures.values():
                aggregation(measure, self.field)
            for name in self.by:
                require(self.field(name), GROUPABLE, "a group")
        except ProblemError as e:
            raise ValueError(f"{self.id}: {e.detail}") from None
        groups = {"metric": (0, 0), "line": (0, 1), "bar": (1, 1), "table": (1, 3)}[self.kind]
        if not groups[0] <= len(self.by) <= groups[1] or not self.show:
            raise ValueError(f"{self.id}: a {self.kind} has {groups[0]} to {groups[1]} groups, and at least one figure")
        if self.kind == "metric" and len(self.show) > 1:
            raise ValueError(f"{self.id}: a metric has one figure")
        return self


class Dashboard(_Strict):
    """The panels of a trade, or of the pipeline, from top to bottom."""

    title: Words
    time: str = Field(pattern=r"^now-\d+[hdwM]$")  # what is shown first: from then until now
    panels: tuple[Panel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_told_apart(self) -> Dashboard:
        ids = [p.id for p in self.panels]
        if twice := {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"two panels are called {', '.join(sorted(twice))}")
        return self

    @property
    def placed(self) -> Iterator[tuple[Panel, dict[str, int]]]:
        """The panels with their places on the grid, packed in rows from the left."""
        x = y = height = 0
        for panel in self.panels:
            w, h = SIZES[panel.kind]
            if x + w > COLUMNS or (height and h != height):
                x, y, height = 0, y + height, 0
            yield panel, {"x": x, "y": y, "w": w, "h": h}
            x, height = x + w, h


@lru_cache(maxsize=1)
def dashboards() -> Mapping[str, Dashboard]:
    """All dashboards by name; they are in a file of the package and do not change while it runs.

    Raises:
        pydantic.ValidationError: a panel cannot be shown; says which and why.
    """
    said = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Dashboard.model_validate(d) for name, d in said.items()}


def _measure(panel: str, text: str) -> Measure:
    found = selection(text, ())
    if len(found.measures) != 1 or found.columns:
        raise ValueError(f"{panel}: {text} is not one figure, such as avg(temperature_celsius)")
    return found.measures[0]
