"""Pictures of all pages, in both themes and languages: of a small city of its own, or of a server that runs."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser

from runtime.elastic.client import client
from serving.access.keys import KeyStore, made
from serving.access.levels import Level
from tests.browser.browsing import chromium, opened, settled
from tests.browser.city import TENANT, fill
from tests.browser.pages import PAGES, Shown
from tests.servers.served import serving
from tests.servers.stacks import stack_of_its_own

VIEWS = (("light", "fr"), ("dark", "en"))
HOURS = 24
UNDRAWN = ".chart:not(:has(svg))"
DRAWN_MS = 4000  # until a map and its labels are drawn, which no event tells


def main() -> None:
    """Take the pictures, and say where they are."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--url", help="Address of a server that runs; without it, one with a small city is started.")
    words.add_argument("--key", help="Key for the pages that need one, with --url.")
    words.add_argument("--out", type=Path, default=Path("build/screenshots"), help="Folder for them.")
    given = words.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with _site(given.url, given.key) as (address, key), chromium() as browser:
        for name, shown in PAGES.items():
            for theme, language in VIEWS:
                path = given.out / f"{name}-{theme}-{language}.png"
                more = {"theme": theme, "lang": language, **({} if given.url is None else {"tenant": ""})}
                take(browser, address + shown.address(**more), shown, key, path)
                print(path, flush=True)  # noqa: T201 -- what the command says


def take(browser: Browser, address: str, shown: Shown, key: str | None, path: Path) -> None:
    """A picture of a page once its data are there."""
    with opened(browser, address, key) as page:
        settled(page)
        page.locator(UNDRAWN).first.wait_for(state="detached")
        if shown.has_map:
            page.wait_for_timeout(DRAWN_MS)
        page.screenshot(path=path, full_page=not shown.has_map)


@contextmanager
def _site(url: str | None, key: str | None) -> Iterator[tuple[str, str | None]]:
    if url is not None:
        yield url.rstrip("/"), key
        return
    with stack_of_its_own("elasticsearch") as stack, tempfile.TemporaryDirectory() as state:
        servers, now = stack.up(), datetime.now(UTC)
        es = client(servers)
        fill(es, now, HOURS)
        kept, made_key = made([TENANT], Level.PRIVATE, "screenshots", 1_000_000, timedelta(days=1), now)
        KeyStore(es).add(kept)
        with serving(Path(state), servers) as address:
            yield address, made_key.get_secret_value()


if __name__ == "__main__":
    main()
