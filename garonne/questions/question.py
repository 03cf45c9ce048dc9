"""A question as both doors are asked it, read from a file and checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlencode

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from garonne.questions.city import TENANT
from schemas import contracts
from serving.access.view import Dataset, datasets
from serving.doors.datasets import PREFIX

FILE = files("garonne.questions") / "questions.yaml"


class Question(BaseModel):
    """A question in words, as a call of the API and as a search of Elasticsearch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z-]{3,40}$")
    fr: str
    en: str
    dataset: str
    api: dict[str, str | int]
    search: dict[str, Any]
    order: tuple[str, ...] = ()  # of the search's rows, where Elasticsearch cannot: columns, - for descending
    rows: int | None = None  # of the search's that are meant, where Elasticsearch cannot say it

    @model_validator(mode="after")
    def _is_of_a_dataset(self) -> Question:
        if self.dataset not in _datasets():
            raise ValueError(f"{self.id}: there is no dataset {self.dataset}")
        if self.api.get("path") not in ("history", "aggregate"):
            raise ValueError(f"{self.id}: api.path is history or aggregate")
        return self

    @property
    def words(self) -> dict[Literal["fr", "en"], str]:
        """The question in both languages."""
        return {"fr": self.fr, "en": self.en}

    @property
    def index(self) -> str:
        """The example city's indices of the dataset."""
        found = _datasets()[self.dataset]
        return f"{found.alias}-{TENANT}" + ("" if found.is_latest else "-*")

    @property
    def parameters(self) -> dict[str, str]:
        """What the API is asked with."""
        return {"tenant": TENANT, **{k: str(v) for k, v in self.api.items() if k != "path"}}

    @property
    def path(self) -> str:
        """The path of the API."""
        return f"{PREFIX}/{self.dataset}/{self.api['path']}"

    @property
    def address(self) -> str:
        """Path and parameters of the API as one address."""
        return f"{self.path}?{urlencode(self.parameters)}"


@lru_cache(maxsize=1)
def questions() -> tuple[Question, ...]:
    """All questions, in the order of the page.

    Raises:
        ValueError: two have one id, or one cannot be asked.
    """
    found = tuple(Question.model_validate(q) for q in yaml.safe_load(FILE.read_text(encoding="utf-8")))
    if len({q.id for q in found}) < len(found):
        raise ValueError("two questions have one id")
    return found


@lru_cache(maxsize=1)
def _datasets() -> Mapping[str, Dataset]:
    return {d.name: d for d in datasets(contracts().values())}
