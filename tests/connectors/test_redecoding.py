"""Letters of every format become the events that a sound feed would have made of their records."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from connectors.acceptance import Acceptance, refused
from connectors.feed import Feed
from connectors.letters import letter
from connectors.model import Reason, Record, Rejected
from connectors.redecoding import NotReplayableError, Redecoder, StillRejectedError
from runtime.avro import encoder
from runtime.dead_letters import MAX_PAYLOAD_BYTES, dead_letter
from runtime.elastic.letters import Letter
from runtime.endpoints import Endpoints
from runtime.registry import UnknownSchemaError
from runtime.settings import Settings
from schemas import contract
from tests.connectors.formats.sampling import SAMPLES, Sample, samples

NOW = datetime(2026, 7, 15, tzinfo=UTC)
ADDRESSES = Endpoints(kafka_bootstrap="none", schema_registry_url="none", elasticsearch_url="none")
WEATHER = contract("weather_observed")
FIXED_EVENTS = {
    "gbfs": "bike_station_observed",
    "gtfs_rt": "vehicle_position",
    "datex2_parking": "parking_observed",
}


class Schemas:
    """A registry with one schema."""

    def schema(self, number: int) -> dict[str, Any]:
        if number != 1:
            raise UnknownSchemaError(f"no schema has number {number}")
        return WEATHER.avro


def redecoder(folder: Path) -> Redecoder:
    return Redecoder(folder, Settings(GARONNE_STATE=folder), ADDRESSES, Schemas())


def described(sample: Sample, folder: Path) -> Feed:
    """A feed of a sample's format, in a YAML file."""
    options = sample.case["options"]
    made: dict[str, Any] = {
        "tenant": "toulouse",
        "event": options.get("event") or FIXED_EVENTS[sample.kind],
        "title": "Sample",
        "transport": {"kind": "files", "folder": "in"},
        "format": options,
        "future_tolerance_seconds": 1e9,
    }
    path = folder / "sample-feed.yaml"
    path.write_text(yaml.safe_dump(made), encoding="utf-8")
    return Feed.model_validate({"id": path.stem, **made})


def of(made: dict[str, Any]) -> Letter:
    return Letter(**made)


@pytest.mark.parametrize("sample", samples(), ids=lambda s: f"{s.kind}/{s.folder.name}")
def test_a_record_refused_by_its_contract_becomes_the_event_it_should_have_been(sample: Sample, tmp_path: Path) -> None:
    feed, payload = described(sample, tmp_path), sample.payload
    accept, redecode = Acceptance(feed, contract(feed.event)), redecoder(tmp_path)
    records = [i for i in sample.module.decode(payload, sample.options, {}) if isinstance(i, Record)]
    for record in records:
        wanted = accept(record, NOW)
        made = letter(feed, payload, refused((Reason.OUT_OF_RANGE, "x"), record), "decode", NOW)
        if isinstance(wanted, Rejected):
            with pytest.raises(StillRejectedError, match=wanted.reason):
                redecode(of(made))
        else:
            assert redecode(of(made)).events == [wanted]


@pytest.mark.parametrize("sample", samples(), ids=lambda s: f"{s.kind}/{s.folder.name}")
def test_what_no_one_has_mended_is_still_rejected_for_the_same_reason(sample: Sample, tmp_path: Path) -> None:
    feed, payload = described(sample, tmp_path), sample.payload
    redecode = redecoder(tmp_path)
    bad = [i for i in sample.module.decode(payload, sample.options, {}) if isinstance(i, Rejected)]
    for rejected in bad:
        with pytest.raises(StillRejectedError, match=rejected.reason):
            redecode(of(letter(feed, payload, rejected, "decode", NOW)))


def spoiled(folder: Path, fields: dict[str, Any], body: bytes, **more: Any) -> tuple[Redecoder, Letter]:
    """A letter of a feed of JSON lines with such a mapping."""
    mapping = {"kind": "json_records", "layout": "lines", "entity_id": "id", "observed_at": "at", "fields": fields}
    feed = {
        "tenant": "toulouse",
        "event": "weather_observed",
        "title": "Test",
        "transport": {"kind": "files", "folder": "in"},
        "format": mapping,
    }
    folder.mkdir(exist_ok=True)
    (folder / "lines.yaml").write_text(yaml.safe_dump(feed), encoding="utf-8")
    given = {
        "tenant": "toulouse",
        "feed": "lines",
        "stage": "decode",
        "reason": "x",
        "detail": "x",
        "place": "a line 1",
        "payload_place": "a",
        "payload": body,
        "occurred_at": NOW,
        **more,
    }
    return redecoder(folder), of(dead_letter(**given))


def test_the_mapping_of_today_decides_and_the_time_is_that_of_the_letter(tmp_path: Path) -> None:
    row = orjson.dumps({"id": "s", "at": "2026-07-14T00:00:00Z", "f": 86})
    redecode, of_feed = spoiled(tmp_path, {"temperature_celsius": "f"}, row)
    with pytest.raises(StillRejectedError, match="out_of_range s: temperature_celsius"):
        redecode(of_feed)
    redecode, of_feed = spoiled(tmp_path, {"temperature_celsius": {"from": "f", "unit": "[degF]"}}, row)
    (event,) = redecode(of_feed).events
    assert (event["temperature_celsius"], event["ingested_at"], event["feed"]) == (pytest.approx(30), NOW, "lines")


def test_a_time_that_was_in_the_future_stays_refused_when_it_has_passed(tmp_path: Path) -> None:
    redecode, of_feed = spoiled(tmp_path, {}, orjson.dumps({"id": "s", "at": "2026-07-15T00:11:00Z"}))
    with pytest.raises(StillRejectedError, match="future_time"):
        redecode(of_feed)


def test_bytes_that_were_not_kept_need_a_payload(tmp_path: Path) -> None:
    row = orjson.dumps({"id": "s", "at": "2026-07-14T00:00:00Z"})
    for cut in ({"payload": row + b" " * MAX_PAYLOAD_BYTES}, {"stage": "connector"}):
        redecode, of_feed = spoiled(
            tmp_path, {}, **{"body": row, **cut} if "stage" in cut else {"body": cut["payload"]}
        )
        with pytest.raises(StillRejectedError, match="not kept as a whole"):
            redecode(of_feed)
        assert len(redecode(of_feed, row).events) == 1


def test_a_letter_is_whole_or_not_replayed_and_nothing_is_no_event(tmp_path: Path) -> None:
    good = b'{"id":"s","at":"2026-07-14T00:00:00Z"}'
    redecode, of_feed = spoiled(tmp_path, {}, good + b"\n{broken")
    with pytest.raises(StillRejectedError, match="malformed line 2"):
        redecode(of_feed)
    with pytest.raises(StillRejectedError, match="no record"):
        redecode(of_feed, b"\n")
    assert len(redecode(of_feed, good + b"\n" + good).events) == 1  # the same observation twice


@pytest.mark.parametrize("name", ["../lines", "/etc/passwd", "lines.yaml", "*"])
def test_a_feed_that_a_letter_names_is_looked_up_and_never_opened(name: str, tmp_path: Path) -> None:
    redecode, of_feed = spoiled(tmp_path, {}, b"{}", feed=name)
    with pytest.raises(NotReplayableError, match="no feed"):
        redecode(of_feed)


def test_a_feed_of_another_commune_is_not_the_letters(tmp_path: Path) -> None:
    redecode, of_feed = spoiled(tmp_path, {}, b"{}", tenant="blagnac")
    with pytest.raises(NotReplayableError, match="no feed 'lines' of 'blagnac'"):
        redecode(of_feed)


def test_the_reference_is_that_of_today_and_without_it_nothing_is_replayed(tmp_path: Path) -> None:
    stations = {"version": "2.3", "data": {"stations": [{"station_id": "1", "name": "Capitole", "capacity": 20}]}}
    status = {"station_id": "1", "last_reported": 1784000000, "num_bikes_available": 2}
    body = orjson.dumps({"version": "2.3", "data": {"stations": [status]}})
    feed = {
        "tenant": "toulouse",
        "event": "bike_station_observed",
        "title": "Test",
        "transport": {"kind": "files", "folder": "in"},
        "format": {"kind": "gbfs"},
        "reference": {"transport": {"kind": "files", "folder": "places"}, "format": {"kind": "gbfs"}},
    }
    _, of_feed = spoiled(tmp_path / "elsewhere", {}, body)
    here = tmp_path / "here"
    (here / "places").mkdir(parents=True)
    (here / "lines.yaml").write_text(yaml.safe_dump(feed), encoding="utf-8")
    file = here / "places" / "stations.json"

    file.write_text("broken")
    with pytest.raises(NotReplayableError, match="reference cannot be read"):
        redecoder(here)(of_feed)
    file.write_bytes(orjson.dumps(stations))
    (event,) = redecoder(here)(of_feed).events
    assert (event["capacity"], event["bikes_available"]) == (20, 2)


def after_kafka(stage: str, place: str, payload: bytes, tenant: str = "toulouse", **more: Any) -> Letter:
    given = {"feed": WEATHER.topic, "reason": "x", "detail": "x", "occurred_at": NOW, **more}
    return of(dead_letter(tenant=tenant, stage=stage, place=place, payload=payload, **given))


EVENT = {
    "tenant": "toulouse",
    "entity_id": "s",
    "observed_at": NOW,
    "ingested_at": NOW,
    "feed": "f",
    "temperature_celsius": 20.5,
    "flags": [],
}


def test_a_message_is_read_when_its_schema_is_known_by_now(tmp_path: Path) -> None:
    redecode = redecoder(tmp_path)
    (event,) = redecode(after_kafka("decode", "t/0/1", encoder(WEATHER, 1)(EVENT))).events
    assert event["temperature_celsius"] == 20.5
    with pytest.raises(StillRejectedError, match="no schema has number 2"):
        redecode(after_kafka("decode", "t/0/1", encoder(WEATHER, 2)(EVENT)))
    with pytest.raises(StillRejectedError, match="of 'toulouse', and the letter is of 'blagnac'"):
        redecode(after_kafka("decode", "t/0/1", encoder(WEATHER, 1)(EVENT), tenant="blagnac"))
    with pytest.raises(NotReplayableError, match="no topic of events"):
        redecode(after_kafka("decode", "t/0/1", b"x", feed=contract("ledger").topic))


def test_a_document_or_a_fix_in_json_is_the_event_if_it_fits_its_contract(tmp_path: Path) -> None:
    redecode = redecoder(tmp_path)
    index = "city-weather_observed_latest-toulouse/x"
    (event,) = redecode(after_kafka("index", index, orjson.dumps(EVENT))).events
    assert event == EVENT
    message = after_kafka("decode", "t/0/1", b"garbage")
    assert redecode(message, orjson.dumps(EVENT)).events == [EVENT]
    for wrong in ({**EVENT, "temperature_celsius": 99}, {**EVENT, "surprise": 1}, {"tenant": "toulouse"}):
        with pytest.raises(StillRejectedError, match=r"above|not a field|missing"):
            redecode(message, orjson.dumps(wrong))
    late = {**EVENT, "observed_at": "2026-07-15T01:00:01Z"}
    with pytest.raises(StillRejectedError, match="future_time"):
        redecode(message, orjson.dumps(late))


def test_there_are_samples_of_every_format() -> None:
    assert {p.name for p in SAMPLES.iterdir()} == {s.kind for s in samples()}
