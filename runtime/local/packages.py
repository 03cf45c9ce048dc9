"""Packages of the operating system, put in when this runs as root on Debian or Ubuntu."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from runtime.local.folders import locked
from runtime.local.progress import Progress
from runtime.settings import default_cache

TIME_LIMIT_SECONDS = 600


def install(candidates: Sequence[str], progress: Progress) -> bool:
    """True when one of the packages, tried in order, is installed now."""
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        return False
    with locked(default_cache() / "apt.lock"):
        progress("system packages: reading the lists", None)
        _run([apt, "update"])
        for package in candidates:
            progress(f"system packages: installing {package}", None)
            if _run([apt, "install", "--yes", "--no-install-recommends", package]):
                return True
    return False


def _run(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 -- the words are ours
            command, env=environment, timeout=TIME_LIMIT_SECONDS, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
