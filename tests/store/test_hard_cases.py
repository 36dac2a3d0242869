"""The hard cases of real market data, one by one, each with the numbers a person would write down.

Property tests walk through all of this at random; here every case stands alone, small enough to be
checked by hand, and is also compared with the reference model (`Day.same`). The second half shows
the faults of the object model that this library replaces, as the right behaviour.
"""

from __future__ import annotations

import pytest

import sessiondata as sd
from hard_days import BAR, CLOSE, DERIVED, OPEN, Day, bar_of, coverages, gaps_of
from sessiondata.store.store import parts_of
from worlds import HOUR, MINUTE, SECOND

# --- a bar missing at a bucket's edge -------------------------------------------------------------


@pytest.mark.parametrize("absent", [5, 6, 9])
def test_a_bar_missing_in_a_bucket_shows_in_its_coverage_and_leaves_the_neighbours_alone(absent: int) -> None:
    day = Day()
    day.feed(i for i in range(15) if i != absent)
    five = day.series("5m")
    assert day.times("5m") == ["09:30", "09:35", "09:40"]
    assert coverages(five) == [(5, 5), (4, 5), (5, 5)]
    there = [i for i in range(5, 10) if i != absent]
    assert five[1][1:6] == (100.0 + there[0], 100.5 + there[-1], 99.5 + there[0], 100.25 + there[-1],
                            sum(10.0 + i for i in there))  # fmt: skip
    assert five[0][1:6] == (100.0, 104.5, 99.5, 104.25, 60.0)
    assert five[2][1:6] == (110.0, 114.5, 109.5, 114.25, 110.0)
    assert gaps_of(day.series("1m")) == [(absent, absent, 1)]
    assert five.gaps == []
    day.same()


def test_the_clock_closes_a_bucket_whose_last_bar_never_comes() -> None:
    day = Day()
    day.feed(range(9))  # 09:39 is not there, and nothing follows
    five = day.series("5m")
    assert five.forming
    assert five[-1].forming
    assert five.expected == 1
    day.advance_to(OPEN + 10 * MINUTE - 1)
    assert five.forming
    day.advance_to(OPEN + 10 * MINUTE)
    assert not five.forming
    assert not five[-1].forming
    assert five.coverage == (4, 5)
    assert (five.expected, five.missing) == (2, 0)
    day.same()


def test_a_bucket_does_not_close_before_its_end_because_it_is_complete_up_to_now() -> None:
    day = Day()
    day.feed(range(4))
    assert day.series("5m").forming
    day.feed([4])  # the end of 09:34 is the end of the slot
    assert not day.series("5m").forming
    assert day.series("15m").forming
    day.same()


def test_a_bar_after_a_hole_of_whole_buckets_invents_no_derived_bars() -> None:
    day = Day()
    day.feed([0, 1, 2, 27])
    assert day.times("5m") == ["09:30", "09:55"]
    assert coverages(day.series("5m")) == [(3, 5), (1, 5)]
    assert gaps_of(day.series("5m")) == [(5, 20, 4)]
    assert day.times("15m") == ["09:30", "09:45"]
    day.same()


# --- late bars ------------------------------------------------------------------------------------


def test_a_late_bar_is_inserted_at_its_place_and_its_derived_bars_are_rebuilt() -> None:
    day = Day()
    day.feed([0, 1, 3, 4, 5, 6, 7])
    before = day.series("5m")[1]
    assert day.series("5m")[0].n_base == 4
    day.append("SPY", OPEN + 2 * MINUTE, (50.0, 500.0, 5.0, 60.0, 1000.0))
    assert day.series("1m").timestamp.tolist() == [OPEN + i * MINUTE for i in range(8)]
    assert day.series("5m")[0][1:6] == (100.0, 500.0, 5.0, 104.25, 10.0 + 11 + 1000 + 13 + 14)
    assert day.series("5m")[0].n_base == 5
    assert day.series("5m")[1] == before
    assert day.spy.counters["late"] == 1
    day.same()


def test_a_late_first_bar_becomes_the_open_and_a_late_last_bar_the_close_of_its_bucket() -> None:
    day = Day()
    day.feed([1, 2, 3, 5])
    day.append("SPY", OPEN, (1.0, 200.0, 0.5, 2.0, 7.0))
    day.append("SPY", OPEN + 4 * MINUTE, (3.0, 150.0, 0.75, 4.0, 9.0))
    bar = day.series("5m")[0]
    assert (bar.open, bar.close) == (1.0, 4.0)
    assert (day.series("1d")[0].open, day.series("1d")[0].close) == (1.0, 105.25)
    day.same()


def test_a_late_bar_splits_a_gap_then_shrinks_it_then_closes_it() -> None:
    day = Day()
    day.feed([0, 8])
    one = day.series("1m")
    assert gaps_of(one) == [(1, 7, 7)]
    for late, left in [
        (4, [(1, 3, 3), (5, 7, 3)]),
        (1, [(2, 3, 2), (5, 7, 3)]),
        (7, [(2, 3, 2), (5, 6, 2)]),
        (3, [(2, 2, 1), (5, 6, 2)]),
        (2, [(5, 6, 2)]),
        (5, [(6, 6, 1)]),
        (6, []),
    ]:
        day.feed([late])
        assert gaps_of(one) == left
        day.same()
    assert one.quality == 100.0


def test_the_latest_bar_stays_the_newest_by_time_when_a_late_one_arrives() -> None:
    day = Day()
    day.feed([0, 1, 2, 9])
    newest = day.data.get_latest_bar("SPY")
    updated = day.spy.last_update
    day.feed([5])
    assert day.data.get_latest_bar("SPY") == newest
    assert newest is not None
    assert newest.timestamp == OPEN + 9 * MINUTE
    assert day.spy.last_update == updated
    day.same()


def test_a_late_bar_in_an_empty_bucket_adds_a_derived_bar_between_the_others() -> None:
    day = Day()
    day.feed([0, 12])
    day.feed([6])
    assert day.times("5m") == ["09:30", "09:35", "09:40"]
    assert day.series("5m").gaps == []
    day.same()


def test_a_late_bar_does_not_move_the_time_that_is_known() -> None:
    day = Day()
    day.feed([0, 9])
    day.feed([3])
    assert parts_of(day.data).sessions.as_of_ns() == OPEN + 10 * MINUTE
    assert day.series("1m").expected == 10


# --- the same timestamp again ---------------------------------------------------------------------


def test_an_equal_repeat_changes_nothing_at_all() -> None:
    day = Day()
    day.feed(range(12))
    day.spy.bars_updated = False
    before = day.data.to_json(), day.data.sequence, day.spy.metrics()
    for i in (11, 0, 6):
        assert day.spy.append(OPEN + i * MINUTE, *bar_of(i)) is False
    assert (day.data.to_json(), day.data.sequence, day.spy.metrics()) == before
    assert day.spy.bars_updated is False
    assert day.spy.counters["repeated"] == 3


def test_a_correction_replaces_its_row_rebuilds_the_parents_and_moves_the_sequence() -> None:
    day = Day()
    day.feed(range(12))
    sequence, total = day.data.sequence, day.series("1m").total_count
    # 09:36 had the volume 16 and was neither first nor last of its bucket
    day.append("SPY", OPEN + 6 * MINUTE, (1.0, 999.0, 0.5, 2.0, 0.0))
    assert day.data.sequence == sequence + 1
    assert day.series("1m").total_count == total
    assert day.series("1m")[6][1:6] == (1.0, 999.0, 0.5, 2.0, 0.0)
    assert day.series("5m")[1][1:6] == (105.0, 999.0, 0.5, 109.25, 15.0 + 17 + 18 + 19)
    assert (day.spy.session_high, day.spy.session_low) == (999.0, 0.5)
    assert day.spy.counters["corrected"] == 1
    day.same()


def test_a_correction_that_takes_the_extreme_back_lowers_the_high_of_every_parent() -> None:
    day = Day()
    day.feed(range(7))
    day.append("SPY", OPEN + 7 * MINUTE, (107.0, 9999.0, 1.0, 107.0, 5.0))
    assert day.spy.session_high == 9999.0
    day.append("SPY", OPEN + 7 * MINUTE, bar_of(7))
    assert [day.series(interval)[-1].high for interval in DERIVED] == [107.5] * 4
    assert (day.spy.session_high, day.spy.session_low) == (107.5, 99.5)
    day.same()


def test_the_newest_bar_corrected_goes_on_growing_with_the_next_one() -> None:
    day = Day()
    day.feed(range(3))
    day.append("SPY", OPEN + 2 * MINUTE, (1.0, 2.0, 0.5, 1.5, 0.25))
    day.feed([3])
    assert day.series("5m")[0].volume == 10.0 + 11 + 0.25 + 13
    assert day.series("1d")[0].volume == 10.0 + 11 + 0.25 + 13
    day.same()


# --- too old, other trade dates -------------------------------------------------------------------


def test_a_bar_older_than_the_ring_keeps_is_counted_and_changes_nothing() -> None:
    day = Day(capacity=20)
    day.feed(i for i in range(50) if i != 10)
    assert day.spy.counters["overwritten"] == 29
    before = day.data.to_json()
    assert day.spy.append(OPEN + 10 * MINUTE, *BAR) is False
    assert day.spy.append(OPEN + 3 * MINUTE, *BAR) is False
    assert day.data.to_json() == before
    assert day.spy.counters["too_old"] == 2
    assert day.series("1m").missing == 1, "evicting a row does not make its slot missing, a lost one does"


def test_a_late_bar_whose_bucket_has_lost_rows_is_too_old_although_the_ring_reaches_back_to_it() -> None:
    day = Day(capacity=20)
    # live: 09:58 .. 10:19, so the bucket 09:55 has lost rows
    day.feed(i for i in range(50) if i not in (33, 38))
    assert day.series("1m")[0].timestamp == OPEN + 28 * MINUTE
    day.append("SPY", OPEN + 33 * MINUTE, BAR)
    assert day.spy.counters["late"] == 1
    # a correction of a bar that is there, in that bucket
    day.append("SPY", OPEN + 29 * MINUTE, BAR)
    assert day.spy.counters["too_old"] == 1
    day.same()


def test_an_earlier_trade_date_is_counted_and_a_later_one_is_refused() -> None:
    day = Day()
    day.feed(range(3))
    before = day.data.to_json()
    day.append("SPY", OPEN - 24 * HOUR, BAR)
    assert day.spy.counters["other_session"] == 1
    with pytest.raises(sd.SessionStateError, match=r"later trade date.*ERR_LATER_SESSION"):
        day.spy.append(OPEN + 24 * HOUR, *BAR)
    assert day.data.to_json() == before
    day.same()


# --- now ------------------------------------------------------------------------------------------


def test_the_slot_that_now_lies_in_is_pending_not_missing() -> None:
    day = Day()
    one = day.series("1m")
    for now, expected in [(0, 0), (MINUTE - 1, 0), (MINUTE, 1), (90 * SECOND, 1), (2 * MINUTE - 1, 1), (2 * MINUTE, 2)]:
        day.advance_to(OPEN + now)
        assert (one.expected, one.missing, one.gap_count) == (expected, expected, min(expected, 1))
    day.same()


def test_advance_to_makes_silence_missing_for_every_symbol_and_never_goes_back() -> None:
    day = Day()
    day.register("IBM")
    day.feed(range(3))
    ibm = day.data.symbols["IBM"].bars_base
    assert ibm.expected == 0, "a bar of one symbol says nothing about another one"
    day.advance_to(OPEN + 30 * MINUTE)
    assert (ibm.expected, ibm.missing, day.series("1m").missing) == (30, 30, 27)
    sequence = day.data.sequence
    for earlier in (OPEN + 30 * MINUTE, OPEN, 0, -(2**62)):
        day.advance_to(earlier)
    assert day.data.sequence == sequence
    assert ibm.expected == 30
    day.advance_to(CLOSE + 5 * HOUR)
    assert (ibm.expected, gaps_of(ibm)) == (390, [(0, 389, 390)])
    day.same()


def test_the_last_second_of_the_session_is_still_pending() -> None:
    day = Day()
    day.advance_to(CLOSE - 1)
    assert (day.series("1m").expected, day.series("1h").expected, day.series("1d").expected) == (389, 6, 0)
    day.advance_to(CLOSE)
    assert (day.series("1m").expected, day.series("1h").expected, day.series("1d").expected) == (390, 7, 1)
