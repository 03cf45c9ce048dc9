"""What a page does by itself can be paused (WCAG 2.2.2): then it asks nothing, however long it stays open."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.browsing import LIMIT_MS, opened, settled
from tests.browser.conftest import Site
from tests.browser.pages import PAGES

pytestmark = pytest.mark.servers
expect.set_options(timeout=LIMIT_MS)
MINUTES = 3
API = re.compile(r"/api/")
ONES = ["city", "heat", "pipeline", "embedded-panel"]
#: Opened by `make browser`.
OTHERS = ["dataset", "entity", "embedded-map", "embedded-dataset", "embedded-table"]


def minutes_go_by(page: Page) -> None:
    page.clock.run_for(MINUTES * 60_000)
    page.evaluate("() => fetch('/health')")  # what was to be asked before this is asked


def comes_to_rest(page: Page, asked: list[Request]) -> None:
    """Wait until all that was asked is answered, and nothing more has followed from it."""
    before = -1
    while before != len(asked):
        before = len(asked)
        for request in list(asked):
            request.response()
        page.clock.run_for(1000)
        page.evaluate("() => fetch('/health')")


@pytest.mark.parametrize("name", [*ONES, *(pytest.param(name, marks=pytest.mark.browser) for name in OTHERS)])
def test_a_paused_page_asks_nothing(browser: Browser, site: Site, name: str) -> None:
    asked: list[Request] = []
    with opened(browser, f"{site.address}/accessibility", site.key) as page:
        page.on("request", lambda r: asked.append(r) if API.search(r.url) else None)
        page.clock.install()  # before the page begins to count
        page.goto(site.address + PAGES[name].address())
        settled(page)
        with page.expect_request(API):
            minutes_go_by(page)
        page.get_by_role("button", name="Pause du direct").click()
        resume = page.get_by_role("button", name="Reprendre le direct")
        expect(resume).to_have_attribute("aria-pressed", "true")
        comes_to_rest(page, asked)
        asked.clear()
        minutes_go_by(page)
        assert [r.url for r in asked] == []
        with page.expect_request(API):  # at once, and not after the next minute
            resume.click()
