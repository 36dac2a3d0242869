"""The exported document: as a dict here, as bytes in `_json`; both say the same (law 6)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.times import to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sessiondata._store import SymbolCore
    from sessiondata.cursors import ExportCursor
    from sessiondata.gaps import GapInfo
    from sessiondata.series import BarSeries, BarWindow
    from sessiondata.session import SessionData
    from sessiondata.symbol import SymbolSessionData

__all__ = ["TIMESTAMPS", "document", "document_bytes", "shown_quality"]

#: Ways to write a time.
TIMESTAMPS = ("time", "iso", "epoch_ms", "epoch_ns")

_COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
_SECOND_NS = 1_000_000_000
_EXACT = 2**53  # beyond it a float64 no longer tells neighbouring integers apart


def document(
    data: SessionData,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> dict[str, Any]:
    """The complete document as plain Python objects, in the order of its keys, or what has changed of it."""
    show = _shower(data, _resolve(data, timestamps))
    meta = _meta(data, timestamps, data._as_of_ns())
    if complete:
        native = cursor._start(data, timestamps, symbols, intervals)
        native.take(_pinned(data, show))
        shown = {core.name: _symbol(data._symbols[core.name], cursor._intervals, show) for core in cursor._selected}
    else:
        cursor._check(symbols, intervals)
        meta.update(_meta_of_delta(data, cursor, timestamps))
        if "resync" in meta:
            return {"meta": meta, "symbols": {}}
        _go_on(data, cursor, meta)
        shown = {}
        for number, whole, series in cursor._native.changes(_pinned(data, show)):
            symbol = data._symbols[cursor._selected[number].name]
            if whole:
                shown[symbol.symbol] = {"replace": True, **_symbol(symbol, cursor._intervals, show)}
            else:
                shown[symbol.symbol] = _changes(symbol, series, show)
    cursor._finish(data)
    return {"meta": meta, "symbols": shown}


def document_bytes(
    data: SessionData,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> bytes:
    """What `document` gives as JSON, written natively."""
    from sessiondata import _json  # not needed to store bars

    kind = _resolve(data, timestamps)
    grid = data.grid
    if grid is None:  # no rows then, so any offset will do
        from_, offset = np.zeros(1, np.int64), np.zeros(1, np.int64)
    else:
        from_, offset = grid.offsets()
    show = _shower(data, kind)
    meta = _meta(data, timestamps, _json.latest_as_of(data._all_cores(), data._clock))
    if complete:
        cursor._start(data, timestamps, symbols, intervals)
    else:
        cursor._check(symbols, intervals)
        meta.update(_meta_of_delta(data, cursor, timestamps))
        if "resync" in meta:
            return b'{"meta":%b,"symbols":{}}' % _dumps(meta)
        _go_on(data, cursor, meta)
    style = _json.Style(kind, from_, offset, lambda ts: _dumps(show(ts)))
    written = _json.write_document(_dumps(meta), cursor._native, not complete, _pinned(data, show), style)
    cursor._finish(data)
    return written


def _go_on(data: SessionData, cursor: ExportCursor, meta: dict[str, Any]) -> None:
    """Begin a delta, and say which symbols have gone."""
    removed = cursor._native.go_on(cursor._select(data))
    if removed:
        meta["removed"] = removed


def _pinned(data: SessionData, show: Callable[[int], str | int]) -> dict[SymbolCore, Any]:
    """What is reported in place of what is computed: gaps as the JSON of a member, quality."""
    return {
        core: (
            {k: b'"gaps":%b,' % _dumps(_gaps(gaps, show)) if gaps else b"" for k, gaps in symbol._pinned_gaps.items()},
            symbol._pinned_quality,
        )
        for core, symbol in data._pinned.items()
    }


def _dumps(small: dict[str, Any] | str | int) -> bytes:
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


def _resolve(data: SessionData, timestamps: str) -> str:
    """The form of times: "time" becomes "iso" where a time of day would be ambiguous."""
    if timestamps not in TIMESTAMPS:
        raise ValueError(f"timestamps is one of {', '.join(TIMESTAMPS)}: {timestamps!r}")
    return "iso" if timestamps == "time" and (data.grid is None or data.grid.needs_dates) else timestamps


def _meta(data: SessionData, timestamps: str, as_of: int | None) -> dict[str, Any]:
    show = _shower(data, "iso" if timestamps == "time" else timestamps)
    return {
        "schema": 1,
        "complete": True,
        "session_date": None if data.session_date is None else data.session_date.isoformat(),
        "timezone": data.calendar.tz,
        "as_of": None if as_of is None else show(as_of),
        "sequence": data.sequence,
    }


def _meta_of_delta(data: SessionData, cursor: ExportCursor, timestamps: str) -> dict[str, Any]:
    """What the `meta` of a delta has more, or other, than that of a complete document."""
    since = cursor.sequence if cursor.timestamps == timestamps else None
    more = {"complete": False, "cursor": cursor.name, "since": since, "epoch": data._clock.epoch}
    return more if since is not None else {**more, "resync": True}


def _shower(data: SessionData, kind: str) -> Callable[[int], str | int]:
    """A function that writes a time in a resolved form."""
    zone = data.calendar.zone
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


def _symbol(
    symbol: SymbolSessionData, intervals: frozenset[str] | None, show: Callable[[int], str | int]
) -> dict[str, Any]:
    selected = [interval for interval in symbol.intervals if intervals is None or interval in intervals]
    return {
        "session": {**_metrics(symbol), "data": {interval: _series(symbol, interval, show) for interval in selected}},
        "historical": {"loaded": False},
    }


def _metrics(symbol: SymbolSessionData) -> dict[str, Any]:
    return {
        "volume": shown_volume(symbol.session_volume),
        "high": _number(symbol.session_high),
        "low": _number(symbol.session_low),
    }


def _series(symbol: SymbolSessionData, interval: str, show: Callable[[int], str | int]) -> dict[str, Any]:
    series = symbol.bars(interval)
    gaps = series.gaps
    part = _counts(symbol, series)
    if gaps:
        part["gaps"] = _gaps(gaps, show)
    part["columns"] = list(_COLUMNS)
    part["data"] = _rows(series, show)
    return part


def _changes(
    symbol: SymbolSessionData, changed: list[tuple[int, bool, bool, list[int]]], show: Callable[[int], str | int]
) -> dict[str, Any]:
    """What has changed of a symbol, by its cursor."""
    parts = {}
    for k, gaps_changed, replace, positions in changed:
        interval = symbol.intervals[k]
        series = symbol.bars(interval)
        part = parts[interval] = _counts(symbol, series)
        if gaps_changed:
            gaps = series.gaps
            part["gaps"] = _gaps(gaps, show) if gaps else None
        if replace:
            part["replace"] = True
        part["columns"] = list(_COLUMNS)
        part["data"] = [row for i in positions for row in _rows(series[i : i + 1], show)]
    return {"session": {**_metrics(symbol), "data": parts}}


def _counts(symbol: SymbolSessionData, series: BarSeries) -> dict[str, Any]:
    part: dict[str, Any] = {
        "count": len(series),
        "total_count": series.total_count,
        "generated": series.is_derived,
    }
    if series.forming:
        part["forming"] = True
    part["quality"] = _quality(symbol, series.interval)
    return part


def _rows(bars: BarSeries | BarWindow, show: Callable[[int], str | int]) -> list[list[Any]]:
    columns = (bars.open, bars.high, bars.low, bars.close)
    rows = zip(bars.timestamp.tolist(), *(column.tolist() for column in columns), bars.volume.tolist(), strict=True)
    return [[show(ts), *prices, shown_volume(volume)] for ts, *prices, volume in rows]


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
