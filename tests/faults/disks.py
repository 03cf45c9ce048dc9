"""A small disk of a test's own, in a mount namespace of its own: it takes no rights on the machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.settings import PROJECT

READY = b"ready\n"
FILLER = ".filler"


@dataclass(frozen=True)
class Disk:
    """A disk, mounted at a folder for those that run inside."""

    folder: Path
    inside: Sequence[str]  # the command that runs another one where the disk is

    def fill(self) -> None:
        """Leave no byte free."""
        filler = self.folder / FILLER
        self._run(f"cat /dev/zero > {filler} 2> /dev/null || true")
        assert self.free_kb() == 0

    def empty(self) -> None:
        """Give back what `fill` took."""
        self._run(f"rm {self.folder / FILLER}")
        assert self.free_kb() > 0

    def free_kb(self) -> int:
        return int(self._run(f"df -k --output=avail {self.folder}").split()[-1])

    def read(self, name: str) -> bytes:
        """A file on the disk."""
        return self._run(f"cat {self.folder / name}")

    def _run(self, script: str) -> bytes:
        return subprocess.run([*self.inside, "sh", "-c", script], check=True, capture_output=True, timeout=60).stdout


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of this size at a folder, with what that holds, until the end of the block.

    What runs inside must have ended by then.
    """
    if not all(map(shutil.which, ("unshare", "nsenter"))):
        pytest.skip("unshare and nsenter (util-linux) are not here, and without them no disk can be made full")
    new = folder.with_name(f"{folder.name}-disk")
    for place in (folder, new):
        place.mkdir(parents=True, exist_ok=True)
    mount = f"mount -t tmpfs -o size={megabytes}m garonne-test {new}"
    script = f"{mount} && cp -a {folder}/. {new} && mount --move {new} {folder} && echo ready && exec cat"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert holder.stdin
    assert holder.stdout
    assert holder.stderr
    try:
        if holder.stdout.readline() != READY:
            pytest.skip(f"no disk can be mounted here: {holder.stderr.read().decode().strip()}")
        target = ["--preserve-credentials", "--target", str(holder.pid), "--user", "--mount"]
        enter = ["nsenter", *target, f"--wd={PROJECT}", "--"]  # without it commands run in the root folder
        yield Disk(folder, enter)
    finally:
        holder.stdin.close()
        holder.wait(30)
        holder.stdout.close()
        holder.stderr.close()
