"""How people read names of fields, quality flags and values: French and English, one text for a name everywhere."""

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


def _label(texts: list[str]) -> Label:
    return dict(zip(LANGUAGES, texts, strict=True))
