"""Gaps: the record of one, and the batch kernels that find them (and aggregate) in plain arrays."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sessiondata import _aggregate, _gaps
from sessiondata.calendars import SessionGrid
from sessiondata.columns import bar_columns
from sessiondata.errors import BarTypeError, IntervalError
from sessiondata.intervals import check_intervals, parse_interval
from sessiondata.series import BarSeries, BarWindow
from sessiondata.times import from_ns, to_ns, to_ns_array

__all__ = ["BarArrays", "GapArrays", "GapInfo", "aggregate", "find_gaps", "quality"]

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GapInfo:
    """A maximal run of missing slots within one segment.

    Attributes
    ----------
    symbol, interval : str
    start_ns, end_ns : int
        Starts of the first and of the last missing slot, ns since 1970 UTC; both inclusive.
    bar_count : int
        Missing slots.
    retry_count : int
        How often they were asked for again.
    last_retry : datetime or None
        When that was last done.
    zone : tzinfo
        The exchange's, for `start_time` and `end_time`.
    """

    symbol: str
    interval: str
    start_ns: int
    end_ns: int
    bar_count: int
    retry_count: int = 0
    last_retry: datetime | None = None
    zone: tzinfo = field(default=UTC, repr=False, compare=False)

    @property
    def start_time(self) -> datetime:
        """First missing time, aware, in the exchange's zone."""
        return from_ns(self.start_ns, self.zone)

    @property
    def end_time(self) -> datetime:
        """Last missing time (inclusive), aware, in the exchange's zone."""
        return from_ns(self.end_ns, self.zone)

    def __str__(self) -> str:
        start, end = (time.isoformat(sep=" ") for time in (self.start_time, self.end_time))
        return f"{self.symbol} {self.interval}: {self.bar_count} missing, {start} .. {end}"


def check_gap(gap: GapInfo) -> GapInfo:
    """A gap that a user made, its numbers as plain int64, or a TypeError or ValueError that says what is wrong."""
    if not isinstance(gap, GapInfo):
        raise TypeError(f"a gap is a GapInfo: {gap!r}")
    numbers: dict[str, Any] = {name: operator.index(getattr(gap, name)) for name in _NUMBERS}
    for name, number in numbers.items():
        if not -(2**63) < number < 2**63:
            raise ValueError(f"{name} of a gap must fit in int64: {number}")
    if gap.last_retry is not None:
        to_ns(gap.last_retry)
    return replace(gap, **numbers)


_NUMBERS = ("start_ns", "end_ns", "bar_count", "retry_count")


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


def find_gaps(ts_ns: Any, grid: SessionGrid, interval: str, as_of: Any = None) -> GapArrays:
    """Gaps of a column of bar times against the session's grid.

    Parameters
    ----------
    ts_ns : array of times, shape (n,)
        Ascending open times (int64 ns, datetime64, or a pandas, polars or Arrow column). Repeats, off-grid times and
        times outside the session's segments count for nothing.
    grid : SessionGrid
    interval : str
    as_of : time, optional
        Only slots that end at or before it are expected; by default all slots of the session.

    Returns
    -------
    GapArrays
        New arrays.

    Raises
    ------
    BarError
        If a time is NaT or smaller than the one before it; names the row.

    Notes
    -----
    One pass, O(n + gaps). No store is needed.
    """
    step_ns = parse_interval(interval).step_ns
    return GapArrays(*_gaps.find_gaps_i64(to_ns_array(ts_ns), grid.compiled, step_ns, _as_of(as_of)))


def quality(ts_ns: Any, grid: SessionGrid, interval: str, as_of: Any = None) -> float:
    """Share of the expected slots that have a bar, 0.0 to 100.0.

    Parameters and errors are those of `find_gaps`; 100.0 where nothing is expected. Allocates nothing but the result.
    """
    step_ns = parse_interval(interval).step_ns
    present, expected = _gaps.count_present_i64(to_ns_array(ts_ns), grid.compiled, step_ns, _as_of(as_of))
    return 100.0 * present / expected if expected else 100.0


def aggregate(bars: Any, grid: SessionGrid, from_interval: str, to_interval: str) -> BarArrays:
    """Derived bars of plain arrays.

    Parameters
    ----------
    bars : BarWindow, BarSeries, or sequence of six arrays
        Time, open, high, low, close, volume; times strictly ascending. Rows outside the grid's span are left out.
    grid : SessionGrid
    from_interval, to_interval : str
        The second is a longer multiple of the first, or ``"1d"``.

    Returns
    -------
    BarArrays
        New arrays: a bar for each slot with a row in it, extended ones included (``"1d"``: the regular session's bar
        only). Volumes are summed in time order.

    Raises
    ------
    BarError
        If times do not strictly ascend or the columns do not match; values are not checked.
    IntervalError
        If `to_interval` cannot be made from `from_interval`.
    """
    base, derived = check_intervals(from_interval, (to_interval,))
    if not derived:
        raise IntervalError(f"cannot derive {to_interval!r} from {from_interval!r}")
    if isinstance(bars, (BarSeries, BarWindow)):
        bars = (bars.timestamp, bars.open, bars.high, bars.low, bars.close, bars.volume)
    elif not isinstance(bars, (tuple, list)) or len(bars) != 6:
        raise BarTypeError(
            "bars are six columns: time, open, high, low, close, volume", value=f"bars={bars!r:.80}", code="ERR_COLUMNS"
        )
    columns = bar_columns(*bars)
    return BarArrays(*_aggregate.aggregate_columns(*columns, grid.compiled, base.step_ns, derived[0].step_ns))


def _as_of(value: Any) -> int | None:
    return None if value is None else to_ns(value)
