"""Trades and quotes as arrays: live series, and windows on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, overload

import numpy as np

from sessiondata.times import from_ns, to_ns

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    import numpy.typing as npt

    from sessiondata._tape import Tape
    from sessiondata.symbol import SymbolSessionData

__all__ = ["Quote", "QuoteSeries", "QuoteWindow", "Tick", "TickSeries", "TickWindow"]

_Floats: TypeAlias = "npt.NDArray[np.float64]"


class Tick(NamedTuple):
    """One trade.

    Attributes
    ----------
    timestamp : int
        ns since 1970 UTC.
    price, size : float
    exchange : str
        At most eight ASCII characters; "" where it was not given.
    """

    timestamp: int
    price: float
    size: float
    exchange: str = ""

    def datetime(self, zone: tzinfo) -> datetime:
        """Time in `zone`, rounded down to a microsecond."""
        return from_ns(self.timestamp, zone)


class Quote(NamedTuple):
    """One quote: the best prices on both sides.

    Attributes
    ----------
    timestamp : int
        ns since 1970 UTC.
    bid, ask, bid_size, ask_size : float
    """

    timestamp: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float

    @property
    def mid(self) -> float:
        """Half way between bid and ask."""
        return 0.5 * self.bid + 0.5 * self.ask

    def datetime(self, zone: tzinfo) -> datetime:
        """Time in `zone`, rounded down to a microsecond."""
        return from_ns(self.timestamp, zone)


class _Columns:
    """Column access shared by live series and windows: arrays over `[start, stop)` of the ring."""

    __slots__ = ()

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        raise NotImplementedError

    def _column(self, i: int) -> npt.NDArray[Any]:
        columns, start, stop = self._bounds()
        return columns[i][start:stop]

    @property
    def timestamp(self) -> npt.NDArray[np.int64]:
        """Times, int64 ns since 1970 UTC, never decreasing. Read-only view, no copy (a window made by `copy` owns its
        arrays)."""
        return self._column(0)

    @property
    def datetime(self) -> npt.NDArray[np.datetime64]:
        """`timestamp` as datetime64[ns] in UTC. Read-only view, no copy."""
        return self._column(0).view("datetime64[ns]")


class _TickColumns(_Columns):
    __slots__ = ()

    @property
    def price(self) -> _Floats:
        """Prices, float64. Read-only view, no copy."""
        return self._column(1)

    @property
    def size(self) -> _Floats:
        """Sizes, float64. Read-only view, no copy."""
        return self._column(2)

    @property
    def exchange(self) -> npt.NDArray[np.bytes_]:
        """Exchanges, ASCII bytes of dtype S8. Read-only view, no copy."""
        return self._column(3)


class _QuoteColumns(_Columns):
    __slots__ = ()

    @property
    def bid(self) -> _Floats:
        """Bid prices, float64. Read-only view, no copy."""
        return self._column(1)

    @property
    def ask(self) -> _Floats:
        """Ask prices, float64. Read-only view, no copy."""
        return self._column(2)

    @property
    def bid_size(self) -> _Floats:
        """Sizes at the bid, float64. Read-only view, no copy."""
        return self._column(3)

    @property
    def ask_size(self) -> _Floats:
        """Sizes at the ask, float64. Read-only view, no copy."""
        return self._column(4)


def _tick(timestamp: int, price: float, size: float, exchange: bytes) -> Tick:
    return Tick(timestamp, price, size, exchange.decode())


_Row = TypeVar("_Row", Tick, Quote)
_AnyWindow = TypeVar("_AnyWindow", bound="_Window[Any]")


class _Window(_Columns, Generic[_Row]):
    """A fixed range of rows, oldest first.

    Windows of a live series are views, and cost no copy. `is_valid` tells when the ring has since overwritten or moved
    a row.
    """

    __slots__ = ("_arrays", "_moves", "_seq", "_series", "_session_id", "_start", "_stop")

    _series: _Series[_Row, Any]

    def __init__(
        self, arrays: tuple[npt.NDArray[Any], ...], start: int, stop: int, series: _Series[_Row, Any], seq: int | None
    ) -> None:
        self._arrays, self._start, self._stop, self._series, self._seq = arrays, start, stop, series, seq
        self._moves, self._session_id = 0, series._tape.core.session_id

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        return self._arrays, self._start, self._stop

    @property
    def symbol(self) -> str:
        return self._series.symbol

    def is_valid(self) -> bool:
        """Whether the window still shows the rows it was taken for.

        False once the ring has overwritten one of them, a late row has moved others, or the session is gone. Always
        True for a window made by `copy`. O(1).
        """
        if self._seq is None or self._stop == self._start:
            return True
        tape = self._series._tape
        _, _, oldest, moves = tape.rows()
        return self._session_id == tape.core.session_id and self._moves == moves and oldest <= self._seq

    def copy(self: _AnyWindow) -> _AnyWindow:
        """Independent window on copied arrays; it stays what it is whatever the ring does."""
        return self._copied(slice(None))

    def _copied(self: _AnyWindow, rows: slice) -> _AnyWindow:
        if self._seq is None:
            arrays = tuple(column[self._start : self._stop][rows].copy() for column in self._arrays)
        else:
            copies = self._series._tape.core.copy_columns(self._arrays, self._start, self._stop)
            pairs = zip(copies, self._arrays, strict=True)
            arrays = tuple(np.frombuffer(bytearray(copy), array.dtype)[rows].copy() for copy, array in pairs)
        return type(self)(arrays, 0, len(arrays[0]), self._series, None)

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, key: int) -> _Row: ...
    @overload
    def __getitem__(self: _AnyWindow, key: slice) -> _AnyWindow: ...
    def __getitem__(self: Any, key: int | slice) -> Any:
        if not isinstance(key, slice):
            i = range(len(self))[key]  # negative indices and IndexError as for any sequence
            if self._seq is None:
                return self._series._make(*(column[self._start + i].item() for column in self._arrays))
            at = self._start + i
            copies = self._series._tape.core.copy_columns(self._arrays, at, at + 1)
            pairs = zip(copies, self._arrays, strict=True)
            return self._series._make(*(np.frombuffer(copy, array.dtype).item() for copy, array in pairs))
        start, stop, step = key.indices(len(self))
        if step != 1:  # a strided window cannot be contiguous, so it is a copy
            return self._copied(key)
        seq = None if self._seq is None else self._seq + start
        window = type(self)(self._arrays, self._start + start, self._start + max(start, stop), self._series, seq)
        window._moves, window._session_id = self._moves, self._session_id
        return window

    def __iter__(self) -> Iterator[_Row]:
        columns = (column[self._start : self._stop].tolist() for column in self._arrays)
        return map(self._series._make, *columns)

    def __repr__(self) -> str:
        name = type(self).__name__
        if not len(self):
            return f"<{name} {self.symbol}: empty>"
        zone = self._series._zone
        first, last = (from_ns(int(self.timestamp[i]), zone).isoformat(sep=" ") for i in (0, -1))
        return f"<{name} {self.symbol}: {len(self)} rows, {first} .. {last}>"


class TickWindow(_TickColumns, _Window[Tick]):
    __slots__ = ()
    __doc__ = _Window.__doc__


class QuoteWindow(_QuoteColumns, _Window[Quote]):
    __slots__ = ()
    __doc__ = _Window.__doc__


_W = TypeVar("_W", TickWindow, QuoteWindow)


class _Series(_Columns, Generic[_Row, _W]):
    """Rows of one symbol in the current session, oldest first; always current. Of equal times the later arrival stands
    later. Reading is O(1) unless said otherwise."""

    __slots__ = ("_owner", "_tape")

    _tape: Tape

    def __init__(self, owner: SymbolSessionData, tape: Tape) -> None:
        self._owner, self._tape = owner, tape

    def _make(self, *values: Any) -> _Row:
        raise NotImplementedError

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        start, stop, _, _ = self._tape.rows()
        return (self._tape.columns() if stop else self._empty()), start, stop

    def _empty(self) -> tuple[npt.NDArray[Any], ...]:
        raise NotImplementedError

    def _window(self, arrays: tuple[npt.NDArray[Any], ...], start: int, stop: int, seq: int) -> _W:
        raise NotImplementedError

    @property
    def symbol(self) -> str:
        return self._tape.core.name

    @property
    def _zone(self) -> tzinfo:
        return self._owner._zone

    @property
    def total_count(self) -> int:
        """Rows ever added in this session, those since overwritten included."""
        return self._tape.total_count()

    @property
    def latest(self) -> _Row | None:
        """The newest row by time, of equal times the last that came; None before the first."""
        window: Any = self.last(1)
        return window[0] if len(window) else None

    @property
    def counters(self) -> dict[str, Any]:
        """What became of all rows of the session: stored, late, too_old, other_session, overwritten, and skipped (by
        reason)."""
        return self._tape.counters()

    def __len__(self) -> int:
        return self._tape.count()

    @overload
    def __getitem__(self, key: int) -> _Row: ...
    @overload
    def __getitem__(self, key: slice) -> _W: ...
    def __getitem__(self, key: int | slice) -> Any:
        """A row for an int, a window for a slice (a view if its step is 1, else a copy)."""
        return self.window(0, len(self))[key]

    def __iter__(self) -> Iterator[_Row]:
        window: Any = self.window(0, len(self))
        return iter(window)

    def last(self, n: int) -> _W:
        """Newest `n` rows (all, if there are fewer). A view, also after the ring has wrapped."""
        if n < 0:
            raise ValueError(f"n must not be negative: {n}")
        return self._window_of(lambda count: (max(0, count - n), count))

    def since(self, ts_ns: Any) -> _W:
        """Rows at or after a time (int ns, datetime64, aware datetime). A view; O(log rows)."""
        ts = to_ns(ts_ns)
        return self._window_of(lambda _: self._tape.find(ts))

    def window(self, i: int, j: int) -> _W:
        """Rows `[i, j)`, counted from the oldest live one; negative positions count from the end. A view."""
        return self._window_of(lambda count: slice(i, j).indices(count)[:2])

    def _window_of(self, choose: Callable[[int], tuple[int, int]]) -> _W:
        """Window on the rows [i, j) that are chosen among so many: all of it of one moment."""
        start, stop, seq, moves = self._tape.rows()
        i, j = choose(stop - start)
        j = min(j, stop - start)
        columns = self._tape.columns() if stop else self._empty()
        window = self._window(columns, start + min(i, j), start + j, seq + min(i, j))
        window._moves = moves
        return window

    def __repr__(self) -> str:
        latest = self.latest
        newest = "" if latest is None else f", latest {latest.datetime(self._zone).isoformat(sep=' ')} {latest[1:]}"
        return f"<{type(self).__name__} {self.symbol}: {len(self)} rows{newest}>"


class TickSeries(_TickColumns, _Series[Tick, TickWindow]):
    """The trades of one symbol in the current session, oldest first; always current."""

    __slots__ = ()

    def _make(self, *values: Any) -> Tick:
        return _tick(*values)

    def _empty(self) -> tuple[npt.NDArray[Any], ...]:
        return _EMPTY[:3] + _EMPTY[5:]

    def _window(self, arrays: tuple[npt.NDArray[Any], ...], start: int, stop: int, seq: int) -> TickWindow:
        return TickWindow(arrays, start, stop, self, seq)


class QuoteSeries(_QuoteColumns, _Series[Quote, QuoteWindow]):
    """The quotes of one symbol in the current session, oldest first; always current."""

    __slots__ = ()

    def _make(self, *values: Any) -> Quote:
        return Quote(*values)

    def _empty(self) -> tuple[npt.NDArray[Any], ...]:
        return _EMPTY[:5]

    def _window(self, arrays: tuple[npt.NDArray[Any], ...], start: int, stop: int, seq: int) -> QuoteWindow:
        return QuoteWindow(arrays, start, stop, self, seq)


# Over bytes, which nobody can write to or resize.
_EMPTY: tuple[npt.NDArray[Any], ...] = tuple(
    np.frombuffer(b"", dtype) for dtype in (np.int64, *(np.float64,) * 4, np.dtype("S8"))
)
