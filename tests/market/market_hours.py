"""Local times and hours that tests of calendars write down."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import warnings
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars

from sessiondata.market.grid import SessionGrid
from sessiondata.time.instants import to_ns
from sessiondata.time.zones import from_ns

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
