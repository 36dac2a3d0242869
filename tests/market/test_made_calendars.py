"""Calendars that users make: of regular hours, without a close, of a schedule."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pandas_market_calendars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_hours import DAY, HOUR, MINUTE, at, hours_of, library, their_own_deprecations
from sessiondata.errors import CalendarError, DateOutOfRangeError
from sessiondata.market.calendar import SessionCalendar, calendar
from sessiondata.time.dates import instants
from sessiondata.time.zones import from_ns, utc_offsets, wall_to_ns

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
