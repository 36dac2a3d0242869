"""Present and absent slots of one interval.

    ordinal   0 1 2 3 4 5 6 7 8 | 9 ...         ranges   [2, 4)  [6, 7)          explicit, below the frontier
    slot      # # . . # # . # # |               frontier 9, n_absent 3
                                                tail     [9, expected)           implied by the clock, stored nowhere

A range never crosses a cut (the first ordinal of a segment), so each is one gap where nothing
explains a part of it (`slots/marks`). In-order arrival moves the frontier; a jump turns what it
passes over into ranges; a late bar is a binary search, then its range shrinks, splits or goes.

Invariants (`gaps_check`): ranges sorted, apart or touching only at a cut, not empty, inside
[0, frontier), not across a cut; n_absent = what the ranges hold; slot frontier - 1 is present; the
counts in `marks` are those of the ranges.

Rejected: a bitmap (listing gaps would scan it), one node per missing slot (a quiet stock has 20,000
a day at 1s). Columns of times (a batch that extends a symbol, or plain arrays without a store) go
through `_scan_rows`: rows that follow each other step by step are compared in vectors, the others
are turned into slot numbers and ranges without a branch, because where bars are missing is what no
processor can foresee.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBuffer_Release
from cpython.buffer cimport PyObject_GetBuffer
from cpython.sequence cimport PySequence_GetItem
from libc.stdint cimport INT64_MAX, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memmove

import numpy as np

from sessiondata._native.slots.grid cimport Grid, GridData, Region, slot_number
from sessiondata._native.slots.marks cimport slots_find, slots_hold
from sessiondata._native.slots.runs cimport find_breaks, unbroken
from sessiondata._native.base.status cimport ERR_NAT, ERR_TS_ORDER, Offence, raise_status
from sessiondata._native.base.time cimport LEAST_START, NAT
from sessiondata.time.instants import check_meant

cdef object _empty = np.empty
cdef object _INT64 = np.dtype(np.int64)
cdef object _ndarray = np.ndarray
cdef list _NO_NAMES = [None]


cdef enum:
    # rows whose breaks are looked for together: 16 KB, which stay in the nearest cache
    BLOCK = 2048
    # Rows for which the GIL is given up. That and taking it back costs 0.3 µs where nobody else
    # wants it and a good deal more where somebody does; this many rows scan some 5 to 50 µs.
    GIL_WORTH = 40_000


cdef extern from *:
    """
    #define SESSIONDATA_OFF_GRID ((int64_t)1 << 62)
    """
    const int64_t OFF_GRID "SESSIONDATA_OFF_GRID"  # above every ordinal, and far from overflow


cdef struct Scan:
    # A column on its way into ranges, and the run at hand: rows of which each is one step after the
    # row before it.
    const SlotTable* table
    int64_t step_ns
    Gaps* gaps            # where ranges go as ordinals; NULL
    # where they go as three columns: first and last missing slot (ns), length; NULL: not kept
    int64_t* holes
    int64_t apart         # of these columns, in int64
    int64_t n_ranges
    int64_t n_present     # rows on slots below row `counted`, repeats left out
    int64_t counted       # since this row all rows are on slots, and none is a repeat
    int64_t zero          # ordinal that row 0 would have if the run reached down to it; OFF_GRID
    int64_t reach         # slots below it are settled (at the end of a run)
    const Region* region  # the segment at hand
    int64_t first         # ordinal of its first slot
    int64_t end           # one past its last expected slot, or `first`


cdef inline Scan _new_scan(const SlotTable* table) noexcept nogil:
    return Scan(table, table.step_ns if table.step_ns else 1, NULL, NULL, 0, 0, 0, 0, OFF_GRID, 0, NULL, 0, 0)


cdef inline int64_t _slot_ns(const Scan* scan, int64_t ordinal) noexcept nogil:
    return scan.region.anchor + (ordinal - scan.first) * scan.step_ns


cdef inline void _add_hole(Scan* scan, int64_t start, int64_t stop) noexcept nogil:
    """Slots [start, stop) of the segment at hand have no rows."""
    cdef int64_t k = scan.n_ranges
    if scan.holes != NULL:
        scan.holes[k], scan.holes[k + scan.apart] = _slot_ns(scan, start), _slot_ns(scan, stop - 1)
        scan.holes[k + 2 * scan.apart] = stop - start
    elif scan.gaps != NULL:
        scan.gaps.start[k], scan.gaps.stop[k] = <int32_t>start, <int32_t>stop
    scan.n_ranges += 1


cdef inline int64_t _scan_holes(Scan* scan, const int64_t* ts, int64_t i, const uint16_t* at, int64_t k,
                                int64_t n) noexcept nogil:
    """Take the breaks at[k:n] of the rows from i on as far as they are nothing but holes: a run on
    the grid, slots without rows, another run on the grid. Returns the first break that is something
    else, or n.

    Where bars are missing is what no processor can foresee: so one loop without other branches than
    such as always go the same way, and little enough in it for the registers there are."""
    cdef SlotTable table = scan.table[0]  # a copy, which the compiler can see that nobody writes to
    cdef Gaps* gaps = scan.gaps
    cdef int64_t* out = scan.holes
    cdef int64_t step_ns = table.step_ns, apart = scan.apart, zero = scan.zero, n_ranges = scan.n_ranges, start, last_ns
    cdef uint64_t n_slots = <uint64_t>(scan.end - scan.first), steps
    if zero == OFF_GRID or step_ns == 0:
        return k
    last_ns = _slot_ns(scan, scan.end - 1)
    ts += i
    # In both loops: the row before is on a slot, so this one is if it is whole steps away. So few
    # of them that none can have wrapped: then it is later, and the comparison is about the
    # segment's end.
    if out != NULL:
        start = k
        out += n_ranges
        while k < n:
            steps = slot_number(&table, ts[at[k] - 1], ts[at[k]])
            if steps - 2 >= n_slots or ts[at[k]] > last_ns:
                break
            out[0], out[apart], out[2 * apart] = ts[at[k] - 1] + step_ns, ts[at[k]] - step_ns, <int64_t>steps - 1
            out += 1
            k += 1
        if k > start:
            scan.n_ranges += k - start
            scan.zero = scan.first + <int64_t>slot_number(&table, scan.region.anchor, ts[at[k - 1]]) - i - at[k - 1]
        return k
    while k < n:
        steps = slot_number(&table, ts[at[k] - 1], ts[at[k]])
        if steps - 2 >= n_slots or ts[at[k]] > last_ns:
            break
        if gaps != NULL:
            gaps.start[n_ranges] = <int32_t>(zero + i + at[k])
            gaps.stop[n_ranges] = <int32_t>(zero + i + at[k] + <int64_t>steps - 1)
        zero += <int64_t>steps - 1
        n_ranges += 1
        k += 1
    scan.zero, scan.n_ranges = zero, n_ranges
    return k


cdef inline void _begin_run(Scan* scan, const int64_t* ts, int64_t row) noexcept nogil:
    """A run begins at a row inside the segment."""
    cdef uint64_t number = slot_number(scan.table, scan.region.anchor, ts[row])
    cdef int64_t ordinal
    scan.zero = OFF_GRID
    if number >= <uint64_t>(scan.end - scan.first):
        return
    ordinal = scan.first + <int64_t>number
    if ordinal > scan.reach:
        _add_hole(scan, scan.reach, ordinal)
    else:
        scan.n_present -= scan.reach - ordinal  # repeats: the end of the run will count them again
    scan.zero, scan.counted = ordinal - row, row


cdef inline bint _is_inside(const Region* region, int64_t ts) noexcept nogil:
    return region.start <= ts < region.stop


cdef inline int64_t _end_run(Scan* scan, const int64_t* ts, int64_t stop) noexcept nogil:
    """The run at hand ends before row `stop`, or where the segment does; returns the row after
    it."""
    # Behind the segment's end may be later rows and, if nobody has checked the times, rows that
    # have wrapped.
    while not _is_inside(scan.region, ts[stop - 1]):
        stop -= 1
    if scan.zero != OFF_GRID:
        scan.reach = scan.zero + stop if scan.zero + stop < scan.end else scan.end
        scan.n_present += scan.reach - scan.zero - scan.counted
    return stop


cdef int64_t _scan_rows(Scan* scan, const int64_t* ts, int64_t i, int64_t n) noexcept nogil:
    """Take rows ts[i:n] up to the end of the segment at hand; none lies before it. Repeats,
    off-grid rows and rows on slots that are not expected count for nothing.

    Returns the row after them, or -1 - row for the first row that is smaller than the one before
    it."""
    cdef int64_t m, k, n_breaks = 0, row, most
    cdef uint16_t breaks[BLOCK + 64]
    if i == n or ts[i] >= scan.region.stop:
        return i
    if i > 0 and ts[i] < ts[i - 1]:
        return -1 - i
    _begin_run(scan, ts, i)
    i += 1
    while i < n and _is_inside(scan.region, ts[i - 1]):
        # No further than the segment: what comes then may be of the next one, and would be read
        # twice.
        most = scan.table.cuts[scan.region.segment + 1] - (scan.first if scan.zero == OFF_GRID else scan.zero + i)
        if n_breaks == 0:  # holes come together: after rows with some it would not get far
            i += unbroken(ts + i, most if most < n - i else n - i, scan.step_ns)
        m = min(n - i, most + 64 if most + 64 < BLOCK else BLOCK)
        n_breaks = find_breaks(ts + i, m, scan.step_ns, breaks)
        k = _scan_holes(scan, ts, i, breaks, 0, n_breaks)
        while k < n_breaks:
            row = _end_run(scan, ts, i + breaks[k])
            if row < i + breaks[k] or ts[row] >= scan.region.stop:
                return row
            if ts[row] < ts[row - 1]:
                return -1 - row
            _begin_run(scan, ts, row)
            k = _scan_holes(scan, ts, i, breaks, k + 1, n_breaks)
        i += m
    return _end_run(scan, ts, i)


cdef int64_t _pass_rows(const int64_t* ts, int64_t i, int64_t n, int64_t last) noexcept nogil:
    """Pass over rows ts[i:n] up to `last`, which lie in no segment; returns what `_scan_rows`
    does."""
    cdef int64_t j, stop
    cdef bint disorder
    while i < n and ts[i] <= last:
        stop = i + BLOCK if BLOCK < n - i else n
        disorder = False
        for j in range(i if i > 0 else 1, stop):
            disorder |= ts[j] < ts[j - 1]
        if disorder:
            return -1 - _first_disorder(ts, i, stop)
        while stop > i and ts[stop - 1] > last:
            stop -= 1
        i = stop
    return i


cdef int64_t _first_disorder(const int64_t* ts, int64_t i, int64_t stop) noexcept nogil:
    """First of rows ts[i:stop] that is smaller than the one before it; there is one."""
    i = i if i > 0 else 1
    while i < stop - 1 and ts[i] >= ts[i - 1]:
        i += 1
    return i


cdef int64_t gaps_max_ranges(const SlotTable* table) noexcept nogil:
    """Most ranges there can be: every other slot missing, and one more per segment."""
    return (table.n_slots + 1) // 2 + table.n_cuts + 1


cdef void gaps_init(Gaps* gaps, const SlotTable* table) noexcept nogil:
    """An empty tracker without memory; `gaps_move` gives it some."""
    gaps.table = table
    gaps.start = gaps.stop = NULL
    gaps.n_ranges = gaps.frontier = gaps.n_absent = gaps.n_edits = 0
    gaps.marks = NULL


cdef void gaps_move(Gaps* gaps, int32_t* memory) noexcept nogil:
    """Lay the ranges over `memory`, which holds 2 * gaps_max_ranges(table) int32, and copy them
    there."""
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
    """Position of the last range that starts at or below `ordinal`, -1 if none does. O(log
    ranges)."""
    cdef int32_t low = 0, high = gaps.n_ranges, middle
    while low < high:
        middle = (low + high) >> 1
        if gaps.start[middle] <= ordinal:
            low = middle + 1
        else:
            high = middle
    return low - 1


cdef int32_t _add_missing(const Marks* marks, int32_t start, int32_t stop, int32_t n, int32_t* out_start,
                          int32_t* out_stop) noexcept nogil:
    """Append what nothing explains of the absent slots [start, stop), which lie in one segment, to
    `n` gaps; returns the new count. Without `out_start` they are only counted. O(log marks + marks
    in it)."""
    cdef const Slots* explained = &marks.explained
    cdef int32_t i = slots_find(explained, start), end
    while start < stop:
        if i < explained.n and explained.start[i] <= start:
            start = explained.stop[i]
            i += 1
            continue
        end = explained.start[i] if i < explained.n and explained.start[i] < stop else stop
        if out_start != NULL:
            out_start[n], out_stop[n] = start, end
        n += 1
        start = end
    return n


cdef void _count_absent(Gaps* gaps, int32_t first) noexcept nogil:
    """Take the ranges from `first` on into the counts of the marks. O(ranges + marks) of that
    stretch."""
    cdef Marks* marks = gaps.marks
    cdef const Slots* explained = &marks.explained
    cdef int32_t i, at = slots_find(explained, gaps.start[first]) if first < gaps.n_ranges else 0
    for i in range(first, gaps.n_ranges):
        while at < explained.n and explained.stop[at] <= gaps.start[i]:
            at += 1
        if at == explained.n or explained.start[at] >= gaps.stop[i]:
            marks.n_gaps += 1
            continue
        marks.n_explained += slots_between(explained, gaps.start[i], gaps.stop[i])
        marks.n_halted += slots_between(&marks.halted, gaps.start[i], gaps.stop[i])
        marks.n_gaps = _add_missing(marks, gaps.start[i], gaps.stop[i], marks.n_gaps, NULL, NULL)


cdef void gaps_recount(Gaps* gaps) noexcept nogil:
    """Count anew after the marks have changed. O(ranges + marks)."""
    gaps.marks.n_explained = gaps.marks.n_halted = gaps.marks.n_gaps = 0
    _count_absent(gaps, 0)


cdef inline bint _is_missing(const Gaps* gaps, int32_t i, int32_t ordinal) noexcept nogil:
    """Whether a slot lies in range `i` and nothing explains it."""
    return gaps.start[i] <= ordinal < gaps.stop[i] and not slots_hold(&gaps.marks.explained, ordinal)


cdef void _discount(Gaps* gaps, int32_t i, int32_t ordinal) noexcept nogil:
    """An absent slot of range `i` is about to be taken out of it: scan it out of the counts of the
    marks."""
    cdef Marks* marks = gaps.marks
    if slots_hold(&marks.explained, ordinal):
        marks.n_explained -= 1
        marks.n_halted -= slots_hold(&marks.halted, ordinal)
    else:  # its gap is split, or shorter, or filled
        marks.n_gaps += _is_missing(gaps, i, ordinal - 1) + _is_missing(gaps, i, ordinal + 1) - 1


cdef void gaps_mark_out_of_order(Gaps* gaps, int32_t ordinal) noexcept nogil:
    """The two cases that are not "the next slot": a jump over absent slots, and a late bar."""
    cdef int32_t i = gaps.n_ranges, behind
    if ordinal >= gaps.frontier:
        gaps.n_ranges = _cut_range(gaps.table, gaps.frontier, ordinal, gaps.n_ranges, gaps.start, gaps.stop)
        gaps.n_absent += ordinal - gaps.frontier
        gaps.frontier = ordinal + 1
        if gaps.marks != NULL:
            _count_absent(gaps, i)
        return
    i = _find(gaps, ordinal)
    if i < 0 or ordinal >= gaps.stop[i]:
        return
    gaps.n_absent -= 1
    gaps.n_edits += 1
    if gaps.marks != NULL:
        _discount(gaps, i, ordinal)
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


cdef void sweep_add(Sweep* sweep, int32_t ordinal) noexcept nogil:
    """`gaps_mark_present` of slots that ascend; until `sweep_end` the tracker answers nothing."""
    cdef Gaps* gaps = sweep.gaps
    cdef int32_t i
    if ordinal >= gaps.frontier:
        sweep_end(sweep)
        gaps_mark_present(gaps, ordinal)
        return
    if sweep.waiting < 0:
        # Before each slot, what is written and what waits are the ranges of a tracker, so there is
        # room for both.
        sweep.room = <int32_t>gaps_max_ranges(gaps.table)
        sweep.waiting = sweep.room - gaps.n_ranges
        memmove(&gaps.start[sweep.waiting], gaps.start, gaps.n_ranges * sizeof(int32_t))
        memmove(&gaps.stop[sweep.waiting], gaps.stop, gaps.n_ranges * sizeof(int32_t))
        gaps.n_ranges = 0
    _sweep_to(sweep, ordinal)
    i = sweep.waiting
    if i == sweep.room or gaps.start[i] > ordinal:
        return
    gaps.n_absent -= 1
    gaps.n_edits += 1
    if gaps.start[i] < ordinal:
        gaps.start[gaps.n_ranges], gaps.stop[gaps.n_ranges] = gaps.start[i], ordinal
        gaps.n_ranges += 1
    gaps.start[i] = ordinal + 1
    sweep.waiting += ordinal + 1 == gaps.stop[i]


cdef inline void _sweep_to(Sweep* sweep, int32_t ordinal) noexcept nogil:
    """Have the ranges below a slot no longer wait."""
    cdef Gaps* gaps = sweep.gaps
    while sweep.waiting < sweep.room and gaps.stop[sweep.waiting] <= ordinal:
        gaps.start[gaps.n_ranges], gaps.stop[gaps.n_ranges] = gaps.start[sweep.waiting], gaps.stop[sweep.waiting]
        gaps.n_ranges += 1
        sweep.waiting += 1


cdef void sweep_end(Sweep* sweep) noexcept nogil:
    """All slots have been told of. O(ranges + marks), unless none was below the frontier."""
    if sweep.waiting < 0:
        return
    _sweep_to(sweep, sweep.gaps.frontier)
    sweep.waiting = -1
    if sweep.gaps.marks != NULL:
        gaps_recount(sweep.gaps)


cdef int64_t gaps_mark_rows(Gaps* gaps, const Region* region, const int64_t* ts, int64_t n) noexcept nogil:
    """Ascending rows in one segment, newer than all others, now sit on their slots; returns how
    many sit on none.

    O(n)."""
    cdef int32_t before = gaps.n_ranges
    cdef Scan scan = _new_scan(gaps.table)
    scan.gaps, scan.n_ranges = gaps, gaps.n_ranges
    scan.region, scan.reach = region, gaps.frontier
    scan.first, scan.end = gaps.table.cuts[region.segment], gaps.table.cuts[region.segment + 1]
    # what is left of the segments before is missing, if a row here sits on a slot
    if gaps.frontier < scan.first:
        scan.n_ranges = _cut_range(gaps.table, gaps.frontier, <int32_t>scan.first, gaps.n_ranges, gaps.start, gaps.stop)
        scan.reach = scan.first
    _scan_rows(&scan, ts, 0, n)
    if scan.n_present > 0:
        gaps.n_absent += <int32_t>(scan.reach - gaps.frontier - scan.n_present)
        gaps.n_ranges, gaps.frontier = <int32_t>scan.n_ranges, <int32_t>scan.reach
        if gaps.marks != NULL:
            _count_absent(gaps, before)
    return n - scan.n_present


cdef int32_t _add_tail(const Gaps* gaps, int32_t expected, int32_t n, int32_t* out_start,
                       int32_t* out_stop) noexcept nogil:
    """Append the gaps of the tail, cut at segments and marks, to `n` gaps; without `out_start` they
    are only counted.
    """
    cdef int32_t at = gaps.frontier, cut
    while at < expected:
        cut = min(_next_cut(gaps.table, at), expected)
        n = _add_missing(gaps.marks, at, cut, n, out_start, out_stop)
        at = cut
    return n


cdef int32_t gaps_count(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Number of gaps when `expected` slots are over: those of the ranges, and the tail cut at
    segments.

    O(segments + marks in the tail)."""
    cdef int32_t n = gaps.n_ranges, at = gaps.frontier
    if gaps.marks != NULL:
        return _add_tail(gaps, expected, gaps.marks.n_gaps, NULL, NULL)
    while at < expected:
        n += 1
        at = _next_cut(gaps.table, at)
    return n


cdef int32_t gaps_list(const Gaps* gaps, int32_t expected, int32_t* out_start, int32_t* out_stop) noexcept nogil:
    """Write all gaps as ordinal ranges, ascending; room for gaps_count() each. Returns their
    number."""
    cdef int32_t i, n = 0
    if gaps.marks != NULL:
        for i in range(gaps.n_ranges):
            n = _add_missing(gaps.marks, gaps.start[i], gaps.stop[i], n, out_start, out_stop)
        return _add_tail(gaps, expected, n, out_start, out_stop)
    for i in range(gaps.n_ranges):
        out_start[i], out_stop[i] = gaps.start[i], gaps.stop[i]
    return _cut_range(gaps.table, gaps.frontier, expected, gaps.n_ranges, out_start, out_stop)


cdef int gaps_state(const Gaps* gaps, int32_t expected, int32_t ordinal) noexcept nogil:
    """State of a slot when `expected` slots are over. O(log ranges + log marks)."""
    cdef int32_t i
    if ordinal >= expected:
        return PENDING
    i = _find(gaps, ordinal)
    if ordinal < gaps.frontier and (i < 0 or ordinal >= gaps.stop[i]):
        return PRESENT
    if gaps.marks == NULL or not slots_hold(&gaps.marks.explained, ordinal):
        return MISSING
    return HALTED if slots_hold(&gaps.marks.halted, ordinal) else NO_TRADE


cdef inline int32_t _missing_between(const Gaps* gaps, int32_t start, int32_t stop) noexcept nogil:
    """Slots of absent [start, stop) that nothing explains; 0 where that is empty."""
    if start >= stop:
        return 0
    return stop - start - (0 if gaps.marks == NULL else slots_between(&gaps.marks.explained, start, stop))


cdef void gaps_tally(const Gaps* gaps, int32_t start, int32_t stop, int32_t* out_present,
                     int32_t* out_missing) noexcept nogil:
    """Present and missing slots among [start, stop), all of which are over. O(log ranges + ranges
    in it)."""
    cdef int32_t i = max(_find(gaps, start), 0), low, high
    cdef int32_t tail = min(stop, max(start, gaps.frontier))
    out_present[0], out_missing[0] = tail - start, _missing_between(gaps, tail, stop)
    while i < gaps.n_ranges and gaps.start[i] < stop:
        low, high = max(gaps.start[i], start), min(gaps.stop[i], stop)
        if low < high:
            out_present[0] -= high - low
            out_missing[0] += _missing_between(gaps, low, high)
        i += 1


cdef bint _check_marks(const Gaps* gaps) noexcept nogil:
    cdef Marks counted = gaps.marks[0]
    cdef Gaps copy = gaps[0]
    copy.marks = &counted
    gaps_recount(&copy)
    return (counted.n_explained == gaps.marks.n_explained and counted.n_halted == gaps.marks.n_halted
            and counted.n_gaps == gaps.marks.n_gaps)


cdef bint gaps_check(const Gaps* gaps) noexcept nogil:
    """True if the invariants of the module's note hold."""
    cdef int32_t i, absent = 0, at = 0
    if gaps.marks != NULL and not _check_marks(gaps):
        return False
    for i in range(gaps.n_ranges):
        if gaps.start[i] >= gaps.stop[i] or gaps.start[i] < at or _next_cut(gaps.table, gaps.start[i]) < gaps.stop[i]:
            return False
        if i > 0 and gaps.start[i] == at and _next_cut(gaps.table, gaps.start[i - 1]) != at:
            return False
        absent += gaps.stop[i] - gaps.start[i]
        at = gaps.stop[i]
    return at <= gaps.frontier - (gaps.frontier > 0) and absent == gaps.n_absent


# --- batch kernels --------------------------------------------------------------------------------

cdef struct Job:
    # One column of a batch.
    Py_buffer column      # int64 times
    const SlotTable* table
    int32_t expected      # slots that are over
    int64_t room          # for the most holes there can be; 0: present slots are counted only
    int64_t first         # where its holes begin in the memory of all
    int64_t apart         # how far their columns lie apart there
    int64_t n_ranges
    int64_t n_present
    int64_t offence       # row that is NaT or breaks the order; -1: none
    int64_t* out          # three columns of n_ranges


cdef struct Scratch:
    # Holes of all jobs, one behind the other: memory for the most that each could find would be
    # mostly untouched, but would be handed out and taken back page by page.
    int64_t* memory
    int64_t room
    int64_t used


cdef void scan_gaps(Job* job, int64_t* holes) noexcept nogil:
    """Missing slots of a sorted column in one pass, as columns `room` apart (NULL: not kept).

    O(n + ranges + segments)."""
    cdef const int64_t* ts = <const int64_t*>job.column.buf
    cdef int64_t n = job.column.shape[0], row = 0
    cdef const SlotTable* table = job.table
    cdef const Region* region
    cdef int32_t r
    cdef Scan scan = _new_scan(table)
    scan.holes = holes
    scan.apart = job.apart = job.room
    job.offence = 0 if n > 0 and ts[0] == NAT else -1
    if job.offence == 0:
        return
    for r in range(table.grid.n_regions):
        region = scan.region = &table.grid.regions[r]
        if not region.regular or region.segment >= table.n_cuts:
            continue  # the session as one slot has one cut, whatever its segments
        scan.reach = scan.first = scan.end = table.cuts[region.segment]
        if job.expected > scan.first:
            scan.end = min(job.expected, table.cuts[region.segment + 1])
        row = _pass_rows(ts, row, n, region.start - 1)
        if row >= 0:
            row = _scan_rows(&scan, ts, row, n)
        if row < 0:
            break
        if scan.reach < scan.end:
            _add_hole(&scan, scan.reach, scan.end)
    if row >= 0:
        row = _pass_rows(ts, row, n, INT64_MAX)
    job.offence = -1 - row if row < 0 else -1
    job.n_ranges, job.n_present = scan.n_ranges, scan.n_present


cdef void write_gaps(const Job* job, const int64_t* holes) noexcept nogil:
    """Gaps as columns without anything between them."""
    cdef int64_t n = job.n_ranges, k
    for k in range(3):
        memcpy(job.out + k * n, holes + k * job.apart, n * sizeof(int64_t))


cdef void _write_all(const Job* jobs, Py_ssize_t n, const int64_t* holes) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if jobs[i].n_ranges:
            write_gaps(&jobs[i], holes + jobs[i].first)


cdef int open_column(object array, Py_buffer* out_view, bint is_time) except -1:
    """Borrow a contiguous column of int64 (times) or float64; a third of what a memoryview
    costs."""
    PyObject_GetBuffer(array, out_view, PyBUF_FORMAT | PyBUF_ND)
    if (out_view.ndim != 1 or out_view.itemsize != 8 or out_view.format[1] != 0
            or out_view.format[0] not in (b"lq" if is_time else b"d")):
        PyBuffer_Release(out_view)
        raise ValueError(f"a contiguous column of {'int64' if is_time else 'float64'} is needed")
    return 0


cdef inline int64_t _most_gaps(const Job* job) noexcept nogil:
    return min(gaps_max_ranges(job.table), <int64_t>job.column.shape[0] + job.table.n_cuts)


cdef inline bint _may_be_of_another_unit(const Py_buffer* column, const GridData* grid) noexcept nogil:
    """Whether a column of sorted times lies before 1990 and the session does not."""
    cdef int64_t n = column.shape[0]
    return n > 0 and (<const int64_t*>column.buf)[n - 1] < LEAST_START and grid.span_start >= LEAST_START


cdef int _open_jobs(
    Job* jobs, list columns, list grids, list names, int64_t step_ns, object as_of, bint find
) except -1:
    cdef Py_ssize_t i
    cdef Grid grid
    cdef Job* job
    for i in range(len(columns)):
        job, grid = &jobs[i], grids[i]
        job.table = grid.table(step_ns)
        open_column(columns[i], &job.column, True)
        if _may_be_of_another_unit(&job.column, &grid.data):
            check_meant((<const int64_t*>job.column.buf)[job.column.shape[0] - 1], symbol=names[i])
        if as_of is not None and as_of < LEAST_START and grid.data.span_start >= LEAST_START:
            check_meant(as_of, symbol=names[i])
        job.expected = job.table.n_slots if as_of is None else expected_at(job.table, as_of)
        if find:
            job.room = _most_gaps(job)
    return 0


cdef Py_ssize_t _scan_all(Job* jobs, Py_ssize_t n, Scratch* scratch) noexcept nogil:
    """Scan until one is out of order; returns how many are not, or -1 if there is no memory."""
    cdef Py_ssize_t i
    cdef int64_t* more
    cdef int64_t* holes
    cdef Job* job
    for i in range(n):
        job = &jobs[i]
        job.first = scratch.used
        if scratch.used + 3 * job.room > scratch.room:
            scratch.room = max(2 * scratch.room, scratch.used + 3 * job.room)
            more = <int64_t*>realloc(scratch.memory, scratch.room * sizeof(int64_t))
            if more == NULL:
                return -1
            scratch.memory = more
        holes = scratch.memory + job.first if job.room else NULL
        scan_gaps(job, holes)
        if job.offence >= 0:
            return i
        if job.room and i + 1 < n:  # close up for the next one
            memmove(holes + job.n_ranges, holes + job.room, job.n_ranges * sizeof(int64_t))
            memmove(holes + 2 * job.n_ranges, holes + 2 * job.room, job.n_ranges * sizeof(int64_t))
            job.apart = job.n_ranges
            scratch.used += 3 * job.n_ranges
    return n


cdef int _scan(Job* jobs, Py_ssize_t n, list names, Scratch* scratch) except -1:
    cdef Py_ssize_t i, rows = 0
    cdef int64_t ts_ns
    for i in range(n):
        rows += jobs[i].column.shape[0]
    if rows < GIL_WORTH:
        i = _scan_all(jobs, n, scratch)
    else:
        with nogil:
            i = _scan_all(jobs, n, scratch)
    if i < 0:
        raise MemoryError
    if i < n:
        ts_ns = (<const int64_t*>jobs[i].column.buf)[jobs[i].offence]
        raise_status(Offence(ERR_NAT if ts_ns == NAT else ERR_TS_ORDER, symbol=names[i], row=jobs[i].offence,
                             ts_ns=ts_ns))
    return 0


cdef void _close_jobs(Job* jobs, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        PyBuffer_Release(&jobs[i].column)
    free(jobs)


cdef Job* _new_jobs(Py_ssize_t n) except NULL:
    cdef Job* jobs = <Job*>calloc(n + 1, sizeof(Job))
    if jobs == NULL:
        raise MemoryError
    return jobs


cdef tuple _new_columns(Job* job):
    """Three arrays for the gaps of a job; `job.out` is their memory, one behind the other."""
    cdef Py_buffer view
    if job.n_ranges == 0:
        out = _empty(0, _INT64)
        return out, out, out
    out = _empty((3, job.n_ranges), _INT64)
    PyObject_GetBuffer(out, &view, PyBUF_ND)
    job.out = <int64_t*>view.buf
    PyBuffer_Release(&view)  # the rows hold its memory
    return PySequence_GetItem(out, 0), PySequence_GetItem(out, 1), PySequence_GetItem(out, 2)


def find_gaps_i64(list columns not None, list grids not None, list names not None, int64_t step_ns, as_of=None):
    """Gaps of sorted columns: for each (start_ns, end_ns, bar_count), new int64 arrays; see
    `sessiondata.find_gaps`.

    The three lists are of one length; a name (or None) is for the message. The GIL is released
    while columns are read.
    """
    cdef Py_ssize_t i, n = len(columns)
    cdef Job* jobs = _new_jobs(n)
    cdef list found = []
    cdef int64_t rows = 0
    cdef Scratch scratch = Scratch(NULL, 0, 0)
    try:
        _open_jobs(jobs, columns, grids, names, step_ns, as_of, True)
        _scan(jobs, n, names, &scratch)
        for i in range(n):
            found.append(_new_columns(&jobs[i]))
            rows += jobs[i].n_ranges
        if rows < GIL_WORTH:
            _write_all(jobs, n, scratch.memory)
        else:
            with nogil:
                _write_all(jobs, n, scratch.memory)
        return found
    finally:
        _close_jobs(jobs, n)
        free(scratch.memory)


def find_gaps_plain(column, Grid grid not None, int64_t step_ns, as_of=None):
    """What `find_gaps_i64` finds in one column, or None if that is no plain ndarray
    (`times.is_plain`), or lies before 1990.

    Without the lists, and without the questions of the facade, which are half the time of a day of
    minutes."""
    cdef Job job
    cdef Scratch scratch = Scratch(NULL, 0, 0)
    if type(column) is not _ndarray or column.dtype is not _INT64:
        return None
    PyObject_GetBuffer(column, &job.column, PyBUF_STRIDES)
    try:
        if (job.column.ndim != 1 or job.column.strides[0] != sizeof(int64_t)
                or <size_t>job.column.buf % sizeof(int64_t)):
            return None
        if as_of is not None and as_of < LEAST_START or _may_be_of_another_unit(&job.column, &grid.data):
            return None
        job.table = grid.table(step_ns)
        job.expected = job.table.n_slots if as_of is None else expected_at(job.table, as_of)
        job.room = _most_gaps(&job)
        _scan(&job, 1, _NO_NAMES, &scratch)
        found = _new_columns(&job)
        _write_all(&job, 1, scratch.memory)
        return found
    finally:
        PyBuffer_Release(&job.column)
        free(scratch.memory)


def count_present_i64(list columns not None, list grids not None, list names not None, int64_t step_ns, as_of=None):
    """(present, expected) slots of sorted columns; otherwise like `find_gaps_i64`; see
    `sessiondata.quality`."""
    cdef Py_ssize_t i, n = len(columns)
    cdef Job* jobs = _new_jobs(n)
    cdef Scratch scratch = Scratch(NULL, 0, 0)  # stays so
    try:
        _open_jobs(jobs, columns, grids, names, step_ns, as_of, False)
        _scan(jobs, n, names, &scratch)
        return [(jobs[i].n_present, jobs[i].expected) for i in range(n)]
    finally:
        _close_jobs(jobs, n)
