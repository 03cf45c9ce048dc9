"""Datasets as types of entities, and fields as attributes, named as the Smart Data Models do where they can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schemas import Contract, Field
from serving import problems
from serving.access.view import View
from serving.problems import ProblemError
from serving.queries import identity
from serving.queries.conditions import Condition
from serving.queries.kinds import FieldKind, kind_of

URN = "urn:ngsi-ld"
SEPARATOR = ":"
MODELS = "https://smartdatamodels.org"
OWN = "urn:garonne"
#: What all Smart Data Models share is in no subject; `status` and `location` are words of NGSI-LD itself.
SHARED = {"name", "dateObserved", "timeInstant"}
OF_NGSI_LD = {"status", "location"}


@dataclass(frozen=True)
class EntityType:
    """A type of entities, as a caller may see them."""

    name: str
    now: View  # the dataset that has the state of each
    ever: View  # the dataset that has their history

    @cached_property
    def attributes(self) -> Mapping[str, Field]:
        """The fields, by the names of their attributes."""
        return {attribute_name(self.contract, f): f for f in self.now.fields.values()}

    @property
    def contract(self) -> Contract:
        """What the entities are described by."""
        return self.now.dataset.contract

    @property
    def key(self) -> tuple[str, ...]:
        """The fields that tell an entity from all others."""
        return identity.entity_key(self.now)

    @property
    def iri(self) -> str:
        """The type's name in the world."""
        model = self.contract.declaration.smart_data_model
        is_models = model is not None and model.type == self.name
        return f"{MODELS}/dataModel.{model.subject}/{self.name}" if model and is_models else f"{OWN}:{self.name}"

    def attribute_iri(self, attribute: str) -> str:
        """An attribute's name in the world."""
        if attribute in OF_NGSI_LD:
            return f"https://uri.etsi.org/ngsi-ld/{attribute}"
        model, field = self.contract.declaration.smart_data_model, self.attributes[attribute]
        if model is None or field.name not in model.attributes:
            return f"{OWN}:{self.contract.name}:{field.name}"
        return f"{MODELS}/{attribute}" if attribute in SHARED else f"{MODELS}/dataModel.{model.subject}/{attribute}"

    def attribute(self, name: str) -> Field:
        """The field of an attribute, by its short name or its name in the world.

        Raises:
            ProblemError: there is none for this caller.
        """
        found = self.attributes.get(name) or next(
            (f for short, f in self.attributes.items() if self.attribute_iri(short) == name), None
        )
        if found is None:
            known = ", ".join(self.attributes)
            detail = f"{self.name} has no attribute {problems.cut(name)!r}; it has {known}"
            raise ProblemError(400, "unknown-field", detail, field=problems.cut(name))
        return found

    @property
    def place(self) -> Field | None:
        """The field that says where."""
        return next((f for f in self.attributes.values() if kind_of(f) is FieldKind.PLACE), None)

    def urn(self, document: Mapping[str, Any]) -> str:
        """The id of the entity that a document is about."""
        return f"{URN}:{self.name}:{identity.named(self.now, self.key, document, SEPARATOR)}"

    def entity(self, urn: str) -> Condition | None:
        """The condition for an entity's documents; None when no entity of this type can be called so."""
        head = f"{URN}:{self.name}:"
        if not urn.startswith(head):
            return None
        return identity.condition(self.now, self.key, urn.removeprefix(head), SEPARATOR)


def entity_types(contracts: Iterable[Contract], seen: Mapping[str, View]) -> dict[str, EntityType]:
    """The types that a caller may see, by name."""
    every = list(contracts)
    models = Counter(m.type for c in every if (m := c.declaration.smart_data_model))
    found = {}
    for contract in every:
        ever = seen.get(contract.name)
        if ever is not None and identity.is_named(ever):
            model = contract.declaration.smart_data_model
            name = model.type if model and models[model.type] == 1 else str(contract.avro["name"])
            found[name] = EntityType(name, seen.get(f"{contract.name}_latest", ever), ever)
    return found


def attribute_name(contract: Contract, field: Field) -> str:
    """The name of a field's attribute: the model's, or the field's own in camel case, with its unit."""
    model = contract.declaration.smart_data_model
    if model and field.name in model.attributes:
        return model.attributes[field.name]
    first, *rest = field.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def type_named(known: Mapping[str, EntityType], name: str) -> EntityType:
    """A type, by its short name or its name in the world.

    Raises:
        ProblemError: there is none for this caller.
    """
    found = known.get(name) or next((t for t in known.values() if t.iri == name), None)
    if found is None:
        detail = f"there is no type {problems.cut(name)!r}; there are {', '.join(known)}"
        raise ProblemError(404, "unknown-type", detail)
    return found
