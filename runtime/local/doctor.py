"""What this machine has of what the servers need."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from runtime.local.downloads import NEEDED_BYTES, SPARK
from runtime.local.java import Java, Requirement, installed
from runtime.local.stack import SERVERS
from runtime.settings import Settings

SPARK_JAVA = Requirement(17, 21)
MEMORY_GB = 8


@dataclass(frozen=True)
class Check:
    """One fact about this machine; the remedy is a command or a sentence, empty where all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def doctor(settings: Settings) -> list[Check]:
    """Every fact that decides whether the servers and Spark can run here."""
    javas = installed()
    users = [*((server.title, server.java) for server in SERVERS), ("Spark", SPARK_JAVA)]
    return [
        *(_java(title, requirement, javas) for title, requirement in users),
        _maven(),
        _downloads(settings),
        _disk("disk for downloads", settings.cache, NEEDED_BYTES),
        _disk("disk for data", settings.state, NEEDED_BYTES),
        _memory(),
        _docker(),
    ]


def _java(title: str, requirement: Requirement, javas: list[Java]) -> Check:
    fits = [java for java in javas if requirement.fits(java)]
    if fits:
        return Check(f"Java of {title}", True, f"Java {fits[0].major} in {fits[0].home}")
    found = ", ".join(str(java.major) for java in javas) or "none"
    return Check(f"Java of {title}", False, f"needs {requirement}; found: {found}", requirement.remedy)


def _maven() -> Check:
    found = shutil.which("mvn")
    return Check("Maven", found is not None, found or "not found", "" if found else "sudo apt-get install maven")


def _downloads(settings: Settings) -> Check:
    downloads = [*(server.download for server in SERVERS), SPARK]
    missing = [download.title for download in downloads if not download.folder(settings).is_dir()]
    detail = f"still to come: {', '.join(missing)}" if missing else f"complete in {settings.cache}"
    return Check("downloads", not missing, detail, "garonne up" if missing else "")


def _disk(name: str, folder: Path, needed: int) -> Check:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    enough = free >= needed
    detail = f"{free / 1e9:.0f} GB free in {existing}"
    return Check(name, enough, detail, "" if enough else f"make {needed / 1e9:.0f} GB free")


def _memory() -> Check:
    total = psutil.virtual_memory().total / 1e9
    enough = total >= MEMORY_GB * 0.9  # A machine sold with 8 GB shows a little less.
    remedy = "" if enough else f"everything together needs {MEMORY_GB} GB: give the addresses of servers elsewhere"
    return Check("memory", enough, f"{total:.0f} GB", remedy)


def _docker() -> Check:
    found = Path("/var/run/docker.sock").exists()
    detail = "an engine is here: RUNTIME=containers can be used" if found else "no engine; not needed"
    return Check("Docker", True, detail)
