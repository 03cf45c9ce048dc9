"""Every field, every named value and every quality flag has a text in each language."""

from __future__ import annotations

import re

from jobs.indicators.heat_flags import Flag
from runtime.settings import PROJECT
from schemas import contracts
from schemas.labels import LANGUAGES, description_of, descriptions, label_of, labels

FLAG = re.compile(r'\bflag\(\s*"([a-z_]+)"')
SYMBOL = re.compile(r"[A-G0-9]{1,2}")  # a class such as those of climate zones is its own text


def test_every_field_has_a_text() -> None:
    fields = {f.name for c in contracts().values() for f in c.fields}
    assert fields == labels()["fields"].keys()


def test_every_description_is_there_in_french() -> None:
    docs = {doc for c in contracts().values() for doc in (c.avro["doc"], *(f.doc for f in c.fields))}
    assert docs == descriptions().keys()
    assert all(descriptions().values())


def test_a_description_is_told_in_each_language() -> None:
    assert description_of("Air temperature.") == {"fr": "Température de l’air.", "en": "Air temperature."}
    assert description_of("Of nobody.") == {"fr": "Of nobody.", "en": "Of nobody."}


def test_every_named_value_has_a_text() -> None:
    values = {v for c in contracts().values() for f in c.fields for v in f.values or ()}
    assert {v for v in values if not SYMBOL.fullmatch(v)} == labels()["values"].keys()


def test_every_flag_that_a_job_sets_has_a_text() -> None:
    sources = (p.read_text(encoding="utf-8") for p in (PROJECT / "jobs").rglob("*.py"))
    flags = {name for text in sources for name in FLAG.findall(text)} | {f.name.lower() for f in Flag if f.name}
    assert "over_capacity" in flags
    assert flags <= labels()["flags"].keys()


def test_every_text_is_in_each_language() -> None:
    texts = [label for named in labels().values() for label in named.values()]
    assert all(label.keys() == set(LANGUAGES) and all(label.values()) for label in texts)


def test_a_name_without_a_text_is_read_as_words() -> None:
    assert label_of("fields", "level_celsius") == {"fr": "level celsius", "en": "level celsius"}
