"""Rows of past days that are kept as they were supplied."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sessiondata.rows.columns import read_only, to_numpy

if TYPE_CHECKING:
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.time.intervals import Interval

__all__ = ["NO_ROWS", "Columns", "merged", "one_row", "opens_of_dates", "slot_labels"]

Columns: TypeAlias = "tuple[Any, ...]"  # ts, open, high, low, close, volume, n_base


def merged(old: Columns, new: Columns) -> tuple[Any, int]:
    """Two sets of columns by time, of equal times the later row of the new one; and how many rows
    that changed.

    A repeat changes nothing, not even the sign of a zero. New read-only arrays, ascending in
    time."""
    columns = [np.concatenate(pair) for pair in zip(old, new, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    times = columns[0][order]
    last = order[np.append(times[1:] != times[:-1], np.ones(min(1, len(times)), bool))]
    first = order[np.append(np.ones(min(1, len(times)), bool), times[1:] != times[:-1])]
    repeated = first < len(old[0])
    for column in columns[1:6]:
        repeated &= column[first] == column[last]
    rows = np.where(repeated, first, last)
    return tuple(read_only(column[rows]) for column in columns), int(len(rows) - repeated.sum())


def slot_labels(interval: Interval, grid: SessionGrid, times: Any, close_label: bool) -> Any:
    """Open times of supplied rows; those of daily bars are the session's open."""
    if interval.step_ns == 0:
        return np.full(len(times), grid.segments[0, 0], np.int64)
    if not close_label:
        return times
    # The end of a segment may close a slot that is shorter than the interval.
    opens = times - interval.step_ns
    for start, stop in grid.segments.tolist():
        opens[times == stop] = start + (stop - 1 - start) // interval.step_ns * interval.step_ns
    return opens


def one_row(values: tuple[Any, ...]) -> Columns:
    kinds = (np.int64, *(np.float64,) * 5, np.int32)
    return tuple(read_only(np.array([value], kind)) for value, kind in zip(values, kinds, strict=True))


NO_ROWS: Columns = tuple(np.frombuffer(b"", kind) for kind in (np.int64, *(np.float64,) * 5, np.int32))


# Types of columns that may hold dates: of pandas, polars and Arrow.
_COLUMNS_OF_DATES = ("object", "str", "string", "Date", "String", "date32[day]", "date32[day][pyarrow]")


def opens_of_dates(calendar: SessionCalendar, dates: Any) -> Any:
    """Opens of the sessions, if these are dates (datetime64[D], `date`, "YYYY-MM-DD", also in a
    column of another library); None if they are times."""
    if str(getattr(dates, "dtype", getattr(dates, "type", None))) in _COLUMNS_OF_DATES:
        dates = to_numpy(dates)
    if isinstance(dates, np.ndarray) and dates.dtype != np.dtype("datetime64[D]") and dates.dtype.kind not in "OU":
        return None
    if not isinstance(dates, (np.ndarray, list, tuple)) or not len(dates) or not all(map(_is_date, dates)):
        return None
    return np.array([calendar.session(date).segments[0, 0] for date in dates], np.int64)


def _is_date(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return bool(value.dtype == np.dtype("datetime64[D]"))
    return isinstance(value, str) or (isinstance(value, dt.date) and not isinstance(value, dt.datetime))
