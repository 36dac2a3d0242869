"""Slots that are expected outside the segments."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata.time.instants import to_ns
from shims import usual_closes_by_date
from states import BAR, DERIVED, OPEN
from worlds import HOUR, MINUTE


def test_extended_hours_are_not_expected_unless_somebody_asks_for_them() -> None:
    data = sd.SessionData("XNYS", "1m", DERIVED)
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    spy.append(OPEN - 10 * MINUTE, *BAR)
    spy.append(OPEN + 7 * HOUR, *BAR)
    for series in (spy.bars_base, *spy.bars_derived.values()):
        extended = series.extended_slots
        assert (extended.expected, extended.gaps, extended.quality) == (0, [], 100.0)
    assert spy.bars_base.expected == 390


def test_extended_hours_have_their_own_numbers() -> None:
    """04:00 to 20:00 around 09:30 to 16:00 in New York: 330 minutes before, 240 after."""
    data = sd.SessionData("XNYS", "1m", DERIVED, extended_hours=("04:00", "20:00"))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    start = OPEN - 330 * MINUTE
    assert (spy.bars_base.extended_slots.expected, spy.bars_base.extended_slots.quality) == (0, 100.0)
    spy.append(start - MINUTE, *BAR)  # nobody expects it
    for i in (0, 1, 2, 5, 300):
        spy.append(start + i * MINUTE, *BAR)
    minutes = spy.bars_base.extended_slots
    assert (minutes.expected, minutes.present, minutes.missing, minutes.gap_count) == (301, 5, 296, 2)
    assert [(gap.start_time.strftime("%H:%M"), gap.bar_count) for gap in minutes.gaps] == [("04:03", 2), ("04:06", 294)]
    assert spy.bars_base.expected == 0
    spy.extend(OPEN + MINUTE * np.arange(390), *np.full((5, 390), 1.0))
    close = OPEN + 390 * MINUTE
    spy.extend(close + MINUTE * np.arange(100, 200), *np.full((5, 100), 1.0))
    assert (minutes.expected, minutes.present, minutes.gap_count) == (530, 105, 4)
    data.advance_to(close + 8 * HOUR)
    assert (minutes.expected, minutes.present, minutes.gap_count) == (570, 105, 5)
    assert (spy.bars_base.quality, spy.bars_base.gaps) == (100.0, [])
    hours = spy.bars("1h").extended_slots  # 03:30 reaches into the hours, as does no slot before it
    assert (hours.expected, hours.present) == (10, 2 + 3)
    assert [gap.start_time.strftime("%H:%M") for gap in hours.gaps] == ["04:30", "16:00"]
    assert spy.bars("1d").extended_slots.expected == 0
    document = data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]
    assert (document["quality"], "gaps" in document) == (100.0, False)
    assert repr(minutes) == "<ExtendedSlots SPY 1m: 465 of 570 missing, quality 18.42>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calendar", "date", "hours", "expected"),
    [
        # Closes at 13:00: the hours after it are as long as ever, or end when the user says.
        ("XNYS", "2015-12-24", ("04:00", "20:00"), (330, 240)),
        ("XNYS", "2024-11-29", ("04:00", "20:00"), (330, 240)),
        ("XNYS", "2024-07-03", ("04:00", "18:30"), (330, 150)),
        ("XNYS", "2024-11-29", ("04:00", "20:00", "20:00"), (330, 420)),
        ("XNYS", "2024-11-29", ("04:00", "20:00", dt.time(17, 30)), (330, 270)),
        ("XNYS", "2024-11-29", ("04:00", "16:00"), (330, 0)),
        ("XNYS", "2024-11-27", ("04:00", "20:00", "17:00"), (330, 240)),  # the day before
        ("XHKG", "2024-12-24", ("09:00", "16:30"), (30, 30)),  # closes at 12:00
        ("XTKS", "2024-11-01", ("08:00", "17:00"), (60, 120)),  # the last ones to close at 15:00
        ("XTKS", "2024-11-05", ("08:00", "17:00"), (60, 90)),
        ("XKRX", "2024-01-02", ("08:30", "18:00"), (90, 150)),  # opens an hour late
        ("CMES", "2024-11-29", ("16:30", "16:30"), (0, 30)),
        ("XNYS", "2024-03-11", ("04:00", "20:00"), (330, 240)),  # the clocks changed the day before
        ("XNYS", "2024-03-12", ("09:30", "16:00"), (0, 0)),
        ("XNYS", "2024-03-12", ("00:00", "24:00"), (570, 480)),
        ("XNYS", "2024-03-12", (dt.time(4), dt.time(20)), (330, 240)),
        ("XHKG", "2024-03-12", ("09:00", "16:30"), (30, 30)),  # no break in it
        # Chicago: 17:00 the day before to 16:00
        ("CMES", "2024-03-12", ("16:30", "16:30"), (0, 30)),
        (None, "2024-03-12", ("04:00", "20:00"), (0, 0)),  # always open
    ],
)
def test_extended_hours_lie_around_every_session(calendar: Any, date: str, hours: Any, expected: Any) -> None:
    data = sd.SessionData(calendar, "1m", ("5m",), extended_hours=hours)
    data.start_session(date)
    spy = data.register_symbol("SPY")
    assert data.grid is not None
    data.advance_to(int(data.grid.segments[0, 0]))
    before = spy.bars_base.extended_slots.expected
    data.advance_to(data.grid.span_stop)
    found = (before, spy.bars_base.extended_slots.expected - before)
    assert found == expected


def test_the_usual_close_of_sessions_around_a_date() -> None:
    new_york = sd.calendar("XNYS")
    for date in ("2024-11-29", "2024-11-27", "2024-12-24", "2024-03-11"):
        assert new_york.usual_close(date) == 16 * HOUR
    night = sd.SessionCalendar.from_hours("18:00", "24:00", "America/New_York", early_closes={"2024-03-12": "22:00"})
    assert night.usual_close("2024-03-12") == 24 * HOUR
    with pytest.raises(sd.CalendarError, match="no session on 2024-11-28"):
        new_york.usual_close("2024-11-28")
    alone = sd.SessionCalendar.from_schedule({"2024-03-12": [(OPEN, OPEN + HOUR)]}, "America/New_York")
    assert alone.usual_close("2024-03-12") == 10 * HOUR + 30 * MINUTE
    assert (
        sd.calendar("CMES").with_sessions({"2024-03-12": [("17:00", "12:15")]}).usual_close("2024-03-12") == 16 * HOUR
    )


@pytest.mark.parametrize("hours", [("04:00", "20:00"), ("04:00", "20:00", "18:00")])
def test_extended_hours_of_half_days_in_history_and_snapshots(hours: Any, tmp_path: Path) -> None:
    """Days that were rolled away, loaded and saved expect what the running session did."""
    expected = {2: 570, 3: 570 + 60}[len(hours)]
    zone = sd.calendar("XNYS").zone
    opens = to_ns(dt.datetime(2024, 11, 29, 9, 30, tzinfo=zone))
    data = sd.SessionData("XNYS", "1m", ("5m",), 5, extended_hours=hours)
    data.start_session("2024-11-29")
    spy = data.register_symbol("SPY")
    spy.append(opens, *BAR)
    loaded = sd.SessionData("XNYS", "1m", ("5m",), 5, extended_hours=hours)
    loaded.start_session("2024-12-02")
    loaded.register_symbol("SPY").load_historical_bars("1m", np.array([opens]), *[np.ones(1)] * 5)
    data.save(tmp_path / "store")
    for store in (data, sd.load(tmp_path / "store")):
        spy = store.get_symbol_data("SPY")
        store.advance_to(store.grid.span_stop)
        assert spy.bars_base.extended_slots.expected == expected
        assert spy.bars("5m").extended_slots.expected == expected // 5
        store.roll_session()
    for store in (data, loaded):
        store.save(tmp_path / "rolled")
        for each in (store, sd.load(tmp_path / "rolled")):
            day = each.get_symbol_data("SPY").historical_day("2024-11-29").bars()
            assert day.extended_slots.expected == expected


def test_a_snapshot_keeps_the_usual_close_that_its_hours_were_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sd.SessionData("XNYS", "1m", extended_hours=("04:00", "20:00"))
    data.start_session("2024-11-29")
    data.register_symbol("SPY")
    data.save(tmp_path / "store")
    # A library that has taken a week of half days for the rule since.
    monkeypatch.setitem(usual_closes_by_date(sd.calendar("XNYS")), dt.date(2024, 11, 29), 13 * HOUR)
    for store in (sd.load(tmp_path / "store"), pickle.loads(pickle.dumps(sd.load(tmp_path / "store")))):
        assert store.calendar.usual_close("2024-11-29") == 16 * HOUR
        assert pickle.loads(pickle.dumps(store.calendar)).usual_close("2024-11-29") == 16 * HOUR
        store.advance_to(store.grid.span_stop)
        assert store.get_symbol_data("SPY").bars_base.extended_slots.expected == 570


@pytest.mark.parametrize("hours", ["04:00", ("04:00",), ("4", "20:00"), (4, 20), ("04:00", "25:00"), ("04:00", None)])
def test_extended_hours_that_are_none_are_refused(hours: Any) -> None:
    with pytest.raises(sd.CalendarError):
        sd.SessionData("XNYS", extended_hours=hours)
