from __future__ import annotations

import pkgutil

import pytest

from connectors import formats
from tests.connectors.formats.sampling import Sample, samples


@pytest.mark.parametrize("sample", samples(), ids=lambda s: f"{s.kind}/{s.folder.name}")
def test_sample_gives_its_expected_records(sample: Sample) -> None:
    outcome, expected = sample.outcome(), sample.expected

    assert outcome["records"] == expected["records"]
    assert [(r["reason"], r["place"]) for r in outcome["rejected"]] == [
        (r["reason"], r["place"]) for r in expected["rejected"]
    ]
    for found, wanted in zip(outcome["rejected"], expected["rejected"], strict=True):
        assert found["detail"].startswith(wanted["detail"])


def test_every_format_has_a_sample() -> None:
    kinds = {m.name for m in pkgutil.iter_modules(formats.__path__) if not m.name.startswith("_")}

    assert kinds
    assert {s.kind for s in samples()} == kinds
