from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.formats.chirpstack import Options, decode
from connectors.model import NO_REFERENCE, Reason
from tests.connectors.formats.sampling import both, payload

UP = "application/a/device/e/event/up"
FRAME = {"fields": [{"name": "t", "type": "uint8", "to": "temperature_celsius"}]}
EVENT = {
    "time": "2026-07-01T12:00:00+00:00",
    "deviceInfo": {"devEui": "e"},
    "fPort": 2,
    "data": b64encode(b"\x15").decode(),
    "rxInfo": [{}],
}


def read(event: Any, place: str = UP, **declared: Any) -> Any:
    options = Options.model_validate({"kind": "chirpstack", "event": "weather_observed", "codec": FRAME, **declared})
    return both(decode(payload(event if isinstance(event, str) else json.dumps(event), place), options, NO_REFERENCE))


def without(*names: str) -> dict[str, Any]:
    return {n: v for n, v in EVENT.items() if n not in names}


def test_an_uplink_is_an_observation_of_its_device() -> None:
    records, rejected = read(EVENT)

    assert [(r.entity_id, r.values) for r in records] == [("e", {"temperature_celsius": 21.0})]
    assert rejected == []


@pytest.mark.parametrize("kind", ["join", "ack", "txack", "log", "status", "location", "integration"])
def test_other_events_are_no_observations(kind: str) -> None:
    assert read(EVENT, f"application/a/device/e/event/{kind}") == ([], [])


@pytest.mark.parametrize(
    "event",
    [
        {"deviceInfo": {"devEui": "e"}, "devAddr": "1", "time": "x"},
        {"deviceInfo": {"devEui": "e"}, "margin": 10, "batteryLevel": 88.3},
        {"deviceInfo": {"devEui": "e"}, "gatewayId": "g", "txInfo": {}},
        {"gatewayId": "g", "stats": {}},
    ],
)
def test_without_a_topic_an_uplink_is_known_by_its_gateways(event: Any) -> None:
    assert read(event, "events.json") == ([], [])
    assert len(read(EVENT, "events.json")[0]) == 1


def test_frames_of_other_ports_are_passed_over() -> None:
    assert read(EVENT, f_ports=[3]) == ([], [])
    assert len(read(EVENT, f_ports=[2, 3])[0]) == 1
    assert len(read(without("fPort"), f_ports=[0])[0]) == 1  # zero is left out of the event


def test_an_uplink_with_radio_commands_only_is_no_observation() -> None:
    assert read(without("fPort", "data")) == ([], [])


def test_a_frame_without_anything_measured_is_no_observation() -> None:
    unknown = {"fields": [{**FRAME["fields"][0], "null_values": [21]}]}

    assert read(EVENT, codec=unknown) == ([], [])


def test_a_frame_that_says_nothing_is_no_observation() -> None:
    assert read(EVENT, codec={**FRAME, "ignore": ["15"]}) == ([], [])


def test_a_declared_field_comes_before_that_of_the_layout() -> None:
    records, _ = read(EVENT, fields={"temperature_celsius": {"from": "frame.t", "unit": "degF"}})

    assert records[0].values["temperature_celsius"] == pytest.approx(-6.111, abs=1e-3)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({**EVENT, "data": "***"}, Reason.MALFORMED),
        ({**EVENT, "data": 7}, Reason.MALFORMED),
        (without("data"), Reason.MALFORMED),
        (without("deviceInfo"), Reason.MISSING_FIELD),
        (without("time"), Reason.MISSING_FIELD),
        ({"applicationID": "1", "devEUI": "AQ==", "rxInfo": []}, Reason.UNSUPPORTED),
        ([], Reason.MALFORMED),
        ("\x0a\x24binary", Reason.MALFORMED),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_bytes(event: Any, reason: Reason) -> None:
    records, rejected = read(event)

    assert records == []
    assert [r.reason for r in rejected] == [reason]
    assert rejected[0].payload == (event if isinstance(event, str) else json.dumps(event)).encode()


def test_json_of_something_else_is_unsupported() -> None:
    assert [r.reason for r in read({"a": 1}, "events.json")[1]] == [Reason.UNSUPPORTED]


def test_a_layout_that_sends_to_no_field_is_refused_when_loaded() -> None:
    with pytest.raises(ValidationError, match="has no field 'temp' to map"):
        read(EVENT, codec={"fields": [{"name": "t", "type": "uint8", "to": "temp"}]})
