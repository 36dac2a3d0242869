"""The shipped calendar of CME's equity index futures."""

from __future__ import annotations

import datetime as dt
import warnings

import numpy as np
import pandas_market_calendars
import pytest

import sessiondata as sd
from corrected_hours import CHICAGO, MINUTE, at, hours_of


@pytest.mark.parametrize(
    ("date", "close"),
    [
        ("2025-07-03", "12:15"), ("2024-07-03", "12:15"), ("2012-07-03", "12:15"),
        ("2025-07-04", "12:00"), ("2013-07-04", "10:30"),
        ("2024-06-19", "12:00"), ("2025-06-19", "12:00"), ("2026-06-19", "12:00"), ("2021-06-18", "16:00"),
        ("2024-11-28", "12:00"), ("2024-11-29", "12:15"), ("2024-12-24", "12:15"),
        ("2012-01-16", "10:30"), ("2024-01-15", "12:00"), ("2014-01-20", "10:30"), ("2015-01-19", "12:00"),
        ("2021-04-02", "08:15"), ("2015-04-03", "08:15"), ("2012-04-06", "08:15"),
        ("2024-12-03", "16:00"),
    ],
)  # fmt: skip
def test_closes_of_cme(date: str, close: str) -> None:
    day = dt.date.fromisoformat(date)
    eve = day - dt.timedelta(days=1)
    assert hours_of(sd.calendar("CMES").session(date)) == [(f"{eve:%m-%d} 17:00", f"{day:%m-%d} {close}")]


@pytest.mark.parametrize("date", ["2022-04-15", "2019-04-19", "2024-12-25", "2025-01-01", "2024-12-28"])
def test_no_session_of_cme(date: str) -> None:
    assert sd.calendar("CMES").session_dates(date, date) == []


def test_every_session_of_cme_is_that_of_the_other_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = pandas_market_calendars.get_calendar("CME Globex Equity").schedule("2004-12-01", "2026-12-31")
    opens = schedule["market_open"].dt.as_unit("ns").astype("int64").tolist()
    closes = schedule["market_close"].dt.as_unit("ns").astype("int64").tolist()
    days = [label.date() for label in schedule.index]
    calendar = sd.calendar("CMES")
    assert calendar.session_dates("2004-12-01", "2026-12-31") == days
    assert len(days) > 5_600
    local = schedule["market_close"].dt.tz_convert(CHICAGO).dt.strftime("%H:%M").value_counts()
    assert local["16:00"] > 5_000
    assert set(local.index) == {"16:00", "12:00", "12:15", "10:30", "08:15"}
    for i, day in enumerate(days):
        grid = calendar.session(day)
        assert grid.segments.tolist() == [[opens[i], closes[i]]], day
        midnight, next_midnight = (at(f"{d}T00:00", CHICAGO) for d in (day, day + dt.timedelta(days=1)))
        # The span: the local day, from the open of the evening before to the open of the next one.
        assert grid.span_start == min(midnight, opens[i])
        if i + 1 < len(days):
            assert grid.span_stop == min(next_midnight, opens[i + 1])


def test_a_perfect_feed_of_a_short_day_misses_nothing() -> None:
    data = sd.SessionData("CMES", "1m", ("5m", "1h", "1d"))
    es = data.register_symbol("ES")
    data.start_session("2025-07-03")
    ts = np.arange(at("2025-07-02T17:00", CHICAGO), at("2025-07-03T12:15", CHICAGO), MINUTE)
    ones = np.ones(len(ts))
    es.extend(ts, ones, ones, ones, ones, ones)
    data.advance_to(at("2025-07-03T16:00", CHICAGO))
    for interval, expected in (("1m", 1155), ("5m", 231), ("1h", 20), ("1d", 1)):
        bars = es.bars(interval)
        assert (bars.expected, bars.missing, bars.quality, list(bars.gaps)) == (expected, 0, 100.0, [])


def test_the_morning_of_good_friday_is_a_session() -> None:
    data = sd.SessionData("CMES", "1m", ("1d",), trailing_days=2)
    es = data.register_symbol("ES")
    data.start_session("2021-04-01")
    assert data.roll_session().date == dt.date(2021, 4, 2)
    assert es.append(at("2021-04-01T17:00", CHICAGO), 1.0, 1.0, 1.0, 1.0, 1.0)
    assert es.append(at("2021-04-02T08:14", CHICAGO), 1.0, 1.0, 1.0, 1.0, 1.0)
    assert es.bars("1m").expected == 915
    assert data.roll_session().date == dt.date(2021, 4, 5)


def test_cme_without_the_library_that_has_its_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    from sessiondata.market import exchange

    monkeypatch.setitem(__import__("sys").modules, "pandas_market_calendars", None)
    with pytest.raises(
        sd.CalendarError,
        match=r"pandas_market_calendars: .*installed, but .*pip install --upgrade \"sessiondata\[calendars\]\"",
    ):
        sd.SessionCalendar(exchange.Globex("CMES")).session("2024-12-03")


def test_cme_with_a_release_that_lacks_its_markets(monkeypatch: pytest.MonkeyPatch) -> None:
    from sessiondata.market import exchange

    def broken(name: str) -> None:
        raise RuntimeError(f"Class {name} is not one of the registered classes")

    monkeypatch.setattr(pandas_market_calendars, "get_calendar", broken)
    with pytest.raises(sd.CalendarError, match=r"pandas_market_calendars .* cannot build 'CME Globex Equity'"):
        sd.SessionCalendar(exchange.Globex("CMES")).session("2024-12-03")
