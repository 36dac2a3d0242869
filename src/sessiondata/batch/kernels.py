"""Batch kernels on plain arrays: gaps, quality and derived bars without a store."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, overload

import numpy as np

from sessiondata._native.rows.batch import aggregate_columns
from sessiondata._native.slots.batch import count_present_i64, find_gaps_i64, find_gaps_plain
from sessiondata.batch.threads import map_symbols
from sessiondata.errors import BarTypeError, IntervalError, TimeError
from sessiondata.market.grid import SessionGrid, compiled_of
from sessiondata.rows.bars import BarWindow
from sessiondata.rows.columns import bar_columns
from sessiondata.rows.series import BarSeries
from sessiondata.time.arrays import to_ns_array
from sessiondata.time.instants import to_ns
from sessiondata.time.intervals import check_intervals, parse_interval, parse_text

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._native.slots.grid import Grid
    from sessiondata.rows.columns import BarColumns

__all__ = ["BarArrays", "GapArrays", "aggregate", "find_gaps", "quality"]

Int64Array: TypeAlias = "npt.NDArray[np.int64]"
FloatArray: TypeAlias = "npt.NDArray[np.float64]"
Name = TypeVar("Name", bound=Hashable)
_ndarray = np.ndarray
# of a NamedTuple: without its own __new__ in between, which is a Python function
_new_tuple: Any = tuple.__new__


class GapArrays(NamedTuple):
    """Gaps as arrays of one length, in time order.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64
        Starts of the first and last missing slot of each gap, ns since 1970 UTC; both inclusive.
    bar_count : ndarray of int64
        Missing slots of each gap.
    """

    start_ns: Int64Array
    end_ns: Int64Array
    bar_count: Int64Array


class BarArrays(NamedTuple):
    """Bars as arrays of one length, in time order.

    Attributes
    ----------
    timestamp : ndarray of int64
        Slot starts, ns since 1970 UTC.
    open, high, low, close, volume : ndarray of float64
    n_base : ndarray of int32
        Bars on their slot behind each derived bar.
    """

    timestamp: Int64Array
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    n_base: npt.NDArray[np.int32]


@overload
def find_gaps(
    ts_ns: Mapping[Name, Any],
    grid: SessionGrid | Mapping[Name, SessionGrid],
    interval: str,
    as_of: Any = None,
    *,
    workers: int | None = None,
) -> dict[Name, GapArrays]: ...
@overload
def find_gaps(
    ts_ns: Any, grid: SessionGrid, interval: str, as_of: Any = None, *, workers: int | None = None
) -> GapArrays: ...
def find_gaps(ts_ns: Any, grid: Any, interval: str, as_of: Any = None, *, workers: int | None = None) -> Any:
    """Gaps of a column of bar times against the session's grid, or of the columns of many symbols.

    Parameters
    ----------
    ts_ns : array of times, shape (n,), or mapping of name to such arrays
        Ascending open times (int64 ns, datetime64, or a pandas, polars or Arrow column). Repeats,
        off-grid times and times outside the session's segments count for nothing.
    grid : SessionGrid, or mapping of name to SessionGrid
        For many columns one of all, or one of each: of exchanges, or of the dates of one symbol.
    interval : str
    as_of : time, optional
        Only slots that end at or before it are expected; by default all slots of the session.
    workers : int, optional
        Threads that share the columns of a mapping: by default the caller's alone, -1 for one on
        each core. The result is the same for any number.

    Returns
    -------
    GapArrays, or dict of name to GapArrays
        New arrays; a dict has the order of the mapping.

    Raises
    ------
    BarError
        If a time is NaT or smaller than the one before it; names the row, and of many columns the
        first bad one.
    TimeError
        If all times, or `as_of`, lie in 1970 as integers of another unit do (``ERR_UNIT``), and the
        session later; or if they are no times.
    CalendarError
        If `grid` is no grid, such as a calendar, which has the hours of many dates.
    ValueError
        If `workers` is 0 or below -1.

    Notes
    -----
    One pass, O(n + gaps), without the GIL but for short columns. No store is needed.
    """
    step_ns = (parse_text(interval) if type(interval) is str else parse_interval(interval)).step_ns
    now = None if as_of is None else to_ns(as_of)
    if type(ts_ns) is _ndarray or not isinstance(ts_ns, Mapping):
        # of a plain grid without a call
        compiled = grid.compiled if type(grid) is SessionGrid else compiled_of(grid)
        gaps = find_gaps_plain(ts_ns, compiled, step_ns, now)
        if gaps is None:
            (gaps,) = find_gaps_i64([to_ns_array(ts_ns)], [compiled], [None], step_ns, now)
        return _new_tuple(GapArrays, gaps)
    return map_symbols(partial(_gaps_of, step_ns, now), _times_of, ts_ns, grid, workers)


def _gaps_of(
    step_ns: int, now: int | None, names: list[Any], columns: list[Int64Array], grids: list[Grid]
) -> list[GapArrays]:
    return [_new_tuple(GapArrays, found) for found in find_gaps_i64(columns, grids, names, step_ns, now)]


@overload
def quality(
    ts_ns: Mapping[Name, Any],
    grid: SessionGrid | Mapping[Name, SessionGrid],
    interval: str,
    as_of: Any = None,
    *,
    workers: int | None = None,
) -> dict[Name, float]: ...
@overload
def quality(
    ts_ns: Any, grid: SessionGrid, interval: str, as_of: Any = None, *, workers: int | None = None
) -> float: ...
def quality(ts_ns: Any, grid: Any, interval: str, as_of: Any = None, *, workers: int | None = None) -> Any:
    """Share of the expected slots that have a bar, 0.0 to 100.0; of many symbols a dict of them.

    Parameters and errors are those of `find_gaps`; 100.0 where nothing is expected. Allocates
    nothing but the result.
    """
    step_ns = parse_interval(interval).step_ns
    now = None if as_of is None else to_ns(as_of)
    if isinstance(ts_ns, np.ndarray) or not isinstance(ts_ns, Mapping):
        return _percent(*count_present_i64([to_ns_array(ts_ns)], [compiled_of(grid)], [None], step_ns, now)[0])

    def kernel(names: list[Any], columns: list[Int64Array], grids: list[Grid]) -> list[float]:
        return [_percent(*counts) for counts in count_present_i64(columns, grids, names, step_ns, now)]

    return map_symbols(kernel, _times_of, ts_ns, grid, workers)


def _percent(present: int, expected: int) -> float:
    return 100.0 * present / expected if expected else 100.0


def _times_of(column: Any, name: Any) -> Int64Array:
    try:
        return to_ns_array(column)
    except TimeError as error:
        raise TimeError(f"{error} (symbol={name!r})") from error


@overload
def aggregate(
    bars: Mapping[Name, Any],
    grid: SessionGrid | Mapping[Name, SessionGrid],
    from_interval: str,
    to_interval: str,
    *,
    workers: int | None = None,
) -> dict[Name, BarArrays]: ...
@overload
def aggregate(
    bars: Any, grid: SessionGrid, from_interval: str, to_interval: str, *, workers: int | None = None
) -> BarArrays: ...
def aggregate(bars: Any, grid: Any, from_interval: str, to_interval: str, *, workers: int | None = None) -> Any:
    """Derived bars of plain arrays, or of the arrays of many symbols.

    Parameters
    ----------
    bars : BarWindow, BarSeries, or sequence of six arrays; or mapping of name to such bars
        Time, open, high, low, close, volume; times strictly ascending. Rows outside the grid's span
        are left out.
    grid : SessionGrid, or mapping of name to SessionGrid
        For many symbols one of all, or one of each.
    from_interval, to_interval : str
        The second is a longer multiple of the first, or ``"1d"``.
    workers : int, optional
        Threads that share the symbols of a mapping: by default the caller's alone, -1 for one on
        each core. The result is the same for any number.

    Returns
    -------
    BarArrays, or dict of name to BarArrays
        New arrays: a bar for each slot with a row in it, extended ones included (``"1d"``: the
        regular session's bar only). Volumes are summed in time order. A dict has the order of the
        mapping.

    Raises
    ------
    BarError
        If times do not strictly ascend, the columns do not match, or a volume is 2**961 (1.9e289)
        or more, so that sums of it could be infinite; other values are not checked. Names the row,
        and of many symbols the first bad one.
    TimeError
        As of `find_gaps`.
    CalendarError
        If `grid` is no grid.
    IntervalError
        If `to_interval` cannot be made from `from_interval`.
    ValueError
        If `workers` is 0 or below -1.

    Notes
    -----
    One pass, O(n), without the GIL.
    """
    base, derived = check_intervals(from_interval, (to_interval,))
    if not derived:
        raise IntervalError(f"cannot derive {to_interval!r} from {from_interval!r}", value=to_interval)
    from_ns, step_ns = base.step_ns, derived[0].step_ns
    if not isinstance(bars, Mapping):
        columns = _bars_of(bars, None)
        return BarArrays._make(aggregate_columns(*columns, compiled_of(grid), from_ns, step_ns, None))

    def kernel(names: list[Any], columns: list[BarColumns], grids: list[Grid]) -> list[BarArrays]:
        jobs = zip(columns, grids, names, strict=True)
        made = [aggregate_columns(*c, grid, from_ns, step_ns, name) for c, grid, name in jobs]
        return [BarArrays._make(columns) for columns in made]

    return map_symbols(kernel, _bars_of, bars, grid, workers)


def _bars_of(bars: Any, name: Any) -> BarColumns:
    """Six columns for the kernel."""
    if isinstance(bars, (BarSeries, BarWindow)):
        bars = (bars.timestamp, bars.open, bars.high, bars.low, bars.close, bars.volume)
    elif not isinstance(bars, (tuple, list)) or len(bars) != 6:
        raise BarTypeError(
            "bars are six columns: time, open, high, low, close, volume",
            symbol=name, value=f"bars={bars!r:.80}", code="ERR_COLUMNS",
        )  # fmt: skip
    return bar_columns(*bars, symbol=name)
