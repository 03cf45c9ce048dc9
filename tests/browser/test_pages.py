"""Every page opens in a real browser with its data, without an error and without asking anybody else."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from runtime.elastic.bulk import write
from serving.dashboard.pages import EMBEDDED
from serving.dashboard.pages import PAGES as PATTERNS
from tests.browser.browsing import LIMIT_MS, Noticed, opened, settled, violations
from tests.browser.city import GAP_HOURS, TENANT, actions, event, place
from tests.browser.conftest import QUERY, TOPIC, WATERMARK_HOURS, Site
from tests.browser.pages import PAGES

pytestmark = pytest.mark.servers
expect.set_options(timeout=LIMIT_MS)
QUARTER = timedelta(minutes=15)
BEFORE_ASKED_AGAIN_MS = 45_000  # every minute the page asks for all, and would see changes so
#: The others are opened by `make browser`.
MAIN = ("city", "heat", "parking", "mobility", "entity", "pipeline", "embedded-panel")


def paris(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo('Europe/Paris')):%d/%m/%Y %H:%M}"


def test_every_pattern_of_addresses_has_a_page_here() -> None:
    matchers = [re.compile(re.sub(r"\{\w+(:path)?\}", ".+", pattern) + "$") for pattern in (*PATTERNS, EMBEDDED)]
    assert [m.pattern for m in matchers if not any(m.match(p.path) for p in PAGES.values())] == []


@pytest.mark.parametrize("name", MAIN)
def test_a_page_opens_with_its_data_and_asks_nobody_else(browser: Browser, site: Site, name: str) -> None:
    shown, noticed = PAGES[name], Noticed()
    with opened(browser, site.address + shown.address(), site.key if shown.needs_key else None, noticed) as page:
        settled(page)
        expect(page.locator("main")).to_contain_text(shown.data)
        if shown.has_map:
            expect(page.locator(".maplibregl-canvas")).to_be_visible()
        assert violations(page) == []
    assert noticed == Noticed()


@pytest.mark.browser
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser: Browser, site: Site, name: str, theme: str, language: str) -> None:
    shown, noticed = PAGES[name], Noticed()
    address = site.address + shown.address(theme=theme, lang=language)
    with opened(browser, address, site.key if shown.needs_key else None, noticed) as page:
        settled(page)
        expect(page.locator("main")).to_contain_text(shown.data)
        for button in page.get_by_role("button", name=re.compile("^(Tableau|Table)$")).all():
            button.click()
        assert page.locator("html").get_attribute("data-theme") == theme
        assert page.locator("html").get_attribute("lang") == language
        assert violations(page) == []
    assert noticed == Noticed()


def test_what_changes_is_seen_on_the_map_page(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["city"].address(layers="parking")) as page:
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Parking 3", exact=True))
        expect(row).to_be_visible()
        expect(page.locator(".dot.on")).to_be_visible()  # it listens
        for percent in (1, 2):  # the first could be seen by asking as well, when listening begins
            taken = 4 * percent
            counts = {"total_spaces": 400, "occupied_spaces": taken, "free_spaces": 400 - taken, "name": "Parking 3"}
            state = event("parking-02", datetime.now(UTC), place(2, 0.03), "test-parking", area_type="site", **counts)
            write(site.es, list(actions("parking_observed", state)), visible=True)
            expect(row).to_contain_text(re.compile(rf"\D{percent}\s%"), timeout=BEFORE_ASKED_AGAIN_MS)


def test_live_updates_can_be_paused(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["city"].address(layers="bikes")) as page:
        expect(page.locator(".dot.on")).to_be_visible()
        page.get_by_role("button", name="Pause du direct").click()
        expect(page.locator(".dot.on")).to_have_count(0)
        assert "live=off" in page.url


def test_a_broken_sensor_does_not_heat_the_city(browser: Browser, site: Site) -> None:
    for minutes in range(5, 35):
        spike = event("station-00", site.now - timedelta(minutes=minutes), place(0, 0.05), "test-weather")
        write(site.es, [next(actions("weather_observed", {**spike, "temperature_celsius": 300.0}))], visible=True)
    with opened(browser, site.address + PAGES["heat"].address()) as page:
        figure = page.locator(".tile", has_text="Température moyenne").locator(".figure")
        expect(figure).to_have_text(re.compile(r"^-?\d\d?(,\d)?\s°C$"))
        panel = page.locator(".panel", has=page.get_by_role("heading", name="Température moyenne"))
        panel.get_by_role("button", name="Tableau").click()
        values = panel.locator("tbody tr td:last-child")
        expect(values.first).to_contain_text("°C")
        assert [v for v in values.all_inner_texts() if not re.match(r"-?\d\d?(,\d)?\s", v)] == []


def test_language_and_theme_are_switched_and_stay_from_page_to_page(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["heat"].address()) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Chaleur")
        page.get_by_role("button", name="English").click()
        page.get_by_role("button", name="Dark theme").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Heat")
        page.get_by_role("link", name="Parking", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Parking")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.locator("html").get_attribute("lang") == "en"


def test_descriptions_are_in_the_language_of_the_page(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["dataset"].address()) as page:
        expect(page.locator("main > .about")).to_contain_text("Occupation et mouvements d’un parc")
        expect(page.get_by_title("Nom donné par l’exploitant.")).to_be_visible()
        page.get_by_role("button", name="English").click()
        expect(page.locator("main > .about")).to_contain_text("Occupancy and movement of a car park")
        expect(page.get_by_title("Name as the operator gives it.")).to_be_visible()


def test_times_are_those_of_paris_wherever_the_reader_is(browser: Browser, site: Site) -> None:
    address = PAGES["dataset"].address(to="2026-07-15T00:00:00Z", at="2026-07-14T12:00:00Z")
    with opened(browser, site.address + address) as page:
        expect(page.locator(".moment")).to_have_text("14/07/2026 14:00")


def test_a_csv_has_what_is_asked_for(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["entity"].address(), site.key) as page:
        settled(page)
        with page.expect_download() as taken:
            page.get_by_role("button", name="CSV").click()
        rows = list(csv.DictReader(Path(taken.value.path()).read_text(encoding="utf-8").splitlines()))
    assert taken.value.suggested_filename == "weather_observed.csv"
    assert {r["entity_id"] for r in rows} == {"station-07"}
    assert {r["tenant"] for r in rows} == {TENANT}
    assert len(rows) > 12


def test_a_key_opens_the_pipeline_and_stays_in_its_tab(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["pipeline"].address()) as page:
        page.get_by_role("main").get_by_role("link", name="Donner une clé").click()
        page.get_by_label("Clé d’accès", exact=True).fill(site.key)
        page.get_by_role("button", name="Utiliser la clé").click()
        expect(page.get_by_text("La clé ouvre")).to_be_visible()
        page.get_by_role("link", name="Chaîne de traitement").click()
        expect(page.get_by_role("heading", name="Messages rejetés")).to_be_visible()
        expect(page.get_by_text("out_of_range").first).to_be_visible()
        assert site.key not in page.url
        assert page.context.cookies() == []
        assert page.evaluate("() => localStorage.length") == 0


def test_the_lag_of_a_query_is_told_to_who_may_know_it(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["pipeline"].address(), site.key) as page:
        row = page.get_by_role("row").filter(has_text=QUERY).first
        expect(row).to_contain_text("en marche")
        expect(row).to_contain_text(re.compile(r"1\s234"))
        expect(row).to_contain_text("0,4 s")
        titles = page.get_by_role("table", name="Requêtes en continu").get_by_role("columnheader").all_inner_texts()
        watermark = row.get_by_role("cell").nth(titles.index("Retard du filigrane"))
        expect(watermark).to_have_text(re.compile(rf"^{WATERMARK_HOURS}(,\d)? h$"))
        page.locator("summary", has_text="Retard par partition").click()
        partitions = page.get_by_role("row").filter(has_text=TOPIC)
        expect(partitions).to_have_count(2)
        expect(partitions.first).to_contain_text(re.compile(r"0\s*1\s000"))


def test_a_page_is_walked_by_keyboard(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["heat"].address()) as page:
        settled(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Lecture")).to_be_focused()


@pytest.mark.parametrize("name", ["city", "parking", "pipeline", "entity"])
def test_a_page_fits_a_telephone(browser: Browser, site: Site, name: str) -> None:
    with opened(browser, site.address + PAGES[name].address(), site.key) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        settled(page)
        expect(page.locator("main")).to_contain_text(PAGES[name].data)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_device_shows_its_gap_its_neighbours_and_its_quality(browser: Browser, site: Site) -> None:
    over = site.now - timedelta(hours=GAP_HOURS[0])
    first = over.replace(minute=over.minute // 15 * 15) + QUARTER
    last = first - timedelta(hours=GAP_HOURS[1] - GAP_HOURS[0]) - QUARTER
    with opened(browser, site.address + PAGES["entity"].address()) as page:
        expect(page.locator(".gaps li")).to_have_count(1)
        expect(page.locator(".gaps li")).to_have_text(f"{paris(last)} → {paris(first)} 2,3 h")
        expect(page.get_by_text("Une valeur toutes les 15 min d’ordinaire")).to_be_visible()
        neighbours = page.locator("section", has=page.get_by_role("heading", name="Voisins"))
        expect(neighbours.get_by_role("link").first).to_be_visible()
    path = f"/entity/heat_island_hourly/{TENANT}/station-04?tenant={TENANT}"
    with opened(browser, site.address + path) as page:
        expect(page.get_by_text("Sauts écartés").first).to_be_visible()
    with opened(browser, f"{site.address}/entity/bike_station_observed/{TENANT}/nothing") as page:
        expect(page.get_by_text("Aucun état connu")).to_be_visible()
