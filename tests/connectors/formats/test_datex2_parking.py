from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.formats.datex2_parking import Options, decode, read_entries, read_reference
from connectors.model import NO_REFERENCE, Reason, Rejected
from tests.connectors.formats.sampling import SAMPLES, both, payload

OPTIONS = Options(kind="datex2_parking")
V2 = 'xmlns="http://datex2.eu/schema/2/2_0"'
FACILITY = "<parkingFacilityTableStatusPublication>{}</parkingFacilityTableStatusPublication>"


def model(content: str, namespace: str = V2, time: str = "2026-07-01T12:00:00Z") -> str:
    publication = f"<payloadPublication><publicationTime>{time}</publicationTime>{content}</payloadPublication>"
    return f"<d2LogicalModel {namespace}>{publication}</d2LogicalModel>"


def facility(*more: str) -> str:
    return FACILITY.format(
        f'<parkingFacilityStatus><parkingFacilityReference id="a"/>{"".join(more)}</parkingFacilityStatus>'
    )


def read(body: str | bytes) -> tuple[list[dict[str, object]], list[Rejected]]:
    records, rejected = both(decode(payload(body), OPTIONS, NO_REFERENCE))
    return [r.values for r in records], rejected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["closed", "full"], "closed"),
        (["full", "open"], "open"),
        (["spacesAvailable"], "open"),
        (["specialParkingConditionsInForce"], "unknown"),
        ([], None),
    ],
)
def test_the_words_of_the_older_dialect_say_whether_it_is_open(words: list[str], expected: str | None) -> None:
    statuses = [f"<parkingFacilityStatus>{w}</parkingFacilityStatus>" for w in words]

    (found,), rejected = read(model(facility(*statuses)))

    assert (found.get("opening_status"), rejected) == (expected, [])


def test_an_envelope_around_it_does_not_matter() -> None:
    body = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{model(facility())}</s:Body></s:Envelope>'

    assert len(read(body)[0]) == 1


def test_a_publication_without_car_parks_gives_none() -> None:
    assert read(model(FACILITY.format(""))) == ([], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (model(facility(), 'xmlns="http://datex2.eu/schema/1_0/1_0"'), Reason.UNSUPPORTED),
        ('<payload xmlns="http://datex2.eu/schema/3/d2Payload"/>', Reason.UNSUPPORTED),
        (model("<situation/>"), Reason.UNSUPPORTED),
        (model("<parkingTablePublication><parkingTable/></parkingTablePublication>"), Reason.UNSUPPORTED),
        ("<html><body>", Reason.MALFORMED),
        ("", Reason.MALFORMED),
        ("{}", Reason.MALFORMED),
    ],
)
def test_what_is_no_parking_of_version_2_is_refused_as_a_whole(body: str, reason: Reason) -> None:
    records, rejected = read(body)

    assert records == []
    assert [(r.reason, r.payload) for r in rejected] == [(reason, body.encode())]


BOMB = '<!DOCTYPE x [<!ENTITY a "{}"><!ENTITY b "{}">]>'.format("lol" * 1000, "&a;" * 1000)
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("declaration", [BOMB, EXTERNAL, '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_hostile(declaration: str, encoding: str) -> None:
    body = (
        declaration + model(facility("<totalNumberOfVacantParkingSpaces>1</totalNumberOfVacantParkingSpaces>"))
    ).encode(encoding)

    records, rejected = read(body)

    assert records == []
    assert [r.reason for r in rejected] == [Reason.HOSTILE]


def test_a_very_deep_document_is_refused() -> None:
    assert [r.reason for r in read("<a>" * 100_000)[1]] == [Reason.MALFORMED]


@pytest.mark.parametrize("time", ["", "yesterday", "2026-07-01T12:00:00"])
def test_a_state_of_no_time_is_refused_with_its_element(time: str) -> None:
    records, rejected = read(model(facility(), time=time))

    assert records == []
    assert rejected[0].place == "parkingFacilityStatus[0]"
    assert b"<parkingFacilityStatus>" in rejected[0].payload


def test_a_line_of_a_table_without_capacity_or_place_is_rejected_and_still_names_its_car_park() -> None:
    body = (SAMPLES / "datex2_parking" / "record_status" / "reference.xml").read_bytes()

    entries = list(read_entries(payload(body), OPTIONS))

    assert [e.detail for e in entries if isinstance(e, Rejected)] == ["total_spaces: is required and not there"]
    assert read_reference(payload(body), OPTIONS)["gare"] == {"name": "Gare"}


def test_a_reference_that_is_no_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="unsupported"):
        read_reference(payload(model(facility())), OPTIONS)


def test_an_unknown_zone_is_refused_when_loaded() -> None:
    with pytest.raises(ValidationError, match="no time zone"):
        Options(kind="datex2_parking", timezone="Paris")
