"""Downloads come once, whole, and only as the files that were expected."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from threading import Event

import pytest

from runtime.local import downloads, maven
from runtime.local.downloads import (
    RECIPES,
    SPARK,
    Download,
    all_of_it,
    expected_sums,
    fetched,
    unpack,
    verify,
    without_top,
)
from runtime.local.elasticsearch import placement
from runtime.local.errors import SetupError
from runtime.local.kafka import KAFKA
from runtime.local.stack import SERVERS
from runtime.settings import Settings, settings

Fake = Callable[[Path], None]


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings().model_copy(update={"cache": tmp_path / "cache", "state": tmp_path / "state"})


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fake], list[Path]]:
    """Puts a function in the place of Maven; the list gets an entry for each download."""

    def put(fake: Fake) -> list[Path]:
        calls: list[Path] = []

        def download(pom: Path, target: Path, *_: object) -> None:
            calls.append(pom)
            fake(target)

        monkeypatch.setattr(maven, "download", download)
        return calls

    return put


def expect(monkeypatch: pytest.MonkeyPatch, **contents: bytes) -> None:
    sums = {name.replace("_", "."): hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(downloads, "expected_sums", lambda _: sums)


def test_a_download_comes_once(
    here: Settings, network: Callable[[Fake], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(monkeypatch, a_jar=b"code")
    calls = network(lambda target: (target / "a.jar").write_bytes(b"code"))
    folder = fetched(SPARK, here)
    assert fetched(SPARK, here) == folder
    assert [path.name for path in folder.iterdir()] == ["a.jar"]
    assert len(calls) == 1


def test_a_file_that_is_not_the_expected_one_is_never_used(
    here: Settings, network: Callable[[Fake], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(monkeypatch, a_jar=b"code")
    network(lambda target: (target / "a.jar").write_bytes(b"other code"))
    with pytest.raises(SetupError, match=r"a\.jar is not the file that was expected"):
        fetched(SPARK, here)
    assert not SPARK.folder(here).exists()
    assert not list(here.cache.glob(".scratch-*"))


def test_a_file_that_nobody_expects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "surprise.jar").write_bytes(b"code")
    with pytest.raises(SetupError, match=r"surprise\.jar is not the file that was expected"):
        verify(tmp_path, {})


def test_a_file_that_did_not_come_is_missed(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"a\.jar was not downloaded"):
        verify(tmp_path, {"a.jar": "0" * 64})


def test_a_download_that_was_cut_off_is_started_anew(
    here: Settings, network: Callable[[Fake], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(monkeypatch, a_jar=b"code")
    left = here.cache / ".scratch-dead"
    left.mkdir(parents=True)
    network(lambda target: (target / "a.jar").write_bytes(b"code"))
    assert fetched(SPARK, here).is_dir()
    assert not left.exists()


def test_a_full_disk_is_reported_before_anything_is_downloaded(
    here: Settings, network: Callable[[Fake], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "NEEDED_BYTES", 10**18)
    calls = network(lambda _: None)
    with pytest.raises(SetupError, match=r"GB free and the downloads need"):
        fetched(SPARK, here)
    assert calls == []


def test_a_change_of_the_pom_is_another_download(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = KAFKA.download.folder(here)
    monkeypatch.setattr(downloads, "RECIPES", tmp_path)
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "pom.xml").write_text("<project><version>4.4.1</version></project>")
    assert KAFKA.download.folder(here) != before
    assert KAFKA.download.version == "4.4.1"


def a_zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_only_files_with_a_place_are_unpacked(tmp_path: Path) -> None:
    archive = a_zip(tmp_path / "a.zip", "top/lib/a.jar", "top/README", "stray")
    unpack(archive, tmp_path / "out", without_top)
    assert files(tmp_path / "out") == {"lib/a.jar", "README"}


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil"])
def test_a_file_outside_the_target_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match="outside its folder"):
        unpack(a_zip(tmp_path / "a.zip", name), tmp_path / "out", all_of_it)
    assert not (tmp_path / "evil").exists()


def test_links_in_an_archive_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("passwords")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        archive.addfile(link)
        file = tarfile.TarInfo("lib/a.jar")
        file.size = 4
        archive.addfile(file, io.BytesIO(b"code"))
    unpack(path, tmp_path / "out", all_of_it)
    assert files(tmp_path / "out") == {"lib/a.jar"}


@pytest.mark.parametrize(
    ("inside", "needed"),
    [
        ("lib/elasticsearch-9.4.3.jar", True),
        ("bin/elasticsearch-env", True),
        ("modules/x-pack-security/a.jar", True),
        ("modules/apm/a.jar", True),
        ("lib/tools/server-launcher/server-launcher-9.4.3.jar", True),
        ("lib/tools/server-launcher/server-launcher", False),
        ("lib/platform/windows-x64/zstd.dll", False),
        ("modules/x-pack-inference/a.jar", False),
        ("bin/elasticsearch-node.bat", False),
        ("plugins/a.jar", False),
    ],
)
def test_of_elasticsearch_only_what_one_node_needs_is_unpacked(inside: str, needed: bool) -> None:
    place = placement(PurePosixPath("sonarqube-1/elasticsearch") / inside)
    assert place == (PurePosixPath(inside) if needed else None)


def test_of_the_archive_around_elasticsearch_nothing_is_unpacked() -> None:
    assert placement(PurePosixPath("sonarqube-1/lib/sonar.jar")) is None


ALL_DOWNLOADS = [*(server.download for server in SERVERS), SPARK]


@pytest.mark.parametrize("download", ALL_DOWNLOADS, ids=lambda download: download.name)
def test_every_archive_has_its_sum_and_every_server_its_version(download: Download) -> None:
    assert {artifact.path.name for artifact in maven.archives(download.pom)} <= expected_sums(download.name).keys()
    assert re.fullmatch(r"\d+\.\d+\.\d+", download.version)
    assert maven.megabytes(download.pom) > 0


def test_no_recipe_names_a_registry() -> None:
    recipes = [path for path in RECIPES.rglob("*") if path.is_file()]
    assert len(recipes) > 10
    named = re.compile(r"https?://(?!activemq\.apache\.org/schema)")
    assert [path.name for path in recipes if named.search(path.read_text(encoding="utf-8"))] == []


def test_the_error_of_maven_is_passed_on_after_three_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mvn"
    program.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\necho '[ERROR] no route to host'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SetupError, match="files of spark could not be downloaded: no route to host"):
        maven.download(RECIPES / "spark" / "pom.xml", tmp_path, tmp_path / "repo", lambda *_: None, Event())
    assert (tmp_path / "runs").read_text().count("run") == maven.ATTEMPTS
