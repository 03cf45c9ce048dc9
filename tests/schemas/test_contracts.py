"""Contracts: what is there is sound, and what is not sound is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from schemas import Contract, Kind, contract, contracts
from schemas.checks import faults, incompatibilities
from schemas.dictionary import dictionary
from schemas.documents import document_id, index_name
from schemas.mapping import UnmappableError, index_template, mapping_of
from schemas.validation import example, problems

DICTIONARY = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
EXAMPLES = [(c, p) for c in contracts().values() for p in c.examples()]


def changed(name: str, **change: Any) -> Contract:
    """A contract with its field ``temperature_celsius`` changed."""
    c = contract(name)
    avro = copy.deepcopy(c.avro)
    for f in avro["fields"]:
        if f["name"] == "temperature_celsius":
            f.update(change)
    return Contract(name=c.name, major=c.major, avro=avro, declaration=c.declaration, folder=c.folder)


def test_there_are_events_and_results() -> None:
    kinds = [c.kind for c in contracts().values()]
    assert kinds.count(Kind.EVENT) >= 6
    assert kinds.count(Kind.RESULT) >= 7


@pytest.mark.parametrize("name", contracts())
def test_a_contract_is_sound(name: str) -> None:
    assert faults(contract(name)) == []


@pytest.mark.parametrize(("c", "path"), EXAMPLES, ids=[f"{c.name}-{p.name}" for c, p in EXAMPLES])
def test_an_example_does_what_its_name_says(c: Contract, path: Path) -> None:
    assert (problems(c, example(c, path)) == []) is path.name.endswith(".pass.json")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"doc": ""}, "has no doc"),
        ({"unit": None}, "without a unit"),
        ({"type": {"type": "map", "values": "double"}}, "no mapping for 'map'"),
        ({"type": ["null", "double", "string"]}, "cannot be one Elasticsearch type"),
        ({"type": ["null", "decimal"]}, "not an Avro schema"),
    ],
)
def test_an_unsound_field_is_refused(change: dict[str, Any], fault: str) -> None:
    assert any(fault in f for f in faults(changed("weather_observed", **change)))


def test_an_example_that_lies_is_refused(tmp_path: Path) -> None:
    c = contract("weather_observed")
    good = json.loads((c.folder / "examples" / "ordinary.pass.json").read_text())
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "broken.pass.json").write_text(json.dumps({**good, "temperature_celsius": 999}))
    (tmp_path / "examples" / "sound.fail.json").write_text(json.dumps(good))
    found = faults(c.model_copy(update={"folder": tmp_path}))
    assert any("broken.pass.json should pass: temperature_celsius: 999 is above 60" in f for f in found)
    assert any("sound.fail.json should fail, and does not" in f for f in found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": ["null", "string"]}, "type changed"),
        ({"type": "double"}, "was optional"),
        ({"unit": "[degF]"}, "unit changed from Cel"),
    ],
)
def test_an_incompatible_change_is_named(change: dict[str, Any], reason: str) -> None:
    old, new = contract("weather_observed").avro, changed("weather_observed", **change).avro
    assert [reason in i for i in incompatibilities(old, new)] == [True]


def test_a_new_field_needs_a_default_and_an_old_one_stays() -> None:
    old = contract("weather_observed").avro
    new = copy.deepcopy(old)
    new["fields"] = [f for f in new["fields"] if f["name"] != "elevation_m"] + [{"name": "uv", "type": "double"}]
    found = incompatibilities(old, new)
    assert any(f.startswith("elevation_m: removed") for f in found)
    assert any(f.startswith("uv: new, so it needs a default") for f in found)
    assert incompatibilities(old, old) == []


def test_the_template_is_strict_and_typed_as_the_contract_says() -> None:
    template = index_template(contract("weather_observed"))["template"]
    properties = template["mappings"]["properties"]
    assert template["mappings"]["dynamic"] == "strict"
    assert properties["location"]["type"] == "geo_point"
    assert properties["temperature_celsius"] == {"type": "double", "index": False, "meta": {"unit": "Cel"}}
    assert properties["tenant"]["type"] == "keyword"
    assert properties["observed_at"]["type"] == "date"
    assert properties["flags"]["type"] == "keyword"


def test_figures_of_results_have_an_index_of_their_own() -> None:
    properties = index_template(contract("heat_island_hourly"))["template"]["mappings"]["properties"]
    assert "index" not in properties["intensity_celsius"]


def test_a_type_without_a_mapping_says_what_to_use() -> None:
    field = changed("weather_observed", type={"type": "map", "values": "double"}).fields[7]
    with pytest.raises(UnmappableError, match="there is one for string, boolean"):
        mapping_of(field)


def test_a_document_lives_in_its_tenants_index_of_its_month() -> None:
    c = contract("parking_occupancy")
    value = example(c, c.folder / "examples" / "ordinary.pass.json")
    assert index_name(c, "toulouse", value["window_start"]) == "city-parking_occupancy-toulouse-2026.07"
    assert document_id(c, value) == "toulouse|site|counts|parking-capitole|2026-07-14T21:15:00.000000Z"


def test_the_dictionary_is_that_of_the_contracts() -> None:
    assert DICTIONARY.read_text(encoding="utf-8") == dictionary(contracts().values())
