"""A cursor opens its own question, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.problems import ProblemError
from serving.queries.cursors import Cursor, Cursors

KEPT = Cursors("secret")
AFTER = st.lists(st.one_of(st.integers(0, 2**53), st.text(max_size=9), st.none()), max_size=3)


@given(st.text(max_size=500), AFTER, st.text(max_size=50))
def test_a_cursor_is_read_as_it_was_written(point: str, after: list[object], question: str) -> None:
    assert KEPT.read(KEPT.text(Cursor(point, after), question), question) == Cursor(point, after)


@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.data())
def test_any_change_is_noticed(question: str, other: str, data: st.DataObject) -> None:
    text = KEPT.text(Cursor("point", [1]), question)
    at = data.draw(st.integers(0, len(text) - 2))  # of the last character some bits mean nothing
    changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    refused = [(changed, question), (Cursors("guess").text(Cursor("point", [1]), question), question)]
    if other != question:
        refused.append((text, other))
    for wrong, asked in refused:
        with pytest.raises(ProblemError):
            KEPT.read(wrong, asked)


@given(st.text(max_size=200))
def test_no_text_of_a_stranger_is_a_cursor(text: str) -> None:
    with pytest.raises(ProblemError):
        KEPT.read(text, "question")
