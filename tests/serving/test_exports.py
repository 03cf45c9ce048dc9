"""What is taken away: the same values in every format, in parts, and no formulas."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import contract, contracts
from serving.exports import FORMATS
from serving.exports.csv import FORMULA, lines
from serving.exports.format import Document, Exported

CONTRACT = contract("parking_occupancy")
COLUMNS = [Exported(f.name, f) for f in CONTRACT.fields]


def example(name: str = "parking_occupancy") -> Document:
    path = next(p for p in contract(name).examples() if p.name.endswith(".pass.json"))
    document: Document = orjson.loads(path.read_bytes())
    return {f.name: document.get(f.name) for f in contract(name).fields}


@pytest.mark.parametrize("name", sorted(contracts()))
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_contract_can_be_taken_away_in_every_format(name: str, form: str) -> None:
    columns = [Exported(f.name, f) for f in contract(name).fields]
    content = b"".join(FORMATS[form].write([[example(name)] * 2, [], [example(name)]], columns))
    count = {
        "csv": lambda c: len(list(csv.DictReader(io.StringIO(c.decode())))),
        "geojson": lambda c: len(orjson.loads(c)["features"]),
        "json": lambda c: len(orjson.loads(c)),
        "ndjson": lambda c: len(c.splitlines()),
        "parquet": lambda c: pq.read_table(io.BytesIO(c)).num_rows,
    }
    assert count[form](content) == 3
    nothing = b"".join(FORMATS[form].write([], columns))
    assert count[form](nothing) == 0


@given(st.text(max_size=20))
def test_no_text_begins_like_a_formula(text: str) -> None:
    (field,) = (f for f in CONTRACT.fields if f.name == "name")
    written = b"".join(lines([[{"name": text}]], [Exported("name", field)])).decode()
    (_, row) = [*csv.reader(io.StringIO(written, newline=""))] if text else ([], [""])
    assert row == ([f"'{text}"] if text.startswith(FORMULA) else [text])


def test_negative_numbers_stay_numbers() -> None:
    columns = [Exported("free_spaces", f) for f in CONTRACT.fields if f.name == "free_spaces"]
    assert b"".join(lines([[{"free_spaces": -3}]], columns)) == b"free_spaces\r\n-3\r\n"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_more_than_some_pages_are_in_memory(form: str) -> None:
    document = example()

    def pages(count: int) -> Iterator[list[Document]]:
        for _ in range(count):
            yield [dict(document) for _ in range(500)]

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in FORMATS[form].write(pages(count), COLUMNS):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(12) < 1.5 * peak(4)
