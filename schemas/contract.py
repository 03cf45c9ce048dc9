"""Contracts as typed values: ``<name>/v<major>.avsc`` with its ``contract.yaml`` comes in, a `Contract` goes out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic import Field as ModelField

ROOT = files("schemas")  # a folder, or a place in the archive that a cluster's workers get
SCHEMA = re.compile(r"v(\d+)\.avsc")

AvroType = str | list[Any] | dict[str, Any]


class Kind(StrEnum):
    """What a contract describes."""

    EVENT = "event"  # an observation: a topic, its documents and the entity's latest state
    RESULT = "result"  # what a job computes: documents only
    RECORD = "record"  # what the platform says of itself: a topic and its documents


class Sensitivity(StrEnum):
    """Who may see it; the order is that of the levels of access."""

    OPEN = "open"
    PARTNER = "partner"
    PRIVATE = "private"
    PERSONAL = "personal"


class Field(BaseModel):
    """One field of a contract, as its Avro schema states it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    name: str
    type: Any
    doc: str = ""
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = ModelField(default=None, alias="maxLength")
    values: tuple[str, ...] | None = None
    sensitivity: Sensitivity | None = None

    @property
    def is_optional(self) -> bool:
        """Whether null is allowed."""
        return isinstance(self.type, list) and "null" in self.type

    @property
    def branches(self) -> list[AvroType]:
        """The types the field may have beside null."""
        return [t for t in self.type if t != "null"] if isinstance(self.type, list) else [self.type]

    @property
    def avro_type(self) -> AvroType:
        """The one type it has beside null."""
        return self.branches[0]

    @property
    def logical_type(self) -> str:
        """Name of the type: its logical type, or the record's name, or the primitive."""
        t = self.avro_type
        if not isinstance(t, dict):
            return str(t)
        if t["type"] == "record":
            return str(t["name"])
        return str(t.get("logicalType", t["type"]))


class SmartDataModel(BaseModel):
    """The FIWARE Smart Data Model that a contract's documents are told as, where they are told as NGSI-LD."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str  # of the models' repositories: Weather, Parking, …
    type: str
    attributes: dict[str, str] = {}  # the model's own words for fields, of the same unit and meaning


class Declaration(BaseModel):
    """``contract.yaml``: what Avro has no word for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: dict[Literal["en", "fr"], str]
    kind: Kind
    sensitivity: Sensitivity
    key: tuple[str, ...]
    time: str
    version: str | None = None  # field with the time that tells the newer of two documents
    period: Literal["month", "year"]
    retention_days: int = ModelField(gt=0)
    smart_data_model: SmartDataModel | None = None


class Contract(BaseModel):
    """An event, a result or a record of the platform, with all that is said of it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    major: int
    avro: dict[str, Any]
    declaration: Declaration
    folder: Traversable

    @property
    def kind(self) -> Kind:
        """What the contract describes."""
        return self.declaration.kind

    @property
    def key(self) -> tuple[str, ...]:
        """Fields that identify a document."""
        return self.declaration.key

    @property
    def time(self) -> str:
        """Field that dates a document."""
        return self.declaration.time

    @property
    def version(self) -> str:
        """Field with the time that tells the newer of two documents: for events when they were taken in."""
        return self.declaration.version or ("ingested_at" if self.kind is Kind.EVENT else self.time)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields, in the order of the schema."""
        return tuple(Field.model_validate(f) for f in self.avro["fields"])

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """The names of the fields, in the order of the schema."""
        return tuple(f.name for f in self.fields)

    @property
    def topic(self) -> str:
        """Kafka topic of an event or a record."""
        return f"city.{self.name}.v{self.major}"

    @property
    def subject(self) -> str:
        """Subject in the schema registry (TopicNameStrategy)."""
        return f"{self.topic}-value"

    @property
    def alias(self) -> str:
        """Elasticsearch alias over all tenants and periods."""
        return f"city-{self.name}"

    @property
    def latest_alias(self) -> str:
        """Elasticsearch alias of the newest state of each entity."""
        return f"city-{self.name}_latest"

    @property
    def has_topic(self) -> bool:
        """Whether it travels over Kafka."""
        return self.kind is not Kind.RESULT

    @property
    def has_latest(self) -> bool:
        """Whether the newest state of each entity is kept beside the observations."""
        return self.kind is Kind.EVENT

    @property
    def avro_json(self) -> str:
        """The Avro schema as it is registered."""
        return json.dumps(self.avro, sort_keys=True, ensure_ascii=False)

    def examples(self) -> list[Traversable]:
        """Its good and bad examples; the file name says which."""
        there = (self.folder / "examples").iterdir()
        return sorted((f for f in there if f.name.endswith(".json")), key=lambda f: f.name)


def load(folder: Traversable) -> Contract:
    """The contract in a folder, in its highest major version.

    Raises:
        FileNotFoundError: the folder has no schema or no ``contract.yaml``.
        pydantic.ValidationError: the declaration is incomplete.
    """
    majors = [int(found[1]) for f in folder.iterdir() if (found := SCHEMA.fullmatch(f.name))]
    if not majors:
        raise FileNotFoundError(f"{folder} has no v<major>.avsc")
    schema = folder / f"v{max(majors)}.avsc"
    return Contract(
        name=folder.name,
        major=max(majors),
        avro=json.loads(schema.read_text(encoding="utf-8")),
        declaration=Declaration.model_validate(yaml.safe_load((folder / "contract.yaml").read_text(encoding="utf-8"))),
        folder=folder,
    )


@lru_cache(maxsize=1)
def contracts() -> Mapping[str, Contract]:
    """All contracts by name; they are files of the package and do not change while it runs."""
    folders = (f for f in ROOT.iterdir() if f.is_dir() and (f / "contract.yaml").is_file())
    return {c.name: c for c in map(load, sorted(folders, key=lambda f: f.name))}


def contract(name: str) -> Contract:
    """The contract of that name.

    Raises:
        KeyError: there is none; the message lists those there are.
    """
    try:
        return contracts()[name]
    except KeyError:
        raise KeyError(f"no contract {name!r}; there are {', '.join(contracts())}") from None
