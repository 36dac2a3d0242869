"""What a notebook shows of series and windows: small tables.

Plain HTML without style sheets, scripts or links; every text is escaped, since a symbol may be
called anything. A table has at most `MAX_ROWS` rows, however much there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from sessiondata.rows.series import glance
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    from sessiondata.rows.bars import BarWindow
    from sessiondata.rows.series import BarSeries

__all__ = ["MAX_ROWS", "SUMMARY", "ends", "series_html", "summary", "table", "window_html"]

MAX_ROWS = 10
SUMMARY = ("bars", "missing", "gaps", "quality", "newest", "close")

_BAR = ("timestamp", "open", "high", "low", "close", "volume")


def series_html(series: BarSeries) -> str:
    """Table of the first and last bars of a series."""
    seen = glance(series)
    title = f"{series.symbol} {series.interval}: {len(seen.rows)} bars, {seen.missing} of {seen.expected} missing"
    return _bars(f"{title}, quality {seen.quality:.2f}", seen.rows)


def window_html(window: BarWindow) -> str:
    """Table of the first and last bars of a window."""
    overtaken = "" if window.is_valid() else ", overtaken"
    return _bars(f"{window.symbol} {window.interval}: {len(window)} bars{overtaken}", window)


def _bars(title: str, window: BarWindow) -> str:
    rows = [None if i is None else _cells_of(window, i) for i in ends(range(len(window)))]
    return table(title, (*_BAR, ""), rows)


def _cells_of(window: BarWindow, i: int) -> list[str]:
    bar = window[i]
    flag = "forming" if bar.forming else "extended" if bar.extended else ""
    time = bar.datetime.isoformat(sep=" ")
    return [time, *(f"{x:.12g}" for x in (bar.open, bar.high, bar.low, bar.close, bar.volume)), flag]


def summary(series: BarSeries) -> list[str]:
    seen = glance(series)
    newest = ["", ""]
    if seen.newest is not None:
        newest = [from_ns(seen.newest.timestamp, series.zone).isoformat(sep=" "), f"{seen.newest.close:.12g}"]
    return [str(len(seen.rows)), str(seen.missing), str(seen.gap_count), f"{seen.quality:.2f}", *newest]


def ends(items: Sequence[Any]) -> list[Any]:
    """All of a few items; of many the first and last ones, and None in between."""
    if len(items) <= MAX_ROWS:
        return list(items)
    half = MAX_ROWS // 2
    return [*items[:half], None, *items[-half:]]


def table(title: str, heads: Sequence[str], rows: Iterable[Iterable[str] | None]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{_cells(row, len(heads))}</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Iterable[str] | None, n: int) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in (["…"] * n if row is None else row))
