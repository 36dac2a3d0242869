"""Stores with past days, and random operations on them."""

from __future__ import annotations

from typing import Any

import numpy as np

import sessiondata as sd

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", holidays=["2024-03-14"])
MONDAY, TUESDAY, WEDNESDAY, FRIDAY = "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-15"
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
MINUTE = 60_000_000_000


def opening(date: str) -> int:
    return int(CALENDAR.session(date).segments[0, 0])


def new_store(derived: tuple[str, ...] = ("5m", "1d"), date: str | None = MONDAY, **options: Any) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", derived, **options)
    if date is not None:
        data.start_session(date)
    return data


def columns(date: str, minutes: Any, close: float = 11.0) -> tuple[np.ndarray, ...]:
    minutes = np.array(list(minutes))
    values = (10.0, 12.0, 9.0, close, 100.0)
    return (opening(date) + MINUTE * minutes, *(np.full(len(minutes), value) for value in values))


def past(spy: sd.SymbolSessionData, date: str, interval: str = "1m") -> list[tuple[Any, ...]]:
    return [tuple(bar)[:6] for bar in spy.historical_bars[interval][date]]
