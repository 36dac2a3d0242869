"""Batch kernels against their slow twins, and against the store that keeps the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd
from sessiondata.store.symbol import state_of
from worlds import INTERVALS, SHAPES, World, exact, step_of, timestamps, values

TWINS = {"find_gaps": ref.find_gaps, "quality": ref.quality, "aggregate": ref.aggregate}
LENGTHS = {"1m": ("1m", "2m", "5m", "7m", "15m", "1h", "1d"), "1s": ("1s", "2s", "7s", "15s", "1m", "1d")}


def test_every_batch_kernel_has_a_twin() -> None:
    functions = {name for name in sd.__all__ if callable(getattr(sd, name)) and name.islower()}
    assert functions - {"apply_delta", "calendar", "get_include", "load", "loads", "orjson_default"} == set(TWINS)


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


@pytest.mark.slow
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
    as_of = world.grid.span_start if state_of(spy).core.as_of is None else state_of(spy).core.as_of
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


# --- the scan, at the lengths and in the disorder that its blocks could stumble over ---

GRIDS = {
    "two segments": ([(0, 400), (430, 1000)], 1),
    "touching segments": ([(-300, 0), (0, 300)], 1),
    "short last slots": ([(0, 333), (400, 801)], 7),
    "an odd step": ([(0, 1000)], 3),
}
SECOND_NS = 1_000_000_000
NAT, LAST = -(2**63), 2**63 - 1


def grid_of(segments: list[tuple[int, int]], start_ns: int) -> sd.SessionGrid:
    pairs = [(start_ns + a * SECOND_NS, start_ns + b * SECOND_NS) for a, b in segments]
    return sd.SessionGrid("2024-03-12", "UTC", pairs, (pairs[0][0] - 500 * SECOND_NS, pairs[-1][1] + 500 * SECOND_NS))


def missing_slots(ts: Any, grid: sd.SessionGrid, interval: str) -> set[int]:
    return set(grid.slot_starts(interval).tolist()) - set(ts.tolist())


def covered(gaps: sd.GapArrays, step_ns: int) -> set[int]:
    """Slots that lie in gaps, each once."""
    slots = [
        slot
        for start, end, count in zip(*(column.tolist() for column in gaps), strict=True)
        for slot in range(start, start + count * step_ns, step_ns)
        if slot <= end
    ]
    assert len(set(slots)) == len(slots) == sum(gaps.bar_count.tolist())
    return set(slots)


@pytest.mark.parametrize("start_ns", [1_700_000_000 * SECOND_NS, -86_400 * 9000 * SECOND_NS])
@pytest.mark.parametrize("name", GRIDS)
def test_scan_of_long_columns_with_all_kinds_of_rows(name: str, start_ns: int) -> None:
    segments, step = GRIDS[name]
    grid, interval = grid_of(segments, start_ns), f"{step}s"
    random = np.random.RandomState(5)
    for density in (0.02, 0.3, 0.6, 0.97, 0.997, 1.0):
        for _ in range(12):
            ts = start_ns + np.arange(-400, 1400) * SECOND_NS
            ts = ts[random.rand(len(ts)) < density]
            ts = np.sort(np.concatenate([ts, random.choice(ts, len(ts) // 50), ts[: len(ts) // 60] + 1]))
            ts = ts[random.randint(0, 200) :]
            absent = missing_slots(ts, grid, interval)
            gaps = sd.find_gaps(ts, grid, interval)
            assert covered(gaps, step * SECOND_NS) == absent
            expected = grid.expected(interval)
            assert sd.quality(ts, grid, interval) == 100.0 * (expected - len(absent)) / expected


@pytest.mark.parametrize("density", [0.05, 0.5, 0.9, 0.99, 1.0])
def test_a_tracker_fed_by_columns_finds_what_the_scan_finds(density: float) -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "UTC", breaks=[("12:00", "12:30")])
    grid, random = calendar.session("2024-03-12"), np.random.RandomState(7)
    ts = int(grid.segments[0, 0]) + np.arange(-500, 24_000) * SECOND_NS
    ts = ts[random.rand(len(ts)) < density]
    off = random.rand(len(ts)) < 0.01
    ts = np.unique(ts + off * 250_000_000)
    for pieces in (1, 2, 7, 300):
        spy = sd.SessionData(calendar, "1s", ("1m",)).register_symbol("SPY")
        for part in np.array_split(ts, pieces):
            spy.extend(part, *np.ones((5, len(part))))
        state_of(spy).core.check_invariants()
        series = spy.bars_base
        gaps = sd.find_gaps(ts, grid, "1s", state_of(spy).core.as_of)
        assert [(g.start_ns, g.end_ns, g.bar_count) for g in series.gaps] == list(
            zip(*(column.tolist() for column in gaps), strict=True)
        )
        regular = [row for row in ts.tolist() if grid.slot_of(row, "1s") >= 0]
        assert spy.counters["off_grid"] == sum(row % SECOND_NS != 0 for row in regular)


UNITS = (10**3, 10**6, 10**9)  # nanoseconds in a microsecond, a millisecond, a second


def first_bad_row(ts: list[int]) -> int | None:
    if ts and ts[0] == NAT:
        return 0
    return next((i for i in range(1, len(ts)) if ts[i] < ts[i - 1]), None)


@given(data=st.data())
def test_scan_of_any_integers_names_the_first_bad_row_or_agrees_with_its_twin(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(sorted(set(SHAPES) - {"seconds"})))
    world, start, minute = World(shape, "1m", (), None), SHAPES[shape][2][0][0], 60 * SECOND_NS
    edges = st.sampled_from([NAT, NAT + 1, -1, 0, LAST - 1, LAST, world.grid.span_start, world.grid.span_stop])
    near = st.integers(-5, 400).map(lambda i: start + i * minute)
    ts: list[int] = []
    for row, n in data.draw(st.lists(st.tuples(st.one_of(edges, near, near, near), st.integers(1, 140)), max_size=4)):
        ts += [(row + i * minute - NAT) % 2**64 + NAT for i in range(n)]  # wraps as int64 does
    if data.draw(st.booleans()):
        ts.sort()
    bad, column = first_bad_row(ts), np.array(ts, np.int64)
    # A newest time of 1970 that another unit puts between 1990 and 2100 is refused, where the
    # session is later.
    is_modern = start >= 631_152_000 * SECOND_NS
    is_mistake = is_modern and ts and any(631_152_000 <= ts[-1] * k // SECOND_NS < 4_102_444_800 for k in UNITS)
    for kernel in (sd.find_gaps, sd.quality):
        if is_mistake:
            with pytest.raises(sd.TimeError, match="ERR_UNIT"):
                kernel(column, world.grid, "1m")
        elif bad is None:
            kernel(column, world.grid, "1m")
        else:
            with pytest.raises(sd.BarError) as caught:
                kernel(column, world.grid, "1m")
            assert caught.value.row == bad
    if bad is None and not is_mistake:
        gaps = sd.find_gaps(column, world.grid, "1m")
        found = list(zip(*(values.tolist() for values in gaps), strict=True))
        assert found == ref.find_gaps(ts, world.session, "1m", None)


def test_a_run_that_wraps_is_out_of_order() -> None:
    """A grid as late as there can be, and rows that go on step by step past the end of int64."""
    hour = 3600 * SECOND_NS
    stop = LAST - 2 * 24 * hour
    start = stop - stop % hour - 30 * hour
    grid = sd.SessionGrid("2262-04-09", "UTC", [(start, stop)], (start, stop))
    ts = [(start + i * hour - NAT) % 2**64 + NAT for i in range(300)]
    bad = first_bad_row(ts)
    assert bad is not None
    assert 70 < bad < 90  # in the second block
    for first in (0, 1, 17):
        with pytest.raises(sd.BarError) as caught:
            sd.find_gaps(np.array(ts[first:], np.int64), grid, "1h")
        assert caught.value.row == bad - first
    assert len(sd.find_gaps(np.array(ts[:bad], np.int64), grid, "1h").start_ns) == 0


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 129, 1023, 1024, 1025, 1100, 5000])
@pytest.mark.parametrize("density", [0.02, 0.3, 0.5, 0.9, 1.0])
def test_scan_of_any_density_at_the_edges_of_blocks(n: int, density: float) -> None:
    rng = np.random.default_rng(n)
    grid = grid_of([(0, 20_000)], 0)
    ts = (rng.integers(0, 3) + np.cumsum(1 + (rng.random(n) < density) * rng.integers(0, 3, n))) * SECOND_NS
    gaps = sd.find_gaps(ts, grid, "1s")
    assert covered(gaps, SECOND_NS) == missing_slots(ts, grid, "1s")
    assert (gaps.start_ns[1:] > gaps.end_ns[:-1] + SECOND_NS).all()
    assert sd.quality(ts, grid, "1s") == 100.0 * n / 20_000


@pytest.mark.parametrize("cut", [slice(None, None, 2), slice(None, None, -1)])
def test_scan_of_arrays_that_the_short_way_does_not_take(cut: slice) -> None:
    """Strided, byte-swapped, misaligned and of another type: the same answer as of a plain copy."""
    grid = grid_of([(0, 500)], 0)
    plain = np.ascontiguousarray(np.delete(np.arange(200), [3, 4, 90]) * SECOND_NS)
    expected = [column.tolist() for column in sd.find_gaps(plain, grid, "1s")]
    strided = np.empty(2 * len(plain), np.int64)[cut][: len(plain)]
    strided[:] = plain
    misaligned = np.frombuffer(b"x" + plain.tobytes(), np.int64, offset=1)
    frozen = plain.copy()
    frozen.flags.writeable = False
    for array in (strided, misaligned, frozen, plain.astype(">i8"), plain.view("M8[ns]"), plain.tolist()):
        assert [column.tolist() for column in sd.find_gaps(array, grid, "1s")] == expected


def test_results_own_no_more_than_they_show() -> None:
    grid = grid_of([(0, 1000)], 0)
    gaps = sd.find_gaps(np.arange(0, 1000, 2) * SECOND_NS, grid, "1s")
    assert len(gaps.start_ns) == 500
    assert gaps.start_ns.base.nbytes == 3 * 500 * 8
