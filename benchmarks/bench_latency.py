"""One append at a time: what the slow ones cost. Millions of calls, the garbage collector on.

Each call stands between two readings of the clock. Their own cost, the median with nothing in
between, is measured in turns with the calls, taken off and reported. What the machine does to a
call (interrupts, other guests) shows in the call of nothing that is measured in the same way: its
tail is not ours. And since all sessions are alike, each call's median over them is what that very
call costs: a second distribution, from which the machine's noise has fallen out. What is left in
its tail is code that runs once a session, and so comes from far caches; a small function of
Python's own that is called as seldom, amid calls of nothing, shows what that costs at least.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter_ns
from typing import Any

import numpy as np
import pytest

from benchmarks import data, ours
from benchmarks.conftest import Sample

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ROW = "latency", "One append, timed by itself"
# of 23,400 bars: rings wrap after a third of a session, and move their origin after two
CAPACITY = 8192
LATE_AT, LATE_BY = 5_001, 3  # one bar of a session comes three bars late
#: The first bar, the first one of 5m, the one after the hole that is left, the late one, first
#: overwriting, new origin.
RARE = [0, 300, LATE_AT, LATE_AT + LATE_BY, CAPACITY, 2 * CAPACITY]


def call_times(append: Callable[..., Any], rows: Iterable[tuple[Any, ...]]) -> array[int]:
    """ns of each call. A list is kept of every eighth bar, so that the collector has reason to
    run."""
    clock = perf_counter_ns
    times = array("q")
    keep, kept = times.append, []
    for ts, o, h, low, c, v in rows:
        begun = clock()
        append(ts, o, h, low, c, v)
        keep(clock() - begun)
        if not ts & 0x1C0_0000:  # some bits that vary from bar to bar
            kept.append([ts])
    return times


def call_times_of(calls: Iterable[Callable[..., Any]], rows: Iterable[tuple[Any, ...]]) -> array[int]:
    """`call_times` of a function for each row."""
    clock = perf_counter_ns
    times = array("q")
    keep, kept = times.append, []
    for call, (ts, o, h, low, c, v) in zip(calls, rows, strict=True):
        begun = clock()
        call(ts, o, h, low, c, v)
        keep(clock() - begun)
        if not ts & 0x1C0_0000:
            kept.append([ts])
    return times


def clock_times(rows: Iterable[tuple[Any, ...]]) -> array[int]:
    clock = perf_counter_ns
    times = array("q")
    keep, kept = times.append, []
    for ts, _o, _h, _low, _c, _v in rows:
        begun = clock()
        keep(clock() - begun)
        if not ts & 0x1C0_0000:
            kept.append([ts])
    return times


def sessions(timed: Any) -> int:
    """Sessions of 23,400 bars that make a million appends and more in each pass; fewer in a
    hurry."""
    return 9 if timed.quick else 45


def with_a_late_bar(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    arriving = list(rows)
    arriving.insert(LATE_AT + LATE_BY, arriving.pop(LATE_AT))
    return arriving


def usage() -> tuple[int, int]:
    """Pages that the system has handed out, and how often it gave the processor to somebody
    else."""
    if resource is None:
        return 0, 0
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_minflt, used.ru_nivcsw


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, so that a new store lies where an old one did and no page is
    handed out anew."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(AttributeError, OSError):
            libc = ctypes.CDLL(None)
            libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD
            libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, the most that is allowed


def collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def sampled(runs: Iterator[array[int]], marks: dict[str, list[int]] | None = None) -> Sample:
    """All times of some identical sessions; `marks` says which calls of each are of a special
    kind."""
    keep_freed_memory()
    rows = data.seconds().rows[:5_000]
    clocks, sessions_ = [], []
    (faults, switches), collected = usage(), collections()
    for run in runs:
        sessions_.append(np.frombuffer(run, np.int64))
        clocks.append(np.median(np.frombuffer(clock_times(rows), np.int64)))
    more, collected = usage(), collections() - collected
    clock = float(np.median(clocks))
    times = np.array(sessions_) - clock
    marked = {name: float(np.median(times[:, at])) for name, at in (marks or {}).items()}
    return Sample(
        clock, times.ravel(), np.median(times, axis=0), marked, more[0] - faults, collected, more[1] - switches
    )


def test_call_of_nothing(timed):
    rows = data.seconds().rows
    run = partial(call_times, sys.audit, rows)
    timed.sample(*ROW, "native call of nothing", lambda: sampled(run() for _ in range(sessions(timed))))


def test_rare_call(timed):
    """Where a session of ours does what it does once, `math.hypot` of the row: some 80 ns where it
    is called again and again. What it takes here is the floor of whatever runs as seldom."""
    rows = data.seconds().rows
    calls = [sys.audit] * len(rows)
    for i in RARE:
        calls[i] = math.hypot
    run = partial(call_times_of, calls, rows)
    timed.sample(
        *ROW,
        "native call of nothing, math.hypot seldom",
        lambda: sampled((run() for _ in range(sessions(timed))), {"math.hypot": RARE}),
    )


def test_sessiondata(timed):
    """All that happens: first bars, two laps, wraps, late bars; in memory that an earlier session
    has used."""
    day = data.seconds()
    rows = with_a_late_bar(day.rows)
    counters: dict[str, Any] = {}

    def run() -> Iterator[array[int]]:
        for _ in range(sessions(timed)):
            store, spy = ours.new_store(day, capacity=CAPACITY)
            yield call_times(spy.append, rows)
            counters.update(spy.counters)
            store.clear()  # its memory goes back now, and the next store gets it

    keep_freed_memory()
    for _ in run():  # memory and caches as they are when a process has been running for a while
        break
    marks = {
        "session's first bar": [0],
        "bar after a hole": [LATE_AT],
        "late bar": [LATE_AT + LATE_BY],
        "first bar that overwrites one": [CAPACITY],
        "ring's origin moves": [2 * CAPACITY],
        "first bar of 5m": list(range(300, len(rows), 300)),
        "first bar of 1h": list(range(3600, len(rows), 3600)),
    }
    timed.sample(*ROW, "sessiondata", lambda: sampled(run(), marks))
    assert counters["stored"] == len(rows)
    assert counters["late"] == 1
    assert counters["overwritten"] == len(rows) - CAPACITY


def test_untouched_memory(timed):
    """A process's first session: all stores at once, so that each has memory that nobody has
    touched."""
    day = data.seconds()
    stores = [ours.new_store(day)[1] for _ in range(sessions(timed))]
    timed.sample(
        *ROW, "sessiondata, memory never touched", lambda: sampled(call_times(spy.append, day.rows) for spy in stores)
    )
    assert all(len(spy.bars_base) == len(day) for spy in stores)


def test_numba(timed):
    numba_loop = pytest.importorskip("benchmarks.numba_loop", reason="numba is not installed")
    day = data.seconds()
    calls = [partial(numba_loop.append, *numba_loop.new_arrays(day)) for _ in range(max(1, sessions(timed) // 9))]
    call_times(partial(numba_loop.append, *numba_loop.new_arrays(day)), day.rows)
    timed.sample(*ROW, "numba function", lambda: sampled(call_times(call, day.rows) for call in calls))


def test_object_model(timed):
    day = data.seconds()
    models = [ours.new_model(day, eager=False) for _ in range(max(1, sessions(timed) // 9))]

    def run() -> Iterator[array[int]]:
        for model in models:
            # The model's times are datetimes: a number beside them says when to keep something.
            yield model_times(model.add_bar, day)

    timed.sample(*ROW, "object model, gaps not kept", lambda: sampled(run()))


def model_times(add_bar: Callable[..., Any], day: data.Day) -> array[int]:
    clock = perf_counter_ns
    times = array("q")
    keep = times.append
    for ts, o, h, low, c, v in day.object_rows:
        begun = clock()
        add_bar(ts, o, h, low, c, v)
        keep(clock() - begun)
    return times
