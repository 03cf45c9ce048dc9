"""What a format is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import Field

Document = dict[str, Any]
Pages = Iterable[Sequence[Document]]


@dataclass(frozen=True)
class Exported:
    """A column of what is taken away: its name, and the field its values are of; None for a figure."""

    name: str
    field: Field | None


@dataclass(frozen=True)
class Format:
    """A way to write documents; the writer holds no more than a page of them."""

    name: str
    media_type: str
    write: Callable[[Pages, Sequence[Exported]], Iterator[bytes]]
