"""Trades: bars of one second made of them, four derived intervals, gaps, quality, metrics; one by
one, and by arrays.

Frames make bars only. The numba loop makes bars of one second and hands them to the faster loop of
`bench_extend.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, ours, peers
from benchmarks.loops import feed_trades

each = pytest.mark.parametrize(
    "trades", [data.trades, data.ibm_trades], indirect=True, ids=lambda maker: maker.__name__
)


def row_of(trades: data.Trades, how: str) -> tuple[str, str]:
    way = "appended by a call from Python" if how == "append" else "of arrays in one call"
    return f"ticks/{how}/{trades.name}", f"One trade, {way}: {trades.title}"


def filled(trades: data.Trades):
    _, spy = ours.new_tick_store(trades.day)
    assert spy.extend_ticks(*trades.columns) == len(trades)
    return spy


@each
def test_append(trades, timed):
    _, spy = ours.new_tick_store(trades.day)
    feed_trades(spy.append_tick, trades.rows)
    extended = filled(trades)
    ours.same_bars(ours.bars_of(extended), ours.bars_of(spy))
    ours.same_gaps(ours.gaps_of(extended), ours.gaps_of(spy))

    def setup():
        return ours.new_tick_store(trades.day)[1].append_tick

    timed.loop(*row_of(trades, "append"), "sessiondata", trades.rows, setup, of_trades=True)


@each
def test_extend(trades, timed):
    def setup():
        return ours.new_tick_store(trades.day)[1].extend_ticks, *trades.columns

    row = row_of(trades, "extend")
    timed(*row, "sessiondata", len(trades), lambda extend, *columns: extend(*columns), setup=setup)


@each
def test_untouched_memory(trades, timed):
    """A ring is made with the first trade. Where nobody has used its memory before, the system
    hands out each page."""
    kept = []

    def setup():
        kept.append(ours.new_tick_store(trades.day)[1])
        return kept[-1].extend_ticks, *trades.columns

    timed(
        *row_of(trades, "extend"), "sessiondata, memory never touched", len(trades),
        lambda extend, *columns: extend(*columns), setup=setup, yardstick=True,
        note="includes the system's page faults",
    )  # fmt: skip


@each
def test_numba(trades, timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    day = trades.day
    slots = (day.stop_ns - day.open_ns) // day.step_ns

    def run(arrays, bars):
        n = numba_loop.bars_of_trades(*trades.columns[:3], day.open_ns, day.step_ns, *bars)
        return numba_loop.extend(*arrays, *(column[:n] for column in bars))

    def setup():
        return numba_loop.new_arrays(day), (np.empty(slots, np.int64), *(np.empty(slots) for _ in range(5)))

    arrays, bars = setup()
    run(arrays, bars)
    spy = filled(trades)
    ours.same_bars(ours.bars_of(spy), numba_loop.derived_bars(arrays))
    note = "keeps no trades and no ranges of gaps; no late trades"
    timed(*row_of(trades, "extend"), "numba loop, by columns", len(trades), run, setup=setup, note=note)


@each
@pytest.mark.parametrize("frame", ["polars", "pandas"])
def test_frames(trades, frame, timed):
    pytest.importorskip(frame, reason=f"{frame} is not installed")
    run = peers.polars_bars_of_trades(trades) if frame == "polars" else peers.pandas_bars_of_trades(trades)
    ours.same_bars(ours.bars_of(filled(trades)), peers.frame_bars(run()))
    name = "polars group_by_dynamic" if frame == "polars" else "pandas resample"
    timed(*row_of(trades, "extend"), name, len(trades), run, note="bars of 1s and derived ones only")
