"""When small batches stop a sink that refuses what they bring."""

from __future__ import annotations

from jobs.engine.doubt import Doubt
from runtime.elastic.bulk import BREAKER_MINIMUM


def after(*batches: tuple[int, int]) -> int:
    """How many refused documents stop a batch after batches of so many taken and refused."""
    doubt = Doubt()
    for taken, refused in batches:
        doubt.note(taken, refused)
    return doubt.breaker_minimum


def test_at_first_a_batch_has_to_show_it_by_itself() -> None:
    assert after() == BREAKER_MINIMUM


def test_refused_documents_of_batches_before_count() -> None:
    assert after((0, 8), (0, 8)) == BREAKER_MINIMUM - 16


def test_those_that_are_taken_speak_for_the_mapping() -> None:
    assert after((0, 8), (3, 0)) == BREAKER_MINIMUM - 5
    assert after((1000, 0), (0, 8)) == BREAKER_MINIMUM - 8


def test_in_full_doubt_one_refused_document_is_enough_and_a_mended_mapping_clears_it() -> None:
    assert after((0, 49), (0, 40)) == 1
    assert after((0, 49), (0, 40), (50, 0)) == BREAKER_MINIMUM


def test_half_of_a_stream_may_be_bad_for_ever() -> None:
    assert after(*[(5, 5)] * 1000) == BREAKER_MINIMUM
