"""Stores with days that were loaded for later dates."""

from __future__ import annotations

from typing import Any

import numpy as np

import sessiondata as sd

MINUTE = 60_000_000_000
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
LENGTH = 4  # minutes of a session
#: Eight trade dates of New York; a weekend and a holiday between them.
DATES = ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-15", "2024-03-18", "2024-03-19"]
CALENDAR = sd.SessionCalendar.from_hours("09:30", "09:34", "America/New_York", holidays=["2024-03-14"])
MARKETS = {
    "weekdays": (CALENDAR, DATES, LENGTH),
    "lunch": (
        sd.SessionCalendar.from_hours(
            "09:30", "09:34", "Asia/Hong_Kong", breaks=[("09:32", "09:33")], holidays=["2024-03-14"]
        ),
        DATES,
        3,
    ),
    "always": (sd.SessionCalendar.always_open(), [f"2024-03-{day:02}" for day in range(7, 15)], 1440),
}


def opening(date: str, calendar: sd.SessionCalendar = CALENDAR) -> int:
    return int(calendar.session(date).segments[0, 0])


def rows(*minutes: tuple[str, int], calendar: sd.SessionCalendar = CALENDAR, bar: Any = BAR) -> list[np.ndarray]:
    """Columns of bars that begin some minutes after the opens of dates."""
    ts = np.array([opening(date, calendar) + minute * MINUTE for date, minute in minutes], np.int64)
    return [ts, *(np.full(len(ts), value) for value in bar)]


def whole(*dates: str, calendar: sd.SessionCalendar = CALENDAR) -> list[np.ndarray]:
    """Columns of all bars of sessions."""
    ts = [np.arange(a, b, MINUTE) for date in dates for a, b in calendar.session(date).segments.tolist()]
    ts = np.concatenate(ts)
    return [ts, *(np.full(len(ts), value) for value in BAR)]


def store(market: str = "weekdays", **options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(MARKETS[market][0], "1m", ("2m",), **options)
    return data, data.register_symbol("A")
