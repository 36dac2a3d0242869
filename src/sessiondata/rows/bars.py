"""One bar, the columns of bars, and windows on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from sessiondata.rows.records import in_zone
from sessiondata.rows.window import Place, RowWindow, TimedColumns
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    import datetime as dt
    from datetime import tzinfo
    from typing import Any

    import numpy.typing as npt

    from sessiondata._native.slots.grid import Grid

__all__ = [
    "EMPTY",
    "Bar",
    "BarColumns",
    "BarWindow",
    "FixedRows",
    "WindowContent",
    "content_of",
    "fixed_window",
    "has_hours",
    "immutable",
    "window_of",
]

FloatArray: TypeAlias = "npt.NDArray[np.float64]"


class Bar(NamedTuple):
    """One bar.

    Attributes
    ----------
    timestamp : int
        Open time, ns since 1970 UTC; of a derived bar the start of its slot.
    open, high, low, close, volume : float
    forming : bool
        The bar's slot has not elapsed; its values may still grow.
    extended : bool
        The bar lies outside the session's segments.
    n_base, n_expected : int
        Coverage: base bars on their slot behind this bar, of how many expected (0 for extended
        bars).
    """

    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    forming: bool = False
    extended: bool = False
    n_base: int = 1
    n_expected: int = 1

    @property
    def zone(self) -> tzinfo:
        """The exchange's; UTC of a record that was made by hand."""
        return UTC

    @property
    def datetime(self) -> dt.datetime:
        """Open time, aware, in the exchange's zone, rounded down to a microsecond."""
        return from_ns(self.timestamp, self.zone)


class BarColumns(TimedColumns):
    """Columns of bars: time, open, high, low, close, volume; n_base is the seventh."""

    __slots__ = ()

    def _window(self) -> BarWindow:
        """All rows, as they are now."""
        raise NotImplementedError

    @property
    def open(self) -> FloatArray:
        """First prices, float64. Read-only view, no copy."""
        return self._column(1)

    @property
    def high(self) -> FloatArray:
        """Highest prices, float64. Read-only view, no copy."""
        return self._column(2)

    @property
    def low(self) -> FloatArray:
        """Lowest prices, float64. Read-only view, no copy."""
        return self._column(3)

    @property
    def close(self) -> FloatArray:
        """Last prices, float64. Read-only view, no copy."""
        return self._column(4)

    @property
    def volume(self) -> FloatArray:
        """Volumes, float64. Read-only view, no copy."""
        return self._column(5)

    # --- as frames of other libraries (frames.py, imported when it is needed) ---

    def to_pandas(self, *, copy: bool | None = None) -> Any:
        """A pandas DataFrame, indexed by time.

        Parameters
        ----------
        copy : bool, optional
            By default, and with False, an immutable window (a `copy`, a closed day) is not
            copied but in a read-only frame, and a series is copied (with False: an
            error). True copies in any case.

        Returns
        -------
        pandas.DataFrame
            Columns open, high, low, close, volume (float64) and extended (bool); of a derived
            series also forming (bool) and n_base (int32, base bars on their slot); of ``"1d"`` also
            trade_date (datetime64[s], naive), since a session may open on the date before, in UTC
            or on its own clock. The index is ``timestamp``, datetime64[ns, UTC]: the open times,
            ascending.

        Raises
        ------
        ImportError
            There is no pandas.
        ArgumentError
            ``copy=False`` of a series; as an ArgumentTypeError, if `copy` is no bool.
        """
        from sessiondata.rows import frames

        return frames.to_pandas(self, copy)

    def to_polars(self) -> Any:
        """A polars DataFrame with the columns of `to_pandas`, first among them ``timestamp``,
        Datetime("ns", "UTC"). Of ``"1d"`` the last one, ``trade_date``, is a Date. A series is
        copied, an immutable window is not."""
        from sessiondata.rows import frames

        return frames.to_polars(self)

    def to_arrow(self) -> Any:
        """A pyarrow Table with the columns of `to_polars`, first among them ``timestamp``,
        timestamp[ns, tz=UTC]. Of ``"1d"`` the last one, ``trade_date``, is date32. A series is
        copied, an immutable window is not."""
        from sessiondata.rows import frames

        return frames.to_arrow(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Capsule of an Arrow C stream of one batch: what lets ``polars.DataFrame(series)``,
        ``pyarrow.table(series)`` and others read a series as it is. Needs no Arrow library.

        Columns and copies are those of `to_arrow`. `requested_schema` must have the same columns;
        other types in it are a wish that is not followed.
        """
        from sessiondata.rows import frames

        return frames.arrow_stream(self, requested_schema)

    def __arrow_c_schema__(self) -> Any:
        """Capsule of the Arrow schema of `__arrow_c_stream__`."""
        from sessiondata.rows import frames

        return frames.arrow_schema(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """A structured array, shape (n,), with the columns of `to_polars` as fields; ``timestamp``
        is datetime64[ns], UTC, ``trade_date`` of ``"1d"`` datetime64[D]. Always a new array, so
        ``copy=False`` is an error.

        Records and not a matrix: no float64 holds today's nanoseconds. A matrix of prices is
        ``np.column_stack([series.open, series.close])``.
        """
        from sessiondata.rows import frames

        return frames.to_array(self, dtype, copy)


class BarWindow(BarColumns, RowWindow[Bar]):
    __slots__ = ("_forming_ts", "_grid", "_requested")
    __doc__ = RowWindow.__doc__

    _unit = "bars"

    def __init__(
        self, arrays: tuple[Any, ...], start: int, stop: int, series: Any, seq: int | None, place: Place | None = None
    ) -> None:
        super().__init__(arrays, start, stop, series, seq, place)
        self._grid: Any = None if seq is None else series._grid()  # a window outlives its session
        self._forming_ts: int | None = None  # of a copy: its forming bar
        self._requested: int | None = None  # rows that were asked for, where it may be fewer

    def _window(self) -> BarWindow:
        return self

    @property
    def interval(self) -> str:
        name: str = self._series.interval
        return name

    @property
    def is_immutable(self) -> bool:
        """Whether nothing can ever change the window, so that frames may show its memory. True for
        a copy."""
        return self._seq is None

    @property
    def requested(self) -> int:
        """How many bars were asked for: ``n`` of `SymbolSessionData.window`; of any other window
        those that it has."""
        return len(self) if self._requested is None else self._requested

    @property
    def shortfall(self) -> int:
        """How many bars fewer there are than were asked for: no more are kept."""
        return self.requested - len(self)

    @property
    def trade_date(self) -> npt.NDArray[np.datetime64]:
        """Trade date of each bar, datetime64[D]: of its session, which may have begun on the
        calendar day before. A new array, O(n)."""
        dates = np.zeros(0, np.int32) if self._grid is None else self._grid.trade_dates(self._times())
        return dates.astype("datetime64[D]")

    def _pickled(self) -> tuple[Any, ...]:
        series = self._series
        rows = series.symbol, series.interval, series._zone, series.is_derived, *series._steps()
        return _restored, (self._bytes(), rows, self._grid, self._forming())

    def _copied(self, rows: slice) -> BarWindow:
        window = super()._copied(rows)
        window._grid, window._forming_ts = self._grid, self._forming()
        return window

    def _part(self, start: int, stop: int) -> BarWindow:
        part = super()._part(start, stop)
        part._grid, part._forming_ts = self._grid, self._forming_ts
        return part

    def _forming(self) -> int | None:
        """Time of the bar in progress: a copy's when it was made, a view's now (none once its
        session is gone)."""
        if self._place is None or self._place.session_id != self._series._session_id():
            return self._forming_ts
        forming: int | None = self._series._forming_ts()
        return forming

    def _row(self, i: int) -> Bar:
        *values, n_base = self._values(i)
        bar: Bar = self._series._make_bar(self._grid, self._forming(), tuple(values), 1 if n_base is None else n_base)
        return bar

    def __iter__(self) -> Iterator[Bar]:
        rows = self if self._seq is None else self.copy()
        *columns, n_base = (None if a is None else a[rows._start : rows._stop].tolist() for a in rows._arrays)
        forming = rows._forming()
        for i, values in enumerate(zip(*columns, strict=True)):
            yield self._series._make_bar(self._grid, forming, values, n_base[i] if n_base else 1)

    def _repr_html_(self) -> str:
        from sessiondata.rows.html import window_html  # not needed until a notebook asks

        return window_html(self)

    def _title(self) -> str:
        return f"BarWindow {self.symbol} {self.interval}"


def fixed_window(
    arrays: tuple[Any, ...],
    series: Any,
    grid: Any,
    forming_ts: int | None = None,
    start: int = 0,
    stop: int | None = None,
    requested: int | None = None,
) -> BarWindow:
    """A window on rows `[start, stop)` of arrays that nobody writes to; `series` names the rows and
    makes records of them."""
    window = BarWindow(arrays, start, len(arrays[0]) if stop is None else stop, series, None)
    window._grid, window._forming_ts, window._requested = grid, forming_ts, requested
    return window


def immutable(window: BarWindow) -> BarWindow:
    """The window itself, of a day to whose rows nobody will ever write."""
    window._seq = None
    return window


def window_of(rows: BarColumns) -> BarWindow:
    """All rows of a series as they are now, or the window itself."""
    return rows._window()


def has_hours(window: BarWindow) -> bool:
    """Whether the session of the rows is known."""
    return window._grid is not None


class WindowContent(NamedTuple):
    """What frames and other views are made of.

    Attributes
    ----------
    columns : tuple of ndarray
        time, open, high, low, close, volume of the rows, shape (n,); views.
    n_base : ndarray of int32 or None
        None for rows of a base interval.
    grid : Grid or None
        Hours of the rows.
    forming_ts : int or None
        Time of the bar in progress.
    is_derived : bool
    """

    columns: tuple[npt.NDArray[Any], ...]
    n_base: npt.NDArray[np.int32] | None
    grid: Any
    forming_ts: int | None
    is_derived: bool


def content_of(window: BarWindow) -> WindowContent:
    """What a window shows, without its names."""
    arrays, start, stop = window._bounds()
    columns = tuple(array[start:stop] for array in arrays[:6])
    n_base = None if arrays[6] is None else arrays[6][start:stop]
    return WindowContent(columns, n_base, window._grid, window._forming(), window._series.is_derived)


class FixedRows:
    """Makes records of rows that belong to no series: what `BarWindow` asks its series for."""

    __slots__ = ("_base_ns", "_make", "_step_ns", "_zone", "interval", "is_derived", "symbol")

    def __init__(self, symbol: str, interval: str, zone: tzinfo, is_derived: bool, step_ns: int, base_ns: int) -> None:
        self.symbol, self.interval, self._zone = symbol, interval, zone
        self.is_derived, self._step_ns, self._base_ns = is_derived, step_ns, base_ns
        self._make = in_zone(Bar, zone)._make

    def __reduce__(self) -> tuple[Any, ...]:
        return FixedRows, (self.symbol, self.interval, self._zone, self.is_derived, self._step_ns, self._base_ns)

    def _session_id(self) -> None:
        """Of none: nothing changes them."""

    def _steps(self) -> tuple[int, int]:
        return self._step_ns, self._base_ns

    def _make_bar(self, grid: Grid, forming_ts: int | None, values: tuple[Any, ...], n_base: int) -> Bar:
        n_expected = grid.base_slots(values[0], self._step_ns, self._base_ns)
        bar: Bar = self._make((*values, values[0] == forming_ts, n_expected == 0, n_base, n_expected))
        return bar


def _restored(columns: list[bytes | None], rows: tuple[Any, ...], grid: Any, forming_ts: int | None) -> BarWindow:
    """An immutable window that was pickled."""
    arrays = tuple(
        None if column is None else np.frombuffer(column, empty.dtype)
        for column, empty in zip(columns, EMPTY, strict=True)
    )
    return fixed_window(arrays, FixedRows(*rows), grid, forming_ts)


# Over bytes, which nobody can write to or resize.
EMPTY: tuple[npt.NDArray[Any], ...] = tuple(
    np.frombuffer(b"", dtype) for dtype in (np.int64, *(np.float64,) * 5, np.int32)
)
