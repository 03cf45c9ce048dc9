from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.feed import Feed
from connectors.preview import Preview, _preview, preview
from connectors.transports._http_get import GetError
from runtime.settings import Settings
from tests.connectors.scripted import ScriptedServer, answer

AT = "2026-07-14T10:00:00Z"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("KAFKA_BOOTSTRAP", "SCHEMA_REGISTRY_URL", "ELASTICSEARCH_URL", "MQTT_URL"):
        monkeypatch.delenv(name, raising=False)
    return Settings(GARONNE_STATE=tmp_path)


def with_(feed: Feed, **changed: Any) -> Feed:
    described = {**feed.model_dump(mode="json", by_alias=True, exclude_unset=True), **changed}
    return Feed.model_validate(described)


def test_events_and_rejects_of_a_file_are_shown_and_nothing_is_remembered(
    weather_feed: Feed, settings: Settings
) -> None:
    folder = settings.state / "in"
    folder.mkdir()
    rows = [{"id": f"s{n}", "at": AT, "t": 99 if n == 3 else 20} for n in range(10)]
    (folder / "a.jsonl").write_bytes(b"\n".join([*map(orjson.dumps, rows), b"{broken"]))
    seen = preview(weather_feed, settings, count=5)
    assert [e["entity_id"] for e in seen.events] == ["s0", "s1", "s2", "s4", "s5"]
    assert [r.reason for r in seen.rejected] == ["out_of_range", "malformed"]
    assert (seen.accepted_count, seen.rejected_count) == (9, 2)
    assert seen.places == ["a.jsonl:1"]
    assert seen.bytes_read == (folder / "a.jsonl").stat().st_size
    assert sorted(p.name for p in settings.state.iterdir()) == ["in"]


def polled(feed: Feed, settings: Settings, *answers: bytes, **changed: Any) -> Preview:
    async def main() -> Preview:
        server = ScriptedServer(answers)
        async with server.running():
            text = orjson.dumps(changed).decode().replace("URL", server.url)
            return await _preview(with_(feed, **orjson.loads(text)), settings, 5, 10)

    return asyncio.run(main())


def test_a_polled_feed_is_completed_from_its_reference(weather_feed: Feed, settings: Settings) -> None:
    mapping = {"kind": "json_records", "event": "weather_observed", "entity_id": "id"}
    seen = polled(
        weather_feed,
        settings,
        answer(body=orjson.dumps([{"id": "s1", "height": 150}])),
        answer(body=orjson.dumps([{"id": "s1", "at": AT, "t": 20}])),
        transport={"kind": "http", "url": "URL"},
        format={**mapping, "observed_at": "at", "fields": {"temperature_celsius": "t"}},
        reference={
            "transport": {"kind": "http", "url": "URL"},
            "format": {**mapping, "fields": {"elevation_m": "height"}},
        },
    )
    assert [(e["temperature_celsius"], e["elevation_m"]) for e in seen.events] == [(20, 150)]
    assert seen.reference_count == 1


def test_an_address_that_fails_is_an_error_and_not_an_empty_preview(weather_feed: Feed, settings: Settings) -> None:
    with pytest.raises(GetError, match="404"):
        polled(weather_feed, settings, answer("404 Not Found"), transport={"kind": "http", "url": "URL"})


def test_an_empty_folder_shows_nothing(weather_feed: Feed, settings: Settings) -> None:
    seen = preview(weather_feed, settings)
    assert (seen.events, seen.rejected, seen.places) == ([], [], [])
