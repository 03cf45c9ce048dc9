"""What the servers are made of: downloaded once for all clones of a user, checked against committed sums."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import IO

from runtime.local import maven
from runtime.local.errors import SetupError
from runtime.local.folders import locked
from runtime.local.progress import Progress, quiet
from runtime.settings import PROJECT, Settings

RECIPES = PROJECT / "deploy" / "local"
NEEDED_BYTES = 3 * 10**9

Placement = Callable[[PurePosixPath], PurePosixPath | None]
"""Where a file of an archive goes below the server's folder; None for one that is not needed."""


def without_top(path: PurePosixPath) -> PurePosixPath | None:
    """All of an archive, without its outermost folder."""
    return PurePosixPath(*path.parts[1:]) if len(path.parts) > 1 else None


def all_of_it(path: PurePosixPath) -> PurePosixPath:
    """All of an archive, as it is."""
    return path


@dataclass(frozen=True)
class Download:
    """The files of a server, named like its folder in deploy/local."""

    name: str
    title: str
    placement: Placement = all_of_it

    @property
    def pom(self) -> Path:
        """Which files, for Maven."""
        return RECIPES / self.name / "pom.xml"

    @property
    def version(self) -> str:
        """Version of the server."""
        return maven.version(self.pom)

    def folder(self, settings: Settings) -> Path:
        """Where they are once they are there; another one for every change of the pom."""
        return settings.cache / f"{self.name}-{hashlib.sha256(self.pom.read_bytes()).hexdigest()[:12]}"


SPARK = Download("spark", "Spark's jars")


def fetched(download: Download, settings: Settings, progress: Progress = quiet, cancelled: Event | None = None) -> Path:
    """The folder with the files, downloaded if they are not there.

    Raises:
        SetupError: disk, Maven or network is missing, or a file is not the one that was expected.
    """
    folder = download.folder(settings)
    if folder.is_dir():
        return folder
    with locked(settings.cache / "downloads.lock"):
        if not folder.is_dir():
            _require_disk(settings.cache)
            with _scratch(settings.cache) as scratch:
                _fetch(download, scratch, settings, progress, cancelled or Event())
                (scratch / "files").rename(folder)
    return folder


def spark_jars(settings: Settings, progress: Progress = quiet) -> list[Path]:
    """The jars that Spark needs for Kafka and Avro beside those of pyspark, downloaded if they are not there.

    Raises:
        SetupError: as `fetched`.
    """
    folder = fetched(SPARK, settings, progress)
    progress(f"{SPARK.title}: ready", 1.0)
    return sorted(folder.glob("*.jar"))


def expected_sums(name: str) -> dict[str, str]:
    """SHA-256 of each file of a download."""
    lines = (RECIPES / "checksums.txt").read_text(encoding="ascii").splitlines()
    entries = [(PurePosixPath(path), digest) for digest, path in (line.split() for line in lines)]
    return {path.name: digest for path, digest in entries if path.parts[0] == name}


def verify(folder: Path, expected: Mapping[str, str]) -> None:
    """Compare the files of a folder with their sums.

    Raises:
        SetupError: one differs, is missing or is not expected.
    """
    found = {file.name: _sha256(file) for file in folder.iterdir()}
    for name in sorted(found.keys() | expected.keys()):
        if name not in found:
            raise SetupError(f"{name} was not downloaded, though it is expected")
        if found[name] != expected.get(name):
            raise SetupError(f"{name} is not the file that was expected: its SHA-256 is {found[name]}")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetch(download: Download, scratch: Path, settings: Settings, progress: Progress, cancelled: Event) -> None:
    raw, files = scratch / "raw", scratch / "files"
    raw.mkdir()
    got: Progress = lambda what, done: progress(f"{download.title}: {what}", done)  # noqa: E731
    maven.download(download.pom, raw, settings.cache / "maven", got, cancelled)
    progress(f"{download.title}: checking", None)
    verify(raw, expected_sums(download.name))
    if not maven.archives(download.pom):
        raw.rename(files)
        return
    for archive in raw.iterdir():
        progress(f"{download.title}: unpacking", None)
        unpack(archive, files, download.placement)


def unpack(archive: Path, target: Path, placement: Placement) -> None:
    """Unpack the files of a zip or tar.gz that have a place; links and special files are left out.

    Raises:
        SetupError: a file would land outside the target.
    """
    for path, source in _zip_files(archive) if archive.suffix == ".zip" else _tar_files(archive):
        place = placement(path)
        if place is None:
            continue
        if place.is_absolute() or ".." in place.parts:
            raise SetupError(f"{archive.name} holds a file outside its folder: {path}")
        file = target / place
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)


def _zip_files(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if not info.is_dir():
                with opened.open(info) as source:
                    yield PurePosixPath(info.filename), source


def _tar_files(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with tarfile.open(archive, "r:gz") as opened:
        for member in opened:
            source = opened.extractfile(member) if member.isfile() else None
            if source is not None:
                with source:
                    yield PurePosixPath(member.name), source


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    for left in cache.glob(".scratch-*"):  # Of a download that was killed; we hold the lock.
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=".scratch-", dir=cache))
    folder.chmod(0o755)  # Elasticsearch runs as another user and must read it.
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_disk(cache: Path) -> None:
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise SetupError(f"{cache} has {free / 1e9:.1f} GB free and the downloads need {NEEDED_BYTES / 1e9:.0f} GB")
