"""The exported document: as a dict here, as bytes in `_json`; both say the same (law 6)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.times import to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sessiondata import _json
    from sessiondata.calendars import SessionCalendar, SessionGrid
    from sessiondata.gaps import GapInfo
    from sessiondata.session import SessionData
    from sessiondata.symbol import SymbolSessionData

__all__ = ["TIMESTAMPS", "document", "document_bytes", "shown_quality"]

#: Ways to write a time.
TIMESTAMPS = ("time", "iso", "epoch_ms", "epoch_ns")

_COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
_SECOND_NS = 1_000_000_000
_EXACT = 2**53  # beyond it a float64 no longer tells neighbouring integers apart


def document(data: SessionData, timestamps: str) -> dict[str, Any]:
    """The complete document as plain Python objects, in the order of its keys."""
    return {
        "meta": _meta(data, timestamps, data._as_of_ns()),
        "symbols": {name: _symbol(symbol, timestamps) for name, symbol in data.symbols.items()},
    }


def document_bytes(data: SessionData, timestamps: str) -> bytes:
    """The complete document as JSON, written natively."""
    from sessiondata import _json  # not needed to store bars

    _check_timestamps(timestamps)
    symbols = data.symbols.values()
    cores = [symbol._core for symbol in symbols]
    style = _style(data.calendar, data.grid, timestamps)
    others: dict[SessionCalendar, tuple[_json.Style, bytes | None]] = {}
    own = {}
    for symbol in symbols:
        calendar = symbol.calendar
        if calendar is not data.calendar:
            if calendar not in others:
                zone = b'"timezone":%b,' % json_bytes(calendar.tz) if calendar.tz != data.calendar.tz else None
                others[calendar] = _style(calendar, symbol.grid, timestamps), zone
            own[symbol._core] = others[calendar]
    pinned = {
        symbol._core: (
            {
                k: b'"gaps":%b,' % json_bytes(_gaps(gaps, _symbol_shower(symbol, timestamps))) if gaps else b""
                for k, gaps in symbol._pinned_gaps.items()
            },
            symbol._pinned_quality,
        )
        for symbol in symbols
        if symbol._pinned_gaps or symbol._pinned_quality
    }
    meta = _meta(data, timestamps, _json.latest_as_of(cores, data._clock))
    return _json.write_document(json_bytes(meta), cores, pinned, style, own)


def _style(calendar: SessionCalendar, grid: SessionGrid | None, timestamps: str) -> _json.Style:
    from sessiondata import _json

    kind = _resolve(grid, timestamps)
    show = _shower(calendar.zone, kind)
    # Without a session there are no rows, so any offset will do.
    offsets = (np.zeros(1, np.int64), np.zeros(1, np.int64)) if grid is None else grid.offsets()
    return _json.Style(kind, *offsets, lambda ts_ns: json_bytes(show(ts_ns)))


def json_bytes(small: Any) -> bytes:
    """JSON of texts, ints and None, which every writer spells alike."""
    import json  # not needed to store bars

    return json.dumps(small, separators=(",", ":"), ensure_ascii=False).encode()


def shown_quality(quality: float) -> float:
    """A percentage rounded down to two decimals, as exported: 100.0 means nothing is missing.

    From the nearest hundredth, because 100 * 98.29 is a little less than 9829 in double arithmetic."""
    hundredths = round(quality * 100)
    return hundredths / 100 if hundredths / 100 <= quality else (hundredths - 1) / 100


def shown_volume(volume: float) -> int | float:
    """An integral volume as an int (while a float64 can count), any other as it is."""
    return int(volume) if volume.is_integer() and abs(volume) <= _EXACT else volume


def _check_timestamps(timestamps: str) -> None:
    if timestamps not in TIMESTAMPS:
        raise ValueError(f"timestamps is one of {', '.join(TIMESTAMPS)}: {timestamps!r}")


def _resolve(grid: SessionGrid | None, timestamps: str) -> str:
    """The form of times: "time" becomes "iso" where a time of day would be ambiguous."""
    return "iso" if timestamps == "time" and (grid is None or grid.needs_dates) else timestamps


def _meta(data: SessionData, timestamps: str, as_of: int | None) -> dict[str, Any]:
    _check_timestamps(timestamps)
    show = _shower(data.calendar.zone, "iso" if timestamps == "time" else timestamps)
    return {
        "schema": 1,
        "complete": True,
        "session_date": None if data.session_date is None else data.session_date.isoformat(),
        "timezone": data.calendar.tz,
        "as_of": None if as_of is None else show(as_of),
        "sequence": data.sequence,
    }


def _symbol_shower(symbol: SymbolSessionData, timestamps: str) -> Callable[[int], str | int]:
    """A function that writes a time as the symbol's own exchange shows it."""
    return _shower(symbol.calendar.zone, _resolve(symbol.grid, timestamps))


def _shower(zone: Any, kind: str) -> Callable[[int], str | int]:
    """A function that writes a time in a resolved form."""
    if kind == "epoch_ns":
        return int
    if kind == "epoch_ms":
        return lambda ts_ns: ts_ns // 1_000_000
    if kind == "time":
        return lambda ts_ns: _split(ts_ns, zone)[0][11:] + _fraction(ts_ns)
    return lambda ts_ns: _fraction(ts_ns).join(_split(ts_ns, zone))


def _split(ts_ns: int, zone: Any) -> tuple[str, str]:
    """Local date and time to the second, and the UTC offset."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ts_ns // _SECOND_NS)
    text = local.astimezone(zone).isoformat()
    return text[:19], text[19:]


def _fraction(ts_ns: int) -> str:
    """Fraction of a second with 3, 6 or 9 digits, as few as it takes."""
    ns = ts_ns % _SECOND_NS
    if ns == 0:
        return ""
    digits = f"{ns:09d}"
    return "." + (digits[:3] if ns % 1_000_000 == 0 else digits[:6] if ns % 1_000 == 0 else digits)


def _number(x: float | None) -> float | None:
    return None if x is None or not math.isfinite(x) else x


def _still(symbol: SymbolSessionData) -> SymbolSessionData:
    """The symbol as it is at this moment, without its trades and quotes, if other threads may write to it meanwhile."""
    from sessiondata._days import still  # not needed to store bars

    core = still(symbol._core)
    if core is symbol._core:
        return symbol
    copy = type(symbol)(symbol._data, core, symbol.calendar)
    copy._pinned_gaps, copy._pinned_quality = symbol._pinned_gaps, symbol._pinned_quality
    return copy


def _symbol(live: SymbolSessionData, timestamps: str) -> dict[str, Any]:
    symbol = _still(live)
    show = _symbol_shower(symbol, timestamps)
    zone = symbol.calendar.tz
    return {
        **({"timezone": zone} if zone != symbol._data.calendar.tz else {}),
        "session": {
            "volume": shown_volume(symbol.session_volume),
            "high": _number(symbol.session_high),
            "low": _number(symbol.session_low),
            "data": {
                **{interval: _series(symbol, interval, show) for interval in symbol.intervals},
                **({"ticks": _ticks(live, show)} if live.ticks.latest else {}),
                **({"quotes": _quotes(live, show)} if live.quotes.latest else {}),
            },
        },
        "historical": {"loaded": False},
    }


def _series(symbol: SymbolSessionData, interval: str, show: Callable[[int], str | int]) -> dict[str, Any]:
    series = symbol.bars(interval)
    gaps = series.gaps
    part: dict[str, Any] = {
        "count": len(series),
        "total_count": series.total_count,
        "generated": series.is_derived,
    }
    if series.forming:
        part["forming"] = True
    part["quality"] = _quality(symbol, interval)
    if gaps:
        part["gaps"] = _gaps(gaps, show)
    part["columns"] = list(_COLUMNS)
    columns = (series.open, series.high, series.low, series.close)
    rows = zip(series.timestamp.tolist(), *(column.tolist() for column in columns), series.volume.tolist(), strict=True)
    part["data"] = [[show(ts), *prices, shown_volume(volume)] for ts, *prices, volume in rows]
    return part


def _ticks(symbol: SymbolSessionData, show: Callable[[int], str | int]) -> dict[str, Any]:
    ticks, latest = symbol.ticks, symbol.ticks[-1]
    return {
        "count": len(ticks),
        "total_count": ticks.total_count,
        "latest": {
            "timestamp": show(latest.timestamp),
            "price": latest.price,
            "size": shown_volume(latest.size),
            "exchange": latest.exchange,
        },
    }


def _quotes(symbol: SymbolSessionData, show: Callable[[int], str | int]) -> dict[str, Any]:
    quotes, latest = symbol.quotes, symbol.quotes[-1]
    return {
        "count": len(quotes),
        "total_count": quotes.total_count,
        "latest": {
            "timestamp": show(latest.timestamp),
            "bid": latest.bid,
            "ask": latest.ask,
            "bid_size": shown_volume(latest.bid_size),
            "ask_size": shown_volume(latest.ask_size),
        },
    }


def _quality(symbol: SymbolSessionData, interval: str) -> float:
    series = symbol.bars(interval)
    if series.is_quality_pinned:
        return shown_quality(series.quality)
    present, expected = series.present, series.expected
    return 10_000 * present // expected / 100.0 if expected else 100.0


def _gaps(gaps: Sequence[GapInfo], show: Callable[[int], str | int]) -> dict[str, Any]:
    return {
        "gap_count": len(gaps),
        "missing_bars": sum(gap.bar_count for gap in gaps),
        "ranges": [_gap(gap, show) for gap in gaps],
    }


def _gap(gap: GapInfo, show: Callable[[int], str | int]) -> dict[str, Any]:
    shown: dict[str, Any] = {"start_time": show(gap.start_ns), "end_time": show(gap.end_ns), "bar_count": gap.bar_count}
    if gap.retry_count:
        shown["retry_count"] = gap.retry_count
        shown["last_retry"] = None if gap.last_retry is None else show(to_ns(gap.last_retry))
    return shown
