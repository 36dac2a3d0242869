"""The hand-written numba contestant: what a good numba programmer writes for one symbol and one session.

It stores bars, grows four derived intervals in place and counts gaps and missing slots; it knows no late bars, no
corrections, no breaks, keeps no ranges and checks nothing but NaN and high < low. Divisions happen only where a derived
bar begins.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from benchmarks.data import DERIVED, STEP_NS, Day

__all__ = ["append", "derived_bars", "extend", "find_gaps", "missing", "new_arrays"]

N_BASE = 0  # bars stored; then one counter per derived interval
NEXT = 5  # end of the newest slot of each interval, the base first
GAPS = 10  # gaps of each interval, the base first
MISSING = 15  # missing slots of each interval, the base first


def new_arrays(day: Day) -> tuple[Any, ...]:
    """Room for one session: everything that `append` and `extend` write to, and the session's bounds."""
    slots = (day.stop_ns - day.open_ns) // day.step_ns
    steps = np.array([STEP_NS[name] for name in (day.base, *DERIVED)], np.int64)
    most = int(np.ceil((day.stop_ns - day.open_ns) / steps[1:]).max())
    state = np.zeros(20, np.int64)
    state[NEXT:GAPS] = day.open_ns
    base_ts, base = np.empty(slots, np.int64), np.empty((5, slots))
    derived_ts, derived = np.empty((4, most), np.int64), np.empty((4, 5, most))
    return state, steps, day.open_ns, day.stop_ns, base_ts, base, derived_ts, derived


@numba.njit(inline="always")
def _take(state, steps, open_ns, stop_ns, base_ts, base, derived_ts, derived, ts, o, h, low, c, v):
    if not (h >= low and v >= 0.0 and o == o and c == c):
        return False
    n = state[N_BASE]
    base_ts[n] = ts
    base[0, n], base[1, n], base[2, n], base[3, n], base[4, n] = o, h, low, c, v
    state[N_BASE] = n + 1
    if ts != state[NEXT]:
        state[GAPS] += 1
        state[MISSING] += (ts - state[NEXT]) // steps[0]
    state[NEXT] = ts + steps[0]
    for k in range(4):
        at = state[1 + k] - 1
        if at < 0 or ts >= state[NEXT + 1 + k]:
            step = steps[1 + k]
            start = open_ns + (ts - open_ns) // step * step
            if start != state[NEXT + 1 + k]:
                state[GAPS + 1 + k] += 1
                state[MISSING + 1 + k] += (start - state[NEXT + 1 + k]) // step
            at += 1
            state[1 + k] = at + 1
            state[NEXT + 1 + k] = min(start + step, stop_ns)
            derived_ts[k, at] = start
            derived[k, 0, at], derived[k, 1, at], derived[k, 2, at], derived[k, 3, at] = o, h, low, c
            derived[k, 4, at] = v
        else:
            derived[k, 1, at] = max(derived[k, 1, at], h)
            derived[k, 2, at] = min(derived[k, 2, at], low)
            derived[k, 3, at] = c
            derived[k, 4, at] += v
    return True


@numba.njit
def append(state, steps, open_ns, stop_ns, base_ts, base, derived_ts, derived, ts, o, h, low, c, v):
    """One bar, called from Python."""
    return _take(state, steps, open_ns, stop_ns, base_ts, base, derived_ts, derived, ts, o, h, low, c, v)


@numba.njit
def extend(state, steps, open_ns, stop_ns, base_ts, base, derived_ts, derived, ts, o, h, low, c, v):
    """Many bars, the loop compiled."""
    stored = 0
    for i in range(len(ts)):
        if _take(
            state, steps, open_ns, stop_ns, base_ts, base, derived_ts, derived, ts[i], o[i], h[i], low[i], c[i], v[i]
        ):
            stored += 1
    return stored


def derived_bars(arrays: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """What `extend` left behind, by interval."""
    state, derived_ts, derived = arrays[0], arrays[-2], arrays[-1]
    return {name: (derived_ts[k, : state[1 + k]], *derived[k, :, : state[1 + k]]) for k, name in enumerate(DERIVED)}


def missing(day: Day, arrays: tuple[Any, ...]) -> dict[str, tuple[int, int]]:
    """(gaps, missing slots) by interval."""
    state = arrays[0]
    names = (day.base, *DERIVED)
    return {name: (int(state[GAPS + k]), int(state[MISSING + k])) for k, name in enumerate(names)}


@numba.njit
def find_gaps(ts, open_ns, stop_ns, step_ns):
    """Starts, ends and lengths of the runs of missing slots: one pass over sorted times."""
    n = len(ts)
    start, end, count = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64), np.empty(n + 1, np.int64)
    found = 0
    due = open_ns
    for i in range(n + 1):
        now = ts[i] if i < n else stop_ns
        if now != due:
            start[found], end[found], count[found] = due, now - step_ns, (now - due) // step_ns
            found += 1
        due = now + step_ns
    return start[:found], end[:found], count[:found]
