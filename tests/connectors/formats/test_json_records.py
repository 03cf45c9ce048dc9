from __future__ import annotations

import gzip
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.formats.json_records import Options, decode, read_reference
from connectors.model import NO_REFERENCE, Reason
from tests.connectors.formats.sampling import both, payload

ROW = '{"id": 1, "at": "2026-07-01T12:00:00Z", "name": "x"}'


def options(**declared: Any) -> Options:
    base: dict[str, Any] = {"kind": "json_records", "event": "bike_station_observed", "entity_id": "id"}
    return Options.model_validate({**base, "observed_at": "at", "fields": {"name": "name"}, **declared})


def read(body: str | bytes, **declared: Any) -> Any:
    return both(decode(payload(body), options(**declared), NO_REFERENCE))


@pytest.mark.parametrize("body", [ROW, f"[{ROW}]", f"\ufeff[{ROW}]"])
def test_a_message_may_be_one_record_or_a_list(body: str) -> None:
    records, rejected = read(body)

    assert [(r.entity_id, r.values) for r in records] == [("1", {"name": "x"})]
    assert rejected == []


def test_records_are_found_at_their_path() -> None:
    records, _ = read(f'{{"data": {{"items": [{ROW}]}}}}', records="data.items")

    assert len(records) == 1


@pytest.mark.parametrize("body", ["[]", '{"data": 1}', '{"data": {"items": {}}}', "1"])
def test_a_document_without_the_list_is_refused_as_a_whole(body: str) -> None:
    records, rejected = read(body, records="data.items")

    assert records == []
    assert [(r.reason, r.detail, r.payload) for r in rejected] == [
        (Reason.MALFORMED, "no list at 'data.items'", body.encode())
    ]


def test_one_bad_record_is_kept_in_a_list_of_its_own() -> None:
    records, rejected = read(f'[{ROW}, {{"id": 2, "at": "?"}}, null]')

    assert len(records) == 1
    assert [(r.place, r.payload) for r in rejected] == [("[1]", b'[{"id":2,"at":"?"}]'), ("[2]", b"[null]")]


def test_one_bad_record_is_kept_with_what_the_mapping_looks_at_and_nothing_else() -> None:
    declared = {"records": "data.layers[k=b].rows", "observed_at": "$.data.at"}
    body = '{"made": "%s", "data": {"at": "12:00", "more": 1, "layers": [{"k": "a"}, {"k": "b", "rows": [{"id": 7}]}]}}'

    one, two = (read(body % made, **declared)[1][0] for made in ("at noon", "a minute later"))

    assert one.payload == b'{"data":{"at":"12:00","layers":[{"k":"b","rows":[{"id":7}]}]}}'
    assert two == one  # so at each poll it is the same dead letter
    assert read(one.payload, **declared)[1] == [one]


def test_lines_are_read_one_by_one_from_gzip_too() -> None:
    records, rejected = read(gzip.compress(f"{ROW}\n\n{ROW[:-5]}\n{ROW}".encode()), layout="lines")

    assert len(records) == 2
    assert [(r.reason, r.place, r.payload) for r in rejected] == [
        (Reason.MALFORMED, "line 3", f"{ROW[:-5]}\n".encode())
    ]


def test_a_path_of_records_makes_no_sense_for_lines() -> None:
    with pytest.raises(ValidationError, match="'records' is for layout: document"):
        options(layout="lines", records="a")


def test_a_feed_that_declares_no_time_rejects_its_records() -> None:
    _, rejected = read(ROW, observed_at=None)

    assert [r.detail for r in rejected] == ["observed_at: the feed's format does not declare it"]


def test_a_reference_that_is_no_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        read_reference(payload("<html>"), options())
