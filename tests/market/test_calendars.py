"""Calendars and grids: hours, spans and slots of hard sessions, against the minutes of
exchange_calendars."""

from __future__ import annotations

import datetime as dt
import functools
import subprocess
import sys

import exchange_calendars
import numpy as np
import pandas_market_calendars
import pytest

from market_hours import MINUTE, NY, at, hours_of, library, their_own_deprecations
from sessiondata.errors import CalendarError, DateOutOfRangeError
from sessiondata.market.calendar import SessionCalendar, calendar

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
