"""Stores with past days, and both writers of their documents."""

from __future__ import annotations

from typing import Any

import sessiondata as sd
from test_export import same as same_bytes
from worlds import MINUTE

STYLES = ("time", "iso", "epoch_ms", "epoch_ns")
CALENDAR = sd.SessionCalendar.from_hours("09:30", "09:34", "America/New_York")
DAYS = ("2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12")  # the clocks change on the 10th
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def open_of(day: str) -> int:
    return int(CALENDAR.session(day).segments[0, 0])


def store(n_days: int = 3, trailing_days: int = 5, **options: Any) -> sd.SessionData:
    """Two symbols: one with a bar more each day, one with a bar on the first day only."""
    data = sd.SessionData(CALENDAR, "1m", ("2m",), trailing_days, **options)
    data.start_session(DAYS[0])
    data.register_symbol("A")
    data.register_symbol("B").append(open_of(DAYS[0]), *BAR)
    for n in range(n_days):
        for minute in range(n + 1):
            data.append("A", open_of(DAYS[n]) + minute * MINUTE, *BAR)
        if n + 1 < n_days:
            data.roll_session(DAYS[n + 1])
    return data


def same(data: sd.SessionData) -> dict[str, Any]:
    """Law 6 in every style, also spliced and in a buffer; the document in the default one."""
    document = same_bytes(data)
    for style in STYLES:
        text = data.to_json(timestamps=style)
        assert text == data.to_json(timestamps=style)  # spliced now
        buffer = bytearray(len(text))
        assert data.export_into(buffer, timestamps=style) == len(text)
        assert buffer == text
    return document


def past(data: sd.SessionData, symbol: str = "A") -> dict[str, Any]:
    found: dict[str, Any] = same(data)["symbols"][symbol]["historical"]
    return found


def gap(first: str, last: str, n: int) -> dict[str, Any]:
    return {"start_time": first, "end_time": last, "bar_count": n}
