"""Bars one by one, each by a call from Python: stored, four derived intervals, gaps, quality, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter_ns
from typing import Any

import pytest

from benchmarks import data, ours

DAYS = (data.minutes, data.seconds, data.seconds_with_holes, data.spy_seconds)
each_day = pytest.mark.parametrize("day", DAYS, indirect=True, ids=lambda maker: maker.__name__)


def row_of(day: data.Day) -> tuple[str, str]:
    return f"append/{day.name}", f"One bar, appended by a call from Python: {day.title}"


def feed(append: Callable[..., Any], rows: Iterable[tuple[Any, ...]]) -> None:
    for row in rows:
        append(*row)


def bare_loop(rows: Iterable[tuple[Any, ...]]) -> None:
    for _ in rows:
        pass


def nothing(ts, open, high, low, close, volume):  # noqa: A002
    """A call that does nothing."""


@each_day
def test_sessiondata(day, timed):
    _, spy = ours.new_store(day)
    feed(spy.append, day.rows)
    _, extended = ours.fill(day)
    ours.same_bars(ours.bars_of(extended), ours.bars_of(spy))
    ours.same_gaps(ours.gaps_of(extended), ours.gaps_of(spy))

    def setup():
        return ours.new_store(day)[1].append, day.rows

    timed(*row_of(day), "sessiondata", len(day), feed, setup=setup, loop=True)


@each_day
def test_bare_loop(day, timed):
    timed(*row_of(day), "loop without a call", len(day), bare_loop, setup=lambda: (day.rows,), yardstick=True)


@each_day
def test_call_of_nothing(day, timed):
    timed(
        *row_of(day), "call of an empty Python function", len(day), feed,
        setup=lambda: (nothing, day.rows), yardstick=True, loop=True,
    )  # fmt: skip


@each_day
def test_object_model_on_request(day, timed):
    _, spy = ours.fill(day)
    model = ours.new_model(day, eager=False)
    feed(model.add_bar, day.object_rows)
    model.refresh()
    ours.same_bars(ours.bars_of(spy), ours.model_bars(model))
    ours.same_gaps(ours.gaps_of(spy), ours.model_gaps(model))
    assert [series.quality for series in model.series] == list(spy.bar_quality.values())
    metrics = spy.session_volume, spy.session_high, spy.session_low, spy.last_update
    assert (model.volume, model.high, model.low, model.last_update) == metrics

    def setup():
        return ours.new_model(day, eager=False).add_bar, day.object_rows

    timed(*row_of(day), "object model, gaps not kept", len(day), feed, setup=setup, loop=True)


@each_day
def test_object_model(day, timed):
    """Gaps and quality current after each bar: the same service as ours.

    Its cost grows with the session, so of a long one the middle stands for all: the mean of a linear cost."""
    start, stop = (0, len(day)) if len(day) < 1000 else (len(day) // 2 - 20, len(day) // 2 + 20)
    _, spy = ours.new_store(day)
    feed(spy.append, day.rows[:stop])

    def setup():
        model = ours.new_model(day, eager=False)
        feed(model.add_bar, day.object_rows[:start])
        model.refresh()
        model.eager = True
        return model.add_bar, day.object_rows[start:stop]

    add_bar, rows = setup()
    feed(add_bar, rows)
    ours.same_bars(ours.bars_of(spy), ours.model_bars(add_bar.__self__))
    ours.same_gaps(ours.gaps_of(spy), ours.model_gaps(add_bar.__self__))
    note = "" if start == 0 else f"of bars {start:,} to {stop:,} of the session, as its cost grows"
    timed(*row_of(day), "object model", stop - start, feed, setup=setup, loop=True, note=note)


@each_day
def test_numba(day, timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    arrays = numba_loop.new_arrays(day)
    feed(partial(numba_loop.append, *arrays), day.rows)
    _, spy = ours.fill(day)
    ours.same_bars(ours.bars_of(spy), numba_loop.derived_bars(arrays))

    def setup():
        return partial(numba_loop.append, *numba_loop.new_arrays(day)), day.rows

    timed(*row_of(day), "numba function, called per bar", len(day), feed, setup=setup, loop=True)


# --- one call at a time: what the slow ones cost ---

LATENCY = "latency", "One append, timed by itself (garbage collection on, the clock's own cost included)"


def call_times(append: Callable[..., Any], rows: Iterable[tuple[Any, ...]]) -> list[int]:
    clock = perf_counter_ns
    times = []
    keep = times.append
    for row in rows:
        begun = clock()
        append(*row)
        keep(clock() - begun)
    return times


def clock_times(rows: Iterable[tuple[Any, ...]]) -> list[int]:
    clock = perf_counter_ns
    times = []
    keep = times.append
    for _ in rows:
        begun = clock()
        keep(clock() - begun)
    return times


def sessions(timed: Any) -> int:
    """Sessions of 23,400 bars that make 200,000 appends and more; fewer in a hurry."""
    return 2 if timed.quick else 9


def test_latency_of_the_clock(timed):
    rows = data.seconds().rows
    timed.sample(*LATENCY, "the clock alone", lambda: clock_times(rows * sessions(timed)))


def test_latency_of_sessiondata(timed):
    day = data.seconds()
    # All stores at once, so that each has memory that nobody has touched: a process's first session.
    stores = [ours.new_store(day)[1] for _ in range(sessions(timed))]

    def run() -> list[int]:
        return [time for spy in stores for time in call_times(spy.append, day.rows)]

    timed.sample(*LATENCY, "sessiondata, new store", run)
    assert all(len(spy.bars_base) == len(day) for spy in stores)


def test_latency_of_a_full_ring(timed):
    day, capacity = data.seconds(), 2048

    def run() -> list[int]:
        times = []
        for _ in range(sessions(timed) + 2):
            _, spy = ours.new_store(day, capacity=capacity)
            feed(spy.append, day.rows[: 2 * capacity])  # both laps: every bar from here on overwrites one
            times += call_times(spy.append, day.rows[2 * capacity :])
        return times

    timed.sample(*LATENCY, "sessiondata, ring that has wrapped", run)


def test_latency_of_numba(timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    day = data.seconds()
    calls = [partial(numba_loop.append, *numba_loop.new_arrays(day)) for _ in range(sessions(timed))]
    feed(partial(numba_loop.append, *numba_loop.new_arrays(day)), day.rows[:1])  # compiled before the clock runs
    timed.sample(*LATENCY, "numba function", lambda: [time for call in calls for time in call_times(call, day.rows)])


def test_latency_of_object_model(timed):
    day = data.seconds()
    models = [ours.new_model(day, eager=False) for _ in range(sessions(timed))]

    def run() -> list[int]:
        return [time for model in models for time in call_times(model.add_bar, day.object_rows)]

    timed.sample(*LATENCY, "object model, gaps not kept", run)
