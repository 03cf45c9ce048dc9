from __future__ import annotations

from garonne.payload_view import safe, shown


def test_text_is_shown_as_text_and_nothing_in_it_steers_the_terminal() -> None:
    assert shown("a;é\r\n\tb".encode()) == "a;é\n\tb"
    assert shown(b"\x1b[2J\x07x\r") == "�[2J�x�"
    assert safe("a\u202eb") == "a�b"


def test_other_bytes_are_shown_in_hexadecimal() -> None:
    assert shown(b"\x00\x01ab\xff") == f"00000000  {'00 01 61 62 ff':<48} ..ab."
    assert len(shown(bytes(range(128, 161))).splitlines()) == 3


def test_a_long_payload_is_cut_and_says_so_even_within_a_character() -> None:
    assert shown("é".encode() * 10, limit=5) == "éé\n… 15 more bytes"
