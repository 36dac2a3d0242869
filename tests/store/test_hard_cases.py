"""The hard cases of real market data, one by one, each with the numbers a person would write down.

Property tests walk through all of this at random; here every case stands alone, small enough to be
checked by hand, and is also compared with the reference model (`Day.same`). The second half shows
the faults of the object model that this library replaces, as the right behaviour.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import reference as ref
import sessiondata as sd
from sessiondata.store.store import parts_of
from sessiondata.time.instants import to_ns
from worlds import HOUR, MINUTE, SECOND, World, utc

DERIVED = ("5m", "15m", "1h", "1d")
NEW_YORK = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
CLOSE = utc("2024-03-12T16:00:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


class Day(World):
    """The library beside the model on one session of a calendar, with one symbol, SPY."""

    def __init__(
        self,
        calendar: sd.SessionCalendar | str | None = NEW_YORK,
        date: str = "2024-03-12",
        base: str = "1m",
        derived: tuple[str, ...] = DERIVED,
        capacity: int | None = None,
    ) -> None:
        self.calendar = sd.calendar(calendar)
        self.grid = self.calendar.session(date)
        self.data = sd.SessionData(self.calendar, base, derived, capacity=capacity)
        self.data.start_session(date)
        segments = [(start, stop) for start, stop in self.grid.segments.tolist()]
        span = (self.grid.span_start, self.grid.span_stop)
        self.session = ref.RefSession(date, self.grid.tz, segments, span)
        self.model = ref.RefStore(self.session, base, list(derived), capacity)
        self.names = []
        self.register("SPY")
        self.spy = self.data.symbols["SPY"]

    def feed(self, slots: Any, start: int = OPEN, step: int = MINUTE) -> None:
        """One bar for each slot number; its values tell the slot."""
        for i in slots:
            self.append("SPY", start + i * step, bar_of(i))

    def series(self, interval: str) -> sd.BarSeries:
        return self.spy.bars(interval)

    def times(self, interval: str) -> list[str]:
        return [bar.datetime.strftime("%H:%M") for bar in self.series(interval)]


def bar_of(i: int) -> tuple[float, float, float, float, float]:
    return (100.0 + i, 100.5 + i, 99.5 + i, 100.25 + i, 10.0 + abs(i))


def gaps_of(series: sd.BarSeries, start: int = OPEN, step: int = MINUTE) -> list[tuple[int, int, int]]:
    return [((g.start_ns - start) // step, (g.end_ns - start) // step, g.bar_count) for g in series.gaps]


def coverages(series: sd.BarSeries) -> list[tuple[int, int]]:
    return [(bar.n_base, bar.n_expected) for bar in series]


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


# --- half days, breaks ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "date", "minutes", "last"),
    [
        ("XNYS", "2024-11-29", 210, "12:59"),
        ("XNYS", "2015-12-24", 210, "12:59"),
        ("XNYS", "2024-11-27", 390, "15:59"),
        ("XHKG", "2024-12-24", 150, "11:59"),
        ("XHKG", "2024-12-23", 330, "15:59"),
        ("XTKS", "2024-11-01", 300, "14:59"),
        ("XTKS", "2024-11-05", 330, "15:29"),
    ],
)
def test_the_calendar_says_how_many_bars_a_half_day_has(calendar: str, date: str, minutes: int, last: str) -> None:
    grid = sd.calendar(calendar).session(date)
    data = sd.SessionData(calendar, "1m", ("1h", "1d"))
    data.start_session(date)
    spy = data.register_symbol("SPY")
    ts = grid.slot_starts("1m")
    assert len(ts) == minutes
    spy.extend(ts, *(np.full(minutes, x) for x in BAR))
    assert (spy.bars_base.expected, spy.bars_base.missing, spy.bars_base.quality) == (minutes, 0, 100.0)
    assert spy.bars_base[-1].datetime.strftime("%H:%M") == last
    assert spy.bars("1d")[0].n_base == spy.bars("1d")[0].n_expected == minutes
    assert not spy.bars("1d").forming, "the session is over at its early close"
    spy.append(grid.segments[-1, 1], *BAR)
    assert spy.bars_base.expected == minutes, "a bar after an early close is not of the session"
    assert spy.bars_base[-1].extended


def test_no_slot_spans_lunch_and_slots_are_counted_anew_after_it() -> None:
    lunch = sd.SessionCalendar.from_hours("09:30", "16:00", "Asia/Hong_Kong", breaks=[("11:53", "13:07")])
    day = Day(lunch)
    start = int(day.grid.segments[0, 0])
    day.feed(range(143), start)
    day.feed(range(217, 390), start)
    hours = day.series("1h")
    assert day.times("1h") == ["09:30", "10:30", "11:30", "13:07", "14:07", "15:07"]
    assert coverages(hours) == [(60, 60), (60, 60), (23, 23), (60, 60), (60, 60), (53, 53)]
    assert day.times("15m")[9:11] == ["11:45", "13:07"]
    assert day.series("1m").expected == 143 + 173
    assert day.spy.bars("1d")[0].n_expected == 143 + 173
    day.same()


def test_a_gap_never_spans_a_break() -> None:
    lunch = sd.SessionCalendar.from_hours("09:30", "16:00", "Asia/Hong_Kong", breaks=[("12:00", "13:00")])
    day = Day(lunch)
    start = int(day.grid.segments[0, 0])
    day.feed([0, 389], start)
    assert gaps_of(day.series("1m"), start) == [(1, 149, 149), (210, 388, 179)]
    assert sum(gap.bar_count for gap in day.series("1m").gaps) == day.series("1m").missing == 328
    day.same()


def test_a_bar_in_the_lunch_break_is_kept_but_not_mixed_with_regular_ones() -> None:
    lunch = sd.SessionCalendar.from_hours("09:30", "16:00", "Asia/Hong_Kong", breaks=[("12:00", "13:00")])
    day = Day(lunch)
    start = int(day.grid.segments[0, 0])
    day.feed([148, 149], start)
    quality = day.series("1m").quality
    day.append("SPY", start + 150 * MINUTE, (1.0, 9999.0, 0.5, 2.0, 5.0))
    assert day.series("1m").quality == quality
    day.feed([210], start)
    assert [(time, bar.extended) for time, bar in zip(day.times("1h"), day.series("1h"), strict=True)] == [
        ("11:30", False), ("12:00", True), ("13:00", False),
    ]  # fmt: skip
    assert day.spy.session_high == 310.5
    assert day.spy.metrics()["extended"]["high"] == 9999.0
    day.same()


def test_an_empty_break_is_none_and_a_touching_one_is_a_reopening() -> None:
    empty = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", breaks=[("12:10", "12:10")])
    assert empty.session("2024-03-12").segments.tolist() == [[OPEN, CLOSE]]
    halt = OPEN + 100 * MINUTE
    zero = sd.SessionCalendar.from_schedule(
        {"2024-03-12": [(OPEN, halt), (halt, halt), (halt, CLOSE)]}, "America/New_York"
    )
    day = Day(zero)
    assert day.grid.segments.tolist() == [[OPEN, halt], [halt, CLOSE]]
    day.feed([0, 389])
    assert gaps_of(day.series("1m")) == [(1, 99, 99), (100, 388, 289)]
    day.feed(range(97, 104))
    assert day.times("15m") == ["09:30", "11:00", "11:10", "15:55"], (
        "11:00 ends at the reopening, 15:55 is counted from it"
    )
    assert [bar.n_expected for bar in day.series("15m")][1:3] == [10, 15]
    day.same()


# --- overnight, 24x7, clocks ----------------------------------------------------------------------


def test_sunday_evening_belongs_to_mondays_trade_date_and_the_maintenance_break_is_not_missing() -> None:
    data = sd.SessionData("CMES", "1m", ("1h", "1d"))
    es = data.register_symbol("ES")
    es.append(dt.datetime(2013, 10, 6, 22, 0, tzinfo=dt.UTC), *BAR)  # Sunday, 17:00 in Chicago
    assert data.session_date == dt.date(2013, 10, 7)
    grid = data.grid
    assert grid is not None
    assert grid.expected("1m") == 1380
    es.extend(grid.slot_starts("1m"), *(np.full(1380, x) for x in BAR))
    data.advance_to(grid.span_stop)
    assert (es.bars_base.expected, es.bars_base.missing, es.bars_base.quality) == (1380, 0, 100.0)
    assert len(es.bars("1h")) == 23
    rows = data.to_dict()["symbols"]["ES"]["session"]["data"]["1m"]["data"]
    assert (rows[0][0], rows[-1][0]) == ("2013-10-06T17:00:00-05:00", "2013-10-07T15:59:00-05:00")


def test_an_overnight_session_is_not_split_at_midnight() -> None:
    day = Day(sd.SessionCalendar.from_hours("22:00", "05:00", "Europe/London"), "2024-06-05")
    start = int(day.grid.segments[0, 0])
    day.feed(range(110, 140), start)
    assert day.times("1h") == ["23:00", "00:00"]
    assert coverages(day.series("1h")) == [(10, 60), (20, 60)]
    assert len(day.series("1d")) == 1
    assert day.times("1d") == ["22:00"]
    day.same()


def test_always_open_is_the_utc_day_without_any_calendar() -> None:
    data = sd.SessionData()
    coin = data.register_symbol("BTC")
    coin.append(utc("2024-02-29T00:00:00+00:00"), *BAR)
    assert data.session_date == dt.date(2024, 2, 29)
    coin.append(utc("2024-02-29T23:59:00+00:00"), *BAR)
    assert (coin.bars_base.expected, coin.bars_base.missing) == (1440, 1438)
    assert not coin.bars("1d").forming
    assert not any(bar.extended for bar in coin.bars_base)
    with pytest.raises(sd.SessionStateError, match="later trade date"):
        coin.append(utc("2024-03-01T00:00:00+00:00"), *BAR)


def test_a_day_that_begins_at_another_time_takes_its_date_from_its_begin() -> None:
    day = Day(sd.SessionCalendar.always_open("17:00", "America/New_York"), "2024-06-05")
    assert day.grid.span_start == utc("2024-06-05T17:00:00-04:00")
    day.feed([0, 7 * 60 + 1, 1439], day.grid.span_start)
    assert day.series("1m").expected == 1440
    assert day.times("1h") == ["17:00", "00:00", "16:00"]
    day.same()


@pytest.mark.parametrize(("date", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-06-05", 24)])
def test_a_local_day_has_23_24_or_25_hours(date: str, hours: int) -> None:
    day = Day(sd.SessionCalendar.always_open(tz="Europe/Berlin"), date, derived=("30m", "1h", "4h", "1d"))
    start = int(day.grid.segments[0, 0])
    ts = np.arange(hours * 60) * MINUTE + start
    rows = [(int(t), *bar_of(i % 50)) for i, t in enumerate(ts)]
    day.extend("SPY", rows)
    assert (day.series("1m").expected, day.series("1m").quality) == (hours * 60, 100.0)
    assert coverages(day.series("1h")) == [(60, 60)] * hours
    assert len(day.series("4h")) == math.ceil(hours / 4)
    assert day.series("4h")[-1].n_expected == (hours - 4 * ((hours - 1) // 4)) * 60, "counted from the open"
    day.same()


def test_in_an_hour_that_happens_twice_no_two_bars_share_a_slot() -> None:
    day = Day(sd.SessionCalendar.always_open(tz="America/New_York"), "2024-11-03", derived=("1h", "1d"))
    first = utc("2024-11-03T01:30:00-04:00")
    day.append("SPY", first, bar_of(1))
    day.append("SPY", first + HOUR, bar_of(2))
    assert day.times("1m") == ["01:30", "01:30"]
    assert len(day.series("1h")) == 2
    document = day.data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]["data"]
    assert [row[0] for row in document] == ["2024-11-03T01:30:00-04:00", "2024-11-03T01:30:00-05:00"]
    day.same()


def test_new_york_opens_at_half_past_nine_before_and_after_the_clocks_change() -> None:
    for date, offset in [("2024-03-08", "-05:00"), ("2024-03-11", "-04:00"), ("2024-11-01", "-04:00")]:
        assert NEW_YORK.session(date).segments.tolist() == [
            [utc(f"{date}T09:30:00{offset}"), utc(f"{date}T16:00:00{offset}")]
        ]


# --- outside regular hours ------------------------------------------------------------------------


def test_the_closing_auction_never_joins_a_regular_derived_bar() -> None:
    day = Day()
    day.feed(range(385, 390))
    five, hour = day.series("5m")[-1], day.series("1h")[-1]
    day.append("SPY", CLOSE, (1.0, 9999.0, 0.5, 2.0, 1e9))
    assert day.series("5m")[-2] == five
    assert day.series("1h")[-2][:6] == hour[:6]
    assert day.times("1h")[-2:] == ["15:30", "16:00"]
    assert day.times("5m")[-2:] == ["15:55", "16:00"]
    assert day.series("1h")[-1].extended
    assert day.series("1d")[0].volume == sum(10.0 + i for i in range(385, 390))
    assert (day.spy.session_high, day.spy.session_low) == (489.5, 484.5)
    assert day.series("1m").expected == 390
    day.same()


def test_extended_bars_are_counted_backwards_from_the_open_and_forwards_from_the_close() -> None:
    day = Day()
    day.feed([-76, -61, -60, -1, 0, 390, 449, 450])
    flags = [bar.extended for bar in day.series("1h")]
    assert day.times("1h") == ["07:30", "08:30", "09:30", "16:00", "17:00"]
    assert flags == [True, True, False, True, True]
    assert coverages(day.series("1h"))[0] == (2, 0), "nobody expects bars before the open"
    assert day.times("15m") == ["08:00", "08:15", "08:30", "09:15", "09:30", "16:00", "16:45", "17:00"]
    day.same()


def test_extended_bars_raise_neither_quality_nor_expected_nor_the_session_metrics() -> None:
    day = Day()
    day.feed([-30, -2, -1])
    assert (day.series("1m").expected, day.series("1m").quality) == (0, 100.0)
    day.feed([0, 2])
    extended = day.spy.metrics()["extended"]
    assert (day.series("1m").expected, day.series("1m").missing) == (3, 1)
    assert day.spy.session_volume == 10.0 + 12
    assert (extended["volume"], extended["high"], extended["low"], extended["bar_count"]) == (63.0, 99.5, 69.5, 3)
    assert len(day.series("1m")) == 5
    assert day.spy.counters["extended"] == 3
    day.same()


# --- close labels ---------------------------------------------------------------------------------


def test_close_labels_are_shifted_by_the_interval() -> None:
    data = sd.SessionData(NEW_YORK, "1m", ("5m",), label="close")
    spy = data.register_symbol("SPY")
    spy.append(OPEN + MINUTE, *bar_of(0))  # the first bar also starts the session
    spy.extend(np.array([OPEN + 2 * MINUTE, OPEN + 3 * MINUTE]), *np.array([bar_of(1), bar_of(2)]).T)
    data.append_slice(["SPY"], OPEN + 4 * MINUTE, *[[x] for x in bar_of(3)])
    assert spy.bars_base.timestamp.tolist() == [OPEN + i * MINUTE for i in range(4)]
    assert (spy.bars_base.expected, spy.bars_base.missing) == (4, 0)


def test_the_close_label_of_a_last_short_slot_names_that_slot() -> None:
    data = sd.SessionData(NEW_YORK, "1h", ("1d",), label="close")
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    closes = [OPEN + i * HOUR for i in range(1, 7)] + [CLOSE]
    for i, close in enumerate(closes):
        spy.append(close, *bar_of(i))
    assert spy.bars_base.timestamp.tolist() == [OPEN + i * HOUR for i in range(7)]
    assert (spy.bars_base.expected, spy.bars_base.quality) == (7, 100.0)
    assert not any(bar.extended for bar in spy.bars_base)
    other = sd.SessionData(NEW_YORK, "1h", ("1d",))
    other.start_session("2024-03-12")
    batch = other.register_symbol("SPY")
    assert batch.extend(np.array(closes), *np.array([bar_of(i) for i in range(7)]).T, label="close") == 7
    assert batch.bars_base.timestamp.tolist() == spy.bars_base.timestamp.tolist()


def test_the_close_label_at_an_early_close_before_lunch_names_the_short_slot_too() -> None:
    lunch = sd.SessionCalendar.from_hours("09:30", "16:00", "Asia/Hong_Kong", breaks=[("12:00", "13:00")])
    data = sd.SessionData(lunch, "1h", (), label="close")
    grid = data.start_session("2024-03-12")
    start = int(grid.segments[0, 0])
    hk = data.register_symbol("700")
    hk.append(start + 150 * MINUTE, *BAR)  # 12:00: the bar of 11:30, half an hour long
    hk.append(start + 270 * MINUTE, *BAR)  # 14:00: the bar of 13:00
    assert [(t - start) // MINUTE for t in hk.bars_base.timestamp.tolist()] == [120, 210]


def test_a_first_bar_with_a_close_label_starts_the_session_that_its_open_lies_in() -> None:
    midnight = utc("2024-03-12T00:00:00+00:00")
    # the bar of 23:59, and one off the grid that begins at 23:59:30
    for close in (midnight, midnight + 30 * SECOND):
        for batch in (False, True):
            data = sd.SessionData(None, "1m", (), label="close")
            coin = data.register_symbol("BTC")
            if batch:
                coin.extend([close], *([x] for x in BAR))
            else:
                coin.append(close, *BAR)
            assert data.session_date == dt.date(2024, 3, 11)
            assert coin.bars_base.timestamp.tolist() == [close - MINUTE]


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


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_and_infinity_are_refused_in_every_column(column: int, value: float) -> None:
    day = Day()
    day.feed(range(3))
    bar = list(BAR)
    bar[column] = value
    before = day.data.to_json()
    name = ("open", "high", "low", "close", "volume")[column]
    with pytest.raises(sd.BarError) as one:
        day.spy.append(OPEN + 3 * MINUTE, *bar)
    with pytest.raises(sd.BarError) as many:
        day.spy.extend([OPEN + 3 * MINUTE], *[[x] for x in bar])
    for error in (one.value, many.value):
        assert (type(error), error.code, error.symbol) == (sd.BarError, "ERR_NOT_FINITE", "SPY")
        assert error.value == f"{name}={value!r}"
    assert (one.value.row, many.value.row) == (None, 0)
    assert day.data.to_json() == before


def test_high_below_low_and_negative_volume_are_refused_and_open_outside_of_both_is_not() -> None:
    day = Day()
    with pytest.raises(sd.BarError, match=r"high=1.0, low=2.0.*ERR_HIGH_LOW"):
        day.spy.append(OPEN, 1.5, 1.0, 2.0, 1.5, 1.0)
    with pytest.raises(sd.BarError, match=r"volume=-0.5.*ERR_VOLUME"):
        day.spy.append(OPEN, 1.5, 2.0, 1.0, 1.5, -0.5)
    day.append("SPY", OPEN, (99.0, 2.0, 2.0, -99.0, -0.0))
    assert day.series("1m")[0][1:5] == (99.0, 2.0, 2.0, -99.0)
    day.same()


def test_the_oil_of_april_2020_traded_below_zero() -> None:
    day = Day()
    day.append("SPY", OPEN, (1.10, 1.20, -2.25, -1.75, 500.0))
    day.append("SPY", OPEN + MINUTE, (-1.75, -1.50, -40.32, -37.63, 900.0))
    assert (day.spy.session_high, day.spy.session_low) == (1.2, -40.32)
    assert day.series("5m")[0][1:6] == (1.10, 1.20, -40.32, -37.63, 1400.0)
    day.same()


def test_fractional_volumes_are_summed_in_time_order_within_a_slot_and_slots_in_order_up_the_chain() -> None:
    volumes = [0.1, 0.2, 0.3, 0.7, 1e-9, 1 / 3, 0.1, 0.2, 1e15, 0.7, 0.1, 0.2, 0.3, 0.1, 0.2]
    fives = [volumes[0:5], volumes[5:10], volumes[10:15]]

    def left_to_right(values: list[float]) -> float:
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    sums = [left_to_right(five) for five in fives]
    assert left_to_right(sums) != left_to_right(volumes), "the example must be able to tell the two orders apart"
    rows = [(OPEN + i * MINUTE, 1.0, 1.0, 1.0, 1.0, volume) for i, volume in enumerate(volumes)]
    rng = random.Random(7)
    for way in range(12):
        day = Day()
        arrival = rows if way < 2 else rng.sample(rows, len(rows))
        if way % 2:
            day.extend("SPY", arrival)
        else:
            for ts, *bar in arrival:
                day.append("SPY", ts, tuple(bar))
        assert day.series("5m").volume.tolist() == sums
        assert day.series("15m").volume.tolist() == [left_to_right(sums)]
        assert day.spy.session_volume == left_to_right(sums)
        assert day.series("1m").volume.tolist() == volumes
        day.same()


def test_integral_volumes_of_any_arrival_are_exact_and_integers_in_the_document() -> None:
    day = Day()
    for i, volume in [(3, 2.0**52), (0, 1.0), (2, 3.0), (1, 0.0)]:
        day.append("SPY", OPEN + i * MINUTE, (1.0, 1.0, 1.0, 1.0, volume))
    assert day.spy.session_volume == 2**52 + 4
    assert b'"session":{"volume":4503599627370500,' in day.data.to_json()
    day.same()


# --- far away times -------------------------------------------------------------------------------


def test_slots_before_1970_are_rounded_down_not_towards_zero() -> None:
    segments = [(utc("1969-12-31T14:30:00+00:00"), utc("1969-12-31T21:00:00+00:00"))]
    old = sd.SessionCalendar.from_schedule({"1969-12-31": segments}, "America/New_York")
    day = Day(old, "1969-12-31")
    start = segments[0][0]
    assert start < 0
    day.append("SPY", start - 1, bar_of(0))
    day.append("SPY", start, bar_of(1))
    day.append("SPY", start + 5 * MINUTE - 1, bar_of(2))
    day.append("SPY", start + 5 * MINUTE, bar_of(3))
    assert day.series("5m").timestamp.tolist() == [start - 5 * MINUTE, start, start + 5 * MINUTE]
    assert [bar.extended for bar in day.series("5m")] == [True, False, False]
    assert day.data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]["data"][0][0] == "09:29:59.999999999"
    day.same(styles=("time", "iso", "epoch_ms", "epoch_ns"))


def test_a_session_over_the_epoch_has_no_seam() -> None:
    over = sd.SessionCalendar.from_schedule({"1970-01-01": [(-30 * MINUTE, 30 * MINUTE)]}, "UTC")
    day = Day(over, "1970-01-01")
    day.feed([i for i in range(60) if i not in (29, 30)], -30 * MINUTE)
    assert gaps_of(day.series("1m"), -30 * MINUTE) == [(29, 30, 2)]
    assert coverages(day.series("15m")) == [(15, 15), (14, 15), (14, 15), (15, 15)]
    day.same(styles=("time", "iso", "epoch_ms", "epoch_ns"))


@pytest.mark.parametrize("year", [1678, 2261])
def test_sessions_near_the_limits_of_int64_work(year: int) -> None:
    start = to_ns(dt.datetime(year, 3, 12, 14, tzinfo=dt.UTC))
    date = f"{year}-03-12"
    day = Day(sd.SessionCalendar.from_schedule({date: [(start, start + HOUR)]}, "UTC"), date)
    day.feed([0, 1, 2, 9], start)
    day.feed([5], start)
    assert gaps_of(day.series("1m"), start) == [(3, 4, 2), (6, 8, 3)]
    day.advance_to(2**63 - 1)
    assert day.series("1m").expected == 60
    day.same(styles=("time", "iso", "epoch_ms", "epoch_ns"))


@pytest.mark.parametrize(
    ("ts", "code"),
    [(2**63 - 1, "ERR_TS_RANGE"), (2**63 - MINUTE, "ERR_TS_RANGE"), (-(2**63), "ERR_NAT"), (2**63, "ERR_TS_RANGE")],
)
def test_a_bar_whose_end_does_not_fit_is_an_error_never_a_wrapped_time(ts: int, code: str) -> None:
    day = Day()
    day.feed(range(3))
    before = day.data.to_json()
    with pytest.raises(sd.BarError) as caught:
        day.spy.append(ts, *BAR)
    assert (caught.value.code, caught.value.value) == (code, f"ts_ns={ts}")
    assert day.data.to_json() == before


def test_times_at_the_far_ends_that_do_fit() -> None:
    day = Day()
    day.feed(range(3))
    with pytest.raises(sd.TimeError, match="ERR_UNIT"):
        day.spy.append(-(2**63) + 1, *BAR)
    # the first time that a bar may have which nobody has a day for
    day.append("SPY", 631_152_000 * 10**9, BAR)
    assert day.spy.counters["other_session"] == 1
    with pytest.raises(sd.LaterSessionError, match="ERR_LATER_SESSION"):
        day.spy.append(2**63 - 1 - MINUTE, *BAR)
    day.same()


# --- arrays of other libraries --------------------------------------------------------------------


def _pandas() -> Any:
    return pd.Series(pd.date_range("2024-03-12 09:30", periods=7, freq="min", tz="America/New_York", unit="us"))


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(_pandas, id="pandas Series"),
        pytest.param(lambda: pd.DatetimeIndex(_pandas()), id="pandas Index"),
        pytest.param(
            lambda: pl.Series(_pandas().dt.tz_convert("UTC").tolist(), dtype=pl.Datetime("us", "UTC")), id="polars us"
        ),
        pytest.param(
            lambda: pl.Series(_pandas().dt.tz_convert("UTC").tolist(), dtype=pl.Datetime("ms", "UTC")), id="polars ms"
        ),
        pytest.param(lambda: pa.array(_pandas().tolist(), pa.timestamp("us", "UTC")), id="arrow us"),
        pytest.param(lambda: pa.chunked_array([pa.array(_pandas().tolist(), pa.timestamp("s", "UTC"))]), id="arrow s"),
        pytest.param(lambda: np.arange(7) * np.timedelta64(60, "s") + np.datetime64(OPEN // 1000, "us"), id="numpy us"),
        pytest.param(lambda: np.arange(7) * np.timedelta64(1, "m") + np.datetime64(OPEN // MINUTE, "m"), id="numpy m"),
        pytest.param(lambda: list(_pandas()), id="list of Timestamps"),
    ],
)
def test_the_unit_of_an_array_is_read_from_its_type(column: Any) -> None:
    day = Day()
    bars = np.array([bar_of(i) for i in range(7)]).T
    assert day.spy.extend(column(), *bars) == 7
    assert day.series("1m").timestamp.tolist() == [OPEN + i * MINUTE for i in range(7)]
    assert (day.series("1m").expected, day.series("1m").missing) == (7, 0)


@pytest.mark.parametrize("make", [pd.Series, pl.Series, pa.array, lambda x: pa.chunked_array([x[:3], x[3:]])])
def test_value_columns_of_other_libraries_are_taken(make: Any) -> None:
    day = Day()
    bars = np.array([bar_of(i) for i in range(7)]).T
    ts = np.arange(7) * MINUTE + OPEN
    day.spy.extend(ts, *(make(column) for column in bars))
    assert day.series("1m").close.tolist() == [100.25 + i for i in range(7)]
    assert day.spy.session_volume == sum(10.0 + i for i in range(7))


def test_a_naive_pandas_column_is_an_error_unless_its_zone_is_said() -> None:
    day = Day()
    naive = pd.Series(pd.date_range("2024-03-12 09:30", periods=2, freq="min", unit="us"))
    with pytest.raises(sd.TimeError, match=r"naive.*SPY"):
        day.spy.extend(naive, *([1.0, 1.0],) * 5)
    assert day.spy.extend(naive, *([1.0, 1.0],) * 5, tz="America/New_York") == 2
    assert day.series("1m")[0].timestamp == OPEN


# --- a symbol keeps its intervals -----------------------------------------------------------------


def test_a_symbol_cannot_change_its_base_interval_during_a_session() -> None:
    day = Day()
    day.feed(range(3))
    before = day.data.to_json()
    with pytest.raises(sd.IntervalError, match=r"'SPY' is registered with 1m, 5m, 15m, 1h, 1d"):
        day.data.register_symbol("SPY", "5s")
    with pytest.raises(sd.IntervalError, match="cannot change its intervals"):
        day.data.register_symbol("SPY", "1m", ("5m",))
    assert day.data.to_json() == before
    assert day.data.register_symbol("SPY", "60s", ("1d", "60m", "5m", "15m")) is day.spy


# --- faults of the object model -------------------------------------------------------------------


def test_ten_missing_seconds_are_one_gap_not_ten() -> None:
    start = utc("2024-03-12T12:00:00+00:00")
    day = Day(None, "2024-03-12", base="1s", derived=("5s", "1m", "1d"))
    rows = [(start + i * SECOND, *bar_of(i)) for i in range(60) if not 20 <= i < 30]
    day.spy.extend(np.array([row[0] for row in rows]), *np.array([row[1:] for row in rows]).T)
    gaps = [gap for gap in day.series("1s").gaps if gap.start_ns >= start]
    assert [(gap.start_ns - start, gap.end_ns - start, gap.bar_count) for gap in gaps] == [
        (20 * SECOND, 29 * SECOND, 10)
    ]
    fives = [gap for gap in day.series("5s").gaps if gap.start_ns >= start]
    assert [(gap.start_ns - start, gap.bar_count) for gap in fives] == [(20 * SECOND, 2)]
    assert [gap for gap in day.series("1m").gaps if gap.start_ns >= start] == []


def test_gaps_of_an_hourly_feed_are_counted_in_hours() -> None:
    day = Day(base="1h", derived=("1d",))
    day.feed([0, 3, 6], step=HOUR)
    assert gaps_of(day.series("1h"), step=HOUR) == [(1, 2, 2), (4, 5, 2)]
    day.same()


@pytest.mark.parametrize(
    ("kind", "offsets"),
    [("after hours", range(390, 400)), ("before the open", range(-10, 0)), ("off the grid", [])],
)
def test_bars_that_nobody_expects_do_not_hide_missing_ones(kind: str, offsets: Any) -> None:
    day = Day()
    day.feed(i for i in range(390) if i % 39)  # ten are missing
    for i in offsets:
        day.feed([i])
    if kind == "off the grid":
        for i in range(10):
            day.append("SPY", OPEN + i * 39 * MINUTE + SECOND, BAR)
        assert day.spy.counters["off_grid"] == 10
    day.advance_to(CLOSE)
    assert len(day.series("1m")) == 390
    assert (day.series("1m").missing, day.series("1m").quality) == (10, 100.0 * 380 / 390)
    day.same()


def test_duplicates_do_not_hide_missing_bars() -> None:
    day = Day()
    rows = [(OPEN + i * MINUTE, *bar_of(i)) for i in (0, 1, 2, 5)]
    day.extend("SPY", rows * 3)
    day.extend("SPY", [(ts, *BAR) for ts, *_ in rows] * 2)
    assert (day.series("1m").missing, day.series("1m").quality) == (2, 100.0 * 4 / 6)
    assert len(day.series("1m")) == 4
    day.same()


def test_quality_of_each_interval_is_its_own_not_that_of_the_base() -> None:
    day = Day()
    day.feed(i for i in range(60) if i % 5 == 4)
    assert day.spy.bar_quality == {"1m": 20.0, "5m": 100.0, "15m": 100.0, "1h": 100.0, "1d": 100.0}
    day.feed([84])
    assert day.spy.bar_quality == {
        "1m": 100.0 * 13 / 85, "5m": 100.0 * 13 / 17, "15m": 80.0, "1h": 100.0, "1d": 100.0,
    }  # fmt: skip
    day.same()


def test_the_minute_in_progress_is_not_missing_and_a_partial_derived_bar_neither_present_nor_missing() -> None:
    day = Day()
    day.feed(range(7))
    day.advance_to(OPEN + 7 * MINUTE + 59 * SECOND)
    assert (day.series("1m").expected, day.series("1m").quality) == (7, 100.0)
    assert (day.series("5m").expected, day.series("5m").present, day.series("5m").missing) == (1, 1, 0)
    day.same()


def test_a_gap_that_is_filled_closes_and_filling_it_again_adds_no_duplicates() -> None:
    day = Day()
    day.feed([*range(10), *range(20, 30)])
    fill = [(OPEN + i * MINUTE, *bar_of(i)) for i in range(10, 20)]
    assert day.spy.bar_gaps["1m"][0].bar_count == 10
    for _ in range(4):  # each retry sends the whole range
        day.extend("SPY", fill)
    assert len(day.series("1m")) == day.series("1m").total_count == 30
    assert day.spy.bar_gaps == {"1m": [], "5m": [], "15m": [], "1h": [], "1d": []}
    assert day.series("1m").timestamp.tolist() == [OPEN + i * MINUTE for i in range(30)]
    assert coverages(day.series("5m")) == [(5, 5)] * 6
    day.same()


def test_a_partly_filled_gap_leaves_exactly_what_is_still_missing() -> None:
    day = Day()
    day.feed([0, 11])
    day.extend("SPY", [(OPEN + i * MINUTE, *bar_of(i)) for i in (8, 2, 3, 7)])
    assert gaps_of(day.series("1m")) == [(1, 1, 1), (4, 6, 3), (9, 10, 2)]
    day.same()


def test_every_order_of_the_same_few_bars_gives_one_document() -> None:
    bars = [(OPEN + i * MINUTE, *bar_of(i)) for i in (-1, 0, 4, 6, 390)]
    documents = set()
    for order in itertools.permutations(bars):
        data = sd.SessionData(NEW_YORK, "1m", DERIVED)
        data.start_session("2024-03-12")
        spy = data.register_symbol("SPY")
        for row in order:
            spy.append(*row)
        documents.add(data.to_json())
    assert len(documents) == 1
