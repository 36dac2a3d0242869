"""What is missing in a column of times that stands ready; and the same asked of a store that has
been fed them."""

from __future__ import annotations

import numpy as np
import pytest

import sessiondata as sd
from benchmarks import data, ours, peers

DAYS = (data.minutes_with_holes, data.seconds, data.seconds_with_holes, data.spy_seconds)
each_day = pytest.mark.parametrize("day", DAYS, indirect=True, ids=lambda maker: maker.__name__)


def row_of(day: data.Day) -> tuple[str, str]:
    return f"gaps/{day.name}", f"Gaps in a column of times, per bar: {day.title}"


def expected_gaps(day: data.Day) -> list[tuple[int, int, int]]:
    """What all must find: by sets of integers, in a way that nobody here uses."""
    slots = range(day.open_ns, day.stop_ns, day.step_ns)
    present = set(day.columns[0].tolist())
    gaps: list[list[int]] = []
    for slot in slots:
        if slot in present:
            continue
        if gaps and gaps[-1][1] == slot - day.step_ns:
            gaps[-1][1:] = slot, gaps[-1][2] + 1
        else:
            gaps.append([slot, slot, 1])
    return [tuple(gap) for gap in gaps]


def check(day, found):
    """Assert that columns of (start, end, count) are the gaps."""
    assert list(zip(*(list(column) for column in found), strict=True)) == expected_gaps(day), "contestants disagree"


@each_day
def test_sessiondata(day, timed):
    grid, ts_ns = ours.CALENDAR.session(day.date), day.columns[0]
    check(day, sd.find_gaps(ts_ns, grid, day.base))
    timed(*row_of(day), "sessiondata", len(day), lambda: sd.find_gaps(ts_ns, grid, day.base))


@each_day
def test_tracked(day, timed):
    series = ours.fill(day)[1].bars_base
    check(day, zip(*((gap.start_ns, gap.end_ns, gap.bar_count) for gap in series.gaps), strict=True))
    assert series.missing == sum(count for *_, count in expected_gaps(day))
    timed(
        *row_of(day), "sessiondata store, `gaps` property", len(day), lambda: series.gaps,
        note="known already; makes the objects", yardstick=True,
    )  # fmt: skip


@each_day
def test_sum(day, timed):
    ts_ns = day.columns[0]
    timed(*row_of(day), "np.sum of the times", len(day), ts_ns.sum, note="finds nothing", yardstick=True)


@each_day
def test_floor(day, timed):
    """What no scan can leave out: to read the times, and to write the gaps to new arrays."""
    ts_ns = day.columns[0]
    columns = [np.array(column, np.int64) for column in zip(*expected_gaps(day), strict=True)] or [ts_ns[:0]] * 3
    timed(
        *row_of(day), "np.sum, copies of the gaps", len(day), lambda: (ts_ns.sum(), *(c.copy() for c in columns)),
        note="finds nothing: reads the times, writes an answer that stands ready", yardstick=True,
    )  # fmt: skip


@each_day
def test_diff(day, timed):
    run = peers.diff_gaps(day)
    check(day, run())
    timed(*row_of(day), "np.diff", len(day), run)


@each_day
def test_setdiff(day, timed):
    run = peers.setdiff_gaps(day)
    check(day, run())
    timed(*row_of(day), "np.setdiff1d", len(day), run)


@each_day
def test_numba(day, timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    arguments = np.ascontiguousarray(day.columns[0]), day.open_ns, day.stop_ns, day.step_ns
    check(day, numba_loop.find_gaps(*arguments))
    timed(*row_of(day), "numba loop", len(day), lambda: numba_loop.find_gaps(*arguments))


@each_day
def test_polars(day, timed):
    pytest.importorskip("polars", reason="polars is not installed")
    run = peers.polars_gaps(day)
    check(day, run())
    timed(*row_of(day), "polars diff", len(day), run)


@each_day
def test_object_model(day, timed):
    model = ours.model_of({"SPY": day}).symbols["SPY"]
    model.refresh()
    assert ours.model_gaps(model)[day.base] == expected_gaps(day), "contestants disagree"
    timed(*row_of(day), "object model, set difference", len(day), lambda: model.base.refresh(model.as_of))
