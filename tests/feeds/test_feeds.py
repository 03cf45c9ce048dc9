"""Every feed that ships decodes its sample to the records that are expected of it."""

from __future__ import annotations

import json

import pytest

from garonne import scaffold
from runtime.settings import PROJECT

FEEDS = sorted(p.stem for p in (PROJECT / "deploy" / "feeds").rglob("*.yaml"))


def test_there_are_feeds() -> None:
    assert len(FEEDS) >= 10
    assert len(set(FEEDS)) == len(FEEDS)


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_decodes_its_sample(name: str) -> None:
    expected = json.loads((scaffold.samples(PROJECT) / name / "expected.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(list(scaffold.decoded(PROJECT, name)), default=scaffold.readable))
    assert any("rejected" not in e for e in expected)
    assert found == expected
