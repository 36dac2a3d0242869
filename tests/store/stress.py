"""One writer and one reader of a ring of a few rows, both without the GIL: counts reads, and rows
that are torn.

    python tests/store/stress.py [seconds] [rows]   two minutes, 1,024 rows, windows of 16

Bars check themselves: bar `i` has open = high = low = close = volume = i at the i-th second, so a
row of two bars, or a window with a row out of place, shows. A read is accepted when `read_last`
says that it stands; then all of it is compared. What is accepted must not be torn; what is refused
is read under the guard, so nothing is refused in the end.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import NamedTuple

import numpy as np
from numba import njit

import sessiondata as sd
from sessiondata import jit
from sessiondata.store.symbol import state_of

DAY_NS = 1_700_006_400 * 1_000_000_000  # a midnight, UTC
SECOND = 1_000_000_000
STOP, WRITTEN = 0, 1


class Outcome(NamedTuple):
    accepted: int
    torn: int
    written: int
    seconds: float


@njit(nogil=True)
def write(handle: int, flags: np.ndarray, step: int, pause: int) -> int:
    """Append bars until told to stop (or the day is full); returns how many."""
    i = 0
    while flags[STOP] == 0 and i < 86_400 * (1_000_000_000 // step):
        x = float(i)
        if jit.append(handle, DAY_NS + i * step, x, x, x, x, x) != jit.STORED:
            return -1
        i += 1
        flags[WRITTEN] = i
        for _ in range(pause):
            flags[WRITTEN] = i
    return i


@njit(nogil=True)
def read(handle: int, flags: np.ndarray, step: int, n: int, counts: np.ndarray) -> None:
    """Read the newest rows until told to stop; counts are reads and torn ones."""
    ts = np.empty(n, np.int64)
    o, h, low, c, v = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    while flags[STOP] == 0:
        got = jit.read_last(handle, 0, ts, o, h, low, c, v)
        counts[0] += 1
        torn = got < 0
        for i in range(max(got, 0)):
            x = o[i]
            torn |= not (h[i] == x and low[i] == x and c[i] == x and v[i] == x)
            torn |= ts[i] != DAY_NS + np.int64(x) * step or x != o[0] + i
        counts[1] += torn


def run(
    seconds: float, capacity: int, n: int, pause: int = 0, readers: int = 1, floor: int = 0, bars: int = 0
) -> Outcome:
    """Let a writer and readers run side by side: so long, and (on a busy machine) until there are
    `floor` reads and more than `bars` bars."""
    step = 1_000  # bars that are off the base grid but in order: a day has room for billions
    data = sd.SessionData(None, "1s", ("1m",), capacity=capacity)
    data.start_session("2023-11-15")
    symbol = data.register_symbol("SPY")
    handle, flags = symbol.handle, np.zeros(64, np.int64)
    counts = [np.zeros(64, np.int64) for _ in range(readers)]
    write(handle, np.ones(64, np.int64), step, 0)  # compiled before the clock runs
    read(handle, np.ones(64, np.int64), step, n, np.zeros(64, np.int64))
    threads = [threading.Thread(target=write, args=(handle, flags, step, pause))]
    threads += [threading.Thread(target=read, args=(handle, flags, step, n, count)) for count in counts]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    try:
        time.sleep(seconds)
        while sum(int(c[0]) for c in counts) < floor or flags[WRITTEN] <= bars:
            if time.perf_counter() - begin > 60.0:
                break
            time.sleep(0.05)
    finally:
        flags[STOP] = 1
        for thread in threads:
            thread.join()
    took = time.perf_counter() - begin
    state_of(symbol).core.check_invariants()
    return Outcome(sum(int(c[0]) for c in counts), sum(int(c[1]) for c in counts), int(flags[WRITTEN]), took)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 115.0
    capacity = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    outcome = run(seconds, capacity, 16)
    print(
        f"{outcome.accepted:,} accepted reads of 16 rows, {outcome.torn:,} torn, while {outcome.written:,} bars came"
        f" into a ring of {capacity} rows, in {outcome.seconds:.0f} s"
    )
    return 1 if outcome.torn or outcome.accepted < 100_000_000 else 0


if __name__ == "__main__":
    sys.exit(main())
