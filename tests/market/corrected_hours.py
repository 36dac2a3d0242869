"""Local times and calendars that tests of corrections write down."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import sessiondata as sd
from sessiondata.time.instants import to_ns
from sessiondata.time.zones import from_ns

MINUTE = 60 * 10**9
DAY = 24 * 60 * MINUTE
CHICAGO = "America/Chicago"
INDIA = "Asia/Kolkata"


def at(text: str, zone: str) -> int:
    return to_ns(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def ct(text: str) -> int:
    return at(text, CHICAGO)


def hours_of(grid: sd.SessionGrid) -> list[tuple[str, str]]:
    return [
        (f"{from_ns(start, grid.zone):%m-%d %H:%M}", f"{from_ns(stop, grid.zone):%m-%d %H:%M}")
        for start, stop in grid.segments.tolist()
    ]


def span_of(grid: sd.SessionGrid) -> tuple[str, str]:
    start, stop = from_ns(grid.span_start, grid.zone), from_ns(grid.span_stop, grid.zone)
    return f"{start:%m-%d %H:%M}", f"{stop:%m-%d %H:%M}"


def new_york(**more: Any) -> sd.SessionCalendar:
    return sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", name="NY", **more)


def globex() -> sd.SessionCalendar:
    return sd.SessionCalendar.from_hours("17:00", "16:00", CHICAGO, name="futures")
