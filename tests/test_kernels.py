"""Batch kernels against their slow twins, and against the store that keeps the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd
from worlds import INTERVALS, SHAPES, World, exact, step_of, timestamps, values

TWINS = {"find_gaps": ref.find_gaps, "quality": ref.quality, "aggregate": ref.aggregate}
LENGTHS = {"1m": ("1m", "2m", "5m", "7m", "15m", "1h", "1d"), "1s": ("1s", "2s", "7s", "15s", "1m", "1d")}


def test_every_batch_kernel_has_a_twin() -> None:
    functions = {name for name in sd.__all__ if callable(getattr(sd, name)) and name.islower()}
    assert functions - {"calendar", "get_include"} == set(TWINS)


@st.composite
def scans(draw: Any) -> tuple[World, str, list[int], int | None]:
    shape = draw(st.sampled_from(sorted(SHAPES)))
    interval = draw(st.sampled_from(LENGTHS["1s" if shape == "seconds" else "1m"]))
    times = st.lists(timestamps(shape), max_size=60)
    step, start = step_of(shape), SHAPES[shape][2][0][0]
    # Long runs at one step, which the kernel skips in blocks, beside scattered times.
    runs = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 80)), max_size=3)
    ts = draw(times) + [start + (first + i) * step for first, n in draw(runs) for i in range(n)]
    as_of = draw(st.one_of(st.none(), timestamps(shape)))
    return World(shape, *INTERVALS["1s" if shape == "seconds" else "1m"][0], None), interval, sorted(ts), as_of


@given(scan=scans())
def test_find_gaps_and_quality_agree_with_their_twins(scan: tuple[World, str, list[int], int | None]) -> None:
    world, interval, times, as_of = scan
    ts = np.array(times, np.int64)
    gaps = sd.find_gaps(ts, world.grid, interval, as_of)
    assert list(zip(*(column.tolist() for column in gaps), strict=True)) == ref.find_gaps(
        times, world.session, interval, as_of
    )
    assert sd.quality(ts, world.grid, interval, as_of) == ref.quality(times, world.session, interval, as_of)


@given(data=st.data())
def test_aggregate_agrees_with_its_twin(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(sorted(SHAPES)))
    base, *longer = LENGTHS["1s" if shape == "seconds" else "1m"]
    to_interval = data.draw(st.sampled_from(longer))
    bars = data.draw(st.dictionaries(timestamps(shape), values(), max_size=60))
    rows = [(ts, *bars[ts]) for ts in sorted(bars)]
    world = World(shape, base, (), None)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    arrays = [np.array(columns[0], np.int64), *(np.array(column, float) for column in columns[1:])]
    got = sd.aggregate(arrays, world.grid, base, to_interval)
    expected = ref.aggregate(rows, world.session, base, to_interval)
    assert exact(list(zip(*(column.tolist() for column in got), strict=True))) == exact(expected)


@given(scan=scans())
def test_gaps_of_a_store_are_those_of_the_kernel(scan: tuple[World, str, list[int], int | None]) -> None:
    world, _, times, _ = scan
    spy = world.data.register_symbol("SPY")
    n = len(times)
    spy.extend(np.array(times, np.int64), *np.ones((5, n)))
    as_of = world.grid.span_start if spy._core.as_of is None else spy._core.as_of
    for series in (spy.bars_base, *spy.bars_derived.values()):
        kernel = sd.find_gaps(series.timestamp, world.grid, series.interval, as_of)
        assert [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in series.gaps] == list(
            zip(*(column.tolist() for column in kernel), strict=True)
        )


def test_aggregating_a_window_is_what_the_store_derives() -> None:
    world = World("lunch", "1m", ("5m", "1d"), None)
    spy = world.data.register_symbol("SPY")
    start = SHAPES["lunch"][2][0][0]
    ts = start + np.arange(-7, 40) * 60_000_000_000
    spy.extend(ts, *np.arange(5 * len(ts), dtype=float).reshape(5, -1)[[1, 2, 0, 1, 3]])
    for interval in ("5m", "1d"):
        derived = spy.bars(interval)
        for source in (spy.bars_base, spy.bars_base.last(1000)):
            made = sd.aggregate(source, world.grid, "1m", interval)
            assert made.timestamp.tolist() == derived.timestamp.tolist()
            assert made.volume.tolist() == derived.volume.tolist()
            assert made.n_base.tolist() == derived.n_base.tolist()


@pytest.mark.parametrize("kernel", [sd.find_gaps, sd.quality])
def test_scan_names_the_row_that_is_out_of_order(kernel: Any) -> None:
    world = World("plain", "1m", (), None)
    start = SHAPES["plain"][2][0][0]
    times = [start + i * 60_000_000_000 for i in range(40)]
    times[35] = times[33]
    with pytest.raises(sd.BarError, match="must not decrease") as caught:
        kernel(np.array(times), world.grid, "1m")
    assert (caught.value.row, caught.value.code) == (35, "ERR_TS_ORDER")
