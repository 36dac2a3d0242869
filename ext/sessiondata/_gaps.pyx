"""Present and missing slots of one interval.

    ordinal   0 1 2 3 4 5 6 7 8 | 9 ...         ranges   [2, 4)  [6, 7)          explicit, below the frontier
    slot      # # . . # # . # # |               frontier 9, n_present 6
                                                tail     [9, expected)           implied by the clock, stored nowhere

A range never crosses a cut (the first ordinal of a segment), so each is one gap. In-order arrival moves the frontier; a
jump turns what it passes over into ranges; a late bar is a binary search, then its range shrinks, splits or goes.

Invariants (`gaps_check`): ranges sorted, apart or touching only at a cut, not empty, inside [0, frontier), not across
a cut; n_present + missing in ranges = frontier; slot frontier - 1 is present.

Rejected: a bitmap (listing gaps would scan it), one node per missing slot (a quiet stock has 20,000 a day at 1s).
The batch kernel answers for plain arrays what the tracker keeps for a symbol; it shares the grid, not the
state.
"""

from libc.string cimport memcpy, memmove

import numpy as np

from sessiondata._grid cimport Grid, GridData, Region, find_region, ordinal_start
from sessiondata._status cimport ERR_NAT, ERR_TS_ORDER, Offence, raise_status
from sessiondata._time cimport NAT


cdef int64_t gaps_max_ranges(const SlotTable* table) noexcept nogil:
    """Most ranges there can be: every other slot missing, and one more per segment."""
    return (table.n_slots + 1) // 2 + table.n_cuts + 1


cdef void gaps_init(Gaps* gaps, const SlotTable* table) noexcept nogil:
    """An empty tracker without memory; `gaps_move` gives it some."""
    gaps.table = table
    gaps.start = gaps.stop = NULL
    gaps.n_ranges = gaps.frontier = gaps.n_present = 0


cdef void gaps_move(Gaps* gaps, int32_t* memory) noexcept nogil:
    """Lay the ranges over `memory`, which holds 2 * gaps_max_ranges(table) int32, and copy them there."""
    cdef int32_t* stop = memory + gaps_max_ranges(gaps.table)
    if gaps.n_ranges:
        memcpy(memory, gaps.start, gaps.n_ranges * sizeof(int32_t))
        memcpy(stop, gaps.stop, gaps.n_ranges * sizeof(int32_t))
    gaps.start, gaps.stop = memory, stop


cdef inline int32_t _next_cut(const SlotTable* table, int32_t ordinal) noexcept nogil:
    """First cut above `ordinal`; n_slots after the last. O(log segments)."""
    cdef int32_t low = 0, high = table.n_cuts, middle
    while low < high:
        middle = (low + high) >> 1
        if table.cuts[middle] <= ordinal:
            low = middle + 1
        else:
            high = middle
    return table.cuts[low]


cdef inline int32_t _cut_range(const SlotTable* table, int32_t start, int32_t stop, int32_t n,
                               int32_t* out_start, int32_t* out_stop) noexcept nogil:
    """Append [start, stop) to n ranges, cut at segments; returns the new count."""
    cdef int32_t cut
    while start < stop:
        cut = _next_cut(table, start)
        cut = stop if stop < cut else cut
        out_start[n], out_stop[n] = start, cut
        n += 1
        start = cut
    return n


cdef inline int32_t _find(const Gaps* gaps, int32_t ordinal) noexcept nogil:
    """Position of the last range that starts at or below `ordinal`, -1 if none does. O(log ranges)."""
    cdef int32_t low = 0, high = gaps.n_ranges, middle
    while low < high:
        middle = (low + high) >> 1
        if gaps.start[middle] <= ordinal:
            low = middle + 1
        else:
            high = middle
    return low - 1


cdef void gaps_mark_out_of_turn(Gaps* gaps, int32_t ordinal) noexcept nogil:
    """The two cases that are not "the next slot": a jump over absent slots, and a late bar."""
    cdef int32_t i, behind
    if ordinal >= gaps.frontier:
        gaps.n_ranges = _cut_range(gaps.table, gaps.frontier, ordinal, gaps.n_ranges, gaps.start, gaps.stop)
        gaps.frontier = ordinal + 1
        gaps.n_present += 1
        return
    i = _find(gaps, ordinal)
    if i < 0 or ordinal >= gaps.stop[i]:
        return
    gaps.n_present += 1
    behind = gaps.n_ranges - i - 1
    if gaps.stop[i] - gaps.start[i] == 1:
        memmove(&gaps.start[i], &gaps.start[i + 1], behind * sizeof(int32_t))
        memmove(&gaps.stop[i], &gaps.stop[i + 1], behind * sizeof(int32_t))
        gaps.n_ranges -= 1
    elif ordinal == gaps.start[i]:
        gaps.start[i] += 1
    elif ordinal == gaps.stop[i] - 1:
        gaps.stop[i] -= 1
    else:
        memmove(&gaps.start[i + 2], &gaps.start[i + 1], behind * sizeof(int32_t))
        memmove(&gaps.stop[i + 2], &gaps.stop[i + 1], behind * sizeof(int32_t))
        gaps.start[i + 1], gaps.stop[i + 1] = ordinal + 1, gaps.stop[i]
        gaps.stop[i] = ordinal
        gaps.n_ranges += 1


cdef void gaps_mark_run(Gaps* gaps, int32_t ordinal, int32_t count) noexcept nogil:
    """Rows newer than all others now sit on `count` slots from `ordinal` on."""
    if ordinal > gaps.frontier:
        gaps.n_ranges = _cut_range(gaps.table, gaps.frontier, ordinal, gaps.n_ranges, gaps.start, gaps.stop)
    gaps.frontier = ordinal + count
    gaps.n_present += count


cdef int32_t gaps_count(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Number of gaps when `expected` slots are over: the ranges, and the tail cut at segments."""
    cdef int32_t n = gaps.n_ranges, at = gaps.frontier
    while at < expected:
        n += 1
        at = _next_cut(gaps.table, at)
    return n


cdef int32_t gaps_list(const Gaps* gaps, int32_t expected, int32_t* out_start, int32_t* out_stop) noexcept nogil:
    """Write all gaps as ordinal ranges, ascending; room for gaps_count() each. Returns their number."""
    cdef int32_t i
    for i in range(gaps.n_ranges):
        out_start[i], out_stop[i] = gaps.start[i], gaps.stop[i]
    return _cut_range(gaps.table, gaps.frontier, expected, gaps.n_ranges, out_start, out_stop)


cdef bint gaps_check(const Gaps* gaps) noexcept nogil:
    """True if the invariants of the module's note hold."""
    cdef int32_t i, missing = 0, at = 0
    for i in range(gaps.n_ranges):
        if gaps.start[i] >= gaps.stop[i] or gaps.start[i] < at or _next_cut(gaps.table, gaps.start[i]) < gaps.stop[i]:
            return False
        if i > 0 and gaps.start[i] == at and _next_cut(gaps.table, gaps.start[i - 1]) != at:
            return False
        missing += gaps.stop[i] - gaps.start[i]
        at = gaps.stop[i]
    return at <= gaps.frontier - (gaps.frontier > 0) and gaps.n_present + missing == gaps.frontier


# --- batch kernel ---------------------------------------------------------------------------------------------------

cdef struct Scan:
    int32_t n_present     # slots of the table with a row on them, below `expected`
    int32_t n_ranges      # gaps written


cdef int64_t scan_gaps(const int64_t* ts, int64_t n, const SlotTable* table, int32_t expected, int32_t* out_start,
                       int32_t* out_stop, Scan* out_scan) noexcept nogil:
    """Missing slots of a sorted array in one pass.

    Duplicates, off-grid rows and rows outside segments count for nothing. out_start and out_stop (NULL: count only)
    have room for every gap there can be.
    Returns -1, or the first row that is smaller than the one before it."""
    cdef const GridData* grid = table.grid
    cdef const Region* region
    cdef int64_t i = 0, run, limit
    cdef int32_t ordinal, stop, reach = 0  # slots below `reach` are settled
    out_scan.n_present = out_scan.n_ranges = 0
    if n > 0 and ts[0] == NAT:
        return 0
    while i < n:
        if i > 0 and ts[i] < ts[i - 1]:
            return i
        run = 1
        if grid.span_start <= ts[i] < grid.span_stop:
            region = find_region(grid, ts[i])
            if table.step_ns == 0:
                ordinal = 0 if ts[i] == grid.open_ns else -1
            elif region.regular and (ts[i] - region.anchor) % table.step_ns == 0:
                ordinal = table.cuts[region.segment] + <int32_t>((ts[i] - region.anchor) // table.step_ns)
                limit = (region.stop - 1 - ts[i]) // table.step_ns + 1  # rows of a full run to the segment's end
                run = run_length(ts + i, n - i if n - i < limit else limit, table.step_ns)
            else:
                ordinal = -1
            if 0 <= ordinal < expected:
                if ordinal > reach:
                    if out_start != NULL:
                        out_scan.n_ranges = _cut_range(table, reach, ordinal, out_scan.n_ranges, out_start, out_stop)
                    reach = ordinal
                stop = ordinal + <int32_t>run
                stop = expected if stop > expected else stop
                if stop > reach:  # a run may begin with a repeat
                    out_scan.n_present += stop - reach
                    reach = stop
        i += run
    if out_start != NULL:
        out_scan.n_ranges = _cut_range(table, reach, expected, out_scan.n_ranges, out_start, out_stop)
    return -1


cdef Scan _scan(const int64_t[::1] ts_ns, SlotTable* table, int32_t expected, int32_t[::1] out_start,
                int32_t[::1] out_stop) except *:
    cdef Scan scan
    cdef int64_t row, n = ts_ns.shape[0]
    cdef const int64_t* ts = &ts_ns[0] if n else NULL
    cdef int32_t* start = &out_start[0] if out_start is not None else NULL
    cdef int32_t* stop = &out_stop[0] if out_start is not None else NULL
    with nogil:
        row = scan_gaps(ts, n, table, expected, start, stop, &scan)
    if row >= 0:
        raise_status(Offence(ERR_NAT if ts[row] == NAT else ERR_TS_ORDER, row=row, ts_ns=ts[row]))
    return scan


def find_gaps_i64(const int64_t[::1] ts_ns, Grid grid, int64_t step_ns, as_of=None):
    """Gaps of a sorted array: three int64 arrays (start_ns, end_ns, bar_count); see `sessiondata.find_gaps`."""
    cdef SlotTable* table = grid.table(step_ns)
    cdef int32_t expected = table.n_slots if as_of is None else expected_at(table, as_of)
    cdef int64_t most = min(<int64_t>gaps_max_ranges(table), ts_ns.shape[0] + table.n_cuts + 1)
    starts, stops = np.empty(most, np.int32), np.empty(most, np.int32)
    cdef int32_t[::1] start = starts, stop = stops
    cdef Scan scan = _scan(ts_ns, table, expected, start, stop)
    start_ns, end_ns = np.empty(scan.n_ranges, np.int64), np.empty(scan.n_ranges, np.int64)
    cdef int64_t[::1] out_start = start_ns, out_end = end_ns
    cdef int32_t i
    for i in range(scan.n_ranges):
        out_start[i] = ordinal_start(table, start[i])
        out_end[i] = ordinal_start(table, stop[i] - 1)
    return start_ns, end_ns, (stops[:scan.n_ranges] - starts[:scan.n_ranges]).astype(np.int64)


def count_present_i64(const int64_t[::1] ts_ns, Grid grid, int64_t step_ns, as_of=None):
    """(present, expected) slots of a sorted array; see `sessiondata.quality`."""
    cdef SlotTable* table = grid.table(step_ns)
    cdef int32_t expected = table.n_slots if as_of is None else expected_at(table, as_of)
    cdef Scan scan = _scan(ts_ns, table, expected, None, None)
    return scan.n_present, expected
