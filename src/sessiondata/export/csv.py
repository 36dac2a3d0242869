"""A session as CSV, step by step, for people who compare runs.

A step is an elapsed slot of the interval, or a row that lies on none (off the grid, outside trading
hours, still in progress). The numbers of gaps and quality are what a store would have answered at
the end of the step had nothing come later, so two runs can be laid side by side from their first
difference on; those of the last step are the store's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.objects.copies import snapshot_of
from sessiondata.atomic import path_text, written
from sessiondata.errors import UnknownNameError
from sessiondata.export.format import format_volume, fraction
from sessiondata.rows.series import BarSeries, native_of
from sessiondata.rows.slots import STATES
from sessiondata.store.symbol import state_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata.store.state import SymbolState
    from sessiondata.store.store import SessionData

__all__ = ["COLUMNS", "csv_pieces", "write_csv"]

COLUMNS = (
    "session_date", "symbol", "interval", "time", "ts_ns", "state", "open", "high", "low", "close", "volume",
    "bars_updated", "ticks_updated", "quotes_updated", "expected", "present", "missing", "gap_count", "quality",
)  # fmt: skip

_PENDING, _PRESENT, _MISSING = (STATES.index(name) for name in ("pending", "present", "missing"))
_OFF_GRID, _EXTENDED = len(STATES), len(STATES) + 1
_SHOWN = (*STATES, "off_grid", "extended")
_NO_VALUES = ("",) * 5
_BLOCK = 4_096  # rows that become text at once


def write_csv(stores: Iterable[SessionData], path: Any, interval: str | None = None) -> int:
    """Write the sessions of some stores, one after the other; see `SessionData.to_csv`."""
    n = 0
    with written(Path(path_text(path, "to_csv writes a file and needs its path"))) as file:
        for k, data in enumerate(stores):
            for text, rows in csv_pieces(data, interval, with_header=k == 0):
                file.write(text)
                n += rows
    return n


def csv_pieces(data: SessionData, interval: str | None, *, with_header: bool) -> Iterator[tuple[bytes, int]]:
    """Pieces of the file as UTF-8, and the rows in each."""
    symbols = [symbol for symbol in list(data.symbols.values()) if interval is None or symbol.holds(interval)]
    if interval is not None and not symbols:
        raise UnknownNameError(f"no symbol holds an interval {interval!r}", value=interval)
    if with_header:
        yield _text([COLUMNS]), 0
    for symbol in symbols:
        yield from _blocks(state_of(symbol), symbol.bars(interval).interval)


def _still(state: SymbolState) -> tuple[Any, SymbolState]:
    """Hours of the session, and the symbol as it is at one moment of it: what is written takes many
    questions."""
    while True:
        session_id = state.core.session_id
        grid, core = state.grid, snapshot_of(state.core)
        if state.core.session_id == session_id:
            return grid, state.on(core)


def _text(rows: Iterable[Sequence[Any]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


def _blocks(state: SymbolState, interval: str) -> Iterator[tuple[bytes, int]]:
    grid, symbol = _still(state)
    if grid is None:
        return
    series = symbol.series[interval]
    head = (str(grid.date), series.symbol, series.interval)
    step_ns = symbol.core.steps_ns[native_of(series)[1]] or grid.span_stop - int(grid.segments[0, 0])
    times, states = _steps(series, grid.slot_starts(series.interval), grid.compiled)
    # the row may have been overwritten
    updated = [_has_any(series.timestamp, times, 1) | (states == _PRESENT)]
    updated += [_has_any(series.timestamp, times, step_ns) for series in (symbol.ticks, symbol.quotes)]
    columns = [column.tolist() for column in (*updated, *_running(series, times, states))]
    texts = np.datetime_as_string(times.view("datetime64[ns]"), "s").tolist()
    values = _values(series, times)
    for start in range(0, len(times), _BLOCK):
        rows = [
            (
                *head, f"{texts[i]}{fraction(int(times[i]))}Z", times[i], _SHOWN[states[i]], *values[i],
                *("true" if column[i] else "false" for column in columns[:3]), *(column[i] for column in columns[3:]),
            )
            for i in range(start, min(start + _BLOCK, len(times)))
        ]  # fmt: skip
        yield _text(rows), len(rows)


def _steps(series: BarSeries, slots: npt.NDArray[np.int64], grid: Any) -> tuple[npt.NDArray[np.int64], Any]:
    """Times of all steps, ascending, and what each is: a number in `_SHOWN`."""
    core, k = native_of(series)
    states = np.array([core.state_at(k, ts) for ts in slots.tolist()], np.int8)
    elapsed = states != _PENDING
    slots, states = slots[elapsed], states[elapsed]
    others = np.setdiff1d(series.timestamp, slots)
    kinds = np.where(grid.extended(others), _EXTENDED, _OFF_GRID).astype(np.int8)
    for i, ts in enumerate(others.tolist()):
        if kinds[i] == _OFF_GRID and core.state_at(k, ts) == _PENDING:
            kinds[i] = _PENDING
    times = np.concatenate([slots, others])
    order = np.argsort(times, kind="stable")
    return times[order], np.concatenate([states, kinds])[order]


def _has_any(column: Any, times: Any, step_ns: int) -> Any:
    """Whether a column of times has one in `[time, time + step)`, for each of some times."""
    return np.searchsorted(column, times) < np.searchsorted(column, times + step_ns)


def _running(series: BarSeries, times: Any, states: Any) -> tuple[Any, ...]:
    """expected, present, missing, gap_count and quality at the end of each step."""
    is_present, is_missing = states == _PRESENT, states == _MISSING
    is_expected = (states > _PENDING) & (states < _OFF_GRID)
    expected, present = np.cumsum(is_expected), np.cumsum(is_present)
    # The gaps that are, as far as they have begun: computed ones, whatever was pinned.
    core, k = native_of(series)
    starts = [gap.start_ns for gap in core.gaps(k, series.zone)]
    gap_count = np.searchsorted(np.array(starts, np.int64), times, side="right")
    quality = np.where(expected, 10_000 * present // np.maximum(expected, 1), 10_000) / 100.0
    return expected, present, np.cumsum(is_missing), gap_count, quality


def _values(series: BarSeries, times: Any) -> list[Sequence[Any]]:
    """open, high, low, close and volume of each step; empty where there is no row (any more)."""
    columns = [column.tolist() for column in (series.open, series.high, series.low, series.close, series.volume)]
    rows = [(*prices, format_volume(volume)) for *prices, volume in zip(*columns, strict=True)]
    at = np.searchsorted(series.timestamp, times)
    held = np.zeros(len(times), bool)
    inside = at < len(rows)
    held[inside] = series.timestamp[at[inside]] == times[inside]
    return [rows[i] if has else _NO_VALUES for i, has in zip(at.tolist(), held.tolist(), strict=True)]
