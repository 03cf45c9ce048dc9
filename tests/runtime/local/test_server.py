"""What a local server's process is given of our own environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.local.server import Site
from runtime.settings import Settings


@pytest.mark.parametrize(
    ("options", "given"), [(None, {}), ("-Xint", {"JAVA_TOOL_OPTIONS": "-Xint"})], ids=["none", "some"]
)
def test_a_server_gets_the_path_and_options_for_java_and_nothing_else(
    options: str | None, given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/here")
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "ours")
    settings = Settings().model_copy(update={"servers_java_options": options})
    command = Site(settings, tmp_path, tmp_path, {}).command("java", OF_THE_SERVER="yes")
    assert command.environment == {"PATH": "/here", "LANG": "C.UTF-8", "OF_THE_SERVER": "yes", **given}
