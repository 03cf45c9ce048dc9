from __future__ import annotations

import gzip
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.formats.csv_records import Options, decode, read_reference
from connectors.model import NO_REFERENCE, Reason
from tests.connectors.formats.sampling import both, payload

HEADER = "id;at;name\n"
TIME = "2026-07-01T12:00:00Z"


def options(**declared: Any) -> Options:
    base: dict[str, Any] = {"kind": "csv_records", "event": "bike_station_observed", "entity_id": "id"}
    return Options.model_validate({**base, "observed_at": "at", "fields": {"name": "name"}, **declared})


def read(body: str | bytes, **declared: Any) -> Any:
    return both(decode(payload(body), options(**declared), NO_REFERENCE))


def test_a_byte_of_another_encoding_costs_its_own_line_only() -> None:
    body = HEADER.encode() + f"1;{TIME};Caf\xe9\n".encode("latin-1") + f"2;{TIME};Café\n".encode()

    records, rejected = read(body)

    assert [r.values for r in records] == [{"name": "Café"}]
    assert [(r.reason, r.place, r.payload) for r in rejected] == [
        (Reason.MALFORMED, "line 2", HEADER.encode() + f"1;{TIME};Caf\xe9\n".encode("latin-1"))
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_values() -> None:
    records, rejected = read(b"\xef\xbb\xbf" + f"{HEADER}1;{TIME};x\n".replace("\n", "\r\n").encode())

    assert (records[0].entity_id, records[0].values, rejected) == ("1", {"name": "x"}, [])


def test_a_stray_quote_costs_its_own_line_only() -> None:
    records, rejected = read(f'{HEADER}1;{TIME};"open\n2;{TIME};x\n')

    assert [r.entity_id for r in records] == ["2"]
    assert [(r.reason, r.place) for r in rejected] == [(Reason.MALFORMED, "line 2")]


def test_quoted_cells_may_hold_line_ends_where_declared() -> None:
    body = f'{HEADER}1;{TIME};"two\nlines"\n2;{TIME};"a ""word"""\n3;{TIME};"open\n'

    records, rejected = read(body, multiline=True)

    assert [r.values["name"] for r in records] == ["two\nlines", 'a "word"']
    assert [(r.place, r.payload) for r in rejected] == [("line 5", f'{HEADER}3;{TIME};"open\n'.encode())]


def test_a_cell_too_many_or_too_few_is_refused() -> None:
    records, rejected = read(f"{HEADER}1;{TIME}\n2;{TIME};x;y\n3;{TIME};x\n")

    assert [r.entity_id for r in records] == ["3"]
    assert [r.detail for r in rejected] == ["2 cells where the header has 3", "4 cells where the header has 3"]


def test_a_file_without_its_key_columns_is_refused_as_a_whole_with_those_it_has() -> None:
    records, rejected = read(f"numero;at;name\n1;{TIME};x\n2;{TIME};y\n")

    assert records == []
    assert [(r.reason, r.detail) for r in rejected] == [
        (Reason.MISSING_FIELD, "no column 'id'; there are numero, at, name")
    ]


def test_a_column_that_is_gone_leaves_its_field_unknown() -> None:
    records, _ = read(f"id;at\n1;{TIME}\n")

    assert records[0].values == {}


def test_columns_can_be_named_for_a_file_without_header() -> None:
    records, _ = read(f"1|{TIME}|x\n", columns=["id", "at", "name"], delimiter="|")

    assert records[0].values == {"name": "x"}


def test_any_text_may_be_the_name_of_a_column() -> None:
    records, rejected = read(f"id;at;Nom. [a]..\n1;{TIME};x\n", fields={"name": "Nom. [a].."})

    assert (records[0].values, rejected) == ({"name": "x"}, [])


def test_gzip_is_unpacked() -> None:
    records, _ = read(gzip.compress(f"{HEADER}1;{TIME};x\n".encode()) + gzip.compress(f"2;{TIME};y\n".encode()))

    assert [r.entity_id for r in records] == ["1", "2"]


def test_an_empty_file_is_refused() -> None:
    assert [r.detail for r in read("\n \n")[1]] == ["the file is empty"]


def test_two_columns_of_one_name_are_refused_when_loaded() -> None:
    with pytest.raises(ValidationError, match="two have the same name"):
        options(columns=["id", "at", "id"])


def test_a_unit_that_is_not_there_is_an_error_when_loaded() -> None:
    with pytest.raises(ValidationError, match="no way from unit"):
        options(fields={"capacity": {"from": "Nom (é)", "unit": "m"}})


def test_a_reference_says_what_is_known_of_each_entity() -> None:
    found = read_reference(payload("id;name\n1;x\n;y\n2;\n"), options(observed_at=None))

    assert found == {"1": {"name": "x"}, "2": {}}


def test_a_reference_of_which_nothing_can_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="no entity can be read: missing_field"):
        read_reference(payload("numero\n1\n"), options(observed_at=None))
