"""The hard cases of days and hours, one by one: half days, breaks, overnight sessions, clocks,
extended hours, close labels, and times far away."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

import sessiondata as sd
from hard_days import BAR, CLOSE, NEW_YORK, OPEN, Day, bar_of, coverages, gaps_of
from sessiondata.time.instants import to_ns
from worlds import HOUR, MINUTE, SECOND, utc

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


@pytest.mark.slow
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
