"""Bars as arrays: a live series, and windows on it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar, overload

import numpy as np

from sessiondata.copying import not_copied
from sessiondata.rows import LiveRows, Place, RowWindow, TimedColumns
from sessiondata.times import check_meant, from_ns, to_ns

if TYPE_CHECKING:
    from datetime import datetime, tzinfo
    from typing import Any

    import numpy.typing as npt

    from sessiondata._grid import Grid
    from sessiondata._store import SymbolCore
    from sessiondata.gaps import GapInfo
    from sessiondata.history import HistoricalDay
    from sessiondata.symbol import SymbolSessionData

__all__ = ["Bar", "BarSeries", "BarWindow", "ExtendedSlots", "SeriesState"]

_T = TypeVar("_T")

FloatArray: TypeAlias = "npt.NDArray[np.float64]"

_NAMES = ("timestamp", "open", "high", "low", "close", "volume")
_NO_ROW = 2**62  # beyond all positions
_STATES = ("pending", "present", "missing", "no_trade", "halted")  # as `_gaps` numbers them


class Bar(NamedTuple):
    """One bar.

    Attributes
    ----------
    timestamp : int
        Open time, ns since 1970 UTC; of a derived bar the start of its slot.
    open, high, low, close, volume : float
    forming : bool
        The bar's slot is not over; its values may still grow.
    extended : bool
        The bar lies outside the session's segments.
    n_base, n_expected : int
        Coverage: base bars on their slot behind this bar, of how many expected (0 for extended bars).
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

    def datetime(self, zone: tzinfo) -> datetime:
        """Open time in `zone`, rounded down to a microsecond."""
        return from_ns(self.timestamp, zone)


class SeriesState(NamedTuple):
    """What is known of the slots of a series that are over, at one moment.

    Attributes
    ----------
    as_of_ns : int or None
        Up to when the symbol was judged, ns since 1970 UTC; None before the first bar.
    expected, present, missing, no_trade, halted : int
        ``present + missing + no_trade + halted == expected``.
    quality, completeness : float
        As `BarSeries` has them; the quality is the pinned one, if any is.
    gaps : list of GapInfo
        In time order, their ``bar_count`` together ``missing``; or those that are pinned.
    """

    as_of_ns: int | None
    expected: int
    present: int
    missing: int
    no_trade: int
    halted: int
    quality: float
    completeness: float
    gaps: list[GapInfo]


class _Glance(NamedTuple):
    """A series as it is told in one line."""

    rows: BarWindow
    newest: Bar | None
    expected: int
    missing: int
    gap_count: int
    quality: float


class _BarColumns(TimedColumns):
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
            By default, and with False, a frozen window (a `copy`, a closed day) is shown without a copy, as a
            read-only frame, and a live series is copied (with False: an error). True copies in any case.

        Returns
        -------
        pandas.DataFrame
            Columns open, high, low, close, volume (float64) and extended (bool); of a derived series also
            forming (bool) and n_base (int32, base bars on their slot); of ``"1d"`` also trade_date
            (datetime64[s], naive), since a session may open on the date before, in UTC or on its own
            clock. The index is ``timestamp``, datetime64[ns, UTC]: the open times, ascending.

        Raises
        ------
        ImportError
            There is no pandas.
        ArgumentError
            ``copy=False`` of a live series; as an ArgumentTypeError, if `copy` is no bool.
        """
        from sessiondata import frames

        return frames.to_pandas(self, copy)

    def to_polars(self) -> Any:
        """A polars DataFrame with the columns of `to_pandas`, first among them ``timestamp``, Datetime("ns", "UTC").
        Of ``"1d"`` the last one, ``trade_date``, is a Date. A live series is copied, a frozen window is not."""
        from sessiondata import frames

        return frames.to_polars(self)

    def to_arrow(self) -> Any:
        """A pyarrow Table with the columns of `to_polars`, first among them ``timestamp``, timestamp[ns, tz=UTC].
        Of ``"1d"`` the last one, ``trade_date``, is date32. A live series is copied, a frozen window is not."""
        from sessiondata import frames

        return frames.to_arrow(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Capsule of an Arrow C stream of one batch: what lets ``polars.DataFrame(series)``, ``pyarrow.table(series)``
        and others take a series as it is. Needs no Arrow library.

        Columns and copies are those of `to_arrow`. `requested_schema` must have the same columns; other types in it are
        a wish that is not followed.
        """
        from sessiondata import frames

        return frames.arrow_stream(self, requested_schema)

    def __arrow_c_schema__(self) -> Any:
        """Capsule of the Arrow schema of `__arrow_c_stream__`."""
        from sessiondata import frames

        return frames.arrow_schema(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """A structured array, shape (n,), with the columns of `to_polars` as fields; ``timestamp`` is datetime64[ns],
        UTC, ``trade_date`` of ``"1d"`` datetime64[D]. Always a new array, so ``copy=False`` is an error.

        Records and not a matrix: no float64 holds today's nanoseconds. A matrix of prices is
        ``np.column_stack([series.open, series.close])``.
        """
        from sessiondata import frames

        return frames.to_array(self, dtype, copy)


class BarWindow(_BarColumns, RowWindow[Bar]):
    __slots__ = ("_forming_ts", "_grid")
    __doc__ = RowWindow.__doc__

    _unit = "bars"

    def __init__(
        self, arrays: tuple[Any, ...], start: int, stop: int, series: Any, seq: int | None, place: Place | None = None
    ) -> None:
        super().__init__(arrays, start, stop, series, seq, place)
        self._grid: Any = None if seq is None else series._core.grid  # a window outlives its session
        self._forming_ts: int | None = None  # of a copy: its forming bar

    @classmethod
    def _fixed(cls, arrays: tuple[Any, ...], series: Any, grid: Any, forming_ts: int | None = None) -> BarWindow:
        """A window on arrays that nobody writes to."""
        window = cls(arrays, 0, len(arrays[0]), series, None)
        window._grid, window._forming_ts = grid, forming_ts
        return window

    def _window(self) -> BarWindow:
        return self

    @property
    def interval(self) -> str:
        name: str = self._series.interval
        return name

    @property
    def is_frozen(self) -> bool:
        """Whether nothing can ever change the window, so that frames may show its memory. True for a copy."""
        return self._seq is None

    def _told(self) -> tuple[Any, ...]:
        series = self._series
        if isinstance(series, BarSeries):
            steps_ns = series._core.steps_ns
            steps: tuple[int, int] = steps_ns[series._k], steps_ns[0]
        else:
            steps = series._step_ns, series._base_ns
        rows = series.symbol, series.interval, series._zone, series.is_derived, *steps
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
        """Time of the bar in progress: a copy's when it was made, a view's now (none once its session is gone)."""
        if self._place is None or self._place.session_id != self._series._core.session_id:
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
        from sessiondata.display import window_html  # not needed until a notebook asks

        return window_html(self)

    def _title(self) -> str:
        return f"BarWindow {self.symbol} {self.interval}"


@not_copied("series.copy() is a window of its own, which can be")
class BarSeries(_BarColumns, LiveRows[Bar, BarWindow]):
    """The bars of one interval of one symbol in the current session, oldest first; always current.

    Rows include extended ones (before the open, in breaks, after the close); gaps, quality and expected counts are of
    the session's segments only. Reading is O(1) unless said otherwise; nothing is computed from the rows to answer.
    """

    __slots__ = ("_core", "_k", "_owner")

    def __init__(self, owner: SymbolSessionData | HistoricalDay, core: SymbolCore, k: int) -> None:
        self._owner, self._core, self._k = owner, core, k

    # --- what it is ---

    @property
    def symbol(self) -> str:
        return self._core.name

    @property
    def interval(self) -> str:
        return self._core.intervals[self._k]

    @property
    def is_derived(self) -> bool:
        """True if the bars are aggregated from the base interval."""
        return self._k > 0

    @property
    def total_count(self) -> int:
        """Rows ever added in this session, those since overwritten included."""
        return self._core.total_count(self._k)

    @property
    def is_quality_pinned(self) -> bool:
        """Whether `quality` is what `set_quality` pinned."""
        return self._k in self._owner._pinned_quality

    @property
    def _zone(self) -> tzinfo:
        return self._owner._zone

    # --- rows ---

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        columns, start, stop, _, _ = self._core.bounds(self._k)
        return columns or _EMPTY, start, stop

    def _window(self) -> BarWindow:
        return self.window(0, None)

    def copy(self) -> BarWindow:
        """All rows as they are at one moment, whoever writes meanwhile: an independent window on copied arrays, which
        are read-only as well."""
        grid, (copies, forming_ts) = self._in_one_session(lambda: (self._core.grid, self._core.copy_rows(self._k)))
        arrays: tuple[Any, ...] = tuple(
            None if copy is None else np.frombuffer(copy, empty.dtype)
            for copy, empty in zip(copies, _EMPTY, strict=True)
        )
        return BarWindow._fixed(arrays, self, grid, forming_ts)

    def _new_window(self, arrays: tuple[Any, ...], start: int, stop: int, place: Place, seq: int) -> BarWindow:
        window = BarWindow(arrays, start, stop, self, seq, place)
        # The session has just ended, and its hours are gone: no rows of it are shown.
        if stop > start and (window._grid is None or self._core.session_id != place.session_id):
            return BarWindow._fixed(_EMPTY, self, None)
        return window

    def _live(self) -> tuple[tuple[Any, ...], int, int, Place]:
        while True:
            session_id = self._core.session_id
            columns, start, stop, oldest, moves = self._core.bounds(self._k)
            if self._core.session_id == session_id:
                return columns or _EMPTY, start, stop, Place(session_id, moves, oldest)

    def _in_one_session(self, ask: Callable[[], _T]) -> _T:
        """What a function returns that puts several questions to native state, none of two sessions."""
        while True:
            session_id = self._core.session_id
            answer = ask()
            if self._core.session_id == session_id:
                return answer

    def _place(self) -> Place:
        _, _, oldest, moves = self._core.rows(self._k)
        return Place(self._core.session_id, moves, oldest)

    def _copy_rows(self, arrays: tuple[Any, ...], start: int, stop: int) -> tuple[Any, ...]:
        return self._core.copy_columns(arrays, start, stop)

    @property
    def n_base(self) -> npt.NDArray[np.int32]:
        """Base bars on their slot behind each bar, int32. A view for derived series, new ones for the base."""
        columns, start, stop = self._bounds()
        return np.ones(stop - start, np.int32) if columns[6] is None else columns[6][start:stop]

    @property
    def coverage(self) -> tuple[int, int]:
        """(base bars, expected base bars) behind the newest bar; (0, 0) for an empty series."""
        found = self._core.bar(self._k, -1)
        newest = None if found is None else self._bar(found)
        return (0, 0) if newest is None else (newest.n_base, newest.n_expected)

    @property
    def forming(self) -> bool:
        """Whether the newest bar is still in progress. Of the base, only bars made of trades or quotes ever are."""
        return self._core.forming(self._k)

    def __len__(self) -> int:
        return self._core.count(self._k)

    @overload
    def __getitem__(self, key: int) -> Bar: ...
    @overload
    def __getitem__(self, key: slice) -> BarWindow: ...
    def __getitem__(self, key: int | slice) -> Bar | BarWindow:
        """A `Bar` for an int, a `BarWindow` for a slice (a view if its step is 1, else a copy)."""
        if isinstance(key, slice):
            return self._window()[key] if key.step in (None, 1) else self.copy()[key]
        i = operator.index(key)
        found = self._core.bar(self._k, i) if abs(i) < _NO_ROW else None
        if found is None:
            raise IndexError(f"row {key} of {len(self)}")
        return self._bar(found)

    def _bar(self, found: tuple[tuple[Any, ...], bool, Grid]) -> Bar:
        (*values, n_base), forming, grid = found
        return self._make_bar(grid, values[0] if forming else None, tuple(values), n_base if self._k else 1)

    def _forming_ts(self) -> int | None:
        found = self._core.bar(self._k, -1)
        return found[0][0] if found is not None and found[1] else None

    def _make_bar(self, grid: Grid | None, forming_ts: int | None, values: tuple[Any, ...], n_base: int) -> Bar:
        assert grid is not None  # where there is a row there is a session
        n_expected = grid.base_slots(values[0], self._core.steps_ns[self._k], self._core.steps_ns[0])
        return Bar._make((*values, values[0] == forming_ts, n_expected == 0, n_base, n_expected))

    def __iter__(self) -> Iterator[Bar]:
        return iter(self.copy())

    # --- what is missing ---

    @property
    def expected(self) -> int:
        """Slots of the session that are over: ``present + missing + no_trade + halted``."""
        return self._core.states(self._k)[0]

    @property
    def present(self) -> int:
        """Slots among the expected with a bar on them."""
        return self._core.states(self._k)[1]

    @property
    def missing(self) -> int:
        """Slots among the expected without a bar, and without evidence that there should be none."""
        return self._core.states(self._k)[2]

    @property
    def no_trade(self) -> int:
        """Slots among the expected without a bar in which, as was marked, nothing traded (for a part of them the market
        may have been halted)."""
        return self._core.states(self._k)[3]

    @property
    def halted(self) -> int:
        """Slots among the expected without a bar through which, as was marked, the market was halted."""
        return self._core.states(self._k)[4]

    def slot_state(self, ts_ns: Any) -> str | None:
        """State of the slot of the regular session that holds a time.

        Parameters
        ----------
        ts_ns : int ns, datetime64 or aware datetime

        Returns
        -------
        {"present", "missing", "no_trade", "halted", "pending"} or None
            None outside the session's segments; pending is a slot that is not over.

        Raises
        ------
        TimeError
            It is no time, or an integer of another unit (``ERR_UNIT``), as of `SessionData.advance_to`.
        """
        time = to_ns(ts_ns)
        state = self._core.state_at(self._k, time)
        if state >= 0:
            return _STATES[state]
        if not self._core.has_early_days():
            check_meant(time, symbol=self.symbol)
        return None

    @property
    def state(self) -> SeriesState:
        """Gaps, quality and all counts of one moment. What is read one after the other may lie on both sides of a bar
        that another thread has stored meanwhile. O(gaps)."""
        as_of, states, found, grid = self._core.answer(self._k)
        expected, present, missing, no_trade, halted = states
        pinned_gaps = self._owner._pinned_gaps.get(self._k)
        return SeriesState(
            as_of, expected, present, missing, no_trade, halted,
            self._quality(expected, present),
            100.0 * (expected - missing) / expected if expected else 100.0,
            self._owner._gaps_of(self._k, found, grid) if pinned_gaps is None else list(pinned_gaps),
        )  # fmt: skip

    @property
    def extended(self) -> ExtendedSlots:
        """What is expected of this series outside the session's segments, in a store with ``extended_hours``."""
        return ExtendedSlots(self)

    @property
    def gap_count(self) -> int:
        """Number of gaps. O(segments), and marks in time after the newest bar."""
        pinned = self._owner._pinned_gaps.get(self._k)
        return self._core.gap_count(self._k) if pinned is None else len(pinned)

    @property
    def gaps(self) -> list[GapInfo]:
        """Gaps in time order, or what `set_gaps` pinned. O(gaps)."""
        return self._owner._gaps(self._k)

    @property
    def quality(self) -> float:
        """100 * present / expected, or what `set_quality` pinned; 100.0 where nothing is expected yet."""
        expected, present, _, _, _ = self._core.states(self._k)
        return self._quality(expected, present)

    def _quality(self, expected: int, present: int) -> float:
        pinned = self._owner._pinned_quality.get(self._k)
        if pinned is not None:
            return pinned
        return 100.0 * present / expected if expected else 100.0

    @property
    def completeness(self) -> float:
        """100 * (present + no_trade + halted) / expected: what is left to 100 is really unexplained.

        100.0 where nothing is expected yet."""
        expected, _, missing, _, _ = self._core.states(self._k)
        return 100.0 * (expected - missing) / expected if expected else 100.0

    def _repr_html_(self) -> str:
        from sessiondata.display import series_html  # not needed until a notebook asks

        return series_html(self)

    def __repr__(self) -> str:
        seen, newest = self._glance(), ""
        if seen.newest is not None:
            newest = f", newest {seen.newest.datetime(self._zone).isoformat(sep=' ')} close={seen.newest.close:g}"
            newest += " forming" if seen.newest.forming else ""
        return (
            f"<BarSeries {self.symbol} {self.interval}: {len(seen.rows)} bars, {seen.missing} of {seen.expected}"
            f" missing, quality {seen.quality:.2f}{newest}>"
        )

    def _glance(self) -> _Glance:
        """What is told of the series, all of one session: another thread may end it between two questions."""
        return self._in_one_session(self._look)

    def _look(self) -> _Glance:
        rows, gap_count = self.window(0, None), self.gap_count
        expected, present, missing, _, _ = self._core.states(self._k)
        return _Glance(
            rows, rows[-1] if len(rows) else None, expected, missing, gap_count, self._quality(expected, present)
        )


@not_copied("copy the store with data.copy(), or keep the numbers")
class ExtendedSlots:
    """Slots before the open and after the close in which a store with ``extended_hours`` expects bars; always current.

    They are those that extended bars fall in anyway: counted backwards from the open and forwards from the close.
    Expected are the ones that reach into the hours. Nothing of it is in the regular numbers; ``"1d"`` has none, nor has
    a store without ``extended_hours``. Marks are of the regular session, so what is absent here is missing.
    """

    __slots__ = ("_series",)

    def __init__(self, series: BarSeries) -> None:
        self._series = series

    def _tally(self) -> tuple[int, int]:
        present, expected, _, _ = self._series._core.extended_answer(self._series._k)
        return present, expected

    @property
    def expected(self) -> int:
        """Slots that are over."""
        return self._tally()[1]

    @property
    def present(self) -> int:
        """Slots among the expected with a bar on them."""
        return self._tally()[0]

    @property
    def missing(self) -> int:
        """Slots among the expected without a bar."""
        present, expected = self._tally()
        return expected - present

    @property
    def quality(self) -> float:
        """100 * present / expected; 100.0 where nothing is expected yet."""
        present, expected = self._tally()
        return 100.0 * present / expected if expected else 100.0

    @property
    def completeness(self) -> float:
        """The same as `quality`: nothing can be marked here."""
        return self.quality

    @property
    def gap_count(self) -> int:
        """Number of gaps. O(gaps)."""
        return len(self._series._core.extended_answer(self._series._k)[2])

    @property
    def gaps(self) -> list[GapInfo]:
        """Gaps in time order: runs of missing slots, before the open or after the close. O(gaps)."""
        series = self._series
        return series._owner._gaps_of(series._k, *series._core.extended_answer(series._k)[2:])

    def __repr__(self) -> str:
        series, (present, expected) = self._series, self._tally()
        quality = 100.0 * present / expected if expected else 100.0
        return (
            f"<ExtendedSlots {series.symbol} {series.interval}: {expected - present} of {expected} missing,"
            f" quality {quality:.2f}>"
        )


def _restored(columns: list[bytes | None], rows: tuple[Any, ...], grid: Any, forming_ts: int | None) -> BarWindow:
    """A frozen window that was pickled."""
    from sessiondata.history import Rows  # which stands on this module

    arrays = tuple(
        None if column is None else np.frombuffer(column, empty.dtype)
        for column, empty in zip(columns, _EMPTY, strict=True)
    )
    return BarWindow._fixed(arrays, Rows(*rows), grid, forming_ts)


# Over bytes, which nobody can write to or resize.
_EMPTY: tuple[npt.NDArray[Any], ...] = tuple(
    np.frombuffer(b"", dtype) for dtype in (np.int64, *(np.float64,) * 5, np.int32)
)
