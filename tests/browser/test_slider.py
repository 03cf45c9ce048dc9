"""The slider moves all that a page shows: the spots of the map, the table, the mark in the charts."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.browsing import LIMIT_MS, opened
from tests.browser.city import CENTRE, stop_place
from tests.browser.conftest import Site
from tests.browser.pages import PAGES
from tests.servers.stacks import until

pytestmark = pytest.mark.servers
expect.set_options(timeout=LIMIT_MS)
ZOOM = 11
WORLD = 512 * 2**ZOOM  # pixels around the Earth
BUS, LINE = "bus-0", 0
QUARTER = timedelta(minutes=15)


def test_the_slider_moves_map_table_and_charts_together(browser: Browser, site: Site) -> None:
    address = PAGES["city"].address(layers="parking,vehicles", span="6h", map=f"{ZOOM}/{CENTRE[0]}/{CENTRE[1]}")
    with opened(browser, site.address + address) as page:
        expect(page.get_by_role("link", name="Parking 1", exact=True)).to_be_visible()
        expect(page.locator(".chart svg path").first).to_be_attached()
        title, rows, slider = page.locator("#values-title"), page.locator(".values tbody"), page.locator("[type=range]")
        expect(title).to_contain_text("Maintenant")
        expect(mark(page)).to_have_count(0)

        drag(slider, 0, from_share=1)
        expect(title).not_to_contain_text("Maintenant")
        drag(slider, 0.25, from_share=0)
        expect(mark(page)).to_have_count(1)
        left, earlier = mark_at(page), moment(page)
        drag(slider, 0.75, from_share=0.25)
        until(lambda: mark_at(page) > left, "the mark in the chart has moved")
        expect(page.locator("output.moment")).to_have_text(re.compile(r"\d\d:\d\d"))
        assert timedelta(hours=2) < moment(page) - earlier < timedelta(hours=4)

        # a bus is at its first stop at each quarter, and at its last from five minutes later on
        while since_quarter(page) != 5 * 60:
            slider.press("ArrowLeft")
        until(lambda: is_picked(page, 4), "the bus is at its last stop on the map")
        before = rows.inner_text()
        slider.press("ArrowLeft")
        assert since_quarter(page) == 0
        until(lambda: is_picked(page, 0), "the bus is at its first stop on the map")
        assert not is_picked(page, 4)
        expect(rows).not_to_have_text(before, use_inner_text=True)


def test_each_key_is_a_step_wherever_the_span_begins(browser: Browser, site: Site) -> None:
    """A span that begins between two steps had a slider that stuck to the first of them."""
    end = site.now.replace(minute=38, second=0, microsecond=0) - timedelta(hours=1)
    with opened(browser, site.address + PAGES["city"].address(span="6h", to=f"{end:%Y-%m-%dT%H:%M:%SZ}")) as page:
        slider, seen = page.get_by_label("Moment affiché"), []
        slider.press("Home")
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
            slider.press(key)
            seen.append(moment(page))
        assert [(at - end + timedelta(hours=6)) / timedelta(minutes=1) for at in seen] == [2, 7, 12, 7]


def test_time_plays_and_an_address_holds_the_moment(browser: Browser, site: Site) -> None:
    with opened(browser, site.address + PAGES["city"].address(layers="parking", span="6h")) as page:
        slider = page.get_by_label("Moment affiché")
        slider.press("Home")
        rows = page.locator(".values tbody")
        expect(rows.locator("tr").first).to_contain_text("Parking")
        before = rows.inner_text()
        page.get_by_role("button", name="Lecture").click()
        expect(rows).not_to_have_text(before, use_inner_text=True)
        page.get_by_role("button", name="Arrêt", exact=True).click()
        address = page.url
    with opened(browser, address) as again:
        expect(again.locator("#values-title")).not_to_contain_text("Maintenant")
        expect(again.locator(".values tbody tr").first).to_contain_text("Parking")


def drag(slider: Locator, share: float, *, from_share: float) -> None:
    """Drag its thumb with the mouse from one share of its way to another."""
    box, page = slider.bounding_box(), slider.page
    assert box is not None
    thumb = 16.0  # its middle does not reach the ends
    at = [box["x"] + thumb / 2 + (box["width"] - thumb) * s for s in (from_share, share)]
    middle = box["y"] + box["height"] / 2
    page.mouse.move(at[0], middle)
    page.mouse.down()
    page.mouse.move(at[1], middle, steps=5)
    page.mouse.up()


def mark(page: Page) -> Locator:
    """The line in the chart at the moment: it alone has the colour of texts."""
    colour = page.evaluate("() => getComputedStyle(document.documentElement).getPropertyValue('--text').trim()")
    return page.locator(f'.chart svg path[stroke="{colour}"]')


def mark_at(page: Page) -> float:
    """Where it is from the left; while the chart is drawn anew it is nowhere for a moment."""
    found: list[float] = []

    def is_there() -> bool:
        box = mark(page).bounding_box()
        found.extend([box["x"]] if box is not None else [])
        return box is not None

    until(is_there, "the mark is in the chart")
    return found[0]


def moment(page: Page) -> datetime:
    return datetime.fromisoformat(parse_qs(page.evaluate("() => location.search.slice(1)"))["at"][0])


def since_quarter(page: Page) -> float:
    return moment(page).timestamp() % QUARTER.total_seconds()


def is_picked(page: Page, stop: int) -> bool:
    """Whether the bus is what a click on the map at a stop finds."""
    card, where = page.locator(".card"), stop_place(LINE, stop)
    if card.count():
        card.get_by_role("button").click()
    box = page.locator(".maplibregl-canvas").bounding_box()
    assert box is not None
    right = (where["lon"] - CENTRE[1]) / 360 * WORLD
    down = (CENTRE[0] - where["lat"]) / 360 * WORLD / math.cos(math.radians(CENTRE[0]))
    page.mouse.click(box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2 + down)
    return card.count() == 1 and BUS in card.inner_text()
