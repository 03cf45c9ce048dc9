"""How people read names and descriptions: in French and English, one text for each everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import yaml

from schemas.contract import ROOT

Label = dict[str, str]
LANGUAGES = ("fr", "en")


@lru_cache(maxsize=1)
def labels() -> Mapping[str, Mapping[str, Label]]:
    """The texts of `fields`, `flags` and `values`, by name and language."""
    written = yaml.safe_load((ROOT / "labels.yaml").read_text(encoding="utf-8"))
    return {part: {name: _label(texts) for name, texts in named.items()} for part, named in written.items()}


def label_of(part: str, name: str) -> Label:
    """The text of a name; the name itself in plain words where there is none."""
    return labels()[part].get(name) or dict.fromkeys(LANGUAGES, name.replace("_", " "))


@lru_cache(maxsize=1)
def descriptions() -> Mapping[str, str]:
    """The French text of each `doc` of the contracts, by its English text."""
    written: dict[str, str] = yaml.safe_load((ROOT / "descriptions.yaml").read_text(encoding="utf-8"))
    return written


def description_of(doc: str) -> Label:
    """A `doc` in each language; the English text itself where there is no French one."""
    return {"fr": descriptions().get(doc, doc), "en": doc}


def _label(texts: list[str]) -> Label:
    return dict(zip(LANGUAGES, texts, strict=True))
