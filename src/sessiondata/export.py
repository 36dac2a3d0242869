"""The exported document: as a dict here, as bytes in `_json`; both say the same (law 6)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.arguments import check_bool, names_of
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError
from sessiondata.exclusive import exclusive
from sessiondata.times import to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sessiondata import _json
    from sessiondata._store import SymbolCore
    from sessiondata.calendars import SessionCalendar
    from sessiondata.cursors import ExportCursor
    from sessiondata.gaps import GapInfo, GapOwner
    from sessiondata.grids import SessionGrid
    from sessiondata.series import BarSeries, BarWindow
    from sessiondata.session import SessionData
    from sessiondata.symbol import SymbolSessionData

__all__ = ["TIMESTAMPS", "Source", "document", "document_bytes", "shown_quality", "symbol_bytes"]

#: Ways to write a time.
TIMESTAMPS = ("time", "iso", "epoch_ms", "epoch_ns")

_COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
_SECOND_NS = 1_000_000_000
_EXACT = 2**53  # beyond it a float64 no longer tells neighbouring integers apart


@not_copied("copy the store with data.copy()")
class Source:
    """What stands in a document beside native state; asked for symbols that have it.

    Attributes
    ----------
    pinned, foreign : dict of SymbolCore to SymbolSessionData
        Symbols with pinned gaps or quality; with a calendar of their own.
    all_past : bool
        Every symbol has something to show of the past.
    """

    __slots__ = ("_data", "_intervals", "_past", "_styles", "_timestamps", "all_past", "foreign", "pinned")

    def __init__(self, data: SessionData, timestamps: str, intervals: frozenset[str] | None) -> None:
        self.pinned, self.foreign, self.all_past = data._pinned, data._foreign, bool(data._indicators)
        self._data, self._timestamps, self._intervals = data, timestamps, intervals
        self._styles: dict[SessionCalendar, tuple[_json.Style, bytes | None]] = {}
        self._past: Callable[[SymbolCore], list[bytes] | None] | None = None

    def pins(self, core: SymbolCore) -> tuple[dict[int, bytes], dict[int, float]]:
        """Gaps as a ready member of the series, and quality, by number of the series."""
        symbol = self.pinned.get(core)
        if symbol is None:  # taken back since somebody looked
            return {}, {}
        return pinned_gaps(symbol, _symbol_shower(symbol, self._timestamps)), dict(symbol._pinned_quality)

    def style(self, core: SymbolCore) -> tuple[_json.Style, bytes | None]:
        """How its times are written, and the ready member with its zone where that is not the store's."""
        symbol = self.foreign[core]
        calendar, own = symbol.calendar, self._data.calendar
        style = self._styles.get(calendar)
        if style is None:
            zone = b'"timezone":%b,' % json_bytes(calendar.tz) if calendar.tz != own.tz else None
            style = self._styles[calendar] = _style(calendar, symbol.grid, self._timestamps), zone
        return style

    def past(self, core: SymbolCore) -> list[bytes] | None:
        """The members of `historical` as pieces of text; None: there is nothing."""
        if self._past is None:
            from sessiondata.past import past_writer  # most stores that export have no past days

            self._past = past_writer(self._data, self._timestamps, self._intervals)
        return self._past(core)


def document(
    data: SessionData,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> dict[str, Any]:
    """The complete document as plain Python objects, in the order of its keys, or what has changed of it."""
    complete = check_bool("complete", complete)
    chosen = None if symbols is None else names_of("symbols", symbols)
    _compute_indicators(data, chosen if complete else cursor.symbols)
    return _document(data, complete, cursor, timestamps, chosen, intervals)


def _compute_indicators(data: SessionData, names: Iterable[str] | None) -> None:
    """Have functions of users called before the lock of exports is taken: they may take their time, and wait for
    threads that roll. What they compute is kept; one whose history changes in the middle of the export is called again.
    """
    own = [name for name, kept in list(data._indicators.items()) if not kept.is_built_in]
    if own:
        wanted = None if names is None else [name for name in names if isinstance(name, str)]
        for symbol in list(data._symbols.values()):
            if wanted is None or symbol.symbol in wanted:
                for name in own:
                    symbol._indicator(name)


@exclusive("an export", claims=2)
def _document(
    data: SessionData,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> dict[str, Any]:
    meta = _meta(data, timestamps, data._as_of_ns(), data.sequence)
    shown: dict[str, Any] = {}
    if complete:
        native = cursor._start(data, timestamps, symbols, intervals)
        for core in native.take(_pins(data)):
            shown[core.name] = _symbol(data._symbols[core.name], core, cursor._intervals, timestamps)
    else:
        cursor._check(symbols, intervals)
        meta.update(_meta_of_delta(data, cursor, timestamps))
        if "resync" not in meta:
            _go_on(data, cursor, meta)
            for i, whole, *changes, core in cursor._native.changes(_pins(data)):
                symbol = data._symbols[cursor._selected[i].name]
                if whole:
                    all_of_it = _symbol(symbol, core, cursor._intervals, timestamps)
                    shown[symbol.symbol] = {"replace": True, **all_of_it}
                else:
                    shown[symbol.symbol] = _changes(symbol, changes, core, cursor._intervals, timestamps)
    if "resync" not in meta:
        cursor._finish(meta["sequence"])
    return {"meta": meta, "symbols": shown}


def document_bytes(
    data: SessionData,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None = None,
    intervals: Iterable[str] | None = None,
    into: Any = None,
) -> Any:
    """What `document` gives as JSON, written natively; its length if it goes into a buffer."""
    complete = check_bool("complete", complete)
    chosen = None if symbols is None else names_of("symbols", symbols)
    _compute_indicators(data, chosen if complete else cursor.symbols)
    return _document_bytes(data, complete, cursor, timestamps, chosen, intervals, into)


@exclusive("an export", claims=2)
def _document_bytes(
    data: SessionData,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
    into: Any,
) -> Any:
    from sessiondata import _json  # not needed to store bars
    from sessiondata._cursor import Cursor

    meta = _meta(data, timestamps, *data._clock.reading())
    served = True
    if complete:
        native = cursor._start(data, timestamps, symbols, intervals)
    else:
        cursor._check(symbols, intervals)
        meta.update(_meta_of_delta(data, cursor, timestamps))
        served = "resync" not in meta
        if served:
            _go_on(data, cursor, meta)
        # Nothing is shown, and the cursor stays where it is, if it cannot be served.
        native = cursor._native if served else Cursor()
    source = Source(data, timestamps, cursor._intervals)
    style = _style(data.calendar, data.grid, timestamps)
    written = _json.write_document(json_bytes(meta), native, not complete, source, style, into)
    if served:
        cursor._finish(meta["sequence"])
    return written


def symbol_bytes(symbol: SymbolSessionData, timestamps: str) -> bytes:
    """The member of one symbol, of the store or removed from it; no cursor is moved."""
    from sessiondata import _json  # not needed to store bars
    from sessiondata._cursor import Cursor
    from sessiondata._text import dumps_str

    data, core = symbol._data, symbol._core
    source = Source(data, timestamps, None)
    source.pinned = {core: symbol} if symbol._pinned_gaps or symbol._pinned_quality else {}
    source.foreign = {core: symbol} if symbol.calendar is not data.calendar else {}
    native = Cursor()
    native.start([core], None, timestamps == "epoch_ms")
    style = _style(data.calendar, data.grid, timestamps)
    text: bytes = _json.write_document(b"{}", native, False, source, style)
    return text[len(b'{"meta":{},"symbols":{') + len(dumps_str(symbol.symbol)) + 1 : -2]


def _go_on(data: SessionData, cursor: ExportCursor, meta: dict[str, Any]) -> None:
    """Begin a delta, and say which symbols have gone."""
    removed = cursor._native.go_on(cursor._select(data))
    if removed:
        meta["removed"] = removed


def _pins(data: SessionData) -> dict[SymbolCore, Any]:
    """Gaps and quality that are reported in place of what is computed, by number of the series."""
    pinned = list(data._pinned.items())  # in one step, as are these copies: other threads pin meanwhile
    return {core: (dict(symbol._pinned_gaps), dict(symbol._pinned_quality)) for core, symbol in pinned}


def pinned_gaps(owner: GapOwner, show: Callable[[int], str | int]) -> dict[int, bytes]:
    """The member of a series with the gaps that were pinned, by number of the series."""
    return {
        k: b'"gaps":%b,' % json_bytes(_gaps(gaps, show)) if gaps else b""
        for k, gaps in dict(owner._pinned_gaps).items()
    }


def _style(calendar: SessionCalendar, grid: SessionGrid | None, timestamps: str) -> _json.Style:
    # Without a session there are no rows, so any offset will do.
    offsets = (np.zeros(1, np.int64), np.zeros(1, np.int64)) if grid is None else grid.offsets()
    return style_of(_resolve(grid, timestamps), calendar.zone, offsets)


def style_of(kind: str, zone: tzinfo, offsets: tuple[Any, Any]) -> _json.Style:
    """A resolved form of times, natively, with the UTC offsets in force."""
    from sessiondata import _json

    show = _shower(zone, kind)
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
        raise ArgumentError(f"timestamps is one of {', '.join(TIMESTAMPS)}: {timestamps!r}", value=timestamps)


def _resolve(grid: SessionGrid | None, timestamps: str) -> str:
    """The form of times: "time" becomes "iso" where a time of day would be ambiguous."""
    return "iso" if timestamps == "time" and (grid is None or grid.needs_dates) else timestamps


def _meta(data: SessionData, timestamps: str, as_of: int | None, sequence: int) -> dict[str, Any]:
    _check_timestamps(timestamps)
    show = _shower(data.calendar.zone, "iso" if timestamps == "time" else timestamps)
    return {
        "schema": 1,
        "complete": True,
        "session_date": None if data.session_date is None else data.session_date.isoformat(),
        "timezone": data.calendar.tz,
        "as_of": None if as_of is None else show(as_of),
        "sequence": sequence,
    }


def _meta_of_delta(data: SessionData, cursor: ExportCursor, timestamps: str) -> dict[str, Any]:
    """What the `meta` of a delta has more, or other, than that of a complete document."""
    since = cursor.sequence if cursor.timestamps == timestamps else None
    more = {"complete": False, "cursor": cursor.name, "since": since, "epoch": data._clock.epoch}
    return more if since is not None else {**more, "resync": True}


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


def _on(symbol: SymbolSessionData, core: SymbolCore) -> SymbolSessionData:
    """The symbol on a core that shows it as it was at some moment."""
    copy = type(symbol)(symbol._data, core, symbol.calendar)
    copy._pinned_gaps, copy._pinned_quality = dict(symbol._pinned_gaps), dict(symbol._pinned_quality)
    return copy


def _symbol(
    live: SymbolSessionData, core: SymbolCore, intervals: frozenset[str] | None, timestamps: str
) -> dict[str, Any]:
    symbol = _on(live, core)
    show = _symbol_shower(symbol, timestamps)
    zone = symbol.calendar.tz
    from sessiondata.past import past_dict

    selected = [interval for interval in symbol.intervals if intervals is None or interval in intervals]
    return {
        **({"timezone": zone} if zone != symbol._data.calendar.tz else {}),
        "session": {
            **_metrics(symbol),
            "data": {
                **{interval: _series(symbol, interval, show) for interval in selected},
                **({"ticks": _ticks(symbol, show)} if symbol.ticks else {}),
                **({"quotes": _quotes(symbol, show)} if symbol.quotes else {}),
            },
        },
        "historical": past_dict(live, timestamps, intervals),
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
    live: SymbolSessionData, changes: list[Any], core: Any, intervals: frozenset[str] | None, timestamps: str
) -> dict[str, Any]:
    """What has changed of a symbol, by its cursor."""
    changed, (ticks, quotes), past = changes
    symbol = _on(live, core)
    show = _symbol_shower(symbol, timestamps)
    parts: dict[str, Any] = {}
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
    if ticks:
        parts["ticks"] = _ticks(symbol, show)
    if quotes:
        parts["quotes"] = _quotes(symbol, show)
    change: dict[str, Any] = {"session": {**_metrics(symbol), "data": parts}}
    if past:
        from sessiondata.past import past_dict

        change["historical"] = past_dict(live, timestamps, intervals)
    return change


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
