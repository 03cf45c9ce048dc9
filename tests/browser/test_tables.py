"""Tables hold what they say, and files what the tables hold."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from runtime.elastic.bulk import write
from tests.browser.browsing import LIMIT_MS, Noticed, opened, settled, violations
from tests.browser.city import HOURS, actions, event, place, result
from tests.browser.conftest import Site
from tests.browser.pages import PAGES, Shown

pytestmark = pytest.mark.servers
expect.set_options(timeout=LIMIT_MS)
BIKES = Shown("/dataset/bike_station_observed", "Station vélo 1")
MANY = Shown("/dataset/bike_availability", "many-0000")
MORE_THAN_A_TABLE = 1050


@pytest.fixture(scope="module")
def many(site: Site) -> None:
    """More stations than a table asks for."""
    start = site.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    documents = (result(f"many-{n:04}", start, 15, place(n, 0.03), name="Vélos") for n in range(MORE_THAN_A_TABLE))
    write(site.es, [a for d in documents for a in actions("bike_availability", d)], visible=True)


def table(page: Page) -> Locator:
    return page.locator("section.latest")


def shown(page: Page) -> set[str]:
    return set(table(page).locator("tbody tr td:first-child a").all_inner_texts())


def taken(page: Page, name: str) -> Path:
    with page.expect_download() as file:
        table(page).get_by_role("button", name=name, exact=True).click()
    return Path(file.value.path())


def ids(page: Page) -> Iterator[set[str]]:
    """The ids in the files."""
    yield {r["entity_id"] for r in csv.DictReader(taken(page, "CSV").read_text(encoding="utf-8").splitlines())}
    yield {json.loads(line)["entity_id"] for line in taken(page, "NDJSON").read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("BIKES-1", {"bikes-10", "bikes-11"}),
        ("vélo 3", {"bikes-02"}),
        ("stat", {f"bikes-{n:02}" for n in range(12)}),
        ('") or startswith(entity_id, "bikes', set()),
        ('\\") or startswith(entity_id, \\"bikes', set()),
        ("*\\", set()),
    ],
)
def test_a_filter_holds_for_the_table_and_for_its_files(
    browser: Browser, site: Site, typed: str, found: set[str]
) -> None:
    noticed = Noticed()
    with opened(browser, site.address + BIKES.address(), noticed=noticed) as page:
        settled(page)
        expect(table(page).locator("tbody tr")).to_have_count(12)
        table(page).get_by_label("Filtrer").fill(typed)
        expect(table(page).locator("tbody tr")).to_have_count(len(found) or 1)  # one that says that there is nothing
        assert shown(page) == found
        assert list(ids(page)) == [found, found]
    assert noticed == Noticed()


@pytest.mark.usefixtures("many")
def test_a_table_that_does_not_hold_all_says_so_and_can_hold_more(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + MANY.address()) as page:
        expect(table(page)).to_contain_text(re.compile(r"1\s000 lignes d’un plus grand nombre"))
        table(page).get_by_label("Filtrer").fill("many-1049")  # not among the first thousand
        expect(table(page).locator("tbody tr")).to_have_count(1)
        expect(table(page)).not_to_contain_text("plus grand nombre")
        assert shown(page) == {"many-1049"}
        table(page).get_by_label("Filtrer").fill("")
        table(page).get_by_role("button", name="Charger jusqu’à").click()
        expect(table(page)).not_to_contain_text("plus grand nombre")
        rows = table(page).locator("tbody tr")
        expect(rows).to_have_count(50)
        table(page).get_by_role("button", name=re.compile(r"^Afficher 1\s000 lignes de plus")).click()
        expect(rows).to_have_count(1050)
        table(page).get_by_role("button", name=re.compile("^Tout afficher")).click()
        expect(rows).to_have_count(MORE_THAN_A_TABLE + 12)
        assert len(next(ids(page))) == MORE_THAN_A_TABLE + 12


def test_a_state_of_this_minute_is_in_the_table_of_now(browser: Browser, site: Site) -> None:
    state = event("bikes-03", datetime.now(UTC), place(8, 0.025), "test-bikes", name="Station vélo 4", capacity=20)
    write(site.es, list(actions("bike_station_observed", state)), visible=True)
    with opened(browser, site.address + BIKES.address()) as page:
        expect(table(page).locator("tbody tr")).to_have_count(12)


@pytest.mark.parametrize(
    ("panel", "groups", "drawn"),
    [
        (Shown("/embed/dataset/transit_headway", "L1"), 15, 6),
        (Shown("/embed/mobility/slowest", "segment-00"), 16, 10),
    ],
)
def test_a_chart_says_of_how_many_it_shows_some_and_its_table_and_file_have_all(
    browser: Browser, site: Site, panel: Shown, groups: int, drawn: int
) -> None:
    address = panel.address(span="6h", field="average_wait_seconds", by="stop_id")
    with opened(browser, site.address + address) as page:
        expect(page.locator(".panel > .note")).to_contain_text(f"{drawn} sur {groups}")
        page.get_by_role("button", name="Tableau", exact=True).click()
        rows = page.locator(".panel tbody tr")
        names = {row.split("\t")[-2] for row in rows.all_inner_texts()}
        with page.expect_download() as file:
            page.get_by_role("button", name=re.compile("^CSV")).click()
        lines = [*csv.reader(Path(file.value.path()).read_text(encoding="utf-8").splitlines())]
    assert len(names) == groups
    assert {line[-2] for line in lines[1:]} == names


def test_a_table_beside_a_chart_can_show_every_value(browser: Browser, site: Site) -> None:
    address = Shown("/embed/dataset/transit_headway", "L1").address(field="average_wait_seconds", by="stop_id")
    with opened(browser, site.address + address) as page:
        page.get_by_role("button", name="Tableau", exact=True).click()
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(100)
        page.get_by_role("button", name=re.compile("^Tout afficher")).focus()
        page.keyboard.press("Enter")
        expect(rows).to_have_count(15 * (HOURS + 1))
        expect(page.get_by_role("button", name=re.compile("^Réduire"))).to_be_focused()
        page.keyboard.press("Enter")
        expect(rows).to_have_count(100)


def test_an_embedded_map_has_a_table_too(browser: Browser, site: Site) -> None:
    noticed = Noticed()
    with opened(browser, site.address + PAGES["embedded-map"].address(layers="parking"), noticed=noticed) as page:
        page.get_by_role("button", name="Tableau", exact=True).click()
        row = page.locator("tbody tr").filter(has=page.get_by_role("cell", name="Parking 1", exact=True))
        expect(row).to_contain_text(re.compile(r"\d\s%"))
        expect(page.get_by_role("link")).to_have_count(0)  # pages elsewhere may not be framed
        row.get_by_role("button", name="Situer Parking 1").click()
        expect(page.locator(".card .name")).to_have_text("Parking 1")
        expect(page.locator(".maplibregl-canvas")).to_be_visible()
        assert violations(page) == []
    assert noticed == Noticed()
