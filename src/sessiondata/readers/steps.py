"""The interval of bars whose file does not say it, from the steps between their times.

There is one interval for all symbols of a file: a thin symbol with a bar every other minute must
not pass for one with complete bars of 2m. It is the largest that divides all steps, if two
neighbouring bars are that far apart. A file that can be read in two ways is refused: one with a few
stamps off the coarser grid of its other rows, or with bars (of all or of one symbol) that are
spaced as those of another usual interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import InputError
from sessiondata.readers.table import BarTable
from sessiondata.readers.types import Note, OnError
from sessiondata.time.intervals import check_intervals, parse_interval

__all__ = ["interval_name", "with_intervals"]

_SECOND_NS = 1_000_000_000
_MINUTE_NS, _HOUR_NS, _DAY_NS = 60 * _SECOND_NS, 3_600 * _SECOND_NS, 86_400 * _SECOND_NS

# What vendors offer. Steps of seven minutes are a thin symbol's, steps of five may be bars of 5m.
_USUAL_NS = frozenset(
    [n * _SECOND_NS for n in (1, 2, 5, 10, 15, 20, 30)]
    + [n * _MINUTE_NS for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 45)]
    + [n * _HOUR_NS for n in (1, 2, 3, 4, 6, 8, 12)]
)
_ODD_SHARE = 4  # rows off a grid are odd ones if they are no more than one of so many
_MANY_STEPS = 12  # as many equal steps of one symbol are no coincidence
_UNKNOWN_RULE = "the interval of the bars does not follow from their times: pass --interval"


class _FileSteps(NamedTuple):
    """The steps between the bars of one file."""

    path: str
    common_ns: int  # the largest of which all are multiples; 0 without a step
    has_neighbours: bool  # whether two bars are that far apart


def with_intervals(
    tables: Iterable[BarTable], interval: str | None, note: Note, on_error: OnError
) -> list[tuple[BarTable, int]]:
    """Find the interval of each table.

    Parameters
    ----------
    tables : iterable of BarTable
    interval : str or None
        That of tables whose file does not say it.
    note : callable
    on_error : callable
        Called with the InputError of a file whose interval is not clear; its tables are left out.

    Returns
    -------
    list of (BarTable, int)
        Each with its interval in nanoseconds.
    """
    tables = list(tables)
    unknown: dict[str, list[BarTable]] = {}
    for table in tables:
        if table.interval_ns is None:
            unknown.setdefault(table.path, []).append(table)
    if interval is None:
        found = _found(unknown, note, on_error)
    else:
        found = _with_stated_interval(unknown, check_intervals(interval)[0].step_ns, on_error)
    steps = ((table, table.interval_ns or found.get(table.path, 0)) for table in tables)
    return [(table, step_ns) for table, step_ns in steps if step_ns]


def interval_name(step_ns: int) -> str:
    """Name of an interval of whole seconds, such as ``"5m"``."""
    return parse_interval(f"{step_ns // _SECOND_NS}s").name


def _length(step_ns: int) -> str:
    """A distance of whole seconds in words; one of a day and more is no interval."""
    return interval_name(step_ns) if step_ns < _DAY_NS else f"{step_ns // _SECOND_NS} s"


def _apart(common_ns: int) -> str:
    if common_ns >= _DAY_NS:
        return "no two bars are nearer to each other than a day"
    return f"no two bars are {interval_name(common_ns)} apart"


def _with_stated_interval(files: dict[str, list[BarTable]], step_ns: int, on_error: OnError) -> dict[str, int]:
    """The interval that the caller states, of each file whose bars are not nearer to each other."""
    fitting: dict[str, int] = {}
    for path, tables in files.items():
        steps = np.concatenate([_steps(table) for table in tables])
        if 2 * int((steps < step_ns).sum()) > len(steps):
            rule = f"most bars are nearer to each other than the --interval of {interval_name(step_ns)}"
            on_error(InputError(rule, path=path, value=f"the nearest are {int(steps.min()) / _SECOND_NS:g} s apart"))
        else:
            fitting[path] = step_ns
    return fitting


def _steps(table: BarTable) -> NDArray[np.int64]:
    return np.diff(np.unique(table.ts_ns)).astype(np.int64)


def _found(files: dict[str, list[BarTable]], note: Note, on_error: OnError) -> dict[str, int]:
    """The interval of each file that has one; the others are errors."""
    measured: list[_FileSteps] = []
    for path, tables in files.items():
        try:
            measured.append(_measure(path, tables))
        except InputError as error:
            on_error(error)
    base_ns = min((one.common_ns for one in measured if one.has_neighbours), default=0)
    fitting: dict[str, int] = {}
    for one in measured:
        refusal = _unfit(one, base_ns)
        if refusal is None:
            fitting[one.path] = base_ns
        else:
            on_error(refusal)
    if fitting:
        name = check_intervals(interval_name(base_ns))[0].name
        note(f"bars of {name}, by the steps between their times; --interval says otherwise")
    return fitting


def _measure(path: str, tables: Sequence[BarTable]) -> _FileSteps:
    by_table = [_steps(table) for table in tables]
    steps, counts = np.unique(np.concatenate(by_table), return_counts=True)
    if not len(steps):
        return _FileSteps(path, 0, has_neighbours=False)
    common_ns, usual_ns = int(np.gcd.reduce(steps)), int(steps[np.argmax(counts)])
    if common_ns % _DAY_NS == 0:
        raise InputError("these are bars of whole days, not intraday bars", path=path)
    is_usual = 2 * int(counts.max()) >= int(counts.sum())
    if common_ns < usual_ns and usual_ns % _SECOND_NS == 0 and is_usual:
        _check_no_odd_row(path, tables, usual_ns)
    if common_ns % _SECOND_NS:
        raise InputError(_UNKNOWN_RULE, path=path, value=f"all steps are multiples of {common_ns} ns only")
    # bars a day apart and more lack their neighbours
    has_neighbours = int(steps[0]) == common_ns < _DAY_NS
    if has_neighbours:
        for table, own in zip(tables, by_table, strict=True):
            _check_one_interval(table, own, common_ns)
    return _FileSteps(path, common_ns, has_neighbours)


def _check_no_odd_row(path: str, tables: Sequence[BarTable], usual_ns: int) -> None:
    """Refuse a file of which a few rows lie off the grid that the others share."""
    n_rows = sum(map(len, tables))
    odd = [(table, k) for table in tables for k in _off_grid(table.ts_ns, usual_ns)]
    if odd and len(odd) * _ODD_SHARE <= n_rows:
        table, k = odd[0]
        row, value = None if table.rows is None else int(table.rows[k]), _time_text(table.ts_ns[k])
        if usual_ns >= _DAY_NS:  # which no --interval names
            value += f", off the steps of {_length(usual_ns)} of the other rows"
            raise InputError(_UNKNOWN_RULE, path=path, row=row, value=value)
        rule = (
            f"the time is off the steps of {interval_name(usual_ns)} of the other rows: leave the row out, or"
            f" pass --interval {interval_name(usual_ns)} to take it as a bar off the grid"
        )
        raise InputError(rule, path=path, row=row, value=value)


def _off_grid(ts_ns: NDArray[np.int64], step_ns: int) -> NDArray[np.int64]:
    phases, inverse, counts = np.unique(ts_ns % step_ns, return_inverse=True, return_counts=True)
    return np.flatnonzero(inverse != np.argmax(counts)) if len(phases) > 1 else np.empty(0, dtype=np.int64)


def _check_one_interval(table: BarTable, steps: NDArray[np.int64], common_ns: int) -> None:
    """Refuse a file in which bars of one symbol are spaced as those of a longer interval."""
    if len(steps) < _MANY_STEPS:
        return
    values, counts = np.unique(steps, return_counts=True)
    own_ns, n_own = int(values[np.argmax(counts)]), int(counts.max())
    if own_ns > common_ns and own_ns in _USUAL_NS and int(values[0]) == own_ns and 10 * n_own >= 9 * len(steps):
        raise InputError(_mixed_rule(own_ns, common_ns), path=table.path, value=table.symbol)


def _unfit(one: _FileSteps, base_ns: int) -> InputError | None:
    """Why the bars of a file cannot be of the shortest interval that was found."""
    if not base_ns:
        value = "no two bars" if not one.common_ns else _apart(one.common_ns)
        return InputError(_UNKNOWN_RULE, path=one.path, value=value)
    if one.common_ns % base_ns or (one.has_neighbours and one.common_ns > base_ns and one.common_ns in _USUAL_NS):
        return InputError(_mixed_rule(one.common_ns, base_ns), path=one.path)
    return None


def _mixed_rule(own_ns: int, base_ns: int) -> str:
    own, base = _length(own_ns), interval_name(base_ns)
    return (
        f"bars {own} apart beside bars of {base}: play bars of one interval at a time,"
        f" or pass --interval {base} if these only lack their neighbours"
    )


def _time_text(ts_ns: np.int64) -> str:
    return f"{np.datetime_as_string(np.datetime64(int(ts_ns), 'ns'), 'auto')}Z"
