"""Dead letters and their way back, from real connectors over Kafka and Elasticsearch to the corrected event, once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from starlette.testclient import TestClient

from connectors import replaying
from connectors.feed import Feed, load_feed
from connectors.redecoding import Redecoder
from connectors.replaying import Became, Replayed, Replayer
from garonne import pipeline
from jobs.engine.context import Context
from jobs.engine.observations import Batch
from runtime.avro import encoder
from runtime.dead_letters import dead_letter
from runtime.elastic import bulk, resolutions
from runtime.elastic.letters import Letter, Selection, groups, letters
from runtime.endpoints import Endpoints
from runtime.files import write_atomically
from schemas import contract
from serving.access.levels import Level
from serving.app import application
from serving.services import Services
from tests.servers import serving
from tests.servers.drivers import environment_of
from tests.servers.ingesting import City, count, messages, until

pytestmark = pytest.mark.servers

HOT = 86.9  # °F of 30.5 °C; as °C it is none
AT = "2026-07-14T21:15:00Z"
LETTER = contract("dead_letter")

#: By format: the event, the mapping with a mistake in it, the mended one, and a payload of a good and a bad record.
MENDED_BY_MAPPING: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "json_records": (
        {"records": "data.rows", "entity_id": "id", "observed_at": "at", "fields": {"temperature_celsius": "t"}},
        {"fields": {"temperature_celsius": {"from": "t", "unit": "[degF]"}}},
        json.dumps({"made": AT, "data": {"rows": [{"id": "j0", "at": AT}, {"id": "j1", "at": AT, "t": HOT}]}}),
    ),
    "opendatasoft": (
        {"entity_id": {"place": r"^(\w+)\.json:\d+$"}, "observed_at": "at", "fields": {"local_climate_zone": "lcz"}},
        {"fields": {"local_climate_zone": {"from": "lcz", "values": {"14": "D"}}}},
        json.dumps({"total_count": 1, "results": [{"at": AT, "lcz": "14"}]}),
    ),
    "csv_records": (
        {"entity_id": "id", "observed_at": "at", "skip_lines": 1, "fields": {"temperature_celsius": "t"}},
        {"fields": {"temperature_celsius": {"from": "t", "decimal": ","}}},
        f"# export\nid;at;t\nc0;{AT};20\n'=HYPERLINK(1);{AT};30,5\n",
    ),
}


@pytest.fixture
def city(servers: Endpoints, tmp_path: Path) -> City:
    return City(servers, tmp_path)


@pytest.fixture
def context(city: City) -> Context:
    made = Context(city.endpoints, city.state)
    made.prepare()
    return made


def feed(city: City, name: str, event: str, format_: Mapping[str, Any]) -> Feed:
    """A feed of a folder, written to its file; written again it is mended."""
    described = {
        "tenant": city.tenant,
        "event": event,
        "title": name,
        "transport": {"kind": "files", "folder": f"drop-{name}", "period_seconds": 0.1, "settle_seconds": 0},
        "format": dict(format_),
    }
    path = city.path(f"{city.tenant}-{name}")
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    return load_feed(path)


def drop(city: City, name: str, file: str, content: str | bytes) -> None:
    folder = city.state / f"drop-{name}"
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)


def taken_in(city: City, *feeds: Feed, rejected: int = 1) -> None:
    """Run the feeds' connectors until each has refused so many records."""

    async def main() -> None:
        async with city.ingesting(*feeds):
            await until(lambda: all(count(f, "rejected") == rejected for f in feeds), "the bad records are refused")

    asyncio.run(main())


def indexed(city: City, context: Context) -> list[Letter]:
    """The tenant's dead letters, carried from Kafka to Elasticsearch as the query of the observations does."""
    bury(context, city.events("dead_letter"))
    return [x for page in letters(context.es, Selection(tenant=city.tenant)) for x in page]


def bury(context: Context, made: list[dict[str, Any]]) -> None:
    batch = Batch()
    for event in made:
        batch.add(LETTER, event)
    assert bulk.write(context.es, batch.observations, visible=True).refused == []


def replayer(city: City, context: Context) -> Replayer:
    redecode = Redecoder(city.state / "feeds", city.settings, city.endpoints, context.registry)
    return Replayer(context.endpoints, context.es, context.registry, redecode)


def replayed(city: City, context: Context, *ids: str) -> list[Replayed]:
    chosen = Selection(ids=ids, tenant=city.tenant)
    return [r for page in replayer(city, context).replay(chosen) for r in page]


def in_kafka(city: City, event: str = "weather_observed") -> list[bytes]:
    """The values of a contract's topic that are of this tenant."""
    prefix = f"{city.tenant}/".encode()
    found = messages(city.endpoints.kafka_bootstrap, contract(event).topic)
    return [m.value() or b"" for m in found if (m.key() or b"").startswith(prefix)]


def ledger(city: City, outcome: str = "accepted") -> dict[tuple[str, str], int]:
    """What the newest ledger rows of replays say by counter and hour."""
    rows = sorted(city.events("ledger"), key=lambda r: r["counted_at"])
    of_replays = [r for r in rows if r["outcome"] == outcome and r["counter"].endswith("/replay")]
    return {(r["counter"], f"{r['hour']:%FT%H}"): r["records_count"] for r in of_replays}


def cli(city: City, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`garonne deadletters …`, as an operator calls it."""
    given = city.endpoints.model_dump(exclude_none=True)
    secrets = {k: v.get_secret_value() if hasattr(v, "get_secret_value") else v for k, v in given.items()}
    write_atomically(city.state / "endpoints.json", json.dumps(secrets))
    return subprocess.run(
        [sys.executable, "-m", "garonne", "deadletters", *words],
        env={**os.environ, "GARONNE_STATE": str(city.state), "COLUMNS": "250", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_mended_mapping_brings_each_letter_back_once(city: City, context: Context) -> None:
    feeds = []
    for kind, (wrong, _, content) in MENDED_BY_MAPPING.items():
        feeds.append(feed(city, kind, "weather_observed", {"kind": kind, **wrong}))
        drop(city, kind, "x1.csv" if kind == "csv_records" else "x1.json", content)
    taken_in(city, *feeds)
    assert {x.reason for x in indexed(city, context)} == {"out_of_range", "unknown_value", "wrong_type"}
    before = len(in_kafka(city))
    assert {r.became for r in replayed(city, context)} == {Became.REJECTED}
    assert len(in_kafka(city)) == before

    for kind, (wrong, mended, _) in MENDED_BY_MAPPING.items():
        feed(city, kind, "weather_observed", {"kind": kind, **wrong, **mended})
    first, second = replayed(city, context), replayed(city, context)
    assert [r.became for r in first] == [Became.REPLAYED] * 3
    assert [r.became for r in second] == [Became.THERE] * 3

    events = city.events()
    assert len(events) == before + 3
    corrected = {e["entity_id"]: e for e in events}
    assert corrected["j1"]["temperature_celsius"] == pytest.approx(30.5)
    assert corrected["'=HYPERLINK(1)"]["temperature_celsius"] == 30.5
    assert corrected["x1"]["local_climate_zone"] == "D"
    refused_at = {x.feed: x.occurred_at for x in indexed(city, context)}
    assert corrected["j1"]["ingested_at"] == refused_at[corrected["j1"]["feed"]]
    assert ledger(city) == ledger(city, "received") == {(f"{f.id}/replay", "2026-07-14T21"): 1 for f in feeds}


def test_an_edited_payload_is_kept_shown_and_replayed(city: City, context: Context) -> None:
    bikes = feed(city, "bikes", "bike_station_observed", {"kind": "gbfs"})
    station = {"station_id": "b1", "last_reported": "now", "num_bikes_available": 3, "num_docks_available": 7}
    drop(city, "bikes", "bikes.json", json.dumps({"version": "2.3", "data": {"stations": [station]}}))
    taken_in(city, bikes)
    (letter,) = indexed(city, context)
    folder = str(city.state / "feeds")
    assert (letter.reason, letter.payload_place) == ("wrong_type", "bikes.json:1")

    sed = """sed -i 's/"now"/1784063700/'"""
    kept = cli(city, "fix", letter.dead_letter_id, "--edit", "--feeds", folder, EDITOR=sed)
    assert (kept.returncode, '"entity_id": "b1"' in kept.stdout) == (0, True), kept.stderr
    assert in_kafka(city, "bike_station_observed") == []

    done = [cli(city, "replay", letter.dead_letter_id, "--feeds", folder, "--json") for _ in range(2)]
    assert [d.returncode for d in done] == [0, 0], done
    assert [json.loads(d.stdout)["became"] for d in done] == ["replayed", "already there"]
    (event,) = city.events("bike_station_observed")
    assert (event["entity_id"], event["bikes_available"], event["feed"]) == ("b1", 3, bikes.id)

    (row,) = json.loads(cli(city, "list", "--tenant", city.tenant, "--json").stdout)
    assert (row["letters_count"], row["resolved_count"]) == (1, 1)
    seen = cli(city, "show", letter.dead_letter_id).stdout
    assert ('"last_reported":"now"' in seen, '"bikes_available": 3' in seen) == (True, True)
    with pytest.raises(RuntimeError, match="replayed already"):
        resolutions.fix(context.es, letter, b"too late", datetime.now(UTC))


def many_letters(city: City, context: Context, name: str) -> Feed:
    """Forty records that were refused for a mapping that is mended by now."""
    wrong, mended, _ = MENDED_BY_MAPPING["json_records"]
    rows = [{"id": f"s{n}", "at": AT, "t": HOT} for n in range(40)]
    made = feed(city, name, "weather_observed", {"kind": "json_records", **wrong})
    drop(city, name, "x.json", json.dumps({"data": {"rows": rows}}))
    taken_in(city, made, rejected=40)
    assert len(indexed(city, context)) == 40
    return feed(city, name, "weather_observed", {"kind": "json_records", **wrong, **mended})


def test_replays_at_the_same_moment_send_each_record_once(city: City, context: Context) -> None:
    many_letters(city, context, "together")
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(replayed, city, context) for _ in range(4)]
        became = [Counter(r.became for r in run.result()) for run in runs]
    assert sum(b[Became.REPLAYED] for b in became) == 40
    assert all(b.keys() <= {Became.REPLAYED, Became.THERE, Became.BUSY} for b in became)
    assert len(in_kafka(city)) == 40
    assert list(ledger(city).values()) == [40]


def test_a_replay_that_died_before_it_could_say_so_sends_the_very_same_bytes(
    city: City, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = many_letters(city, context, "killed")

    class Dead:
        def __init__(self, *_: object) -> None:
            raise OSError("killed")

    monkeypatch.setattr(replaying, "RecordProducer", Dead)
    with pytest.raises(OSError, match="killed"):
        replayed(city, context)
    monkeypatch.undo()
    sent = in_kafka(city)
    assert len(sent) == 25  # of the first page
    fields = {"fields": {"temperature_celsius": {"from": "t", "unit": "[degF]", "add": 1}}}
    feed(city, "killed", made.event, {"kind": "json_records", **MENDED_BY_MAPPING["json_records"][0], **fields})
    assert Counter(r.became for r in replayed(city, context)) == {Became.BUSY: 25, Became.REPLAYED: 15}

    monkeypatch.setattr(resolutions, "LEASE", timedelta(0))
    assert Counter(r.became for r in replayed(city, context)) == {Became.REPLAYED: 25, Became.THERE: 15}
    assert Counter(Counter(in_kafka(city)).values()) == {2: 25, 1: 15}
    assert list(ledger(city).values()) == [40]


def test_what_the_feed_itself_brought_meanwhile_is_not_sent_again(city: City, context: Context) -> None:
    made = many_letters(city, context, "meanwhile")
    (letter, *_) = indexed(city, context)
    event = {
        "tenant": city.tenant,
        "entity_id": json.loads(letter.payload)["data"]["rows"][0]["id"],
        "observed_at": datetime.fromisoformat(AT),
        "ingested_at": datetime.now(UTC),
        "feed": made.id,
        "flags": [],
    }
    batch = Batch()
    batch.add(contract(made.event), event)
    bulk.write(context.es, batch.observations, visible=True)
    (there,) = replayed(city, context, letter.dead_letter_id)
    assert (there.became, in_kafka(city)) == (Became.THERE, [])


def test_a_letter_that_is_still_bad_stays_open_and_says_why(city: City, context: Context) -> None:
    wrong, _, content = MENDED_BY_MAPPING["csv_records"]
    made = feed(city, "csv_records", "weather_observed", {"kind": "csv_records", **wrong})
    drop(city, "csv_records", "x.csv", content)
    taken_in(city, made)
    (letter,) = indexed(city, context)
    folder = str(city.state / "feeds")
    payload = city.state / "payload"
    payload.write_text("# export\nid;at;t\nc1;2036-07-14T21:15:00Z;20\n")
    kept = cli(city, "fix", letter.dead_letter_id, "--payload", str(payload), "--feeds", folder)
    assert (kept.returncode, "future_time" in kept.stderr) == (1, True)
    ended = cli(city, "replay", "--feed", made.id, "--feeds", folder)
    assert (ended.returncode, "still rejected: future_time" in ended.stdout) == (1, True), ended.stderr
    (open_,) = json.loads(cli(city, "list", "--each", "--unresolved", "--tenant", city.tenant, "--json").stdout)
    assert (open_["dead_letter_id"], open_["state"]) == (letter.dead_letter_id, "fixed")
    assert [e["entity_id"] for e in city.events()] == ["c0"]
    assert in_kafka(city, "dead_letter_resolution") == []
    (gone,) = replayed(City(city.endpoints, city.state / "elsewhere", city.tenant), context)
    assert (gone.became, "no feed" in gone.detail) == (Became.IMPOSSIBLE, True)


def test_what_is_in_a_letter_is_only_ever_data(city: City, context: Context) -> None:
    evil = '[red]x[/red]\x1b[2J"}\n{"index":{"_index":"city-weather_observed-x-2026.07"}}\n'
    made = feed(city, "evil", "weather_observed", {"kind": "json_records", **MENDED_BY_MAPPING["json_records"][0]})
    bury(
        context,
        [
            dead_letter(
                tenant=city.tenant,
                feed=made.id,
                event=made.event,
                stage="decode",
                reason=f"reason {n}",
                detail=evil,
                place=evil,
                payload_place=evil,
                payload=json.dumps({"data": {"rows": [{"id": evil, "at": AT, "t": 20 + n}]}}).encode(),
                occurred_at=datetime.now(UTC),
            )
            for n in range(2)
        ],
    )
    assert groups(context.es, Selection(tenant="*")) == groups(context.es, Selection(feed=f"{made.id} OR *")) == []
    assert len(groups(context.es, Selection(tenant=city.tenant, reason="reason 1"))) == 1
    shown = cli(city, "list", "--each", "--tenant", city.tenant)
    assert ("[red]x[/red]" in shown.stdout, "\x1b" in shown.stdout) == (True, False)
    again = replayed(city, context)
    assert sorted(r.became for r in again) == [Became.THERE, Became.REPLAYED]  # two letters of one observation
    (event,) = city.events()
    assert event["entity_id"] == evil.strip()
    assert not context.es.indices.exists(index="city-weather_observed-x-2026.07")


def test_what_was_refused_after_kafka_comes_back_too(city: City, context: Context) -> None:
    weather, sent_at = contract("weather_observed"), datetime.fromisoformat(AT) + timedelta(seconds=9)
    event = {
        "tenant": city.tenant,
        "entity_id": "s1",
        "observed_at": datetime.fromisoformat(AT),
        "ingested_at": sent_at,
        "feed": "some-feed",
        "temperature_celsius": 20.5,
        "flags": [],
    }
    good = encoder(weather, context.registry.register(weather))(event)
    source = {**event, "entity_id": "s2", "observed_at": AT, "ingested_at": sent_at.isoformat()}
    result = {"window_start": "2026-07-14T21:00:00Z", "window_end": "2026-07-14T22:00:00Z"}
    stages = {
        "unknown_schema": ("decode", weather.topic, f"{weather.topic}/0/1", good),
        "malformed": ("decode", weather.topic, f"{weather.topic}/0/2", b"\x00\x00\x00"),
        "refused": ("index", "observations", f"{weather.alias}-{city.tenant}-2026.07/x", orjson.dumps(source)),
        "result": ("index", "parking_by_site", f"city-parking_occupancy-{city.tenant}-2026.07/x", orjson.dumps(result)),
    }
    bury(
        context,
        [
            dead_letter(
                tenant=city.tenant,
                feed=feed_,
                stage=stage,
                reason=reason,
                detail="x",
                place=place,
                payload=payload,
                occurred_at=sent_at,
            )
            for reason, (stage, feed_, place, payload) in stages.items()
        ],
    )
    first = {r.letter.reason: r for r in replayed(city, context)}
    assert {reason: r.became for reason, r in first.items()} == {
        "unknown_schema": Became.REPLAYED,
        "malformed": Became.REJECTED,
        "refused": Became.REPLAYED,
        "result": Became.IMPOSSIBLE,
    }
    command = "garonne replay --from 2026-07-14T21:00:00Z --to 2026-07-14T22:00:00Z parking_by_site"
    assert command in first["result"].detail
    replayed(city, context)
    assert sorted(e["entity_id"] for e in city.events()) == ["s1", "s2"]
    assert good in in_kafka(city)
    assert ledger(city) == {}  # the source had accepted them before


def test_the_button_of_the_dashboard_replays_a_letter_once(
    city: City, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, mended, content = MENDED_BY_MAPPING["json_records"]
    made = feed(city, "button", "weather_observed", {"kind": "json_records", **wrong})
    drop(city, "button", "x.json", content)
    taken_in(city, made)
    (letter,) = indexed(city, context)
    feed(city, "button", "weather_observed", {"kind": "json_records", **wrong, **mended})

    environment_of(city.state, city.endpoints)
    monkeypatch.setattr(pipeline, "ALL_FEEDS", city.state / "feeds")
    services = Services.of(context.es, "tests", pipeline=pipeline.LocalPipeline(city.settings))
    path = f"/api/v1/pipeline/dead-letters/{city.tenant}/{letter.dead_letter_id}/replay"
    with TestClient(application(services)) as asked:
        assert asked.post(path).status_code == 404  # for those without a key there are no dead letters
        assert len(in_kafka(city)) == 1  # the good record beside it
        key = serving.key(city.endpoints, Level.PRIVATE, city.tenant)
        answers = [asked.post(path, headers=key) for _ in range(2)]
    assert [(a.status_code, a.json()["became"]) for a in answers] == [(200, "replayed"), (200, "already there")]
    assert [e["temperature_celsius"] for e in city.events() if e["entity_id"] == "j1"] == [pytest.approx(30.5)]
    assert len(in_kafka(city)) == 2
