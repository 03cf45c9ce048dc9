"""The city at a moment of the past: all of it, however much there was in that hour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Route, expect

from runtime.elastic.bulk import write
from tests.browser.browsing import LIMIT_MS, opened
from tests.browser.city import Document, actions, event, place, result
from tests.browser.conftest import Site
from tests.browser.pages import PAGES

pytestmark = pytest.mark.servers
expect.set_options(timeout=LIMIT_MS)
#: More of each in an hour than the API gives at once, which is 10,000.
BUSES, SEGMENTS = 220, 900
OWN = {"vehicles": 3, "traffic": 16}  # of the city itself


@pytest.fixture(scope="module")
def busy_hour(site: Site) -> datetime:
    """An hour with a position of every bus each minute, and a figure of every segment each five minutes."""
    hour = site.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    for name, documents in (("vehicle_position", positions(hour)), ("traffic_by_segment", speeds(hour))):
        # Only the observations: of now these vehicles say nothing.
        every = [next(actions(name, d)) for d in documents]
        for start in range(0, len(every), 2000):
            write(site.es, every[start : start + 2000])
    site.es.indices.refresh(index="city-*")
    return hour


@pytest.fixture
def hot_hour(site: Site) -> str:
    """A station that was hotter than all others in the last hour that is over."""
    start = site.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    hottest = result("station-hot", start, 60, place(0, 0.05), intensity_celsius=20.0, is_rural_reference=False)
    write(site.es, list(actions("heat_island_hourly", hottest)), visible=True)
    return "station-hot"


def positions(hour: datetime) -> Iterator[Document]:
    for minute in range(60):
        at = hour + timedelta(minutes=minute)
        for n in range(BUSES):
            yield event(f"many-{n:03}", at, place(n, 0.04), "test-buses", line_id="L9", speed_km_per_h=20.0)


def speeds(hour: datetime) -> Iterator[Document]:
    for step in range(12):
        start = hour + timedelta(minutes=5 * step)
        for n in range(SEGMENTS):
            figures = {"mean_speed_km_per_h": 30.0, "travel_time_index": 1.5, "level_of_service": "C"}
            yield result(f"many-{n:03}", start, 5, place(n, 0.04), **figures)


def test_bars_count_up_to_the_moment(browser: Browser, site: Site, hot_hour: str) -> None:
    with opened(browser, site.address + PAGES["heat"].address(span="6h")) as page:
        first = page.get_by_role("img", name=re.compile("Stations les plus chaudes"))
        expect(first).to_have_accessible_name(re.compile(f"En tête : {hot_hour} "))
        page.get_by_label("Moment affiché").fill("24")  # of 72: two hours of six
        expect(first).to_have_accessible_name(re.compile(r"En tête : station-\d\d "))


@pytest.mark.parametrize(("layer", "many"), [("vehicles", BUSES), ("traffic", SEGMENTS)])
def test_the_end_of_a_busy_hour_has_all_that_was_there(
    browser: Browser, site: Site, busy_hour: datetime, layer: str, many: int
) -> None:
    at = busy_hour + timedelta(minutes=57)
    with opened(browser, site.address + PAGES["city"].address(layers=layer, at=f"{at:%Y-%m-%dT%H:%M:%SZ}")) as page:
        expect(page.locator(".layers .count")).to_have_text(str(many + OWN[layer]))
        expect(page.locator(".banner")).to_have_count(0)


def test_a_map_that_does_not_load_all_says_so(browser: Browser, site: Site) -> None:
    asked: list[str] = []

    def endless(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json={"count": 0, "results": [], "cursor": "there-is-always-more"})

    address = PAGES["city"].address(layers="traffic")
    with opened(browser, site.address + address) as page:
        expect(page.locator(".layers .count")).to_have_text(str(OWN["traffic"]))
        page.route("**/history?**", endless)
        page.get_by_label("Moment affiché").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".banner")).to_contain_text("il en manque")
        assert 1 < len(asked) <= 10
        assert [("cursor" in url) for url in asked[:2]] == [False, True]
