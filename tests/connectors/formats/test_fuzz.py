"""Whatever comes in, a format answers with records and rejections; it never raises."""

from __future__ import annotations

import gzip
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.model import Payload, Record, Rejected
from tests.connectors.formats.sampling import NOW, Sample, samples

SAMPLES = samples()
IDS = [f"{s.kind}/{s.folder.name}" for s in SAMPLES]
#: What each sample is before it is damaged; read once.
PREPARED = {s: (s.module, s.options, s.reference, s.payload) for s in SAMPLES}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def check(sample: Sample, body: bytes) -> None:
    module, options, reference, original = PREPARED[sample]
    for item in module.decode(Payload(body, original.place, NOW), options, reference):
        assert isinstance(item, Record | Rejected)
        if isinstance(item, Record):
            assert item.entity_id
            assert item.observed_at.utcoffset() is not None
            assert None not in item.values.values()
        else:
            assert type(item.payload) is bytes
            assert item.detail
        assert again(sample, item) == [item]
    if hasattr(module, "read_reference"):
        with suppress(ValueError):
            module.read_reference(Payload(body, original.place, NOW), options)


def again(sample: Sample, item: Record | Rejected) -> list[Record | Rejected]:
    """What comes of the payload that holds an item alone, as a dead letter keeps it; places in it are its own."""
    module, options, reference, original = PREPARED[sample]
    body = _kept(item)
    if body is None:
        return [item]
    found = list(module.decode(Payload(body, original.place, NOW), options, reference))
    if isinstance(item, Rejected):
        return [replace(f, place=item.place, detail=item.detail) if isinstance(f, Rejected) else f for f in found]
    return found


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_record_is_decoded_again_from_the_payload_that_holds_it_alone(sample: Sample) -> None:
    module, options, reference, original = PREPARED[sample]
    items = list(module.decode(original, options, reference))
    assert len(items) == 1 or all(i.alone is not None for i in items if isinstance(i, Record))
    for item in items:
        assert again(sample, item) == [item]


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(body=st.binary(max_size=300))
def test_any_bytes_are_answered(sample: Sample, body: bytes) -> None:
    check(sample, body)
    check(sample, gzip.compress(body))


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_damaged_payload_is_answered(sample: Sample, data: st.DataObject) -> None:
    body = PREPARED[sample][3].body
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))

    check(sample, body[:start] + data.draw(st.binary(max_size=12)) + body[end:])


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.payload.body[:1] in b"[{"], ids=lambda s: s.folder.name)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_value_in_the_place_of_another_is_answered(sample: Sample, data: st.DataObject) -> None:
    for line in PREPARED[sample][3].body.splitlines() if sample.folder.name == "lines" else [PREPARED[sample][3].body]:
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        holder, key = data.draw(st.sampled_from(list(_places(document))))
        holder[key] = data.draw(JSON)
        check(sample, orjson.dumps(document))


def _kept(item: Record | Rejected) -> bytes | None:
    if isinstance(item, Rejected):
        return item.payload
    return item.alone() if item.alone is not None else None


def _places(value: object) -> list[tuple[object, object]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for k, v in items for p in [(value, k), *_places(v)]]
