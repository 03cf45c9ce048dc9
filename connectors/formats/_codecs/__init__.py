"""Ready layouts of sensors' frames: ``<family>.yaml`` holds them by device; a codec's name is ``<family>/<device>``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml

from connectors.formats._frames import Layout

ROOT = Path(__file__).parent


@lru_cache(maxsize=1)
def codecs() -> dict[str, Layout]:
    """All ready layouts by name; they are files of the package and do not change while it runs."""
    return {
        f"{path.stem}/{device}": Layout.model_validate(layout)
        for path in sorted(ROOT.glob("*.yaml"))
        for device, layout in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        if not device.startswith("_")  # what devices share
    }


def codec(name: str) -> Layout:
    """The ready layout of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    try:
        return codecs()[name]
    except KeyError:
        raise ValueError(f"no codec {name!r}; there are {', '.join(codecs())}") from None
