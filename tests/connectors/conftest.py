"""Fixtures of connectors' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.cursor import Cursor
from connectors.delivery import Context
from connectors.feed import Feed
from tests.connectors.benches import Bench
from tests.connectors.scripted import Errors


@pytest.fixture
def errors() -> Errors:
    return Errors()


@pytest.fixture
def context(tmp_path: Path, errors: Errors) -> Context:
    """The context of a feed whose state is in the test's folder."""
    return Context("toulouse", "test-feed", tmp_path, Cursor(), errors.report)


@pytest.fixture
def weather_feed() -> Feed:
    """A feed of weather as JSON lines from a folder."""
    return Feed.model_validate(
        {
            "id": "test-feed",
            "tenant": "toulouse",
            "event": "weather_observed",
            "title": "Test",
            "transport": {"kind": "files", "folder": "in"},
            "format": {
                "kind": "json_records",
                "event": "weather_observed",
                "layout": "lines",
                "entity_id": "id",
                "observed_at": "at",
                "fields": {"temperature_celsius": "t"},
            },
        }
    )


@pytest.fixture
def bench(weather_feed: Feed, request: pytest.FixtureRequest) -> Bench:
    name = "".join(c for c in request.node.name.lower() if c.isalnum() or c == "_")
    return Bench(weather_feed.model_copy(update={"id": name[:100]}))
