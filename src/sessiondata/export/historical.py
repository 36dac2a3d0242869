"""What stands under `historical` in the document: past days and indicators, as a dict and as bytes.

    a day of an interval  --> its rows and gaps as text, kept while the day is the same
    all of a symbol       --> pieces of text to splice, kept until history changes
    an export             --> the pieces one after the other (`out/json`), indicators anew

A past day and the rows that were supplied for a date are never changed in place: what replaces them
is another object. Whether a day is the same is therefore seen by who it is, and nobody has to tell
when its text has become old.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentTypeError, format_value
from sessiondata.export.format import gap_dict, json_bytes, style_of, time_formatter
from sessiondata.store.supplied import NO_ROWS
from sessiondata.store.symbol import SymbolSessionData, state_of
from sessiondata.time.zones import utc_offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.out.style import Style
    from sessiondata.rows.gap import GapInfo
    from sessiondata.store.history import History
    from sessiondata.time.intervals import Interval

    Held = list[tuple[Interval, list[dt.date], list[dt.date]]]

__all__ = ["Rendered", "past_dict", "past_writer"]

_VALUES = ["open", "high", "low", "close", "volume"]
_DAILY = "1d"
_INT_LIMITS = -(2**63), 2**64  # of JSON integers, as orjson has them


def past_dict(symbol: SymbolSessionData, timestamps: str, intervals: frozenset[str] | None = None) -> dict[str, Any]:
    """The member as plain Python objects; of these intervals, None for all."""
    indicators = {name: _plain(value, symbol, name) for name, value in symbol.historical_indicators.items()}
    history = state_of(symbol).history
    held = _held(history)
    style: Any = _style_of_days(history, _kind(timestamps), held) if held else None
    data = {
        interval.name: _interval_dict(history, interval, dates, counted, timestamps, style)
        for interval, dates, counted in held
        if intervals is None or interval.name in intervals
    }
    if not held and all(value is None for value in indicators.values()):
        return {"loaded": False}
    return {"loaded": True, **indicators, "data": data}


def past_writer(
    symbol_of: Callable[[SymbolCore], SymbolSessionData], timestamps: str, intervals: frozenset[str] | None = None
) -> Callable[[SymbolCore], list[bytes] | None]:
    """What writes the member of a symbol, of these intervals; None: there is nothing."""
    kind = _kind(timestamps)

    def pieces(core: SymbolCore) -> list[bytes] | None:
        symbol = symbol_of(core)
        history = state_of(symbol).history
        rendered = history.rendered
        if rendered is None or rendered.kind != kind:
            rendered = history.rendered = Rendered(history, kind)
        values = {name: _plain(value, symbol, name) for name, value in symbol.historical_indicators.items()}
        members = rendered.members()
        if not members and all(value is None for value in values.values()):
            return None
        indicators = b"".join(b"%b:%b," % (_bytes(name), _bytes(value)) for name, value in values.items())
        if intervals is None:
            selected = rendered.pieces
        else:
            selected = _spliced([pieces for name, pieces in members.items() if name in intervals])
        return [b'"loaded":true,' + indicators + b'"data":{', *selected, b"}"]

    return pieces


def _kind(timestamps: str) -> str:
    """A time of day says too little of a past day."""
    return "iso" if timestamps == "time" else timestamps


def _held(history: History) -> Held:
    """Intervals that have past days, these, and the days whose slots count."""
    held = [(interval, history.dates(interval)) for interval in history.intervals()]
    return [(interval, dates, history.counted(interval)) for interval, dates in held if dates]


def _style_of_days(history: History, kind: str, held: Held) -> Style:
    """For all times of all days; a session may begin and end days away from its date."""
    calendar, dates = history.calendar, [date for _, dates, _ in held for date in dates]
    grids = [calendar.session(date) for date in (min(dates), max(dates))]
    return style_of(kind, calendar.zone, utc_offsets(calendar.zone, grids[0].span_start, grids[1].span_stop))


# --- as a dict ---


def _interval_dict(
    history: History,
    interval: Interval,
    dates: list[dt.date],
    counted: list[dt.date],
    timestamps: str,
    style: Style,
) -> dict[str, Any]:
    from sessiondata._native.out.plain import plain_rows

    days: list[tuple[dt.date, Any, list[GapInfo], tuple[int, int]]] = [
        (date, history.columns(interval, date), history.gaps(interval, date), history.tally(interval, date))
        for date in counted
    ]
    format_time = time_formatter(history.zone, _kind(timestamps))
    rows: list[list[Any]] = []
    gaps: list[dict[str, Any]] = []
    for date, columns, its_gaps, _ in days:
        ts, opens, highs, lows, closes, volumes = columns[:6]
        its_rows = plain_rows(ts, opens, highs, lows, closes, volumes, style)
        if interval.name == _DAILY:
            for row in its_rows:
                row[0] = date.isoformat()
        rows += its_rows
        gaps += _ranges(interval, date, its_gaps, format_time)
    present, expected = (sum(tally[i] for *_, tally in days) for i in (0, 1))
    part = {
        "count": len(rows),
        "date_range": {"start_date": dates[0].isoformat(), "end_date": dates[-1].isoformat(), "days": len(dates)},
        "dates": [date.isoformat() for date in dates],
        "quality": _quality(present, expected),
    }
    if gaps:
        part["gaps"] = {"gap_count": len(gaps), "missing_bars": sum(gap["bar_count"] for gap in gaps), "ranges": gaps}
    return {**part, "columns": _column_names(interval), "data": rows}


def _ranges(
    interval: Interval, date: dt.date, gaps: Sequence[GapInfo], format_time: Callable[[int], str | int]
) -> list[dict[str, Any]]:
    """Gaps of a day; of daily bars what is missing is a date, as its row would have been."""
    ranges = [gap_dict(gap, format_time) for gap in gaps]
    if interval.name == _DAILY:
        for entry in ranges:
            entry["start_time"] = entry["end_time"] = date.isoformat()
    return ranges


def _column_names(interval: Interval) -> list[str]:
    return ["date" if interval.name == _DAILY else "timestamp", *_VALUES]


def _quality(present: int, expected: int) -> float:
    return 10_000 * present // expected / 100.0 if expected else 100.0


# --- as bytes ---


class _Day(NamedTuple):
    """A day of an interval as text, and what is summed up over days."""

    parts: tuple[Any, ...]  # what it was made of
    n_rows: int
    present: int
    expected: int
    gap_count: int
    missing: int
    rows: bytes  # with commas between, as are the ranges
    ranges: bytes


@not_copied("copy the store with data.copy()")
class Rendered:
    """The past days of a symbol as text, in one form of times.

    Attributes
    ----------
    kind : {"iso", "epoch_ms", "epoch_ns"}
    pieces : list of bytes
        All members of `data` one after the other, as `members` left them.
    """

    __slots__ = ("_days", "_history", "_members", "_version", "kind", "pieces")

    def __init__(self, history: History, kind: str) -> None:
        self.kind, self._history = kind, history
        self._days: dict[tuple[str, dt.date], _Day] = {}
        self._members: dict[str, list[bytes]] = {}
        self._version: Any = None
        self.pieces: list[bytes] = []

    @property
    def nbytes(self) -> int:
        """Bytes of text."""
        return sum(len(day.rows) + len(day.ranges) for day in self._days.values())

    def members(self) -> dict[str, list[bytes]]:
        """The members of `data` in pieces, by interval."""
        version = self._history.version
        if self._version != version:
            self._members = self._render()
            self.pieces = _spliced(list(self._members.values()))
            self._version = version
        return self._members

    def _render(self) -> dict[str, list[bytes]]:
        held = _held(self._history)
        style: Style | None = None
        days: dict[tuple[str, dt.date], _Day] = {}
        members: dict[str, list[bytes]] = {}
        for interval, dates, counted in held:
            for date in counted:
                parts = self._parts(interval, date)
                day = self._days.get((interval.name, date))
                if day is None or any(one is not other for one, other in zip(day.parts, parts, strict=True)):
                    style = _style_of_days(self._history, self.kind, held) if style is None else style
                    day = self._render_day(interval, date, parts, style)
                days[interval.name, date] = day
            members[interval.name] = _member(interval, dates, [days[interval.name, date] for date in counted])
        self._days = days  # those of other dates are forgotten
        return members

    def _parts(self, interval: Interval, date: dt.date) -> tuple[Any, ...]:
        days = self._history.days
        return days.cores.get(date), days.supplied.get(interval.name, {}).get(date), days.daily.get(date)

    def _render_day(self, interval: Interval, date: dt.date, parts: tuple[Any, ...], style: Style) -> _Day:
        from sessiondata._native.out import json as _json

        (ts, opens, highs, lows, closes, volumes, *_), gaps, (present, expected) = self._content(interval, date)
        rows = _json.write_rows(ts, opens, highs, lows, closes, volumes, style)
        if interval.name == _DAILY and rows:
            rows = b'["%b"%b' % (date.isoformat().encode(), rows[rows.index(b",") :])
        ranges = _ranges(interval, date, gaps, time_formatter(self._history.zone, self.kind))
        missing = sum(gap.bar_count for gap in gaps)
        texts = rows, json_bytes(ranges)[1:-1]
        return _Day(parts, len(ts), present, expected, len(gaps), missing, *texts)

    def _content(self, interval: Interval, date: dt.date) -> tuple[Sequence[Any], list[GapInfo], tuple[int, int]]:
        """Columns, gaps, and (present, expected) of a day of an interval."""
        history = self._history
        core, supplied, _ = self._parts(interval, date)
        if core is None or supplied is not None or interval.name not in core.intervals:
            return (
                history.columns(interval, date),
                history.gaps(interval, date),
                history.tally(interval, date),
            )
        # A past day says it itself: a third of the time for the first export after a roll.
        k = core.intervals.index(interval.name)
        held, first, stop, _, _ = core.bounds(k)
        columns = NO_ROWS if held is None else [column[first:stop] for column in held[:6]]
        expected, present, _, _, _ = core.states(k)
        return columns, history.gaps(interval, date) if core.gap_count(k) else [], (present, expected)


def _member(interval: Interval, dates: list[dt.date], days: list[_Day]) -> list[bytes]:
    """`"NAME":{...}` of an interval in pieces; the longer ones are those of the days whose slots
    count."""
    head = {
        "count": sum(day.n_rows for day in days),
        "date_range": {"start_date": dates[0].isoformat(), "end_date": dates[-1].isoformat(), "days": len(dates)},
        "dates": [date.isoformat() for date in dates],
        "quality": _quality(sum(day.present for day in days), sum(day.expected for day in days)),
    }
    pieces = [b'"%b":%b' % (interval.name.encode(), json_bytes(head)[:-1])]
    gap_count = sum(day.gap_count for day in days)
    if gap_count:
        missing = sum(day.missing for day in days)
        pieces.append(b',"gaps":{"gap_count":%d,"missing_bars":%d,"ranges":[' % (gap_count, missing))
        pieces += _joined([day.ranges for day in days])
        pieces.append(b"]}")
    pieces.append(b',"columns":%b,"data":[' % json_bytes(_column_names(interval)))
    pieces += _joined([day.rows for day in days])
    pieces.append(b"]}")
    return pieces


def _joined(texts: Sequence[bytes]) -> list[bytes]:
    """Those that are not empty, with commas between."""
    pieces = [piece for text in texts if text for piece in (b",", text)]
    return pieces[1:]


def _spliced(members: list[list[bytes]]) -> list[bytes]:
    """The pieces of members, with commas between the members."""
    return [piece for pieces in members for piece in (b",", *pieces)][1:]


# --- values of indicators ---


def _plain(value: Any, symbol: SymbolSessionData, name: str) -> Any:
    """A value as None, bool, int, float, str, or lists and dicts of them; numbers that are none are
    None."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, int) and _INT_LIMITS[0] <= value < _INT_LIMITS[1]:
        return int(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _refusal(symbol, name, value) from error
        return str(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item, symbol, name) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {_plain(key, symbol, name): _plain(item, symbol, name) for key, item in value.items()}
    raise _refusal(symbol, name, value)


def _refusal(symbol: SymbolSessionData, name: str, value: Any) -> ArgumentTypeError:
    return ArgumentTypeError(
        f"indicator {name!r} of {symbol.symbol!r} cannot be exported: a value is None, a bool, int of 64 bits, float or"
        f" text, or lists and dicts of these: {format_value(value)[:200]}",
        symbol=symbol.symbol,
        value=value,
    )


def _bytes(value: Any) -> bytes:
    """JSON of a plain value as orjson writes it."""
    from sessiondata._native.out.text import dumps_f64_array, dumps_str

    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, float):
        return dumps_f64_array(np.array([value]))[1:-1]
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, str):
        return dumps_str(value)
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(_bytes, value))
    return b"{%b}" % b",".join(b"%b:%b" % (dumps_str(key), _bytes(item)) for key, item in value.items())
