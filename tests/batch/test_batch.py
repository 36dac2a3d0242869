"""Batch kernels over many symbols: the same answers for any number of workers, errors, and the
GIL."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import sessiondata as sd

STEP_NS = 1_000_000_000
CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", breaks=[("12:00", "12:30")])
GRID = CALENDAR.session("2024-03-12")
OPEN = int(GRID.segments[0, 0])
WORKERS = (None, 1, 2, 3, 8, -1)


def columns(n: int) -> dict[str, np.ndarray]:
    """Times of `n` symbols: with holes, without, empty, and such as are off the grid."""
    random = np.random.RandomState(1)
    slots = GRID.slot_starts("1s")
    made = {f"S{i}": slots[random.randint(0, 100, len(slots)) < 70 + i % 31] for i in range(n)}
    made["NONE"] = slots[:0]
    made["OFF"] = slots[:500] + STEP_NS // 2
    return made


def bars(n: int) -> dict[str, tuple[np.ndarray, ...]]:
    return {
        name: (ts, *np.random.RandomState(len(ts)).rand(5, len(ts)))
        for name, ts in columns(n).items()
    }  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Equality of results, arrays and their types included."""
    if isinstance(one, tuple):
        return type(one) is type(other) and all(map(np.array_equal, one, other))
    return type(one) is type(other) and one == other


KERNELS = {
    "find_gaps": (lambda data, grid, **more: sd.find_gaps(data, grid, "1s", **more), columns),
    "quality": (lambda data, grid, **more: sd.quality(data, grid, "1s", **more), columns),
    "aggregate": (lambda data, grid, **more: sd.aggregate(data, grid, "1s", "5m", **more), bars),
}
each_kernel = pytest.mark.parametrize(("kernel", "make"), KERNELS.values(), ids=KERNELS)


@each_kernel
def test_many_are_as_one_by_one_for_any_number_of_workers(kernel: Any, make: Any) -> None:
    data = make(75)
    alone = {name: kernel(value, GRID) for name, value in data.items()}
    for workers in WORKERS:
        found = kernel(data, GRID, workers=workers)
        assert list(found) == list(data)
        assert all(same(found[name], alone[name]) for name in data), workers


@each_kernel
def test_each_name_may_have_a_grid_of_its_own(kernel: Any, make: Any) -> None:
    data = dict(list(make(3).items())[:3])
    grids = dict(zip(data, (GRID, CALENDAR.session("2024-03-13"), GRID), strict=True))
    found = kernel(data, grids, workers=2)
    assert all(same(found[name], kernel(data[name], grids[name])) for name in data)
    with pytest.raises(KeyError, match="S1"):
        kernel(data, {"S0": GRID, "S2": GRID})


@each_kernel
def test_no_symbols_is_no_result(kernel: Any, make: Any) -> None:
    assert kernel({}, GRID, workers=4) == {}
    assert make(0).keys() == {"NONE", "OFF"}


def test_as_of_holds_for_all() -> None:
    data = columns(5)
    noon = np.datetime64("2024-03-12T16:00")
    found = sd.quality(data, GRID, "1s", noon, workers=2)
    assert found == {name: sd.quality(ts, GRID, "1s", noon) for name, ts in data.items()}


@pytest.mark.parametrize("workers", WORKERS)
@each_kernel
def test_the_first_bad_symbol_is_named_for_any_number_of_workers(kernel: Any, make: Any, workers: Any) -> None:
    data = make(75)
    table = list(data)
    for name, change in ((table[66], "floats"), (table[7], "order"), (table[9], "floats"), (table[40], "order")):
        ts = (data[name][0] if isinstance(data[name], tuple) else data[name]).copy()
        if change == "floats":
            ts = ts.astype(float)
        else:
            ts[1234] = ts[1232]
        data[name] = (ts, *data[name][1:]) if isinstance(data[name], tuple) else ts
    with pytest.raises(sd.BarError) as caught:
        kernel(data, GRID, workers=workers)
    assert (caught.value.symbol, caught.value.row) == ("S7", 1234)
    del data["S7"]
    with pytest.raises(sd.TimeError, match="'S9'"):
        kernel(data, GRID, workers=workers)


@pytest.mark.parametrize("workers", [0, -2, -100])
@each_kernel
def test_numbers_of_workers_that_mean_nothing(kernel: Any, make: Any, workers: int) -> None:
    with pytest.raises(ValueError, match="workers"):
        kernel(make(2), GRID, workers=workers)
    with pytest.raises(TypeError):
        kernel(make(2), GRID, workers=1.5)


@pytest.mark.slow
@pytest.mark.threads
@each_kernel
def test_other_threads_run_meanwhile(kernel: Any, make: Any) -> None:
    # Repeats are slow to scan, and bars of one slot slow enough to fold. Nobody has to give the GIL
    # up within this switch interval, so the counting thread wakes up only if the kernel lets go of
    # it.
    n = 4_000_000
    ts = OPEN + np.arange(n) if make is bars else np.full(n, OPEN)
    data = (ts, *np.ones((5, n))) if make is bars else ts
    count, done = 0, threading.Event()

    def work() -> None:
        nonlocal count
        while not done.is_set():
            time.sleep(0.0005)
            count += 1

    interval, thread = sys.getswitchinterval(), threading.Thread(target=work)
    sys.setswitchinterval(100.0)
    try:
        thread.start()
        kernel(data, GRID)
        done.set()
        counted = count
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
    assert counted >= 3


@pytest.mark.threads
@pytest.mark.slow
def test_ctrl_c_between_symbols() -> None:
    # In a process of its own, whose main thread is hit while workers have minutes of work before
    # them.
    code = (
        "import _thread, threading, time, numpy as np, sessiondata as sd\n"
        "grid = sd.calendar().session('2024-03-12')\n"
        "ts = np.full(2_000_000, grid.span_start)\n"
        "data = dict.fromkeys(range(20_000), ts)\n"
        "threading.Timer(0.3, _thread.interrupt_main).start()\n"
        "try:\n"
        "    sd.find_gaps(data, grid, '1s', workers=WORKERS)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    for workers in ("None", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code.replace("WORKERS", workers)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert run.stdout.strip() == "interrupted", run.stderr
