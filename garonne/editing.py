"""Bytes edited by a person, with the editor of their choice."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path


def edited(payload: bytes) -> bytes:
    """What a person makes of bytes in $VISUAL or $EDITOR, which is started without a shell.

    Raises:
        RuntimeError: neither is set, the editor fails, or nothing was changed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise RuntimeError("set VISUAL or EDITOR to your editor, or give --payload FILE")
    with tempfile.TemporaryDirectory(prefix="garonne-") as folder:
        path = Path(folder) / "payload"
        path.write_bytes(payload)
        ended = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603 -- no shell, their own editor
        if ended.returncode:
            raise RuntimeError(f"{editor} ended with {ended.returncode}; nothing is kept")
        changed = path.read_bytes()
    if changed == payload:
        raise RuntimeError("nothing was changed, so nothing is kept")
    return changed
