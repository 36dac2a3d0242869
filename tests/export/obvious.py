"""The document of a store as dicts, written down from what its symbols and series answer: slow, and
plain enough to be believed. `to_dict` is made natively and has to be the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sessiondata as sd
from sessiondata.export.format import format_quality, format_volume, gaps_dict, time_formatter
from sessiondata.export.historical import past_dict

FormatTime = Callable[[int], str | int]


def symbols_dict(data: sd.SessionData, timestamps: str = "time") -> dict[str, Any]:
    """The member `symbols` of the complete document."""
    return {name: symbol_dict(data, symbol, timestamps) for name, symbol in data.symbols.items()}


def symbol_dict(data: sd.SessionData, symbol: sd.SymbolSessionData, timestamps: str) -> dict[str, Any]:
    calendar, date = symbol.calendar, data.session_date
    grid = None if date is None else calendar.session(date)
    form = "iso" if timestamps == "time" and (grid is None or grid.needs_dates) else timestamps
    format_time = time_formatter(calendar.zone, form)
    series = {interval: series_dict(symbol.bars(interval), format_time) for interval in symbol.intervals}
    metrics = data.get_session_metrics(symbol.symbol)
    return {
        **({"timezone": calendar.tz} if calendar.tz != data.calendar.tz else {}),
        "session": {
            "volume": format_volume(metrics["volume"]),
            "high": number(metrics["high"]),
            "low": number(metrics["low"]),
            "data": {
                **series,
                **({"ticks": ticks_dict(symbol.ticks, format_time)} if symbol.ticks else {}),
                **({"quotes": quotes_dict(symbol.quotes, format_time)} if symbol.quotes else {}),
            },
        },
        "historical": past_dict(symbol, timestamps),
    }


def number(x: float | None) -> float | None:
    return None if x is None or not math.isfinite(x) else x


def series_dict(series: sd.BarSeries, format_time: FormatTime) -> dict[str, Any]:
    part: dict[str, Any] = {
        "count": len(series),
        "total_count": series.total_count,
        "generated": series.is_derived,
    }
    if series.forming:
        part["forming"] = True
    part["quality"] = quality(series)
    if series.gaps:
        part["gaps"] = gaps_dict(series.gaps, format_time)
    part["columns"] = ["timestamp", "open", "high", "low", "close", "volume"]
    part["data"] = [
        [format_time(bar.timestamp), bar.open, bar.high, bar.low, bar.close, format_volume(bar.volume)]
        for bar in series
    ]
    return part


def quality(series: sd.BarSeries) -> float:
    if series.is_quality_pinned:
        return format_quality(series.quality)
    present, expected = series.present, series.expected
    return 10_000 * present // expected / 100.0 if expected else 100.0


def ticks_dict(ticks: Any, format_time: FormatTime) -> dict[str, Any]:
    latest = ticks[-1]
    return {
        "count": len(ticks),
        "total_count": ticks.total_count,
        "latest": {
            "timestamp": format_time(latest.timestamp),
            "price": latest.price,
            "size": format_volume(latest.size),
            "exchange": latest.exchange,
        },
    }


def quotes_dict(quotes: Any, format_time: FormatTime) -> dict[str, Any]:
    latest = quotes[-1]
    return {
        "count": len(quotes),
        "total_count": quotes.total_count,
        "latest": {
            "timestamp": format_time(latest.timestamp),
            "bid": latest.bid,
            "ask": latest.ask,
            "bid_size": format_volume(latest.bid_size),
            "ask_size": format_volume(latest.ask_size),
        },
    }
