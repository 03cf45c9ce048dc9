"""ChirpStack v4 uplink events: binary frames and devices come in, topics and JSON messages go out.

Frames are big-endian. Weather (13 bytes): temperature int16 in 0.01 °C, humidity uint8 in 0.5 %, pressure uint16 in
0.1 hPa, wind uint16 in 0.1 m/s, gust uint16 in 0.1 m/s, direction uint16 in degrees, rain uint16 in 0.1 mm.
Parking space (9 bytes): uint8 whose lowest bit says occupied, uint32 seconds since the status began, uint32 seconds
that the status before it lasted.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from simulator.chance import Ints
from simulator.local_time import iso
from simulator.spots import SpotMessages
from simulator.weather import Readings

WEATHER_FRAME = np.dtype(
    [
        ("temperature", ">i2"),
        ("humidity", ">u1"),
        ("pressure", ">u2"),
        ("wind", ">u2"),
        ("gust", ">u2"),
        ("direction", ">u2"),
        ("rain", ">u2"),
    ]
)
SPOT_FRAME = np.dtype([("status", ">u1"), ("since", ">u4"), ("previous", ">u4")])


@dataclass(frozen=True)
class Device:
    """A radio device as the network server knows it."""

    eui: str
    name: str
    tags: Mapping[str, str]


class Application:
    """The devices of one application; everything but time and data of their messages is made once."""

    def __init__(self, tenant: str, name: str, port: int, devices: Sequence[Device]) -> None:
        self.id = application_id(tenant, name)
        self.topics = [f"application/{self.id}/device/{d.eui}/event/up" for d in devices]
        self._before = [f'{{"deduplicationId":"{d.eui[:8]}-{d.eui[8:12]}-4{d.eui[12:15]}-8' for d in devices]
        self._middle = [_middle(tenant, name, self.id, port, d) for d in devices]

    def message(self, device: int, time: int, frame: bytes) -> bytes:
        """The uplink event of a device at a time; the same arguments give the same identifier."""
        number = f"{time:015x}"
        text = f'{self._before[device]}{number[:3]}-{number[3:]}","time":"{iso(time)[:-1]}.000+00:00",'
        return f'{text}{self._middle[device]}"data":"{b64encode(frame).decode()}"}}'.encode()


def application_id(tenant: str, name: str) -> str:
    """Identifier of a tenant's application; the same in every run, so that feeds can name its topics."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{tenant}.garonne.example"))


def eui(tenant: str, kind: int, number: int) -> str:
    """Identifier of a device: 16 hexadecimal digits."""
    return f"{uuid.uuid5(uuid.NAMESPACE_DNS, tenant).hex[:6]}{kind:02x}{number:08x}"


def weather_frames(readings: Readings, stations: Ints) -> NDArray[np.void]:
    """Frames (stations × times)."""
    frames = np.zeros(readings.temperature_celsius[stations].shape, WEATHER_FRAME)
    frames["temperature"] = np.rint(100 * readings.temperature_celsius[stations])
    frames["humidity"] = np.rint(200 * readings.humidity_ratio[stations])
    frames["pressure"] = np.rint(10 * readings.pressure_hpa[stations])
    frames["wind"] = np.rint(10 * readings.wind_m_per_s[stations])
    frames["gust"] = np.rint(10 * readings.gust_m_per_s[stations])
    frames["direction"] = np.rint(readings.wind_degrees[stations]) % 360
    frames["rain"] = np.rint(10 * readings.rain_mm[stations])
    return frames


def spot_frames(messages: SpotMessages) -> NDArray[np.void]:
    """A frame for each message."""
    frames = np.zeros(len(messages.times), SPOT_FRAME)
    frames["status"] = messages.occupied
    frames["since"] = messages.since_seconds
    frames["previous"] = messages.previous_seconds
    return frames


def pieces(frames: NDArray[np.void]) -> Iterator[bytes]:
    """The bytes of each frame, in order."""
    size, whole = frames.dtype.itemsize, frames.tobytes()
    return (whole[at : at + size] for at in range(0, len(whole), size))


def _middle(tenant: str, name: str, application: str, port: int, device: Device) -> str:
    # ChirpStack leaves out what is zero, false or empty: adr, fCnt 0, confirmed and the like.
    fields = {
        "deviceInfo": {
            "tenantId": application_id(tenant, "tenant"),
            "tenantName": tenant,
            "applicationId": application,
            "applicationName": name,
            "deviceProfileId": application_id(tenant, f"profile-{name}"),
            "deviceProfileName": name,
            "deviceName": device.name,
            "devEui": device.eui,
            "tags": dict(device.tags),
        },
        "devAddr": device.eui[-8:],
        "adr": True,
        "dr": 5,
        "fPort": port,
        "rxInfo": [{"gatewayId": device.eui[:8] + "fffe0001", "uplinkId": 1, "rssi": -97, "snr": 7.5}],
        "txInfo": {
            "frequency": 868100000,
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
    }
    return orjson.dumps(fields).decode()[1:-1] + ","
