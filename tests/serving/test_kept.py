"""Answers that are kept for some seconds."""

from __future__ import annotations

from serving.kept import MAX_KEPT, Kept


def test_an_answer_is_made_again_when_it_is_too_old() -> None:
    now = [0.0]
    kept: Kept[int] = Kept(10, clock=lambda: now[0])
    made = iter(range(100))
    assert [kept.get("a", lambda: next(made)) for _ in range(3)] == [0, 0, 0]
    assert kept.get("b", lambda: next(made)) == 1
    now[0] = 10.0
    assert kept.get("a", lambda: next(made)) == 2


def test_only_so_many_are_kept() -> None:
    kept: Kept[int] = Kept(10, clock=lambda: 0.0)
    for n in range(MAX_KEPT + 1):
        kept.get(n, lambda n=n: n)  # type: ignore[misc]
    assert kept.get(0, lambda: -1) == -1
