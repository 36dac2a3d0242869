"""Many bars by one call: stored, four derived intervals, gaps, quality, metrics; and blocks of late
ones. Frames do the derived bars only."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import sessiondata as sd
from benchmarks import data, ours, peers

DAYS = (data.minutes, data.seconds, data.seconds_with_holes, data.spy_seconds)
each_day = pytest.mark.parametrize("day", DAYS, indirect=True, ids=lambda maker: maker.__name__)


def row_of(day: data.Day) -> tuple[str, str]:
    return f"extend/{day.name}", f"One bar of arrays: {day.title} in one call"


@each_day
def test_sessiondata(day, timed):
    _, spy = ours.fill(day)
    model = ours.model_of({"SPY": day}).symbols["SPY"]
    model.refresh()
    ours.same_bars(ours.bars_of(spy), ours.model_bars(model))
    ours.same_gaps(ours.gaps_of(spy), ours.model_gaps(model))

    def setup():
        return ours.new_store(day)[1].extend, *day.columns

    timed(*row_of(day), "sessiondata", len(day), lambda extend, *columns: extend(*columns), setup=setup)


@pytest.mark.parametrize("day", [data.minutes, data.seconds], indirect=True, ids=lambda maker: maker.__name__)
def test_untouched_memory(day, timed):
    """A process's first session: nobody has touched the store's memory, so the system hands out
    each page of it."""
    kept = []

    def setup():
        kept.append(ours.new_store(day)[1])
        return kept[-1].extend, *day.columns

    timed(
        *row_of(day), "sessiondata, memory never touched", len(day), lambda extend, *columns: extend(*columns),
        setup=setup, yardstick=True, note="includes the system's page faults",
    )  # fmt: skip


@pytest.mark.parametrize("day", [data.minutes, data.seconds], indirect=True, ids=lambda maker: maker.__name__)
def test_copy_alone(day, timed):
    """Below this is no store that keeps its own copy: the bytes of the six columns copied at once
    to memory as cold."""
    source = np.array([column.view(np.int64) for column in day.columns])

    def setup():
        return np.ones_like(source), source

    note = "one block of all six columns, nothing checked, nothing derived"
    timed(*row_of(day), "np.copyto of the bytes", len(day), np.copyto, setup=setup, yardstick=True, note=note)


def test_call_alone(timed):
    """What a call costs before the first bar: six arrays taken from Python and looked at."""
    day = data.minutes()
    nothing = [column[:0] for column in day.columns]
    extend = ours.fill(day)[1].extend
    assert extend(*nothing) == 0
    timed(
        *row_of(day), "sessiondata, a call without bars", len(day), lambda: extend(*nothing),
        yardstick=True, note="six empty arrays; its time shared out over the bars of the row",
    )  # fmt: skip


@pytest.mark.parametrize("by", ["by columns", "bar by bar"])
@each_day
def test_numba(day, by, timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    extend = numba_loop.extend if by == "by columns" else numba_loop.extend_stepwise
    _, spy = ours.fill(day)
    arrays = numba_loop.new_arrays(day)
    assert extend(*arrays, *day.columns) == len(day)
    ours.same_bars(ours.bars_of(spy), numba_loop.derived_bars(arrays))
    tallies = {name: (spy.bars(name).gap_count, spy.bars(name).missing) for name in spy.intervals}
    assert numba_loop.missing(day, arrays) == tallies, "contestants disagree on what is missing"

    def setup():
        return *numba_loop.new_arrays(day), *day.columns

    note = "counts gaps, keeps no ranges; no late bars"
    timed(*row_of(day), f"numba loop, {by}", len(day), extend, setup=setup, note=note)


@each_day
def test_polars(day, timed):
    pytest.importorskip("polars", reason="polars is not installed")
    run = peers.polars_bars(day)
    ours.same_bars(ours.bars_of(ours.fill(day)[1]), peers.frame_bars(run()))
    timed(*row_of(day), "polars group_by_dynamic", len(day), run, note="derived bars only")


@each_day
def test_pandas(day, timed):
    pytest.importorskip("pandas", reason="pandas is not installed")
    run = peers.pandas_bars(day)
    ours.same_bars(ours.bars_of(ours.fill(day)[1]), peers.frame_bars(run()))
    timed(*row_of(day), "pandas resample", len(day), run, note="derived bars only")


@each_day
def test_object_model(day, timed):
    def setup():
        return (ours.new_model(day, eager=False),)

    def run(model):
        for row in day.object_rows:
            model.add_bar(*row)
        model.refresh()
        return model

    spy, model = ours.fill(day)[1], run(*setup())
    ours.same_bars(ours.bars_of(spy), ours.model_bars(model))
    ours.same_gaps(ours.gaps_of(spy), ours.model_gaps(model))
    timed(*row_of(day), "object model, gaps once at the end", len(day), run, setup=setup)


# --- late blocks ---

HALF = 43_200  # seconds of half a day
OPEN = data.minutes().date


@cache
def seconds_of_a_day(kind: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Columns of two halves of a day of a market that is always open: a bar, or a trade, each
    second."""
    random = np.random.RandomState(6)
    ts_ns = np.datetime64(OPEN, "ns").astype(np.int64) + np.arange(2 * HALF, dtype=np.int64) * data.STEP_NS["1s"]
    cents = 17_240 + random.randint(-2, 3, size=(2 * HALF, 4)).cumsum().reshape(-1, 4)
    prices = (cents[:, 0], cents.max(axis=1), cents.min(axis=1), cents[:, 3])
    volume = random.randint(1, 50_000, size=2 * HALF).astype(np.float64)
    columns = (ts_ns, *(price / 100 for price in prices[: 1 if kind == "extend_ticks" else 4]), volume)
    return [column[:HALF].copy() for column in columns], [column[HALF:].copy() for column in columns]


def symbol_of_a_day() -> sd.SymbolSessionData:
    store = sd.SessionData(None, "1s", data.DERIVED, tick_capacity=2 * HALF)
    store.start_session(OPEN)
    return store.register_symbol("SPY")


def begun_at_noon(kind: str) -> sd.SymbolSessionData:
    spy = symbol_of_a_day()
    (spy.extend_ticks if kind == "extend_ticks" else spy.extend)(*seconds_of_a_day(kind)[1])
    return spy


def at_noon(kind: str) -> sd.SymbolSessionData:
    """Without a bar; `fill` takes what has elapsed."""
    spy = symbol_of_a_day()
    if kind == "fill":
        spy.store.advance_to(int(seconds_of_a_day(kind)[1][0][0]))
    return spy


@pytest.mark.parametrize("kind", ["extend", "fill", "extend_ticks"])
@pytest.mark.parametrize("late", [True, False], ids=["late", "in_order"])
def test_late_block(kind, late, timed):
    """The feed began at noon; then the morning comes in one call. Beside it the same call in a
    store without bars, where all is in order."""
    morning, afternoon = seconds_of_a_day(kind)
    mended, whole = begun_at_noon(kind), symbol_of_a_day()
    assert getattr(mended, kind)(*morning) == HALF
    for half in (morning, afternoon):
        (whole.extend_ticks if kind == "extend_ticks" else whole.extend)(*half)
    ours.same_bars(ours.bars_of(whole), ours.bars_of(mended))
    ours.same_gaps(ours.gaps_of(whole), ours.gaps_of(mended))

    def setup():
        setup.kept = (begun_at_noon if late else at_noon)(kind)
        return getattr(setup.kept, kind), *morning

    timed(
        f"late/{kind}", f"One of {HALF:,} rows in one call of `{kind}`, behind as many newer ones",
        "sessiondata" if late else "sessiondata, in order", HALF, lambda call, *columns: call(*columns),
        setup=setup, yardstick=not late, note="" if late else "no newer rows",
    )  # fmt: skip
