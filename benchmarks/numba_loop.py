"""The hand-written numba contestant: the fastest that we know how to write for one symbol and one
session.

It stores bars, grows four derived intervals in place and counts gaps and missing slots; it knows no
late bars, no corrections, no breaks, keeps no ranges and checks nothing but NaN, high < low and
volume < 0.

`append` is called from Python, where numba's dispatcher unboxes every array anew (some 60 ns each):
so all of a session lies in two of them, one of integers and one of floats, and divisions happen
only where a derived bar begins. `extend` works column by column, each interval folded from the one
below it: five times as fast as `append` in a compiled loop.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from benchmarks.data import DERIVED, STEP_NS, Day

__all__ = [
    "append",
    "bars_of_trades",
    "derived_bars",
    "extend",
    "extend_stepwise",
    "find_gaps",
    "missing",
    "new_arrays",
]

# The integers: what stands below, then the timestamps of the base, then those of each derived
# interval.
COUNT = 0  # bars stored, and derived bars of each interval
NEXT = 5  # end of the newest slot of each interval, the base first
GAPS = 10  # gaps of each interval, the base first
MISSING = 15  # missing slots of each interval, the base first
STEP = 20  # length of a slot of each interval, the base first
OPEN, STOP = 25, 26  # the session's bounds
BASE_ROOM, ROOM = 27, 28  # rows of the base; of each derived interval
TIMES = 29  # where timestamps begin
# The floats: five columns of the base, then five of each derived interval.


def new_arrays(day: Day) -> tuple[Any, Any]:
    """Room for one session: integers and floats that `append` and `extend` write to."""
    slots = (day.stop_ns - day.open_ns) // day.step_ns
    steps = [STEP_NS[name] for name in (day.base, *DERIVED)]
    most = -(-(day.stop_ns - day.open_ns) // steps[1])
    ints, floats = np.empty(TIMES + slots + 4 * most, np.int64), np.empty(5 * slots + 20 * most)
    ints[:TIMES] = 0
    ints[NEXT:GAPS] = day.open_ns
    ints[STEP:OPEN] = steps
    ints[OPEN:TIMES] = day.open_ns, day.stop_ns, slots, most
    return ints, floats


@numba.njit(inline="always")
def take(ints, floats, ts, o, h, low, c, v):
    if not (h >= low and v >= 0.0 and o == o and c == c):
        return False
    n, slots, most = ints[COUNT], ints[BASE_ROOM], ints[ROOM]
    ints[TIMES + n] = ts
    floats[n] = o
    floats[slots + n] = h
    floats[2 * slots + n] = low
    floats[3 * slots + n] = c
    floats[4 * slots + n] = v
    ints[COUNT] = n + 1
    due = ints[NEXT]
    if ts != due:
        ints[GAPS] += 1
        ints[MISSING] += (ts - due) // ints[STEP]
    ints[NEXT] = ts + ints[STEP]
    for k in range(4):
        count = ints[COUNT + 1 + k]
        # the newest bar's open; other columns stand `most` apart
        at = 5 * (slots + k * most) + count - 1
        due = ints[NEXT + 1 + k]
        if count == 0 or ts >= due:
            step = ints[STEP + 1 + k]
            start = ints[OPEN] + (ts - ints[OPEN]) // step * step
            if start != due:
                ints[GAPS + 1 + k] += 1
                ints[MISSING + 1 + k] += (start - due) // step
            ints[COUNT + 1 + k] = count + 1
            ints[NEXT + 1 + k] = min(start + step, ints[STOP])
            ints[TIMES + slots + k * most + count] = start
            at += 1
            floats[at] = o
            floats[at + most] = h
            floats[at + 2 * most] = low
            floats[at + 3 * most] = c
            floats[at + 4 * most] = v
        else:
            floats[at + most] = max(floats[at + most], h)
            floats[at + 2 * most] = min(floats[at + 2 * most], low)
            floats[at + 3 * most] = c
            floats[at + 4 * most] += v
    return True


@numba.njit(cache=True)
def append(ints, floats, ts, o, h, low, c, v):
    """One bar, called from Python."""
    return take(ints, floats, ts, o, h, low, c, v)


@numba.njit(cache=True)
def bars_of_trades(ts, price, size, open_ns, step_ns, out_ts, o, h, low, c, v):
    """Fold ascending trades into bars of one step; returns how many. Trades that are bad refuse
    all."""
    good = True
    for i in range(len(ts)):  # without branches, so that it is vectorised
        good &= (price[i] == price[i]) & (size[i] >= 0.0)
    n, stop = 0, open_ns
    if not good:
        return 0
    for i in range(len(ts)):
        if ts[i] >= stop:
            start = open_ns + (ts[i] - open_ns) // step_ns * step_ns
            stop = start + step_ns
            out_ts[n] = start
            o[n] = h[n] = low[n] = c[n] = price[i]
            v[n] = size[i]
            n += 1
        else:
            h[n - 1] = max(h[n - 1], price[i])
            low[n - 1] = min(low[n - 1], price[i])
            c[n - 1] = price[i]
            v[n - 1] += size[i]
    return n


@numba.njit(cache=True)
def extend_stepwise(ints, floats, ts, o, h, low, c, v):
    """Many bars, one after the other as `append` takes them: the loop that everybody writes
    first."""
    stored = 0
    for i in range(len(ts)):
        if take(ints, floats, ts[i], o[i], h[i], low[i], c[i], v[i]):
            stored += 1
    return stored


@numba.njit(cache=True)
def extend(ints, floats, ts, o, h, low, c, v):
    """Many bars that are newer than all there are; a bad one refuses all."""
    n, m = ints[COUNT], len(ts)
    good = True
    for i in range(m):  # without branches, so that it is vectorised
        good &= (h[i] >= low[i]) & (v[i] >= 0.0) & (o[i] == o[i]) & (c[i] == c[i])
    if not good or m == 0:
        return 0
    slots, most = ints[BASE_ROOM], ints[ROOM]
    _copy(ts, ints, TIMES + n)
    _copy(o, floats, n)
    _copy(h, floats, slots + n)
    _copy(low, floats, 2 * slots + n)
    _copy(c, floats, 3 * slots + n)
    _copy(v, floats, 4 * slots + n)
    step = ints[STEP]
    # Gaps only where the batch is not one unbroken run, which its ends tell: times ascend on a
    # grid.
    if ts[0] == ints[NEXT] and ts[m - 1] - ts[0] == (m - 1) * step:
        ints[NEXT] = ts[m - 1] + step
    else:
        gaps, missed, due = 0, 0, ints[NEXT]
        for i in range(m):
            if ts[i] != due:
                gaps += 1
                missed += (ts[i] - due) // step
            due = ts[i] + step
        ints[GAPS] += gaps
        ints[MISSING] += missed
        ints[NEXT] = due
    ints[COUNT] = n + m
    # The first new row of the parent, or an older one of the same slot, is where an interval is
    # folded again.
    first, rows = n, n + m
    parent_ts, parent, room = TIMES, 0, slots
    for k in range(4):
        first, rows = _fold(ints, floats, k, first, rows, parent_ts, parent, room)
        parent_ts, parent, room = TIMES + slots + k * most, 5 * (slots + k * most), most
    return m


@numba.njit(cache=True)
def _copy(column, target, at):
    for i in range(len(column)):  # becomes a memcpy; assigning a slice takes seconds to compile
        target[at + i] = column[i]


@numba.njit(cache=True)
def _fold(ints, floats, k, first, rows, parent_ts, parent, room):
    """Derived bars of interval k from the parent's rows [first, rows); returns the same range of
    its own rows."""
    step, opening, stop = ints[STEP + 1 + k], ints[OPEN], ints[STOP]
    slots, most = ints[BASE_ROOM], ints[ROOM]
    own_ts, own = TIMES + slots + k * most, 5 * (slots + k * most)
    count, due = ints[COUNT + 1 + k], ints[NEXT + 1 + k]
    # The forming bar is folded again from its beginning, which keeps the order of summation.
    if count > 0 and ints[parent_ts + first] < due:
        count -= 1
        start = ints[own_ts + count]
        while first > 0 and ints[parent_ts + first - 1] >= start:
            first -= 1
        due = start
    begun = count
    i = first
    while i < rows:
        start = opening + (ints[parent_ts + i] - opening) // step * step
        if start != due:
            ints[GAPS + 1 + k] += 1
            ints[MISSING + 1 + k] += (start - due) // step
        due = min(start + step, stop)
        high, low, volume = floats[parent + room + i], floats[parent + 2 * room + i], floats[parent + 4 * room + i]
        ints[own_ts + count] = start
        floats[own + count] = floats[parent + i]
        i += 1
        while i < rows and ints[parent_ts + i] < due:
            high = max(high, floats[parent + room + i])
            low = min(low, floats[parent + 2 * room + i])
            volume += floats[parent + 4 * room + i]
            i += 1
        floats[own + most + count] = high
        floats[own + 2 * most + count] = low
        floats[own + 3 * most + count] = floats[parent + 3 * room + i - 1]
        floats[own + 4 * most + count] = volume
        count += 1
    ints[COUNT + 1 + k] = count
    ints[NEXT + 1 + k] = due
    return begun, count


def derived_bars(arrays: tuple[Any, Any]) -> dict[str, tuple[Any, ...]]:
    """What `append` and `extend` left behind, by interval."""
    ints, floats = arrays
    slots, most = ints[BASE_ROOM], ints[ROOM]
    bars = {}
    for k, name in enumerate(DERIVED):
        count, times, values = ints[COUNT + 1 + k], TIMES + slots + k * most, 5 * (slots + k * most)
        columns = (floats[values + j * most : values + j * most + count] for j in range(5))
        bars[name] = (ints[times : times + count], *columns)
    return bars


def missing(day: Day, arrays: tuple[Any, Any]) -> dict[str, tuple[int, int]]:
    """(gaps, missing slots) by interval."""
    ints = arrays[0]
    names = (day.base, *DERIVED)
    return {name: (int(ints[GAPS + k]), int(ints[MISSING + k])) for k, name in enumerate(names)}


@numba.njit(cache=True)
def find_gaps(ts, open_ns, stop_ns, step_ns):
    """Starts, ends and lengths of the runs of missing slots.

    First a loop that is vectorised counts them. Where there are some, rows before a gap are noted
    without a branch, which nobody could predict; divisions are left for the gaps.
    """
    n = len(ts)
    inner = 0
    for i in range(n - 1):
        inner += ts[i + 1] - ts[i] != step_ns
    # rows before a gap; only what is written of it is ever touched
    before = np.empty(n if inner else 0, np.uint32)
    if inner:
        at = np.uint32(0)
        for i in range(n - 1):
            before[at] = i
            at += np.uint32(ts[i + 1] - ts[i] != step_ns)
    first = ts[0] if n else stop_ns
    last = ts[n - 1] + step_ns if n else stop_ns
    leading, trailing = int(first != open_ns), int(last != stop_ns)
    found = inner + leading + trailing
    start, end, count = np.empty(found, np.int64), np.empty(found, np.int64), np.empty(found, np.int64)
    if leading:
        start[0], end[0], count[0] = open_ns, first - step_ns, (first - open_ns) // step_ns
    for k in range(inner):
        due, now = ts[before[k]] + step_ns, ts[before[k] + 1]
        start[leading + k], end[leading + k], count[leading + k] = due, now - step_ns, (now - due) // step_ns
    if trailing:
        start[found - 1], end[found - 1], count[found - 1] = last, stop_ns - step_ns, (stop_ns - last) // step_ns
    return start, end, count
