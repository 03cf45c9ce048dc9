"""Bytes of strangers on a terminal: text without control characters, or a hexdump."""

from __future__ import annotations

from collections.abc import Iterator

SHOWN_BYTES = 4000
ROW_BYTES = 16
LAYOUT = "\n\t"


def shown(payload: bytes, limit: int = SHOWN_BYTES) -> str:
    """The first bytes of a payload, as text where they are UTF-8, else in hexadecimal; says how much is left out."""
    part = payload[:limit]
    text = _text(part, is_cut=len(payload) > limit)
    rest = len(payload) - limit
    end = f"\n… {rest:,} more bytes" if rest > 0 else ""
    return (text if text is not None else "\n".join(_hexdump(part))) + end


def safe(text: str) -> str:
    """A text in which nothing steers the terminal."""
    return "".join(c if c.isprintable() or c in LAYOUT else "�" for c in text.replace("\r\n", "\n"))


def _text(part: bytes, *, is_cut: bool) -> str | None:
    for left_out in range(4 if is_cut else 1):  # a character may be cut in two
        try:
            text = part[: len(part) - left_out].decode()
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else safe(text)
    return None


def _hexdump(part: bytes) -> Iterator[str]:
    for start in range(0, len(part), ROW_BYTES):
        row = part[start : start + ROW_BYTES]
        letters = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        yield f"{start:08x}  {row.hex(' '):<{ROW_BYTES * 3}} {letters}"
