"""Trades and quotes as arrays: series, and windows on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from sessiondata.copying import not_copied
from sessiondata.rows.records import in_zone
from sessiondata.rows.window import LiveRows, Place, RowWindow, TimedColumns
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from datetime import tzinfo

    import numpy.typing as npt

    from sessiondata._native.objects.tick_buffer import TickBuffer
    from sessiondata.rows.owner import SlotOwner

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
        At most eight ASCII characters; "" where there was none.
    """

    timestamp: int
    price: float
    size: float
    exchange: str = ""

    @property
    def zone(self) -> tzinfo:
        """The exchange's; UTC of a record that was made by hand."""
        return UTC

    @property
    def datetime(self) -> dt.datetime:
        """Time, aware, in the exchange's zone, rounded down to a microsecond."""
        return from_ns(self.timestamp, self.zone)


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

    @property
    def zone(self) -> tzinfo:
        """The exchange's; UTC of a record that was made by hand."""
        return UTC

    @property
    def datetime(self) -> dt.datetime:
        """Time, aware, in the exchange's zone, rounded down to a microsecond."""
        return from_ns(self.timestamp, self.zone)


class _TickColumns(TimedColumns):
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


class _QuoteColumns(TimedColumns):
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


def _tick_maker(zone: tzinfo) -> Callable[..., Tick]:
    """What makes trades of what their columns hold."""
    tick = in_zone(Tick, zone)
    return lambda timestamp, price, size, exchange: tick(timestamp, price, size, exchange.decode())


_Row = TypeVar("_Row", Tick, Quote)


class _Window(RowWindow[_Row]):
    __slots__ = ()
    __doc__ = RowWindow.__doc__

    def _pickled(self) -> tuple[Any, ...]:
        return _restored, (type(self), self._bytes(), self.symbol, self._series.zone)

    def _row(self, i: int) -> _Row:
        row: _Row = self._series._make(*self._values(i))
        return row

    def __iter__(self) -> Iterator[_Row]:
        rows = self if self._seq is None else self.copy()
        columns = (column[rows._start : rows._stop].tolist() for column in rows._arrays)
        return map(self._series._make, *columns)


class TickWindow(_TickColumns, _Window[Tick]):
    __slots__ = ()
    __doc__ = RowWindow.__doc__


class QuoteWindow(_QuoteColumns, _Window[Quote]):
    __slots__ = ()
    __doc__ = RowWindow.__doc__


class _Rows:
    """Makes records of rows that belong to no series: what a window asks its series for."""

    __slots__ = ("_make", "_record", "symbol", "zone")

    def __init__(self, symbol: str, zone: tzinfo, record: type[Tick] | type[Quote]) -> None:
        self.symbol, self.zone, self._record = symbol, zone, record
        self._make: Callable[..., Any] = _tick_maker(zone) if record is Tick else in_zone(Quote, zone)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Rows, (self.symbol, self.zone, self._record)


def _restored(kind: type[_Window[Any]], columns: list[bytes], symbol: str, zone: tzinfo) -> _Window[Any]:
    """An immutable window that was pickled."""
    trades = issubclass(kind, TickWindow)
    empty = _EMPTY[:3] + _EMPTY[5:] if trades else _EMPTY[:5]
    arrays = tuple(np.frombuffer(column, array.dtype) for column, array in zip(columns, empty, strict=True))
    return kind(arrays, 0, len(arrays[0]), _Rows(symbol, zone, Tick if trades else Quote), None)


_W = TypeVar("_W", TickWindow, QuoteWindow)


class _Series(LiveRows[_Row, _W]):
    """Rows of one symbol in the current session, oldest first; always current. Of equal times the
    later arrival stands later. Reading is O(1) unless noted otherwise."""

    __slots__ = ("_buffer", "_make", "_owner")

    def __init__(self, owner: SlotOwner, buffer: TickBuffer, make: Callable[..., _Row]) -> None:
        self._owner, self._buffer = owner, buffer
        self._make: Callable[..., _Row] = make

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        columns, start, stop, _ = self._live()
        return columns, start, stop

    def _empty(self) -> tuple[npt.NDArray[Any], ...]:
        raise NotImplementedError

    def _live(self) -> tuple[tuple[Any, ...], int, int, Place]:
        while True:
            session_id = self._buffer.core.session_id
            start, stop, oldest, moves = self._buffer.rows()
            columns = self._buffer.columns() if stop else self._empty()
            now, _, oldest_now, _ = self._buffer.rows()
            # Neither has the session ended meanwhile, nor have rows come to lie elsewhere in the
            # columns.
            if self._buffer.core.session_id == session_id and oldest - start == oldest_now - now:
                return columns, start, stop, Place(session_id, moves, oldest)

    def _place(self) -> Place:
        _, _, oldest, moves = self._buffer.rows()
        return Place(self._buffer.core.session_id, moves, oldest)

    def _copy_rows(self, arrays: tuple[Any, ...], start: int, stop: int) -> tuple[Any, ...]:
        return self._buffer.core.copy_columns(arrays, start, stop)

    @property
    def symbol(self) -> str:
        return self._buffer.core.name

    @property
    def zone(self) -> tzinfo:
        """The exchange's: that of `datetime` and of the records."""
        return self._owner.zone

    @property
    def total_count(self) -> int:
        """Rows ever added in this session, those since overwritten included."""
        return self._buffer.total_count()

    @property
    def latest(self) -> _Row | None:
        """The newest row by time, of equal times the last that came; None before the first."""
        window: Any = self.last(1)
        return window[0] if len(window) else None

    @property
    def counters(self) -> dict[str, Any]:
        """What became of all rows of the session: stored, late, too_old, other_session,
        overwritten, skipped (by reason), and covered, those that changed no bar because one had
        filled their slot (`SymbolSessionData.fill`)."""
        return self._buffer.counters()

    def __len__(self) -> int:
        return self._buffer.count()

    def __repr__(self) -> str:
        rows: Any = self.window(0, None)  # of one moment
        latest = rows[-1] if len(rows) else None
        newest = "" if latest is None else f", latest {latest.datetime.isoformat(sep=' ')} {latest[1:]}"
        return f"<{type(self).__name__} {self.symbol}: {len(rows)} rows{newest}>"


@not_copied("series[:].copy() is a window of its own, which can be")
class TickSeries(_TickColumns, _Series[Tick, TickWindow]):
    """The trades of one symbol in the current session, oldest first; always current."""

    __slots__ = ()

    def __init__(self, owner: SlotOwner, buffer: TickBuffer) -> None:
        super().__init__(owner, buffer, _tick_maker(owner.zone))

    def _empty(self) -> tuple[npt.NDArray[Any], ...]:
        return _EMPTY[:3] + _EMPTY[5:]

    def _new_window(self, arrays: tuple[Any, ...], start: int, stop: int, place: Place, seq: int) -> TickWindow:
        return TickWindow(arrays, start, stop, self, seq, place)


@not_copied("series[:].copy() is a window of its own, which can be")
class QuoteSeries(_QuoteColumns, _Series[Quote, QuoteWindow]):
    """The quotes of one symbol in the current session, oldest first; always current."""

    __slots__ = ()

    def __init__(self, owner: SlotOwner, buffer: TickBuffer) -> None:
        super().__init__(owner, buffer, in_zone(Quote, owner.zone))

    def _empty(self) -> tuple[npt.NDArray[Any], ...]:
        return _EMPTY[:5]

    def _new_window(self, arrays: tuple[Any, ...], start: int, stop: int, place: Place, seq: int) -> QuoteWindow:
        return QuoteWindow(arrays, start, stop, self, seq, place)


# Over bytes, which nobody can write to or resize.
_EMPTY: tuple[npt.NDArray[Any], ...] = tuple(
    np.frombuffer(b"", dtype) for dtype in (np.int64, *(np.float64,) * 4, np.dtype("S8"))
)
