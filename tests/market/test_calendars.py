"""Calendars and grids: hours, spans and slots of hard sessions, against the minutes of
exchange_calendars."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import functools
import itertools
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
import pandas_market_calendars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiondata.errors import CalendarError, DateOutOfRangeError, IntervalError, TimeError
from sessiondata.market.calendar import SessionCalendar, calendar
from sessiondata.market.grid import SessionGrid
from sessiondata.time.dates import instants
from sessiondata.time.instants import to_ns
from sessiondata.time.zones import from_ns, utc_offsets, wall_to_ns

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NY = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")


def at(text: str, zone: str = "America/New_York") -> int:
    """ns of a local wall time."""
    return to_ns(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def hours_of(grid: SessionGrid) -> list[tuple[str, str]]:
    """Segments in local time, as people write them."""
    return [
        (f"{from_ns(start, grid.zone):%m-%d %H:%M}", f"{from_ns(stop, grid.zone):%m-%d %H:%M}")
        for start, stop in grid.segments.tolist()
    ]


@contextlib.contextmanager
def their_own_deprecations() -> Iterator[None]:
    """exchange_calendars and pandas_market_calendars use what pandas 3 deprecates; that is not ours
    to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@functools.cache
def library(name: str, year: int) -> Any:
    with their_own_deprecations():
        return exchange_calendars.get_calendar(name, start=f"{year}-01-01", end=f"{year}-12-31")


# --- known sessions -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "date", "minutes", "segments"),
    [
        ("XNYS", "2015-12-24", 210, 1),
        ("XNYS", "2024-11-29", 210, 1),
        ("XNYS", "2024-11-27", 390, 1),
        ("XNYS", "2024-03-08", 390, 1),
        ("XNYS", "2024-03-11", 390, 1),
        ("XNYS", "1965-06-01", 390, 1),
        ("XHKG", "2024-12-23", 330, 2),
        ("XHKG", "2024-12-24", 150, 1),
        ("XTKS", "2024-11-01", 300, 2),
        ("XTKS", "2024-11-05", 330, 2),
        ("XLON", "2024-12-24", 270, 1),
        ("XASX", "2024-12-24", 250, 1),
        ("XBOM", "2024-12-24", 375, 1),
        ("XKRX", "2024-01-02", 330, 1),  # opens an hour late
        ("XKRX", "2024-11-14", 390, 1),  # entrance examination: an hour later throughout
        ("CMES", "2024-12-03", 1380, 1),
        ("CMES", "2024-11-28", 1140, 1),
    ],
)
def test_minutes_of_hard_sessions(name: str, date: str, minutes: int, segments: int) -> None:
    grid = calendar(name).session(date)
    assert grid.expected("1m") == minutes
    assert len(grid.segments) == segments
    assert grid.date == dt.date.fromisoformat(date)
    assert grid.tz == calendar(name).tz == calendar(name).zone.key


def test_hours_follow_the_local_clock_over_a_change() -> None:
    for date in ("2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04"):
        assert hours_of(calendar("XNYS").session(date)) == [(f"{date[5:]} 09:30", f"{date[5:]} 16:00")]
    spring = calendar("XNYS").session("2024-03-11")
    assert spring.segments[0, 0] == at("2024-03-11T13:30", "UTC")
    assert calendar("XNYS").session("2024-03-08").segments[0, 0] == at("2024-03-08T14:30", "UTC")


# Ordinary days, half days, late opens, changes of hours and days after a change of the clocks.
SAMPLES = {
    "XNYS": ["2024-01-02", "2024-03-08", "2024-03-11", "2024-07-03", "2024-11-04", "2024-11-29"],
    "XLON": ["2024-01-02", "2024-04-02", "2024-10-28", "2024-12-24", "2024-12-31"],
    "XHKG": ["2024-01-02", "2024-02-09", "2024-12-23", "2024-12-24"],
    "XTKS": ["2024-01-04", "2024-11-01", "2024-11-05", "2024-12-30"],
    "XKRX": ["2024-01-02", "2024-01-03", "2024-11-14", "2024-12-30"],
    "XBOM": ["2024-01-02", "2024-12-31"],
    "XASX": ["2024-01-02", "2024-04-08", "2024-10-07", "2024-12-24"],
    "CMES": ["2024-01-02", "2024-03-11", "2024-05-27", "2024-11-04", "2024-11-29", "2024-12-24"],
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "date"), [(name, date) for name, dates in SAMPLES.items() for date in dates])
def test_slots_equal_those_found_minute_by_minute(name: str, date: str) -> None:
    with their_own_deprecations():
        if name == "CMES":  # exchange_calendars has no maintenance break, and few of its short days
            market = pandas_market_calendars.get_calendar("CME Globex Equity").schedule(date, date)
            pieces = pandas_market_calendars.date_range(market, "1min", closed="left", force_close=False)
            minutes = pieces.as_unit("ns").asi8.tolist()
        else:
            minutes = [minute.value for minute in library(name, 2024).session_minutes(date)]
    # A break is where a minute does not follow its predecessor.
    runs: list[list[int]] = []
    for minute in minutes:
        if not runs or minute != runs[-1][-1] + MINUTE:
            runs.append([])
        runs[-1].append(minute)

    grid = calendar(name).session(date)
    assert grid.segments.tolist() == [[run[0], run[-1] + MINUTE] for run in runs]
    for interval, step in (("1m", 1), ("5m", 5), ("7m", 7), ("1h", 60)):
        # Slots are counted anew in each run; the last one ends with it.
        length = step * MINUTE
        slots = [(run[i], min(run[i] + length, run[-1] + MINUTE)) for run in runs for i in range(0, len(run), step)]
        assert grid.slot_starts(interval).tolist() == [start for start, _ in slots]
        assert grid.expected(interval) == len(slots)
        middle = minutes[len(minutes) // 2]
        for as_of in (minutes[0], minutes[0] + 1, middle, minutes[-1] - 1, minutes[-1] + MINUTE - 1):
            assert grid.expected(interval, as_of) == sum(stop <= as_of for _, stop in slots)
        for minute in minutes[::11] + minutes[-1:]:
            inside = [i for i, (start, stop) in enumerate(slots) if start <= minute < stop]
            assert [grid.slot_of(minute, interval)] == inside
            assert [grid.slot_of(minute + MINUTE - 1, interval)] == inside
    assert grid.slot_starts("1d").tolist() == minutes[:1]
    assert grid.expected("1d") == grid.expected("1d", minutes[-1] + MINUTE) == 1
    assert grid.expected("1d", minutes[-1] + MINUTE - 1) == 0
    closed = [run[-1] + MINUTE for run in runs] + [minutes[0] - 1, grid.span_stop, grid.span_start - 1]
    for interval in ("1m", "1h", "1d"):
        assert {grid.slot_of(ts_ns, interval) for ts_ns in closed} == {-1}
        assert grid.slot_of(minutes[0], interval) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_session_dates_equal_the_library(name: str) -> None:
    if name == "CMES":  # with the morning of Good Friday
        with their_own_deprecations():
            market = pandas_market_calendars.get_calendar("CME Globex Equity")
            want = [label.date() for label in market.schedule("2024-01-01", "2024-12-31").index]
        assert dt.date(2024, 3, 29) in want
    else:
        want = [session.date() for session in library(name, 2024).sessions]
    assert calendar(name).session_dates("2024-01-01", "2024-12-31") == want
    # Both ends are inclusive.
    assert calendar(name).session_dates(want[3], want[5]) == want[3:6]
    assert calendar(name).session_dates(want[3], want[3]) == [want[3]]
    assert calendar(name).session_dates(want[5], want[3]) == []


# --- spans and trade dates ------------------------------------------------------------------------


def test_sunday_evening_belongs_to_monday_and_saturday_to_nobody() -> None:
    cmes = calendar("CMES")
    chicago = functools.partial(at, zone="America/Chicago")
    monday = cmes.session("2024-11-25")
    assert hours_of(monday) == [("11-24 17:00", "11-25 16:00")]
    assert (monday.span_start, monday.span_stop) == (chicago("2024-11-24T17:00"), chicago("2024-11-25T17:00"))
    assert monday.needs_dates
    for time, date in [
        ("2024-11-24T17:00", "2024-11-25"),
        ("2024-11-24T23:59", "2024-11-25"),
        ("2024-11-25T15:59", "2024-11-25"),
        ("2024-11-25T16:30", "2024-11-25"),  # the maintenance break trails the session before it
        ("2024-11-25T17:00", "2024-11-26"),
        ("2024-11-28T13:00", "2024-11-28"),  # after an early close
        ("2024-11-22T16:30", "2024-11-22"),
        ("2024-11-22T23:59", "2024-11-22"),
    ]:
        assert cmes.session_at(chicago(time)).date == dt.date.fromisoformat(date)
    for time in ("2024-11-23T00:00", "2024-11-23T12:00", "2024-11-24T16:59"):
        with pytest.raises(CalendarError, match="no trade date"):
            cmes.session_at(chicago(time))


def test_slots_run_on_through_local_midnight() -> None:
    grid = calendar("CMES").session("2024-11-25")
    midnight = at("2024-11-25T00:00", "America/Chicago")
    assert (grid.slot_of(midnight - 1, "1m"), grid.slot_of(midnight, "1m")) == (419, 420)
    # 21:00 to 01:00
    assert (grid.slot_of(midnight - 1, "4h"), grid.slot_of(midnight, "4h")) == (1, 1)
    assert (grid.expected("4h"), grid.expected("4h", at("2024-11-25T16:00", "America/Chicago") - 1)) == (6, 5)


def test_a_day_session_has_its_local_day() -> None:
    xnys = calendar("XNYS")
    grid = xnys.session("2024-11-29")
    assert (grid.span_start, grid.span_stop) == (at("2024-11-29T00:00"), at("2024-11-30T00:00"))
    assert not grid.needs_dates
    assert xnys.session_at(at("2024-11-29T00:00")) is grid
    assert xnys.session_at(dt.datetime(2024, 11, 29, 23, 59, tzinfo=NY)) is grid
    for time in ("2024-11-30T00:00", "2024-11-28T12:00"):
        with pytest.raises(CalendarError):
            xnys.session_at(at(time))


@pytest.mark.parametrize(
    "provider",
    [
        SessionCalendar.from_hours("09:30", "16:00", "America/New_York", holidays=["2024-03-12"]),
        SessionCalendar.from_hours("17:00", "17:00", "America/New_York"),
        SessionCalendar.from_hours(
            "18:00", "02:30", "America/New_York", weekdays=(0, 2, 6), breaks=[("20:00", "21:00")]
        ),
        SessionCalendar.from_hours("00:00", "24:00", "Asia/Tokyo"),
        SessionCalendar.always_open("17:00", "America/New_York"),
        SessionCalendar.always_open("06:30", "Asia/Kolkata"),
        # Hours far from their trade date.
        SessionCalendar.from_schedule(
            {
                f"2024-03-{day:02}": [(at(f"2024-03-{day - 3:02}T18:00"), at(f"2024-03-{day - 2:02}T18:00"))]
                for day in range(4, 29)
            },
            "America/New_York",
        ),
    ],
    ids=lambda provider: provider.name,
)
def test_spans_follow_the_rule_and_session_at_the_spans(provider: SessionCalendar) -> None:
    """The rule of docs/concepts.md, Sessions, from a list of sessions, without neighbours being
    looked for."""
    days = provider.session_dates("2024-03-04", "2024-03-28")
    one_day = dt.timedelta(days=1)
    midnight = {day: at(f"{day}T00:00", provider.tz) for day in [*days, *(day + one_day for day in days)]}
    opens = [int(provider.session(day).segments[0, 0]) for day in days]
    closes = [int(provider.session(day).segments[-1, 1]) for day in days]
    starts = [max(min(midnight[days[i]], opens[i]), closes[i - 1]) for i in range(1, len(days))]
    starts.insert(0, 0)  # not used: the outer two sessions have neighbours that are not in the list
    spans = {}
    for i in range(1, len(days) - 1):
        spans[days[i]] = (starts[i], min(max(midnight[days[i] + one_day], closes[i]), starts[i + 1]))
    for day, span in spans.items():
        assert (provider.session(day).span_start, provider.session(day).span_stop) == span
    low, high = spans[days[1]][0], spans[days[-2]][1]
    edges = [edge + d for span in spans.values() for edge in span for d in (-1, 0)]
    for ts_ns in [*range(low, high, 47 * MINUTE), *edges]:
        if low <= ts_ns < high:
            owners = [day for day, (start, stop) in spans.items() if start <= ts_ns < stop]
            if owners:
                assert [provider.session_at(ts_ns).date] == owners
            else:
                with pytest.raises(CalendarError, match=f"ts_ns={ts_ns}"):
                    provider.session_at(ts_ns)


# --- ranges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["2100-01-04", "1500-01-03", "0001-01-01", "9999-12-31"])
def test_a_date_beyond_the_range_is_an_error_and_never_no_gap(date: str) -> None:
    for provider in (
        calendar("XNYS"),
        calendar("XHKG"),
        SessionCalendar.from_schedule({"2024-01-02": [(0, 1)]}, "UTC"),
    ):
        with pytest.raises(DateOutOfRangeError, match=date):
            provider.session(date)
        with pytest.raises(DateOutOfRangeError, match=date):
            provider.session_dates(date, date)
    if date < "1600" or date > "2300":
        with pytest.raises(DateOutOfRangeError):
            calendar(None).session(date)


def test_the_library_says_how_far_its_calendars_go() -> None:
    with pytest.raises(DateOutOfRangeError, match="1960-01-01"):
        calendar("XHKG").session("1959-12-31")
    assert calendar("XHKG").session_dates("1960-01-01", "1960-01-10")[0] == dt.date(1960, 1, 1)
    last = library("XNYS", 2024).default_end().date()
    assert calendar("XNYS").session_dates(last - dt.timedelta(days=10), last)
    with pytest.raises(DateOutOfRangeError):
        calendar("XNYS").session(last + dt.timedelta(days=1))
    with pytest.raises(DateOutOfRangeError):
        calendar("XNYS").session_at(dt.datetime(2100, 1, 4, 12, tzinfo=NY))


def test_no_session_is_told_from_out_of_range_and_names_the_neighbours() -> None:
    with pytest.raises(CalendarError, match="2024-12-24 and 2024-12-26") as caught:
        calendar("XNYS").session("2024-12-25")
    assert not isinstance(caught.value, DateOutOfRangeError)


def test_neighbours_are_found_across_decades_and_long_closures() -> None:
    turn = calendar("XNYS").session_dates("2009-12-30", "2010-01-05")
    assert turn == [dt.date(2009, 12, 30), dt.date(2009, 12, 31), dt.date(2010, 1, 4), dt.date(2010, 1, 5)]
    assert calendar("CMES").session("2020-01-02").span_start == at("2020-01-01T17:00", "America/Chicago")
    assert calendar("CMES").session("2019-12-31").span_stop == at("2020-01-01T00:00", "America/Chicago")


# --- from_hours -----------------------------------------------------------------------------------


def test_overnight_sessions_open_the_evening_before() -> None:
    forex = SessionCalendar.from_hours("17:00", "17:00", "America/New_York", name="FX")
    monday = forex.session("2024-06-03")
    assert hours_of(monday) == [("06-02 17:00", "06-03 17:00")]
    assert (monday.span_start, monday.span_stop) == tuple(monday.segments[0])
    # Friday evening trails Friday
    assert forex.session("2024-06-07").span_stop == at("2024-06-08T00:00")
    assert forex.name == "FX"
    with pytest.raises(CalendarError):
        forex.session("2024-06-09")


@pytest.mark.parametrize(("date", "hours"), [("2024-03-10", 22), ("2024-03-17", 23), ("2024-11-03", 24)])
def test_an_overnight_session_over_a_change_has_the_true_length(date: str, hours: int) -> None:
    grid = SessionCalendar.from_hours("18:00", "17:00", "America/New_York", weekdays=range(7)).session(date)
    assert int(grid.segments[0, 1] - grid.segments[0, 0]) == hours * HOUR
    assert grid.expected("1h") == hours
    assert grid.needs_dates


def test_wall_times_that_are_skipped_or_shown_twice() -> None:
    skipped = SessionCalendar.from_hours("02:30", "10:00", "America/New_York", weekdays=[6]).session("2024-03-10")
    # 03:00, where the clocks jump to
    assert skipped.segments[0, 0] == at("2024-03-10T07:00", "UTC")
    twice = SessionCalendar.from_hours("01:30", "10:00", "America/New_York", weekdays=[6]).session("2024-11-03")
    assert twice.segments[0, 0] == at("2024-11-03T05:30", "UTC")
    assert twice.needs_dates  # it lies on one date, but its times of day are ambiguous
    gone = SessionCalendar.from_hours("02:10", "02:50", "America/New_York", weekdays=[6])
    with pytest.raises(CalendarError, match="no session"):
        gone.session("2024-03-10")


@settings(max_examples=200)
@given(
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Gaza", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
    st.integers(at("1700-01-01T00:00", "UTC") // 10**6, at("2250-01-01T00:00", "UTC") // 10**6),
    st.integers(-4 * HOUR // 10**9, 4 * HOUR // 10**9),
)
def test_one_wall_time_becomes_what_a_column_of_them_does(tz: str, near: int, seconds: int) -> None:
    """Times of day have a path of their own; also around the changes of the clocks, where it
    matters."""
    zone, near = ZoneInfo(tz), near * 10**6
    starts, offsets = utc_offsets(zone, near, near + 300 * DAY)
    walls = [near, *(starts + offsets + seconds * 10**9).tolist()]
    want = wall_to_ns(np.array(walls), zone, skipped="shift").tolist()
    assert instants(walls, zone) == want


def test_special_days_and_breaks() -> None:
    provider = SessionCalendar.from_hours(
        "09:00",
        dt.time(15, 30),
        "Asia/Tokyo",
        breaks=[("11:30", "12:30"), ("14:00", "14:00")],
        holidays=["2024-01-08", dt.date(2024, 1, 9), np.datetime64("2024-01-10")],
        early_closes={"2024-01-04": "12:00", "2024-01-05": "11:00", "2024-01-12": "14:00:30"},
        late_opens={"2024-01-11": "12:00", "2024-01-12": "13:00"},
    )
    hours = {
        date: hours_of(provider.session(date)) for date in ("2024-01-03", "2024-01-04", "2024-01-05", "2024-01-11")
    }
    assert hours == {
        "2024-01-03": [("01-03 09:00", "01-03 11:30"), ("01-03 12:30", "01-03 15:30")],
        "2024-01-04": [("01-04 09:00", "01-04 11:30")],  # closes in the lunch break
        "2024-01-05": [("01-05 09:00", "01-05 11:00")],
        "2024-01-11": [("01-11 12:30", "01-11 15:30")],
    }
    assert provider.session("2024-01-12").expected("1m") == 61  # the last slot is half a minute
    assert [day.day for day in provider.session_dates("2024-01-05", "2024-01-12")] == [5, 11, 12]


def test_special_hours_of_an_overnight_session() -> None:
    provider = SessionCalendar.from_hours(
        "17:00",
        "16:00",
        "America/Chicago",
        breaks=[("23:30", "00:30"), ("15:15", "15:30"), ("02:00", "02:00")],
        early_closes={"2024-11-28": "12:00", "2024-12-24": "20:00"},
        late_opens={"2024-11-29": "02:00", "2024-12-02": "19:00"},
    )
    assert hours_of(provider.session("2024-11-27")) == [
        ("11-26 17:00", "11-26 23:30"),
        ("11-27 00:30", "11-27 15:15"),
        ("11-27 15:30", "11-27 16:00"),
    ]
    assert hours_of(provider.session("2024-11-28"))[-1] == ("11-28 00:30", "11-28 12:00")
    assert hours_of(provider.session("2024-12-24")) == [("12-23 17:00", "12-23 20:00")]
    assert hours_of(provider.session("2024-11-29"))[0] == ("11-29 02:00", "11-29 15:15")
    assert hours_of(provider.session("2024-12-02"))[0] == ("12-01 19:00", "12-01 23:30")
    assert provider.session("2024-12-24").span_stop == at("2024-12-24T17:00", "America/Chicago")


@pytest.mark.parametrize(
    "arguments",
    [
        {"open": "9:30"},
        {"open": "24:00"},
        {"close": "24:01"},
        {"close": "16:60"},
        {"close": 16},
        {"close": dt.time(16, tzinfo=dt.UTC)},
        {"tz": "America/Gotham"},
        {"tz": dt.UTC},
        {"weekdays": []},
        {"weekdays": [7]},
        {"holidays": ["20240101"]},
        {"breaks": [("08:00", "10:00")]},
        {"breaks": [("15:00", "17:00")]},
        {"breaks": [("13:00", "12:00")]},
        {"early_closes": {"2024-11-29": "09:30"}},
        {"early_closes": {"2024-11-30": "13:00"}},
        {"late_opens": {"2024-11-28": "10:00"}, "holidays": ["2024-11-28"]},
        {"late_opens": {"2024-11-28": "13:00"}, "early_closes": {"2024-11-28": "12:00"}},
    ],
    ids=str,
)
def test_contradictory_hours_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(CalendarError):
        SessionCalendar.from_hours(**({"open": "09:30", "close": "16:00", "tz": "America/New_York"} | arguments))


def test_sessions_that_run_into_each_other_are_refused() -> None:
    overlap = {"2024-01-02": [(0, 10)], "2024-01-03": [(9, 20)]}
    with pytest.raises(CalendarError, match="2024-01-03 opens before session 2024-01-02"):
        SessionCalendar.from_schedule(overlap, "UTC")
    late = SessionCalendar.from_hours("17:00", "16:00", "UTC", early_closes={"2024-06-04": "16:59"})
    # "early" may be late, until the next one opens
    assert late.session("2024-06-04").expected("1m") == 24 * 60 - 1


# --- always open ----------------------------------------------------------------------------------


def test_always_open_is_the_utc_day() -> None:
    for provider in (calendar(None), calendar("24/7"), calendar("24x7"), calendar()):
        assert provider is calendar(None)
    grid = calendar(None).session("2024-02-29")
    assert grid.segments.tolist() == [[grid.span_start, grid.span_stop]]
    assert (grid.span_start, grid.span_stop) == (at("2024-02-29T00:00", "UTC"), at("2024-03-01T00:00", "UTC"))
    assert (grid.expected("1m"), grid.expected("7h"), grid.expected("1d")) == (1440, 4, 1)
    assert not grid.needs_dates  # it stops at midnight, and does not touch the next day
    assert len(calendar(None).session_dates("2023-01-01", "2023-12-31")) == 365


@given(st.integers(-(2**63) // DAY // 2 * DAY, 2**63 // DAY // 2 * DAY))
def test_always_open_holds_every_time(ts_ns: int) -> None:
    grid = calendar(None).session_at(ts_ns, unit="ns")
    assert grid.span_start == ts_ns // DAY * DAY
    assert grid.span_stop == grid.span_start + DAY
    assert grid.slot_of(ts_ns, "1m") == (ts_ns - grid.span_start) // MINUTE


@pytest.mark.parametrize(
    ("tz", "date", "hours"),
    [
        ("America/New_York", "2024-03-10", 23),
        ("America/New_York", "2024-11-03", 25),
        ("America/New_York", "2024-11-04", 24),
        ("America/Havana", "2024-11-03", 25),  # midnight itself is shown twice
        ("America/Sao_Paulo", "2018-11-04", 23),  # midnight itself is skipped
        ("Australia/Lord_Howe", "2024-04-07", 24.5),
    ],
)
def test_local_days_may_have_23_or_25_hours(tz: str, date: str, hours: float) -> None:
    provider = SessionCalendar.always_open(tz=tz)
    grid = provider.session(date)
    assert int(grid.segments[0, 1] - grid.segments[0, 0]) == hours * HOUR
    assert grid.segments.tolist() == [[grid.span_start, grid.span_stop]]
    assert grid.needs_dates == (len(grid.offsets()[0]) > 1)
    # The first instant of the date, and the last one.
    assert from_ns(grid.span_start, grid.zone).date() == grid.date
    assert from_ns(grid.span_start - 1, grid.zone).date() < grid.date
    assert from_ns(grid.span_stop - 1, grid.zone).date() == grid.date
    assert from_ns(grid.span_stop, grid.zone).date() > grid.date
    assert provider.session_at(grid.span_stop - 1, unit="ns") is grid


def test_always_open_may_start_at_another_time_and_apia_lost_a_day() -> None:
    grid = SessionCalendar.always_open("17:00", "America/New_York").session("2024-06-03")
    assert hours_of(grid) == [("06-03 17:00", "06-04 17:00")]
    apia = SessionCalendar.always_open(tz="Pacific/Apia")
    assert [day.day for day in apia.session_dates("2011-12-28", "2011-12-31")] == [28, 29, 31]
    for start in ("24:00", "noon", None):
        with pytest.raises(CalendarError):
            SessionCalendar.always_open(start)  # type: ignore[arg-type]


# --- from_schedule --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["XHKG", "XNYS", "XTKS"])
def test_a_schedule_of_exchange_calendars(name: str) -> None:
    """NaT breaks (half days, and all days of XNYS) are none."""
    theirs = library(name, 2024)
    provider = SessionCalendar.from_schedule(theirs.schedule, theirs.tz, name=name)
    days = provider.session_dates("2024-01-05", "2024-12-27")
    assert days == calendar(name).session_dates("2024-01-05", "2024-12-27")
    assert all(provider.session(day) == calendar(name).session(day) for day in days)
    with pytest.raises(DateOutOfRangeError):
        provider.session("2023-12-29")


def test_a_schedule_of_pandas_market_calendars() -> None:
    """CME_Equity has 1,380 minutes and zero-length breaks, HKEX a lunch break."""
    with their_own_deprecations():
        cme = pandas_market_calendars.get_calendar("CME_Equity").schedule("2024-11-18", "2024-12-06")
        hkex = pandas_market_calendars.get_calendar("HKEX").schedule("2024-12-16", "2025-01-03")
    assert (cme["break_start"] == cme["break_end"]).any()
    provider = SessionCalendar.from_schedule(cme, "America/Chicago")
    for day in provider.session_dates("2024-11-19", "2024-12-05"):
        grid = provider.session(day)
        assert len(grid.segments) == 1
        if day not in (dt.date(2024, 11, 28), dt.date(2024, 11, 29)):
            assert grid == calendar("CMES").session(day)
            assert grid.expected("1m") == 1380
    provider = SessionCalendar.from_schedule(hkex, "Asia/Hong_Kong")
    assert len(provider.session("2024-12-23").segments) == 2
    assert provider.session("2024-12-23").expected("1m") == 330
    assert provider.session("2024-12-23") == calendar("XHKG").session("2024-12-23")


@pytest.mark.slow
def test_interruptions_of_pandas_market_calendars_are_breaks() -> None:
    """NSE stood still from 11:40 to 15:45 on 2021-02-24; minute by minute against the library's
    `open_at_time`."""
    with their_own_deprecations():
        nse = pandas_market_calendars.get_calendar("NSE")
        schedule = nse.schedule("2021-02-22", "2021-02-26", interruptions=True)
        minutes = pd.date_range("2021-02-24 09:15", "2021-02-24 16:59", freq="min", tz="Asia/Kolkata")
        held = [nse.open_at_time(schedule, minute) for minute in minutes]
    provider = SessionCalendar.from_schedule(schedule, nse.tz)
    grid = provider.session("2021-02-24")
    assert hours_of(grid) == [("02-24 09:15", "02-24 11:40"), ("02-24 15:45", "02-24 17:00")]
    assert grid.slot_starts("1m").tolist() == minutes[held].as_unit("ns").asi8.tolist()
    assert [len(provider.session(f"2021-02-{day}").segments) for day in range(22, 27)] == [1, 1, 2, 1, 1]


def frame(**columns: list[Any]) -> pd.DataFrame:
    made = {name: pd.to_datetime(pd.Series(values), utc=True) for name, values in columns.items()}
    index = pd.DatetimeIndex([f"2024-01-0{2 + i}" for i in range(len(columns["open"]))])
    return pd.DataFrame(made).set_index(index)


def test_nat_and_empty_rows_of_a_schedule() -> None:
    opens = ["2024-01-02 14:30", None, "2024-01-04 14:30", "2024-01-05 14:30"]
    closes = ["2024-01-02 21:00", None, "2024-01-04 14:30", "2024-01-05 21:00"]
    starts = [None, None, None, "2024-01-05 17:00"]
    ends = [None, None, None, "2024-01-05 17:00"]
    provider = SessionCalendar.from_schedule(
        frame(open=opens, close=closes, break_start=starts, break_end=ends), "America/New_York"
    )
    assert [day.day for day in provider.session_dates("2024-01-02", "2024-01-05")] == [2, 5]
    assert len(provider.session("2024-01-05").segments) == 1
    for date in ("2024-01-03", "2024-01-04"):
        with pytest.raises(CalendarError, match="no session"):
            provider.session(date)


def test_several_breaks_of_a_schedule() -> None:
    """Breaks and interruptions in any number: NaT, empty, overlapping, out of the hours."""
    day = "2024-01-02 "
    breaks = {
        "break_start": [day + "17:00", None, "2024-01-04 17:00"],
        "break_end": [day + "18:00", None, "2024-01-04 17:00"],
        # the third begins before the open
        "interruption_start_1": [day + "15:00", None, "2024-01-04 13:00"],
        "interruption_end_1": [day + "15:10", None, "2024-01-04 14:40"],
        # overlaps; ends too late
        "interruption_start_2": [day + "17:30", "2024-01-03 16:00", "2024-01-04 20:50"],
        "interruption_end_2": [day + "18:30", "2024-01-03 16:00", "2024-01-05 02:00"],
        "interruption_start_10": [day + "20:00", None, None],
        "interruption_end_10": [day + "20:07", None, None],
    }
    opens = [f"2024-01-0{i} 14:30" for i in (2, 3, 4)]
    closes = [f"2024-01-0{i} 21:00" for i in (2, 3, 4)]
    provider = SessionCalendar.from_schedule(frame(open=opens, close=closes, **breaks), "UTC")
    assert hours_of(provider.session("2024-01-02")) == [
        ("01-02 14:30", "01-02 15:00"),
        ("01-02 15:10", "01-02 17:00"),
        ("01-02 18:30", "01-02 20:00"),
        ("01-02 20:07", "01-02 21:00"),
    ]
    assert hours_of(provider.session("2024-01-03")) == [("01-03 14:30", "01-03 21:00")]
    assert hours_of(provider.session("2024-01-04")) == [("01-04 14:40", "01-04 20:50")]
    # Counted anew after each: 30 min, 110 min, 90 min, 53 min.
    assert provider.session("2024-01-02").expected("1h") == 1 + 2 + 2 + 1
    assert provider.session("2024-01-02").slot_of(at("2024-01-02T20:06", "UTC"), "1h") == -1
    assert provider.session("2024-01-02").slot_of(at("2024-01-02T20:07", "UTC"), "1h") == 5


@pytest.mark.parametrize("missing", ["break_start", "break_end", "interruption_start_2", "interruption_end_2"])
def test_half_a_break_of_a_schedule_is_refused(missing: str) -> None:
    """It was ignored once, so that the break counted as hours."""
    names = ["open", "close", "break_start", "break_end", "interruption_start_2", "interruption_end_2"]
    times = {name: [f"2024-01-02 {14 + i}:00"] for i, name in enumerate(names)}
    times["close"] = ["2024-01-02 21:00"]
    whole = frame(**times)
    assert len(SessionCalendar.from_schedule(whole, "UTC").session("2024-01-02").segments) == 3
    with pytest.raises(CalendarError, match=missing):
        SessionCalendar.from_schedule(whole.drop(columns=missing), "UTC")


@pytest.mark.parametrize(
    "columns",
    [
        {"open": ["2024-01-02 14:30"], "close": [None]},
        {"open": ["2024-01-02 14:30"], "close": ["2024-01-02 14:29"]},
        {"open": ["2024-01-02 14:30"], "end": ["2024-01-02 21:00"]},
        {
            "open": ["2024-01-02 14:30"],
            "close": ["2024-01-02 21:00"],
            "break_start": ["2024-01-02 15:00"],
            "break_end": [None],
        },
        {
            "open": ["2024-01-02 14:30"],
            "close": ["2024-01-02 21:00"],
            "break_start": ["2024-01-02 15:00"],
            "break_end": ["2024-01-02 14:59"],
        },
        {"open": [], "close": []},
        {"open": ["2024-01-02 14:30", "2024-01-02 20:00"], "close": ["2024-01-02 21:00", "2024-01-02 22:00"]},
    ],
)
def test_contradictory_schedules_are_refused(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(CalendarError):
        SessionCalendar.from_schedule(frame(**columns), "America/New_York")


def test_a_column_of_no_time_at_all_needs_no_zone() -> None:
    """Without a break on any date the columns of breaks are NaT throughout, and libraries leave
    these naive."""
    hours = frame(open=["2024-01-02 14:30"], close=["2024-01-02 21:00"])
    for nothing in (pd.NaT, None, np.datetime64("NaT", "ns")):
        whole = hours.assign(break_start=[nothing], break_end=[nothing])
        provider = SessionCalendar.from_schedule(whole, "America/New_York")
        assert len(provider.session("2024-01-02").segments) == 1
    half = hours.assign(break_start=hours["open"], break_end=pd.NaT)
    with pytest.raises(CalendarError, match="session 2024-01-02: a break with one end only"):
        SessionCalendar.from_schedule(half, "America/New_York")


def test_naive_repeated_or_aware_labels_and_naive_times_are_refused() -> None:
    good = frame(open=["2024-01-02 14:30"], close=["2024-01-02 21:00"])
    SessionCalendar.from_schedule(good, "America/New_York")
    with pytest.raises(CalendarError, match="two sessions on 2024-01-02"):
        SessionCalendar.from_schedule(pd.concat([good, good]), "America/New_York")
    with pytest.raises(CalendarError, match="trade date"):
        SessionCalendar.from_schedule(good.tz_localize("UTC"), "America/New_York")
    naive = good.assign(open=good["open"].dt.tz_localize(None))
    with pytest.raises(CalendarError, match="column 'open'"):
        SessionCalendar.from_schedule(naive, "America/New_York")
    for schedule in (None, 5, [], {}, {"2024-01-02": [1]}, {"2024-01-02": [(5, 4)]}, {"2024-01-02": [(1.0, 2.0)]}):
        with pytest.raises(CalendarError):
            SessionCalendar.from_schedule(schedule, "UTC")


def test_a_mapping_keeps_touching_segments_apart_and_drops_empty_ones() -> None:
    start = at("2024-01-02T09:30")
    reopening = start + HOUR
    provider = SessionCalendar.from_schedule(
        {
            "2024-01-04": [],
            dt.date(2024, 1, 2): [(start, reopening), (reopening, reopening), (reopening, reopening + 30 * MINUTE)],
            np.datetime64("2024-01-01"): [(start, start)],
        },
        "America/New_York",
    )
    grid = provider.session("2024-01-02")
    assert grid.segments.tolist() == [[start, reopening], [reopening, reopening + 30 * MINUTE]]
    assert grid.expected("45m") == 3  # 45 + 15 minutes, then counted anew after the reopening: 30
    assert provider.session_dates("2024-01-01", "2024-01-04") == [dt.date(2024, 1, 2)]


# --- calendar -------------------------------------------------------------------------------------


def test_calendars_are_shared_between_a_name_and_its_aliases() -> None:
    assert calendar("NYSE") is calendar("XNYS")
    assert calendar("NYSE").name == "XNYS"
    assert calendar("CME") is calendar("CMES")  # so that the correction is not a matter of spelling
    assert calendar(calendar("XNYS")) is calendar("XNYS")
    assert calendar("XNYS").session("2024-11-29") is calendar("XNYS").session(np.datetime64("2024-11-29"))
    assert repr(calendar("XNYS")) == "SessionCalendar('XNYS')"


@pytest.mark.parametrize(("name", "near"), [("XNYZ", "XNYS"), ("xnys", "XNYS"), ("Nasdaq", "NASDAQ")])
def test_unknown_names_are_refused_with_near_ones(name: str, near: str) -> None:
    with pytest.raises(CalendarError, match=rf"'{name}'.*\b{near}\b"):
        calendar(name)


def test_other_unknown_things_are_refused() -> None:
    with pytest.raises(CalendarError, match="get_calendar_names"):
        calendar("?????????")
    with pytest.raises(CalendarError):
        calendar(5)  # type: ignore[arg-type]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(CalendarError, match=r'installed, but .*: pip install --upgrade "sessiondata\[calendars\]"'):
        calendar("XPAR")
    assert calendar("24/7").session("2024-01-01").expected("1h") == 24


def test_what_the_library_cannot_build_is_a_calendar_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """exchange_calendars 4.13 with pandas 3.1 raises NotImplementedError for ASEX, ValueError for
    XTAE."""

    def fail(*_: object, **__: object) -> None:
        raise NotImplementedError("implemented by subclasses")

    monkeypatch.setattr(exchange_calendars, "get_calendar", fail)
    with pytest.raises(CalendarError, match=r"cannot build 'XWAR'.*NotImplementedError"):
        calendar("XWAR").session("2024-01-02")


def test_the_light_paths_import_no_pandas() -> None:
    code = (
        "import sys; from sessiondata.market.calendar import *;"
        "from sessiondata.market.calendar import SessionCalendar as C;"
        "calendar(None).session_at(0); calendar('24x7').session('2024-01-02').offsets();"
        "C.from_hours('09:30', '16:00', 'America/New_York').session('2024-01-02').needs_dates;"
        "C.from_schedule({'2024-01-02': [(0, 1)]}, 'Asia/Tokyo').session('2024-01-02');"
        "print([m for m in ('pandas', 'polars', 'pyarrow', 'exchange_calendars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- SessionGrid ----------------------------------------------------------------------------------

START = at("2024-11-29T09:30")


def make(**changes: Any) -> SessionGrid:
    arguments = {"date": "2024-11-29", "tz": "America/New_York", "segments": [(START, START + HOUR)]} | changes
    return SessionGrid(**arguments)


def test_segments_cannot_be_made_writable() -> None:
    mine = np.array([[START, START + HOUR]])
    grid = make(segments=mine)
    mine[0, 0] += 1
    assert grid.segments.tolist() == [[START, START + HOUR]]
    assert (grid.segments.dtype, grid.segments.shape) == (np.int64, (1, 2))
    for array in (grid.segments, copy.deepcopy(grid).segments, pickle.loads(pickle.dumps(grid)).segments):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
    with pytest.raises(AttributeError):
        grid.span_start = 0  # type: ignore[misc]


def test_grids_are_values() -> None:
    grid = make()
    assert grid == make() == pickle.loads(pickle.dumps(grid)) == copy.copy(grid)
    assert (
        len({grid, make(), make(date="2024-11-30"), make(tz="America/Toronto"), make(span=(START, START + DAY))}) == 4
    )
    assert grid != make(segments=[(START, START + HOUR + 1)])
    assert grid != "2024-11-29"
    assert repr(grid) == "SessionGrid(2024-11-29, America/New_York, 09:30 - 10:30)"
    assert (grid.span_start, grid.span_stop) == (at("2024-11-29T00:00"), at("2024-11-30T00:00"))
    day = dt.datetime(2024, 11, 29)
    for date in (day, day.date(), np.datetime64(day.date()), pd.Timestamp(day)):
        assert make(date=date) == grid
    assert make(tz=NY) == grid


@pytest.mark.parametrize(
    "changes",
    [
        {"segments": []},
        {"segments": [(START, START)]},
        {"segments": [(START, START - 1)]},
        {"segments": [(START, START + 2), (START + 1, START + 3)]},
        {"segments": [(START + 5, START + 6), (START, START + 1)]},
        {"segments": [(START, START + 1, 3)]},
        {"segments": [START, START + 1]},
        {"segments": [(float(START), START + 1.0)]},
        {"segments": [(-(2**63), START)]},
        {"segments": [(START, 2**63 - 1)]},
        {"segments": [(START, 2**70)]},
        {"span": (START + 1, START + DAY)},
        {"span": (START, START + HOUR - 1)},
        {"span": (-(2**63) + 1, START + DAY)},
        {"date": "2024-02-30"},
        {"date": "20241129"},
        {"date": "2024-11-29T00:00"},
        {"date": dt.datetime(2024, 11, 29, 1)},
        {"date": dt.datetime(2024, 11, 29, tzinfo=NY)},
        {"date": pd.NaT},
        {"date": np.datetime64("NaT", "s")},
        {"date": np.datetime64("2024-11-29T01")},
        {"date": np.datetime64(10**9, "D")},
        {"date": 20241129},
        {"date": None},
        {"tz": "Nowhere"},
        {"tz": dt.UTC},
    ],
    ids=str,
)
def test_contradictory_grids_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CalendarError):
        make(**changes)


@pytest.mark.parametrize("tz", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize("date", ["0001-01-01", "1677-09-22", "2262-04-11", "9999-12-31"])
def test_a_date_beyond_int64_is_a_calendar_error(date: str, tz: str) -> None:
    """Local midnight was computed first, which was an OverflowError in zones other than UTC."""
    with pytest.raises(CalendarError, match=f"session {date}"):
        make(date=date, tz=tz, segments=[(0, 1)])


def test_slots_take_intervals_and_times_only() -> None:
    grid = make()
    assert grid.expected("7m") == 9
    assert grid.expected("7m", dt.datetime(2024, 11, 29, 10, tzinfo=NY)) == 4
    assert grid.slot_of(np.datetime64("2024-11-29T14:44"), "7m") == 2
    assert grid.slot_starts("1d").tolist() == [START]
    grid.slot_starts("1d")[0] = 0  # a new array: writing to it is no harm
    assert grid.slot_starts("1d").tolist() == [START]
    with pytest.raises(IntervalError):
        grid.expected("7")
    with pytest.raises(TimeError):
        grid.slot_of(1.0, "7m")


@given(st.integers(2, 300), st.lists(st.integers(1, 40), min_size=2, max_size=8), st.integers(-20, 400))
def test_slots_of_odd_segments(step: int, lengths: list[int], as_of: int) -> None:
    """Against a walk from second to second."""
    edges = [START + edge * 10**9 for edge in itertools.accumulate(lengths, initial=0)]
    segments = list(zip(edges[::2], edges[1::2], strict=False))
    grid = make(segments=segments)
    slots = [
        (at_, min(at_ + step * 10**9, stop)) for start, stop in segments for at_ in range(start, stop, step * 10**9)
    ]
    now = START + as_of * 10**9
    assert grid.slot_starts(f"{step}s").tolist() == [start for start, _ in slots]
    assert grid.expected(f"{step}s") == len(slots)
    assert grid.expected(f"{step}s", now) == sum(stop <= now for _, stop in slots)
    assert grid.expected("1d", now) == (now >= segments[-1][1])
    inside = [i for i, (start, stop) in enumerate(slots) if start <= now < stop]
    assert grid.slot_of(now, f"{step}s") == (inside[0] if inside else -1)
    assert grid.slot_of(now, "1d") == (0 if inside else -1)


def test_offsets_of_a_span() -> None:
    quiet = calendar("XNYS").session("2024-11-29")
    assert [array.tolist() for array in quiet.offsets()] == [[quiet.span_start], [-5 * HOUR]]
    spring = SessionCalendar.always_open(tz="America/New_York").session("2024-03-10")
    change = at("2024-03-10T07:00", "UTC")
    assert [array.tolist() for array in spring.offsets()] == [[spring.span_start, change], [-5 * HOUR, -4 * HOUR]]
    # Hours on one date, but not on the trade date.
    start = at("2024-01-02T09:30")
    assert SessionGrid("2024-01-03", "America/New_York", [(start, start + HOUR)]).needs_dates
    # A span that begins with the change does not cross it.
    after = SessionGrid("2024-03-10", "America/New_York", [(change, change + HOUR)], (change, change + HOUR))
    assert [array.tolist() for array in after.offsets()] == [[change], [-4 * HOUR]]
    assert not after.needs_dates


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Gaza", "Australia/Lord_Howe", "America/Havana", "UTC"]),
    st.integers(at("1950-01-01T00:00", "UTC") // 10**9, at("2030-01-01T00:00", "UTC") // 10**9),
    st.integers(1, 200 * 86_400),
)
def test_offsets_tell_every_local_time(tz: str, start: int, length: int) -> None:
    zone = ZoneInfo(tz)
    span = start * 10**9, (start + length) * 10**9
    grid = SessionGrid(from_ns(span[0], zone).date(), tz, [span], span)
    starts, offsets = (array.tolist() for array in grid.offsets())
    assert starts[0] == span[0]
    assert starts == sorted(set(starts))
    assert all(a != b for a, b in itertools.pairwise(offsets))
    probes = {edge + d for edge in [*starts, span[1]] for d in (-(10**9), 0, 10**9)} | set(range(*span, 7919 * 10**9))
    for ts_ns in probes:
        if span[0] <= ts_ns < span[1]:
            offset = offsets[np.searchsorted(starts, ts_ns, side="right") - 1]
            assert from_ns(ts_ns, zone).utcoffset() == dt.timedelta(microseconds=offset // 1000)
