from __future__ import annotations

import pytest

from simulator.serving.lockstep import LockStep, Position


def walk(steps: LockStep, count: int) -> list[Position]:
    found: list[Position] = []
    etag = None
    for _ in range(count):
        position = steps.next(etag)
        steps.serve(position)
        found.append(position)
        etag = position.etag
    return found


def test_a_client_that_shows_what_it_has_gets_every_step_in_order() -> None:
    assert [p.step for p in walk(LockStep(600, 60), 4)] == [600, 660, 720, 780]


def test_an_answer_that_was_lost_is_given_again() -> None:
    steps = LockStep(600, 60)
    first, second = walk(steps, 2)
    assert steps.next(first.etag) == second
    assert steps.until == 660


def test_a_client_that_forgot_more_goes_on_from_where_it_was() -> None:
    steps = LockStep(600, 60)
    found = walk(steps, 10)
    assert steps.next(found[3].etag) == found[4]


def test_without_an_etag_the_newest_step_comes_again_and_nothing_moves() -> None:
    steps = LockStep(600, 60)
    found = walk(steps, 3)
    assert steps.next(None) == steps.next(None) == found[-1]


@pytest.mark.parametrize("etag", ['"605.0"', '"660.1"', '"540.0"', '"99960.0"', "nonsense", '"x.0"', ""])
def test_an_etag_that_is_not_of_a_served_step_is_none(etag: str) -> None:
    steps = LockStep(600, 60)
    found = walk(steps, 3)
    assert steps.next(etag) == found[-1]


def test_a_city_that_starts_anew_begins_anew_whatever_a_client_has() -> None:
    assert LockStep(600, 60).next('"660.0"') == Position(600)


def test_weak_etags_are_understood() -> None:
    steps = LockStep(600, 60)
    walk(steps, 1)
    assert steps.next('W/"600.0"') == Position(660)


def test_a_frozen_source_says_its_step_again_a_period_later_and_then_the_rest() -> None:
    steps = LockStep(600, 60, lambda step: 2 if step == 660 else 0)
    found = walk(steps, 6)
    assert [(p.step, p.repeat) for p in found] == [(600, 0), (660, 0), (660, 1), (660, 2), (720, 0), (780, 0)]
    assert [steps.due(p) for p in found[1:4]] == [660, 720, 780]
    assert len({p.etag for p in found}) == 6


def test_it_knows_what_has_arrived() -> None:
    steps = LockStep(600, 60)
    assert steps.until == 600
    walk(steps, 1)
    assert steps.until == 600
    walk(steps, 3)
    assert steps.until == 720
