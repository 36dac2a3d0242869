"""Bars one by one, each by a call from Python: stored, four derived intervals, gaps, quality,
metrics."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest

from benchmarks import data, nautilus, ours
from benchmarks.loops import feed

DAYS = (data.minutes, data.seconds, data.seconds_with_holes, data.spy_seconds)
each_day = pytest.mark.parametrize("day", DAYS, indirect=True, ids=lambda maker: maker.__name__)

# NautilusTrader's aggregators make other bars of a day with holes.
each_whole_day = pytest.mark.parametrize("day", DAYS[:2], indirect=True, ids=lambda maker: maker.__name__)


def row_of(day: data.Day) -> tuple[str, str]:
    return f"append/{day.name}", f"One bar, appended by a call from Python: {day.title}"


@each_day
def test_sessiondata(day, timed):
    _, spy = ours.new_store(day)
    feed(spy.append, day.rows)
    _, extended = ours.fill(day)
    ours.same_bars(ours.bars_of(extended), ours.bars_of(spy))
    ours.same_gaps(ours.gaps_of(extended), ours.gaps_of(spy))

    timed.loop(*row_of(day), "sessiondata", day.rows, lambda: ours.new_store(day)[1].append)


@each_day
def test_call_of_nothing(day, timed):
    """`sys.audit` looks for a hook and returns: what Python needs to call compiled code with six
    arguments."""
    note = "`sys.audit`, six arguments"
    timed.loop(*row_of(day), "native call of nothing", day.rows, lambda: sys.audit, yardstick=True, note=note)


@each_whole_day
def test_nautilus(day, timed):
    if nautilus.interpreter() is None:
        pytest.skip(nautilus.ABSENT)
    measured = nautilus.measure(day.name, 3 if timed.quick else 7)
    bars = {name: tuple(map(np.array, columns)) for name, columns in measured["bars"].items()}
    ours.same_bars(ours.bars_of(ours.fill(day)[1]), bars)
    name = "NautilusTrader, cache and aggregators"
    note = f"{measured['version']}, Bar objects ready, gaps not kept; bare loop within"
    timed.record(*row_of(day), name, len(day), lambda: measured["seconds"][name], note=note)


@each_whole_day
def test_nautilus_cache(day, timed):
    if nautilus.interpreter() is None:
        pytest.skip(nautilus.ABSENT)
    name = "NautilusTrader, cache alone"
    measured = nautilus.measure(day.name, 3 if timed.quick else 7)
    note = "stores only; bare loop within"
    timed.record(*row_of(day), name, len(day), lambda: measured["seconds"][name], note=note)


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

    timed.loop(
        *row_of(day), "object model, gaps not kept", day.object_rows, lambda: ours.new_model(day, eager=False).add_bar
    )


@each_day
def test_object_model(day, timed):
    """Gaps and quality current after each bar: the same service as ours.

    Its cost grows with the session, so of a long one the middle stands for all: the mean of a
    linear cost."""
    start, stop = (0, len(day)) if len(day) < 1000 else (len(day) // 2 - 20, len(day) // 2 + 20)
    _, spy = ours.new_store(day)
    feed(spy.append, day.rows[:stop])

    rows = day.object_rows[start:stop]

    def setup():
        model = ours.new_model(day, eager=False)
        feed(model.add_bar, day.object_rows[:start])
        model.refresh()
        model.eager = True
        return model.add_bar

    add_bar = setup()
    feed(add_bar, rows)
    ours.same_bars(ours.bars_of(spy), ours.model_bars(add_bar.__self__))
    ours.same_gaps(ours.gaps_of(spy), ours.model_gaps(add_bar.__self__))
    note = "" if start == 0 else f"of bars {start:,} to {stop:,} of the session, as its cost grows"
    timed.loop(*row_of(day), "object model", rows, setup, note=note)


@each_day
def test_numba(day, timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    arrays = numba_loop.new_arrays(day)
    feed(partial(numba_loop.append, *arrays), day.rows)
    _, spy = ours.fill(day)
    ours.same_bars(ours.bars_of(spy), numba_loop.derived_bars(arrays))

    def setup():
        return partial(numba_loop.append, *numba_loop.new_arrays(day))

    timed.loop(*row_of(day), "numba function, called per bar", day.rows, setup, note="counts gaps, keeps no ranges")
