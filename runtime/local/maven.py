"""Files from Maven Central, or from the mirror that the user's Maven settings name."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from lxml import etree

from runtime.local import packages
from runtime.local.errors import CancelledError, SetupError
from runtime.local.progress import Progress

GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
ATTEMPTS = 3
STALLED_SECONDS = 180
ARCHIVES = {"zip", "tar.gz"}


@dataclass(frozen=True)
class Artifact:
    """A file of a Maven repository."""

    group: str
    name: str
    version: str
    type: str
    classifier: str | None

    @property
    def path(self) -> Path:
        """Its place in a repository."""
        tail = f"-{self.classifier}" if self.classifier else ""
        folder = Path(*self.group.split("."), self.name, self.version)
        return folder / f"{self.name}-{self.version}{tail}.{self.type}"


def version(pom: Path) -> str:
    """Version of the project, which is that of its server."""
    return _text(etree.parse(str(pom)).getroot(), "version") or ""


def megabytes(pom: Path) -> int:
    """How much there is to download, about."""
    return int(etree.parse(str(pom)).findtext("./{*}properties/{*}megabytes") or 0)


def archives(pom: Path) -> list[Artifact]:
    """The archives among the project's dependencies."""
    found = [_artifact(node) for node in etree.parse(str(pom)).iterfind("./{*}dependencies/{*}dependency")]
    return [artifact for artifact in found if artifact.type in ARCHIVES]


def program(progress: Progress) -> str:
    """The program `mvn`, installed from the system's packages when this runs as root.

    Raises:
        SetupError: it is missing; says the command that brings it.
    """
    found = shutil.which("mvn")
    if found is None and packages.install(["maven"], progress):
        found = shutil.which("mvn")
    if found is None:
        raise SetupError("Maven is missing: sudo apt-get install maven")
    return found


def download(pom: Path, target: Path, repository: Path, progress: Progress, cancelled: Event) -> None:
    """Copy the files of a project into a folder, by way of a local repository of our own.

    Raises:
        SetupError: Maven is missing or failed three times; says its last error.
        CancelledError: somebody set `cancelled`.
    """
    words = [program(progress), "-B", "-q", "-ntp", "-C", "-f", str(pom), GOAL, "-DincludeScope=runtime"]
    words += [f"-DoutputDirectory={target}", f"-Dmaven.repo.local={repository}"]
    for artifact in archives(pom):
        _take_from_user(artifact, repository)
    for attempt in range(1, ATTEMPTS + 1):
        error = _run([*words, *(["-U"] if attempt > 1 else [])], repository, pom, progress, cancelled)
        if error is None:
            break
    else:
        raise SetupError(f"the files of {pom.parent.name} could not be downloaded: {error}")
    for artifact in archives(pom):
        (repository / artifact.path).unlink(missing_ok=True)  # A gigabyte nobody needs a second time.


def _run(words: list[str], repository: Path, pom: Path, progress: Progress, cancelled: Event) -> str | None:
    before = moved = _size(repository)
    moved_at = time.monotonic()
    with subprocess.Popen(  # noqa: S603 -- the words are ours
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while True:
            try:
                output, _ = process.communicate(timeout=0.5)
                return None if process.returncode == 0 else _first_error(output)
            except subprocess.TimeoutExpired:
                size = _size(repository)
            if size != moved:
                moved, moved_at = size, time.monotonic()
            got, all_of_it = max(0, size - before) / 1e6, megabytes(pom)
            progress(f"downloading {all_of_it} MB", min(0.99, got / all_of_it))
            if cancelled.is_set() or time.monotonic() - moved_at > STALLED_SECONDS:
                process.kill()
                if cancelled.is_set():
                    raise CancelledError
                return f"nothing came for {STALLED_SECONDS} seconds"


def _take_from_user(artifact: Artifact, repository: Path) -> None:
    """What the user's own repository has need not come again; its sum is compared like that of any other."""
    own, users = repository / artifact.path, Path(os.environ.get("HOME", "/")) / ".m2/repository" / artifact.path
    if not own.exists() and users.is_file():
        own.parent.mkdir(parents=True, exist_ok=True)
        own.unlink(missing_ok=True)  # A link to what the user has deleted since.
        own.symlink_to(users)


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.lstat().st_size
        except FileNotFoundError:  # Maven renamed it just now.
            continue
    return total


def _first_error(output: str) -> str:
    errors = [line.removeprefix("[ERROR] ") for line in output.splitlines() if line.startswith("[ERROR] ")]
    return (errors or output.splitlines() or ["Maven gave no reason"])[0][:600]


def _artifact(node: etree._Element) -> Artifact:
    return Artifact(
        group=_text(node, "groupId") or "",
        name=_text(node, "artifactId") or "",
        version=_text(node, "version") or "",
        type=_text(node, "type") or "jar",
        classifier=_text(node, "classifier"),
    )


def _text(node: etree._Element, name: str) -> str | None:
    return node.findtext(f"./{{*}}{name}")
