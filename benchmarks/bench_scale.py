"""How the cost of a bar grows: with symbols, intervals, capacity and gaps. Curves, no contests."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from benchmarks import data, ours
from benchmarks.loops import clocked, feed

SYMBOLS = (1, 10, 100, 1_000, 10_000)
GAPS = (0, 10, 100, 1_000, 10_000)
INTERVALS = ("5s", "10s", "30s", "1m", "5m", "15m", "1h", "1d")


# --- symbols ---


@pytest.mark.parametrize("symbols", SYMBOLS)
def test_append_slice(symbols, timed):
    """One minute of all symbols by one call. The first two are not timed: most of the memory is
    handed out then. Of the others one in five begins a derived bar, as in life."""
    minutes = 12 if timed.quick or symbols > 1_000 else 32
    slices = ours.slices_of(symbols, minutes)
    store = ours.new_stores(symbols, data.minutes().date)
    names = list(store.symbols)
    gc.collect()

    def run() -> list[float]:
        return [clocked(store.append_slice, names, *columns) for columns in slices][2:]

    title = "One bar, one of each of n symbols by `append_slice`"
    timed.record("scale/append_slice", title, f"{symbols:,}", symbols, run, curve="symbols")
    by_extend = ours.new_store(data.minutes())[1]
    by_extend.extend(*(column[:minutes] for column in data.minutes(0).columns))
    ours.same_bars(ours.bars_of(by_extend), ours.bars_of(store.symbols[names[0]]))


@pytest.mark.parametrize("symbols", SYMBOLS)
def test_append_by_symbol(symbols, timed):
    """The same bars by one call of `append` each; the loop is not taken off."""
    minutes = 6 if timed.quick or symbols > 1_000 else 30
    store = ours.new_stores(symbols, data.minutes().date)
    appends = [symbol.append for symbol in store.symbols.values()]
    calls = [
        list(zip(appends, *(column.tolist() for column in columns), strict=True))
        for _, *columns in ours.slices_of(symbols, minutes)
    ]
    times = data.minutes().columns[0].tolist()
    gc.collect()
    gc.freeze()

    def one_slice(ts_ns: int, rows: list[Any]) -> None:
        for append, o, h, low, c, v in rows:
            append(ts_ns, o, h, low, c, v)

    try:
        title = "One bar, one of each of n symbols by `append` (bare loop within)"
        runs = [clocked(one_slice, *pair) for pair in zip(times, calls, strict=False)][2:]
        timed.record("scale/append", title, f"{symbols:,}", symbols, lambda: runs, curve="symbols")
    finally:
        gc.unfreeze()


# --- intervals and capacity ---


@pytest.mark.parametrize("count", range(1, len(INTERVALS) + 1))
@pytest.mark.parametrize("by", ["append", "extend"])
def test_intervals(by, count, timed):
    day = data.seconds()

    title = f"One bar of 23,400 by `{by}`, with n derived intervals ({', '.join(INTERVALS[::-1])})"
    row = f"scale/intervals-{by}", title, str(count)

    def store():
        return ours.new_store(day, derived=INTERVALS[-count:])[1]

    if by == "append":
        timed.loop(*row, day.rows, lambda: store().append, curve="intervals")
    else:
        run = lambda extend, *columns: extend(*columns)  # noqa: E731
        timed(*row, len(day), run, setup=lambda: (store().extend, *day.columns), curve="intervals")


@pytest.mark.parametrize("capacity", [64, 512, 4_096, 23_400])
def test_capacity(capacity, timed):
    day = data.seconds()

    title = "One bar of 23,400 by `append` into a ring of n rows (the last never wraps)"
    row = "scale/capacity", title, f"{capacity:,}"
    timed.loop(*row, day.rows, lambda: ours.new_store(day, capacity=capacity)[1].append, curve="rows")


# --- gaps ---


def day_with_gaps(count: int) -> tuple[data.Day, Any]:
    """Every other one of the first `2 * count` seconds missing, then 1,000 bars without a gap; and
    the missing ones."""
    day = data.seconds()
    present = np.zeros(len(day), bool)
    present[: 2 * count : 2] = present[2 * count : 2 * count + 1_000] = True
    missing = np.flatnonzero(~present[: 2 * count])
    return day.keep(present, "gaps", ""), missing


@pytest.mark.parametrize("count", GAPS)
def test_in_order(count, timed):
    day, _ = day_with_gaps(count)
    early, newest = day.rows[:-1_000], day.rows[-1_000:]

    def setup():
        spy = ours.new_store(day)[1]
        feed(spy.append, early)
        return spy.append

    title = "One bar in order by `append`, where n gaps stand"
    timed.loop("scale/gaps-append", title, f"{count:,}", newest, setup, curve="gaps")


@pytest.mark.parametrize("count", GAPS[1:])
def test_late(count, timed):
    """The last gaps, or all there are, closed one by one, the newest first. (1,000 rows and more
    are moved.)"""
    day, missing = day_with_gaps(count)
    rows = [data.seconds().rows[at] for at in missing[::-1][:100]]

    def setup():
        spy = ours.new_store(day)[1]
        feed(spy.append, day.rows)
        return spy.append

    title = "One late bar that closes a gap, where n gaps stand"
    timed.loop("scale/gaps-late", title, f"{count:,}", rows, setup, curve="gaps")


@pytest.mark.parametrize("count", GAPS)
def test_tallies(count, timed):
    """`missing` and `quality` are kept, not counted: the answer costs the same whatever stands."""
    series = ours.fill(day_with_gaps(count)[0])[1].bars_base
    assert series.missing == count

    def run() -> None:
        for _ in range(100):
            series.missing, series.quality  # noqa: B018

    title = "`missing` and `quality` of a series, where n gaps stand"
    timed("scale/gaps-tally", title, f"{count:,}", 100, run, curve="gaps")
