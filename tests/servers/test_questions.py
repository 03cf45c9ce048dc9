"""Twenty questions: Elasticsearch, the API and plain Python over the documents say the same, and so does the page."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from typer.testing import CliRunner, Result

from garonne.demo import command as demo
from garonne.questions import command
from garonne.questions.asking import Row, plain, rows_of
from garonne.questions.city import EVENING, TENANT, documents
from garonne.questions.command import PAGE, answered
from garonne.questions.page import page
from garonne.questions.question import Question, questions
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from schemas import contract
from schemas.validation import problems
from tests.servers.served import serving

SATURDAY_15H = datetime(2026, 7, 18, 13, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 17, 22, tzinfo=UTC)
RUSH = datetime(2026, 7, 17, 15, tzinfo=UTC)
DAY = datetime(2026, 7, 17, 6, tzinfo=UTC)
COMMANDS = re.findall(r"```sh\n(curl.*?)\n```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
Documents = list[dict[str, Any]]
Oracle = Callable[[Documents], list[Row]]


@pytest.fixture(scope="module")
def by_contract() -> dict[str, Documents]:
    found: dict[str, Documents] = {}
    for name, document in documents():
        found.setdefault(name, []).append(document)
    return found


@pytest.fixture(scope="module")
def run(servers: Endpoints) -> Iterator[Callable[..., Result]]:
    """The command on the test servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "endpoints", lambda _: servers)
        yield lambda *words: CliRunner().invoke(command.app, words)


@pytest.fixture(scope="module")
def es(servers: Endpoints, run: Callable[..., Result]) -> Iterator[Elasticsearch]:
    """Elasticsearch with the example city in it, and without it at the end."""
    found = client(servers)
    assert run("fill").exit_code == 0
    assert found.count(index=f"city-*-{TENANT}-*")["count"] > 5000
    yield found
    assert run("forget").exit_code == 0
    assert found.count(index=f"city-*-{TENANT}-*,city-*-{TENANT}")["count"] == 0


@pytest.fixture(scope="module")
def answers(es: Elasticsearch) -> list[tuple[Question, list[Row]]]:
    """What both doors gave; one that differs ends it."""
    return answered(es, questions())


@pytest.mark.servers
@pytest.mark.parametrize("wanted", [q.id for q in questions()])
def test_the_answer_is_that_of_plain_python(
    answers: list[tuple[Question, list[Row]]], by_contract: dict[str, Documents], wanted: str
) -> None:
    question, rows = next((q, r) for q, r in answers if q.id == wanted)
    expected = plain(ORACLES[wanted](by_contract[question.dataset.removesuffix("_latest")]))
    assert rows
    assert [list(row) for row in rows] == [list(row) for row in expected]
    for row, other in zip(rows, expected, strict=True):
        for name, value in row.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            assert math.isclose(value, other[name], abs_tol=2e-6) if is_number else value == other[name], (row, other)


@pytest.mark.servers
def test_the_page_shows_these_answers(answers: list[tuple[Question, list[Row]]]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(answers), "run: garonne questions docs"


@pytest.mark.servers
def test_a_door_that_differs_is_told(es: Elasticsearch) -> None:
    question = next(q for q in questions() if q.id == "rain")
    other = question.model_copy(update={"api": {**question.api, "limit": 4}})
    with pytest.raises(RuntimeError, match="rain: the API says"):
        answered(es, [other])


@pytest.mark.servers
@pytest.mark.usefixtures("es")
def test_the_command_shows_the_answer(run: Callable[..., Result]) -> None:
    asked = run("ask", "full-car-parks")
    assert asked.exit_code == 0, asked.output
    assert "PR-002" in asked.output
    assert run("ask", "nothing").exit_code == 2


@pytest.mark.servers
@pytest.mark.usefixtures("es")
def test_the_commands_of_the_page_work_in_the_demo(
    servers: Endpoints, answers: list[tuple[Question, list[Row]]], tmp_path: Path
) -> None:
    """As a reader does: the line that the demo shows is pasted into a terminal, and then each command."""
    with serving(tmp_path, servers) as address:
        shown = demo._questions(servers, int(address.rsplit(":", 1)[1]))["docs/questions.md"]
        for (question, rows), api, search in zip(answers, COMMANDS[::2], COMMANDS[1::2], strict=True):
            assert plain(typed(shown, api)["results"]) == rows, question.id
            assert rows_of(question, typed(shown, search)) == rows, question.id


def typed(*lines: str) -> dict[str, Any]:
    """What commands print, typed one after another into an empty shell."""
    script = "\n".join(lines)
    done = subprocess.run(["bash", "-ec", script], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_there_are_twenty_in_both_languages_each_with_its_oracle() -> None:
    assert len(questions()) == 20
    assert {q.id for q in questions()} == set(ORACLES)
    assert all(q.fr.endswith(" ?") and q.en.endswith("?") for q in questions())


def test_the_example_city_holds_what_its_contracts_say(by_contract: dict[str, Documents]) -> None:
    for name, found in by_contract.items():
        assert found
        assert [p for d in found for p in problems(contract(name), d)] == []


def test_every_call_on_the_page_is_whole() -> None:
    assert len(COMMANDS) == 2 * len(questions())
    words = [shlex.split(c.replace("\\\n", "")) for c in COMMANDS]
    assert [w[2].removeprefix("$API") for w in words[::2]] == [q.path for q in questions()]
    assert [dict(p.split("=", 1) for p in w[4::2]) for w in words[::2]] == [q.parameters for q in questions()]


def one(found: Documents, *names: str) -> list[Row]:
    return [{n: d[n].isoformat() if isinstance(d[n], datetime) else d[n] for n in names} for d in found]


def most(found: Documents, name: str) -> Documents:
    return sorted(found, key=lambda d: -d[name])


def at(found: Documents, time: datetime) -> Documents:
    return [d for d in found if d["window_start"] == time]


def between(found: Documents, start: datetime, length: timedelta) -> Documents:
    return [d for d in found if start <= d["window_start"] < start + length]


def grouped(found: Documents, *names: str) -> list[tuple[dict[str, Any], Documents]]:
    groups: dict[tuple[Any, ...], Documents] = {}
    for d in found:
        groups.setdefault(tuple(d[n] for n in names), []).append(d)
    return [(dict(zip(names, key, strict=True)), groups[key]) for key in sorted(groups)]


def by_time(found: Documents, name: str, hours: int) -> list[tuple[str, Documents]]:
    def begin(d: dict[str, Any]) -> datetime:
        return datetime.fromtimestamp(d[name].timestamp() // (hours * 3600) * hours * 3600, UTC)

    return [(key["_"].isoformat(), g) for key, g in grouped([{**d, "_": begin(d)} for d in found], "_")]


def mean(found: Documents, name: str) -> float:
    values = [d[name] for d in found if d[name] is not None]
    return sum(values) / len(values)


def total(found: Documents, name: str) -> float:
    return sum(d[name] for d in found if d[name] is not None)


def newest(found: Documents) -> Documents:
    return [max(g, key=lambda d: d["observed_at"]) for _, g in grouped(found, "entity_id")]


def distance_m(place: dict[str, float], lat: float, lon: float) -> float:
    a, b = math.radians(place["lat"]), math.radians(lat)
    h = math.sin((b - a) / 2) ** 2
    h += math.cos(a) * math.cos(b) * math.sin(math.radians(lon - place["lon"]) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


ORACLES: dict[str, Oracle] = {
    "tropical-nights": lambda d: one(
        most([x for x in d if x["is_tropical_night"] and x["night_of"] == f"{EVENING}"], "min_temperature_celsius"),
        "entity_id",
        "local_climate_zone",
        "min_temperature_celsius",
    ),
    "hottest-hours": lambda d: one(
        most(d, "mean_temperature_celsius")[:3], "entity_id", "window_start", "mean_temperature_celsius"
    ),
    "heat-by-zone": lambda d: sorted(
        (
            {**key, "intensity": mean(g, "intensity_celsius")}
            for key, g in grouped(between(d, MIDNIGHT, timedelta(hours=6)), "local_climate_zone")
        ),
        key=lambda r: -r["intensity"],
    )[:3],
    "degree-hours": lambda d: one(
        most([x for x in d if x["degree_hours"] > 30], "degree_hours"), "entity_id", "degree_hours"
    ),
    "temperature-now": lambda d: one(
        sorted(newest(d), key=lambda x: (-x["temperature_celsius"], x["entity_id"]))[:3],
        "entity_id",
        "observed_at",
        "temperature_celsius",
    ),
    "rain": lambda d: sorted(
        ({**key, "rain_mm": round(total(g, "precipitation_mm"), 6)} for key, g in grouped(d, "entity_id")),
        key=lambda r: (-r["rain_mm"], r["entity_id"]),
    )[:5],
    "gusts": lambda d: [
        {"observed_at": t, "gust": max(x["wind_gust_m_per_s"] for x in g)} for t, g in by_time(d, "observed_at", 6)
    ],
    "full-car-parks": lambda d: one(
        most([x for x in at(d, SATURDAY_15H) if x["occupancy_ratio"] > 0.75], "occupancy_ratio"),
        "entity_id",
        "name",
        "free_spaces",
        "occupancy_ratio",
    ),
    "free-by-sector": lambda d: [
        {**key, "free": total(g, "free_spaces"), "total": total(g, "total_spaces")}
        for key, g in grouped(at(d, SATURDAY_15H), "zone_id")
    ],
    "over-capacity": lambda d: [
        {**key, "windows": len(g), "most": max(x["occupied_spaces"] for x in g)}
        for key, g in grouped([x for x in d if x["occupied_spaces"] > x["total_spaces"]], "entity_id")
    ],
    "busiest-hours": lambda d: sorted(
        ({"window_start": t, "arrivals": total(g, "arrivals_count")} for t, g in by_time(d, "window_start", 1)),
        key=lambda r: (-r["arrivals"], r["window_start"]),
    )[:3],
    "turnover": lambda d: sorted(
        (
            {**key, "turnover": total(g, "turnover_per_space")}
            for key, g in grouped(between(d, DAY, timedelta(days=1)), "entity_id")
        ),
        key=lambda r: -r["turnover"],
    )[:5],
    "parking-nearby": lambda d: one(
        most(
            [
                x
                for x in at(d, SATURDAY_15H)
                if x["free_spaces"] >= 10 and distance_m(x["location"], 43.683108, 1.622866) <= 2000
            ],
            "free_spaces",
        ),
        "entity_id",
        "free_spaces",
    ),
    "slow-roads": lambda d: sorted(
        (
            {**key, "index": mean(g, "travel_time_index"), "speed": mean(g, "mean_speed_km_per_h")}
            for key, g in grouped(between(d, RUSH, timedelta(hours=2)), "entity_id")
        ),
        key=lambda r: -r["index"],
    )[:3],
    "levels-of-service": lambda d: [
        {**key, "windows": len(g)} for key, g in grouped([x for x in d if x["level_of_service"]], "level_of_service")
    ],
    "traffic-by-hours": lambda d: [
        {"window_start": t, "vehicles": total(g, "vehicles_count")} for t, g in by_time(d, "window_start", 6)
    ],
    "excess-wait": lambda d: [
        {
            **key,
            "wait_seconds": mean(g, "excess_wait_seconds"),
            "scheduled_seconds": mean(g, "mean_scheduled_headway_seconds"),
        }
        for key, g in grouped(d, "line_id")
    ],
    "bunching": lambda d: sorted(
        (
            {**key, "bunched": total(g, "bunched_count")}
            for key, g in grouped([x for x in d if x["bunched_count"] > 0], "line_id", "stop_id")
        ),
        key=lambda r: (-r["bunched"], r["line_id"], r["stop_id"]),
    )[:3],
    "empty-bike-stations": lambda d: one(
        sorted(
            (x for x in at(d, SATURDAY_15H) if x["mean_bikes_available"] < 3), key=lambda x: x["mean_bikes_available"]
        ),
        "entity_id",
        "name",
        "mean_bikes_available",
        "capacity",
    ),
    "bike-imbalance": lambda d: sorted(
        (
            {
                **key,
                "imbalance": mean(g, "imbalance_ratio"),
                "fewest": min(x["mean_bikes_available"] for x in g),
            }
            for key, g in grouped(d, "entity_id")
        ),
        key=lambda r: -r["imbalance"],
    ),
}
