from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from simulator.city import City
from simulator.faults import Faults, Freeze, Kind
from simulator.local_time import HOUR
from simulator.offer import offer_of
from simulator.radio import Message
from simulator.sizes import SMALL

NOON = int(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp())
MANY = np.arange(20_000)


def test_without_faults_there_are_none() -> None:
    none = Faults()
    assert len(none.hits(Kind.BROKEN, "a", MANY, MANY)) == 0
    assert none.delays("a", MANY, MANY).max() == 0
    assert none.longest_delay == 0


def test_faults_come_at_their_rate_and_the_same_each_time() -> None:
    faults = Faults(duplicate_rate=0.05, seed=3)
    hits = faults.hits(Kind.DUPLICATE, "a", MANY, MANY)
    assert len(hits) == pytest.approx(1000, rel=0.1)
    assert np.array_equal(hits, Faults(duplicate_rate=0.05, seed=3).hits(Kind.DUPLICATE, "a", MANY, MANY))
    assert not np.array_equal(hits, Faults(duplicate_rate=0.05, seed=4).hits(Kind.DUPLICATE, "a", MANY, MANY))


def test_disorder_stays_within_its_bound_and_what_is_late_is_beyond_it() -> None:
    faults = Faults(disorder_rate=0.1, disorder_seconds=60, late_rate=0.01, late_seconds=7200)
    delays = faults.delays("a", MANY, MANY)
    disorderly = np.setdiff1d(faults.hits(Kind.DISORDER, "a", MANY, MANY), faults.hits(Kind.LATE, "a", MANY, MANY))
    late = faults.hits(Kind.LATE, "a", MANY, MANY)
    assert 1 <= delays[disorderly].min() <= delays[disorderly].max() <= 60
    assert 60 < delays[late].min() <= delays[late].max() <= 7200
    assert (delays > 0).sum() == len(set(disorderly) | set(late))
    assert faults.longest_delay == 7200


def test_a_frozen_source_repeats_its_last_step_until_the_freeze_ends() -> None:
    faults = Faults(freezes=(Freeze("buses", NOON + 10, NOON + 100),))
    assert faults.repeats("buses", NOON, 30) == 3
    assert faults.repeats("buses", NOON + 30, 30) == 0
    assert faults.repeats("bikes_v3", NOON, 30) == 0


@pytest.mark.parametrize(
    "wrong", [{"broken_rate": 1.5}, {"late_rate": -0.1}, {"late_seconds": 5, "disorder_seconds": 9}]
)
def test_rates_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|more than"):
        Faults(**wrong)  # type: ignore[arg-type]


class TestRadio:
    FAULTS = Faults(duplicate_rate=0.05, broken_rate=0.03, disorder_rate=0.2, late_rate=0.01, late_seconds=1800)

    def published(self, faults: Faults, start: int = NOON, end: int = NOON + HOUR) -> list[Message]:
        return offer_of(City(5, SMALL)).radio[1].published(start, end, faults)[0]

    def test_every_good_message_is_still_there(self) -> None:
        clean = {m.payload for m in self.published(Faults())}
        faulty = {m.payload for m in self.published(self.FAULTS, NOON, NOON + HOUR + 1800)}
        assert clean
        assert clean <= faulty

    def test_the_counts_are_those_of_the_messages(self) -> None:
        spots = offer_of(City(5, SMALL)).radio[1]
        messages, counts = spots.published(NOON, NOON + HOUR, self.FAULTS)
        whole = [m.payload for m in messages if m.payload.endswith(b'"}')]
        assert len(whole) == counts.good + counts.duplicate
        assert len(set(whole)) == counts.good
        assert len(messages) - len(whole) == counts.broken > 0

    def test_blocks_published_one_after_the_other_hold_each_message_once(self) -> None:
        whole = self.published(self.FAULTS)
        blocks = [m for s in range(NOON, NOON + HOUR, 300) for m in self.published(self.FAULTS, s, s + 300)]
        assert sorted(whole) == sorted(blocks)
        assert [m.at for m in blocks] == sorted(m.at for m in blocks)

    def test_counts_by_event_time_are_those_of_all_that_is_published(self) -> None:
        spots = offer_of(City(5, SMALL)).radio[1]
        faults = Faults(duplicate_rate=0.05, broken_rate=0.03)
        assert spots.counts(NOON, NOON + HOUR, faults) == spots.published(NOON, NOON + HOUR, faults)[1]


def test_spikes_stand_between_the_measurements_and_far_from_them() -> None:
    weather = offer_of(City(5, SMALL)).radio[0]
    said = weather.uplinks(NOON, NOON + 24 * HOUR, Faults(spike_rate=0.3, spiky_stations=(1,)))
    usual = weather.uplinks(NOON, NOON + 24 * HOUR, Faults())
    assert 10 < said.is_spike.sum() < 50
    assert set(said.devices[said.is_spike].tolist()) == {1}
    assert (said.times[said.is_spike] % 900 == 450).all()
    assert np.array_equal(said.frames[~said.is_spike], usual.frames)
    spikes = said.frames["temperature"][said.is_spike].astype(float)
    assert (np.abs(spikes - usual.frames["temperature"][usual.devices == 1].mean()) > 900).all()
