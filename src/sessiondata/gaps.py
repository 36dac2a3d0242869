"""Gaps: the record of one, and the batch kernels that find them (and aggregate) in plain arrays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, overload

import numpy as np

from sessiondata import _aggregate, _gaps
from sessiondata.arguments import check_index
from sessiondata.batch import map_symbols
from sessiondata.columns import bar_columns, is_number
from sessiondata.errors import ArgumentError, ArgumentTypeError, BarTypeError, IntervalError, TimeError, shown
from sessiondata.grids import SessionGrid, compiled_of
from sessiondata.intervals import check_intervals, parse_interval
from sessiondata.series import BarSeries, BarWindow
from sessiondata.times import from_ns, to_ns, to_ns_array

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._grid import Grid
    from sessiondata._store import SymbolCore
    from sessiondata.columns import BarColumns

__all__ = ["BarArrays", "GapArrays", "GapInfo", "aggregate", "find_gaps", "quality"]

Int64Array: TypeAlias = "npt.NDArray[np.int64]"
FloatArray: TypeAlias = "npt.NDArray[np.float64]"
Name = TypeVar("Name", bound=Hashable)
_ndarray = np.ndarray
_new_tuple: Any = tuple.__new__  # of a NamedTuple: without its own __new__ in between, which is a Python function


# A NamedTuple is made in a third of the time of a frozen dataclass, and a quiet stock has thousands of gaps.
class GapInfo(NamedTuple):
    """A maximal run of missing slots within one segment.

    Attributes
    ----------
    symbol, interval : str
    start_ns, end_ns : int
        Starts of the first and of the last missing slot, ns since 1970 UTC; both inclusive. Half-open ranges, such as
        `SymbolSessionData.mark_no_trade` takes, end at `stop_ns`.
    bar_count : int
        Missing slots.
    retry_count : int
        How often they were asked for again.
    last_retry : datetime or None
        When that was last done.
    zone : tzinfo
        The exchange's, for `start_time` and `end_time`.
    last_stop_ns : int or None
        Where the last slot ends, if that is not a whole interval after `end_ns`: see `stop_ns`.
    """

    symbol: str
    interval: str
    start_ns: int
    end_ns: int
    bar_count: int
    retry_count: int = 0
    last_retry: datetime | None = None
    zone: tzinfo = UTC
    last_stop_ns: int | None = None

    # The zone is for show, and the grid says where a slot ends: two gaps are equal without them.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GapInfo) and self[:_N_TOLD] == other[:_N_TOLD]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:_N_TOLD])

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields[:_N_TOLD], self, strict=False))
        return f"GapInfo({values})"

    @property
    def stop_ns(self) -> int:
        """End of the last missing slot, ns: the gap is ``[start_ns, stop_ns)``."""
        if self.last_stop_ns is not None:
            return self.last_stop_ns
        return self.end_ns + (parse_interval(self.interval).step_ns or 1)  # of a whole session all that holds its open

    @property
    def stop_time(self) -> datetime:
        """End of the last missing slot (exclusive), aware, in the exchange's zone."""
        return from_ns(self.stop_ns, self.zone)

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


class GapOwner:
    """What has gaps, and evidence about them: a symbol, or one of its past days."""

    __slots__ = ()

    _core: SymbolCore
    _pinned_gaps: dict[int, list[GapInfo]]
    _pinned_quality: dict[int, float]

    @property
    def _zone(self) -> tzinfo:
        raise NotImplementedError

    @property
    def marks(self) -> dict[str, list[tuple[int, int]]]:
        """What was marked in this session, as far as the market is open: ``"no_trade"`` and ``"halted"``, each a list
        of ``(start_ns, stop_ns)``, half-open, in time order, none touching the next."""
        no_trade, halted = self._core.marks()
        return {"no_trade": no_trade, "halted": halted}

    def _gaps(self, k: int) -> list[GapInfo]:
        pinned = self._pinned_gaps.get(k)
        return self._computed_gaps(k) if pinned is None else list(pinned)

    def _computed_gaps(self, k: int) -> list[GapInfo]:
        return self._gaps_of(k, *self._core.answer(k)[2:])

    def _gaps_of(self, k: int, gaps: list[tuple[int, int, int, int, int | None]], grid: Grid | None) -> list[GapInfo]:
        """Gaps of series `k` in the hours in which they were found: the session may have ended since."""
        if not gaps:
            return []
        name, interval, zone = self._core.name, self._core.intervals[k], self._zone
        stops, step_ns = _stops_of(grid), self._core.steps_ns[k]
        return [
            GapInfo(name, interval, start, end, n, count, None if last is None else from_ns(last, zone), zone,
                    short_stop(stops, end, step_ns))
            for start, end, n, count, last in gaps
        ]  # fmt: skip


_N_TOLD = 7  # fields of a gap that two equal ones have in common


@lru_cache(maxsize=256)
def _stops_of(grid: Grid | None) -> list[int]:
    """Ends of the segments of a session, ns."""
    return [] if grid is None else grid.segment_stops()


def short_stop(stops: list[int], end: int, step_ns: int) -> int | None:
    """Where the slot that begins at `end` ends, if its segment cuts it or it is the whole session; else None."""
    if not stops or step_ns == 0:
        return stops[-1] if stops else None
    i = bisect_right(stops, end)
    return stops[i] if i < len(stops) and stops[i] < end + step_ns else None


def check_gap(gap: GapInfo) -> GapInfo:
    """A gap that a user made, its numbers as plain int64, or a TypeError or ValueError that says what is wrong."""
    if not isinstance(gap, GapInfo):
        raise ArgumentTypeError(f"a gap is a GapInfo: {gap!r}")
    numbers: dict[str, Any] = {name: check_index(f"{name} of a gap", getattr(gap, name)) for name in _NUMBERS}
    for name, number in numbers.items():
        if not -(2**63) < number < 2**63:
            raise ArgumentError(f"{name} of a gap must fit in int64: {number}", value=number)
    if gap.last_retry is not None:
        to_ns(gap.last_retry)
    return gap._replace(**numbers)


def check_number(name: str, value: Any, symbol: str | None = None) -> float:
    """A real number as float, or a `BarTypeError` naming it. `float` alone would read texts, and cut complex ones."""
    if not isinstance(value, (str, bytes, bytearray)) and is_number(value):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise BarTypeError(f"{name} must be a real number", symbol=symbol, value=f"{name}={shown(value)}", code="ERR_TYPE")


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
        Ascending open times (int64 ns, datetime64, or a pandas, polars or Arrow column). Repeats, off-grid times and
        times outside the session's segments count for nothing.
    grid : SessionGrid, or mapping of name to SessionGrid
        For many columns one of all, or one of each: of exchanges, or of the dates of one symbol.
    interval : str
    as_of : time, optional
        Only slots that end at or before it are expected; by default all slots of the session.
    workers : int, optional
        Threads that share the columns of a mapping: by default the caller's alone, -1 for one on each core. The result
        is the same for any number.

    Returns
    -------
    GapArrays, or dict of name to GapArrays
        New arrays; a dict has the order of the mapping.

    Raises
    ------
    BarError
        If a time is NaT or smaller than the one before it; names the row, and of many columns the first bad one.
    TimeError
        If all times, or `as_of`, lie in 1970 as integers of another unit do (``ERR_UNIT``), and the session later; or
        if they are no times.
    CalendarError
        If `grid` is no grid, such as a calendar, which has the hours of many dates.
    ValueError
        If `workers` is 0 or below -1.

    Notes
    -----
    One pass, O(n + gaps), without the GIL but for short columns. No store is needed.
    """
    step_ns = parse_interval(interval).step_ns
    now = None if as_of is None else to_ns(as_of)
    if type(ts_ns) is _ndarray or not isinstance(ts_ns, Mapping):
        compiled = compiled_of(grid)
        gaps = _gaps.find_gaps_plain(ts_ns, compiled, step_ns, now)
        if gaps is None:
            (gaps,) = _gaps.find_gaps_i64([to_ns_array(ts_ns)], [compiled], [None], step_ns, now)
        return _new_tuple(GapArrays, gaps)
    return map_symbols(partial(_gaps_of, step_ns, now), _times_of, ts_ns, grid, workers)


def _gaps_of(
    step_ns: int, now: int | None, names: list[Any], columns: list[Int64Array], grids: list[Grid]
) -> list[GapArrays]:
    return [_new_tuple(GapArrays, found) for found in _gaps.find_gaps_i64(columns, grids, names, step_ns, now)]


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

    Parameters and errors are those of `find_gaps`; 100.0 where nothing is expected. Allocates nothing but the result.
    """
    step_ns = parse_interval(interval).step_ns
    now = None if as_of is None else to_ns(as_of)
    if isinstance(ts_ns, np.ndarray) or not isinstance(ts_ns, Mapping):
        return _percent(*_gaps.count_present_i64([to_ns_array(ts_ns)], [compiled_of(grid)], [None], step_ns, now)[0])

    def kernel(names: list[Any], columns: list[Int64Array], grids: list[Grid]) -> list[float]:
        return [_percent(*counts) for counts in _gaps.count_present_i64(columns, grids, names, step_ns, now)]

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
        Time, open, high, low, close, volume; times strictly ascending. Rows outside the grid's span are left out.
    grid : SessionGrid, or mapping of name to SessionGrid
        For many symbols one of all, or one of each.
    from_interval, to_interval : str
        The second is a longer multiple of the first, or ``"1d"``.
    workers : int, optional
        Threads that share the symbols of a mapping: by default the caller's alone, -1 for one on each core. The result
        is the same for any number.

    Returns
    -------
    BarArrays, or dict of name to BarArrays
        New arrays: a bar for each slot with a row in it, extended ones included (``"1d"``: the regular session's bar
        only). Volumes are summed in time order. A dict has the order of the mapping.

    Raises
    ------
    BarError
        If times do not strictly ascend, the columns do not match, or a volume is 2**961 (1.9e289) or more, so that sums
        of it could be infinite; other values are not checked. Names the row, and of many symbols the first bad one.
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
        return BarArrays._make(_aggregate.aggregate_columns(*columns, compiled_of(grid), from_ns, step_ns, None))

    def kernel(names: list[Any], columns: list[BarColumns], grids: list[Grid]) -> list[BarArrays]:
        jobs = zip(columns, grids, names, strict=True)
        made = [_aggregate.aggregate_columns(*c, grid, from_ns, step_ns, name) for c, grid, name in jobs]
        return [BarArrays._make(columns) for columns in made]

    return map_symbols(kernel, _bars_of, bars, grid, workers)


def _bars_of(bars: Any, name: Any) -> BarColumns:
    """Six columns as the kernel takes them."""
    if isinstance(bars, (BarSeries, BarWindow)):
        bars = (bars.timestamp, bars.open, bars.high, bars.low, bars.close, bars.volume)
    elif not isinstance(bars, (tuple, list)) or len(bars) != 6:
        raise BarTypeError(
            "bars are six columns: time, open, high, low, close, volume",
            symbol=name, value=f"bars={bars!r:.80}", code="ERR_COLUMNS",
        )  # fmt: skip
    return bar_columns(*bars, symbol=name)
