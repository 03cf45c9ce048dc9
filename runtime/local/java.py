"""The Java installations of this machine, and the one that fits a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.local import packages
from runtime.local.errors import SetupError
from runtime.local.progress import Progress, quiet

JDK_MODULES = {"jdk.attach", "jdk.jdi", "jdk.jlink"}
FOLDERS = ("/usr/lib/jvm", "~/.sdkman/candidates/java", "~/.jdks", "/opt")
LONG_TERM = (17, 21, 25)
SHORT_RUN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of a Java program that ends soon or does little: it starts with less work."""


@dataclass(frozen=True)
class Java:
    """An installed Java: where, which version, and whether it is a full JDK."""

    home: Path
    major: int
    full: bool

    @property
    def command(self) -> Path:
        """The program `java`."""
        return self.home / "bin" / "java"


@dataclass(frozen=True)
class Requirement:
    """What a server needs of Java."""

    minimum: int
    maximum: int = 99
    full: bool = False

    def fits(self, java: Java) -> bool:
        """True if the server runs on it."""
        return self.minimum <= java.major <= self.maximum and (java.full or not self.full)

    @property
    def remedy(self) -> str:
        """The command that brings a Java that fits."""
        return f"sudo apt-get install {_package_names(self)[0]} (or any JDK of that version, named by JAVA_HOME)"

    def __str__(self) -> str:
        range_ = f"{self.minimum} to {self.maximum}" if self.maximum < 99 else f"{self.minimum} or newer"
        return f"Java {range_}{', a full JDK' if self.full else ''}"


def installed() -> list[Java]:
    """Every Java found, oldest first: JAVA_HOME, PATH and the usual folders."""
    homes = {home.resolve() for home in _homes() if (home / "bin" / "java").is_file()}
    found = [java for home in sorted(homes) if (java := describe(home)) is not None]
    return sorted(found, key=lambda java: (java.major, not java.full, str(java.home)))


def java_for(requirement: Requirement, user: str, progress: Progress = quiet) -> Java:
    """The oldest installed Java that fits; as root it is installed when there is none.

    Raises:
        SetupError: there is none and it cannot be installed; says the command that brings it.
    """
    for java in installed():
        if requirement.fits(java):
            return java
    if packages.install(_package_names(requirement), progress):
        for java in installed():
            if requirement.fits(java):
                return java
    raise SetupError(f"{user} needs {requirement}, and none was found: {requirement.remedy}")


def describe(home: Path) -> Java | None:
    """What is in a Java home; None if it does not tell."""
    facts = _release_file(home) or _asked(home)
    if facts is None:
        return None
    version, modules = facts
    return Java(home, _major(version), modules >= JDK_MODULES)


def _homes() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for folder in FOLDERS:
        root = Path(folder).expanduser()
        if root.is_dir() and os.access(root, os.R_OK):
            yield from root.iterdir()


def _release_file(home: Path) -> tuple[str, set[str]] | None:
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    if "JAVA_VERSION" not in values or "MODULES" not in values:
        return None
    return values["JAVA_VERSION"], set(values["MODULES"].split())


def _asked(home: Path) -> tuple[str, set[str]] | None:
    version = re.search(r'version "([^"]+)"', _output(home, "-version"))
    modules = re.findall(r"^([\w.]+)@", _output(home, "--list-modules"), re.MULTILINE)
    return (version[1], set(modules)) if version else None


def _output(home: Path, option: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 -- a program the user installed
            [home / "bin" / "java", option], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr + done.stdout


def _major(version: str) -> int:
    parts = re.findall(r"\d+", version) or ["0"]
    return int(parts[1] if parts[0] == "1" and len(parts) > 1 else parts[0])


def _package_names(requirement: Requirement) -> list[str]:
    majors = [major for major in LONG_TERM if requirement.minimum <= major <= requirement.maximum]
    return [name for major in majors for name in (f"openjdk-{major}-jdk-headless", f"temurin-{major}-jdk")]
