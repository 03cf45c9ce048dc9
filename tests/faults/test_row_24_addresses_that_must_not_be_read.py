"""Row 24: a feed's URL leads inside: in any notation, by a redirect, by a name that is looked up twice, or to a file.

Refused unless the feed names the host; what was judged is what is connected to.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from connectors.cursor import Cursor
from connectors.delivery import Context
from connectors.transports import http, mqtt
from connectors.transports._addresses import is_internal
from connectors.transports._http_get import GetError
from connectors.transports._mqtt_connection import MqttError
from tests.connectors.scripted import ScriptedServer, answer

BODY = b'{"secret": "of the inside"}'
OUTSIDE = "93.184.215.14"  # an address of the open internet; nothing here connects to it
NAME = "sensors.example.org"
QUICK = {"connect_timeout_seconds": 0.3, "total_timeout_seconds": 5}

REFUSED = ("refused", "damaged")  # where we may not go, and what is no address
INSIDE = [
    "127.0.0.1",
    "127.1",
    "127.0.0.53",
    "2130706433",  # 127.0.0.1 as one number
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",  # octal, which is refused as no address before it is looked up
    "0",
    "0.0.0.0",  # noqa: S104 - where nobody may connect to
    "localhost",
    "LOCALHOST",
    "169.254.169.254",  # where clouds keep the credentials of their machines
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fd00::1]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",  # 127.0.0.1 through NAT64
    "[2002:7f00:1::]",  # and through 6to4
    "example.org@127.0.0.1",
    "example.org:80@127.0.0.1",
]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("toulouse", "hostile", tmp_path, Cursor(), lambda _kind, _error: None)


def fetched(context: Context, url: str, **options: Any) -> bytes:
    """What a feed of that address gets; fails with `GetError`."""
    given = http.Options.model_validate({"kind": "http", "url": url, **QUICK, **options})

    async def fetching() -> bytes:
        return b"".join([payload.body async for payload in http.fetch(given, context)])

    return asyncio.run(fetching())


@asynccontextmanager
async def listening(
    *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[str]]]:
    """A server inside that answers anybody; its port, and the hosts it was asked as."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.extend(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
        writer.write(answer(body=BODY))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def asked_of_the_inside(context: Context, url: Callable[[int], str], **options: Any) -> list[str]:
    """How often a server inside was asked while a feed of an address with its port was refused."""

    async def asking() -> list[str]:
        async with listening() as (port, asked):
            with pytest.raises(GetError) as refused:
                await asyncio.to_thread(fetched, context, url(port), **options)
            assert refused.value.kind in REFUSED, refused.value
            return asked

    return asyncio.run(asking())


class Names:
    """Names that lead elsewhere each time they are looked up; the last address stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **addresses: Sequence[str]) -> None:
        self.lookups = 0
        self._left = {name.replace("_", "."): list(found) for name, found in addresses.items()}
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *more: Any, **kinds: Any) -> Any:
        left = self._left.get(str(host))
        if left is None:
            return self._real(host, port, *more, **kinds)
        self.lookups += 1
        return self._real(left.pop(0) if len(left) > 1 else left[0], port, *more, **kinds)


@pytest.mark.parametrize("host", INSIDE)
def test_a_feed_of_an_address_inside_is_refused(context: Context, host: str) -> None:
    assert asked_of_the_inside(context, lambda port: f"http://{host}:{port}/latest/meta-data") == []


@pytest.mark.parametrize("host", [h for h in INSIDE if "@" not in h])
def test_a_redirect_to_an_address_inside_is_refused(
    context: Context, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The first server is outside as far as the feed's names tell, and may redirect to that host as far as it says."""
    _taken_for_outside(monkeypatch, "127.0.0.9")
    Names(monkeypatch, sensors_example_org=["127.0.0.9"])

    async def asking() -> list[str]:
        async with listening() as (inside, asked):
            moved = answer("302 Found", Location=f"http://{host}:{inside}/")
            server = await asyncio.start_server(lambda _, w: _say(w, moved), "127.0.0.9", 0)
            async with server:
                url = f"http://{NAME}:{server.sockets[0].getsockname()[1]}/"
                with pytest.raises(GetError, match=r"internal|Invalid") as refused:
                    await asyncio.to_thread(fetched, context, url, allowed_hosts=[host])
            assert refused.value.kind in REFUSED
            return asked

    assert asyncio.run(asking()) == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:6379/_FLUSHALL"])
def test_a_redirect_out_of_the_web_is_refused(context: Context, status: str, location: str) -> None:
    async def asking() -> None:
        async with ScriptedServer([answer(status, Location=location)]).running() as server:
            with pytest.raises(GetError) as refused:
                await asyncio.to_thread(fetched, context, server.url, internal_hosts=["127.0.0.1"])
            assert refused.value.kind == "refused"

    asyncio.run(asking())


def test_redirects_without_end_are_refused(context: Context) -> None:
    async def asking() -> int:
        async with ScriptedServer([answer("302 Found", Location="/on")]).running() as server:
            with pytest.raises(GetError, match="more than 3 redirects"):
                await asyncio.to_thread(fetched, context, server.url, internal_hosts=["127.0.0.1"])
            return len(server.requests)

    assert asyncio.run(asking()) == 4


def test_a_name_that_leads_inside_is_refused(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, sensors_example_org=["127.0.0.1"])
    assert asked_of_the_inside(context, lambda port: f"http://{NAME}:{port}/") == []


def test_a_name_that_leads_outside_when_judged_and_inside_afterwards_gets_no_connection_inside(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, sensors_example_org=[OUTSIDE, "127.0.0.1"])

    async def asking() -> list[str]:
        async with listening() as (port, asked):
            with pytest.raises(GetError) as failed:
                await asyncio.to_thread(fetched, context, f"http://{NAME}:{port}/")
            assert failed.value.kind in ("connection", "timeout")  # with what was judged, outside
            return asked

    assert (asyncio.run(asking()), names.lookups) == ([], 1)


def test_the_connection_goes_to_the_address_that_was_judged_by_the_name_that_was_asked(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, sensors_example_org=["127.0.0.1", OUTSIDE])

    async def asking() -> tuple[bytes, list[str], int]:
        async with listening() as (port, asked):
            url = f"http://{NAME}:{port}/"
            return await asyncio.to_thread(fetched, context, url, internal_hosts=[NAME]), asked, port

    body, asked, port = asyncio.run(asking())
    assert (body, asked, names.lookups) == (BODY, [f"{NAME}:{port}"], 1)


@pytest.mark.parametrize(("certified", "is_read"), [(NAME, True), ("other.example.org", False)])
def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certified: str, is_read: bool
) -> None:
    Names(monkeypatch, sensors_example_org=["127.0.0.1"])
    path = certificate(tmp_path, certified)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)

    async def asking() -> bytes:
        async with listening(tls=tls) as (port, _):
            return await asyncio.to_thread(fetched, context, f"https://{NAME}:{port}/", internal_hosts=[NAME])

    if is_read:
        assert asyncio.run(asking()) == BODY
    else:
        with pytest.raises(GetError, match="certificate"):
            asyncio.run(asking())


def test_a_host_inside_is_read_when_the_feed_names_it(context: Context) -> None:
    async def asking() -> bytes:
        async with listening() as (port, _):
            return await asyncio.to_thread(fetched, context, f"http://127.0.0.1:{port}/", internal_hosts=["127.0.0.1"])

    assert asyncio.run(asking()) == BODY


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://example.org/x",
        "gopher://example.org/x",
        "unix:///var/run/docker.sock",
        "data:text/plain,x",
        "jar:file:///x.jar!/y",
        "http:///etc/passwd",
        "http://",
        "/etc/passwd",
        "//example.org/x",
    ],
)
def test_what_is_no_address_of_the_web_is_refused_when_the_feed_is_loaded(url: str) -> None:
    with pytest.raises(ValidationError):
        http.Options.model_validate({"kind": "http", "url": url})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"])
def test_a_broker_inside_is_refused_like_any_other_address(context: Context, host: str) -> None:
    async def listening_to_it() -> int:
        async with listening() as (port, asked):
            given = {"kind": "mqtt", "url": f"mqtt://{host}:{port}", "topics": ["a"]}
            with pytest.raises(MqttError, match="internal"):
                await anext(mqtt.fetch(mqtt.Options.model_validate(given), context))
            return len(asked)

    assert asyncio.run(listening_to_it()) == 0


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::6810:84e5", "64:ff9b::5db8:d70e", "8.8.8.8"])
def test_addresses_of_the_world_are_not_taken_for_inside(address: str) -> None:
    assert not is_internal(address)


def certificate(folder: Path, name: str) -> Path:
    """A key and a certificate of its own for a name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


async def _say(writer: asyncio.StreamWriter, said: bytes) -> None:
    writer.write(said)
    await writer.drain()
    writer.close()


def _taken_for_outside(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    from connectors.transports import _addresses

    judge = _addresses.is_internal
    monkeypatch.setattr(_addresses, "is_internal", lambda a: a != address and judge(a))
