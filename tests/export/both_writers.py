"""Both writers of a document, compared."""

from __future__ import annotations

import json
from typing import Any

import orjson

import sessiondata as sd
from obvious import symbols_dict
from worlds import utc

STYLES = ("time", "iso", "epoch_ms", "epoch_ns")
CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
DATE = "2024-03-12"
OPEN = utc("2024-03-12T09:30:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def new_store(calendar: Any = CALENDAR, date: str | None = DATE, **options: Any) -> sd.SessionData:
    data = sd.SessionData(calendar, "1m", ("5m", "1d"), **options)
    if date is not None:
        data.start_session(date)
    return data


def same(data: sd.SessionData) -> dict[str, Any]:
    """Assert law 6 in every style; returns the document in the default one."""
    for style in STYLES:
        document = data.to_dict(timestamps=style)
        assert document["symbols"] == symbols_dict(data, style), style
        text = data.to_json(timestamps=style)
        assert text == orjson.dumps(document), style
        assert json.loads(text) == document
    assert data.to_json() == data.to_json(timestamps="time") == data.to_json(True, timestamps="time")
    return data.to_dict()


def series_of(document: dict[str, Any], interval: str = "1m", symbol: str = "SPY") -> dict[str, Any]:
    return document["symbols"][symbol]["session"]["data"][interval]
