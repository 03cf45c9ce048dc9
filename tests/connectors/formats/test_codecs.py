from __future__ import annotations

import pytest

from connectors.formats._codecs import codec, codecs
from connectors.formats.chirpstack import Options

#: Bits of each part, in their order.
WIDTHS = {
    **{"station": 7, "month": 4, "day": 5, "year": 4, "message": 7, "whole": 7, "tenths": 4, "humidity": 7, "rain": 7},
    **{"direction": 8, "wind": 7, "pressure": 8, "gust_direction": 4, "gust": 7, "rain_max": 4, "type": 6},
}


def toulouse(**parts: int) -> bytes:
    """A frame of Toulouse's stations from the numbers as they stand in it."""
    bits = "".join(f"{parts.get(n, 0):0{w}b}" for n, w in WIDTHS.items())
    assert len(bits) == 96
    return int(bits, 2).to_bytes(12, "big")


def test_a_toulouse_frame_says_what_was_put_in() -> None:
    frame = toulouse(
        station=7, month=7, day=1, year=7, message=50, whole=72, tenths=4, humidity=61, rain=2, direction=150
    )

    found = codec("toulouse/raw").decode(frame)

    assert {n: found[n] for n in ("station", "year", "month", "day", "message")} == {
        "station": 7,
        "year": 2026,
        "month": 7,
        "day": 1,
        "message": 50,
    }
    assert (found["temperature"], found["humidity"], found["rain"], found["wind_direction"]) == (22.4, 61, 0.4, 300)
    assert found["pressure"] == 900


@pytest.mark.parametrize(("said", "expected"), [(0, 0), (80, 80), (81, 82), (100, 120), (127, 174)])
def test_wind_over_80_counts_two_kilometres_an_hour(said: int, expected: int) -> None:
    found = codec("toulouse/raw").decode(toulouse(wind=said, gust=said))

    assert (found["wind_speed"], found["wind_gust"]) == (expected, expected)


def test_a_toulouse_frame_of_ones_says_nothing() -> None:
    assert b"\xff" * 12 in codec("toulouse/raw").ignored


def test_flagged_groups_that_are_not_there_are_passed_over() -> None:
    head = bytes.fromhex("02000a")
    air = (0x8000).to_bytes(2, "big") + (0x8000).to_bytes(2, "big")

    with_air = codec("decentlab/DL-SHT35").decode(head + b"\x00\x03" + air + b"\x0b\xb8")
    without = codec("decentlab/DL-SHT35").decode(head + b"\x00\x02" + b"\x0b\xb8")

    assert with_air["temperature"] == pytest.approx(-45 + 175 * 0x8000 / 65535)
    assert with_air["humidity"] == pytest.approx(100 * 0x8000 / 65535)
    assert without == {"protocol": 2, "device": 10}


def test_every_ready_codec_fits_the_weather_contract() -> None:
    assert codecs()
    for name in codecs():
        options = Options.model_validate({"kind": "chirpstack", "event": "weather_observed", "codec": name})
        assert options.layout_fields, name


def test_an_unknown_codec_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no codec 'lille/raw'; there are decentlab/DL-SHT35"):
        codec("lille/raw")
