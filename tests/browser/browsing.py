"""A real Chromium that sees the pages as people do, and what it notices of them beside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, sync_playwright

from runtime.local import packages
from runtime.local.errors import SetupError
from runtime.local.progress import quiet

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: WebGL without a graphics card; nothing that a browser asks its maker by itself.
OPTIONS = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
LIMIT_MS = 60_000
SIZE = {"width": 1440, "height": 900}
LOOPBACK = "127.0.0.1"
KEY = "garonne-key"


@dataclass
class Noticed:
    """What a page did beside what it shows: errors in the console, refused requests, addresses elsewhere."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Notice everything from now on."""
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", self._answered)
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != LOOPBACK:
            self.elsewhere.append(url)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine; as root on Debian it is installed when there is none.

    Raises:
        SetupError: there is none and it cannot be installed; says the command that brings it.
    """
    found = _found()
    if found is None and packages.install(NAMES[:1], quiet):
        found = _found()
    if found is None:
        raise SetupError("no Chromium was found: sudo apt-get install chromium")
    options = [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, address: str, key: str | None = None, noticed: Noticed | None = None) -> Iterator[Page]:
    """A page in a browser that knows nothing yet; its clock is not that of Paris, so that times show whose they are."""
    context = browser.new_context(viewport=SIZE, locale="en-US", timezone_id="America/New_York")  # type: ignore[arg-type]
    if key is not None:
        context.add_init_script(f"sessionStorage.setItem({KEY!r}, {key!r})")
    page = context.new_page()
    page.set_default_timeout(LIMIT_MS)
    if noticed is not None:
        noticed.watch(page)
    page.goto(address)
    try:
        yield page
    finally:
        context.close()


def settled(page: Page) -> None:
    """Wait until nothing says any more that it is coming."""
    page.locator("h1").first.wait_for(state="attached")
    page.locator(".waiting").first.wait_for(state="detached")


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page as it is now."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {n['html']}" for v in found for n in v["nodes"]]


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)
