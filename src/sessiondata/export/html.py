"""What a notebook shows: small tables of stores, symbols, series and windows.

Plain HTML without style sheets, scripts or links; every text is escaped, since a symbol may be called anything. A table
has at most `_MAX_ROWS` rows, however much there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from sessiondata.time.instants import from_ns

if TYPE_CHECKING:
    from sessiondata.rows.bars import BarSeries, BarWindow
    from sessiondata.store.store import SessionData
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["series_html", "store_html", "symbol_html", "window_html"]

_MAX_ROWS = 10

_SUMMARY = ("bars", "missing", "gaps", "quality", "newest", "close")
_BAR = ("timestamp", "open", "high", "low", "close", "volume")


def store_html(data: SessionData) -> str:
    """Table of the base series of the symbols; the first and last ones of many."""
    date = "no session" if data.session_date is None else str(data.session_date)
    symbols = list(data.symbols.values())
    rows = [
        None if symbol is None else [symbol.symbol, symbol.base_interval, *_summary(symbol.bars_base)]
        for symbol in _ends(symbols)
    ]
    n = f"{len(symbols)} symbol{'' if len(symbols) == 1 else 's'}"
    return _table(f"SessionData {data.calendar.name}, {date}: {n}", ("symbol", "interval", *_SUMMARY), rows)


def symbol_html(symbol: SymbolSessionData) -> str:
    """Table of the series of a symbol."""

    def rows() -> list[list[str] | None]:
        return [None if name is None else [name, *_summary(symbol.bars(name))] for name in _ends(symbol.intervals)]

    return _table(symbol.symbol, ("interval", *_SUMMARY), symbol.bars_base._in_one_session(rows))


def series_html(series: BarSeries) -> str:
    """Table of the first and last bars of a series."""
    seen = series._glance()
    title = f"{series.symbol} {series.interval}: {len(seen.rows)} bars, {seen.missing} of {seen.expected} missing"
    return _bars(f"{title}, quality {seen.quality:.2f}", seen.rows)


def window_html(window: BarWindow) -> str:
    """Table of the first and last bars of a window."""
    overtaken = "" if window.is_valid() else ", overtaken"
    return _bars(f"{window.symbol} {window.interval}: {len(window)} bars{overtaken}", window)


def _bars(title: str, window: BarWindow) -> str:
    rows = [None if i is None else _cells_of(window, i) for i in _ends(range(len(window)))]
    return _table(title, (*_BAR, ""), rows)


def _cells_of(window: BarWindow, i: int) -> list[str]:
    bar = window[i]
    flag = "forming" if bar.forming else "extended" if bar.extended else ""
    time = bar.datetime(window._series._zone).isoformat(sep=" ")
    return [time, *(f"{x:.12g}" for x in (bar.open, bar.high, bar.low, bar.close, bar.volume)), flag]


def _summary(series: BarSeries) -> list[str]:
    seen = series._glance()
    newest = ["", ""]
    if seen.newest is not None:
        newest = [from_ns(seen.newest.timestamp, series._zone).isoformat(sep=" "), f"{seen.newest.close:.12g}"]
    return [str(len(seen.rows)), str(seen.missing), str(seen.gap_count), f"{seen.quality:.2f}", *newest]


def _ends(items: Sequence[Any]) -> list[Any]:
    """All of a few items; of many the first and last ones, and None in between."""
    if len(items) <= _MAX_ROWS:
        return list(items)
    half = _MAX_ROWS // 2
    return [*items[:half], None, *items[-half:]]


def _table(title: str, heads: Sequence[str], rows: Iterable[Iterable[str] | None]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{_cells(row, len(heads))}</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Iterable[str] | None, n: int) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in (["…"] * n if row is None else row))
