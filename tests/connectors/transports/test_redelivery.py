from __future__ import annotations

import pytest

from connectors.transports._mqtt_packets import Message
from connectors.transports._redelivery import Overlap, token_of


def again(before: list[int], came: list[int]) -> tuple[int, int]:
    """How many came again, and how many messages it took to know."""
    overlap = Overlap(before)
    taken = 0
    while overlap.is_open and taken < len(came):
        overlap.add(came[taken])
        taken += 1
    return overlap.count, taken


@pytest.mark.parametrize(
    ("before", "came", "count"),
    [
        ([], [1, 2], 0),
        ([1, 2, 3], [4, 5], 0),
        ([1, 2, 3], [3, 4], 1),
        ([1, 2, 3], [1, 2, 3, 4], 3),
        ([1, 2, 3], [2, 3], 2),
        ([1, 2, 3], [1, 4], 0),  # a publisher's repeat of an older one
        ([1, 2, 3, 4], [2, 3, 5], 0),
        ([7, 1, 7, 2, 7], [7, 2, 7, 9], 3),
        ([5, 5, 5], [5, 5, 6], 2),
    ],
)
def test_what_comes_again_is_the_end_of_what_came_before(before: list[int], came: list[int], count: int) -> None:
    assert again(before, came)[0] == count


def test_one_new_message_is_enough_to_know_that_none_came_again() -> None:
    assert again(list(range(2_000)), [5_000, 5_001]) == (0, 1)


def test_messages_are_told_apart_by_topic_and_content() -> None:
    messages = [Message(t, p, 1, None) for t, p in (("a", b"1"), ("b", b"1"), ("a", b"2"))]
    assert len({token_of(m) for m in messages}) == 3
    assert token_of(messages[0]) == token_of(Message("a", b"1", 99, "text/plain"))
