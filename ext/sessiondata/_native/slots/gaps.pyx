"""Present and absent slots of one interval.

    ordinal   0 1 2 3 4 5 6 7 8 | 9 ...    frontier 9, n_absent 3
    slot      # # . . # # . # # |          ranges   [2, 4)  [6, 7)    explicit, below the frontier
                                           tail     [9, expected)     from the clock, not stored

A range never crosses a cut (the first ordinal of a segment), so each is one gap where nothing
explains a part of it (`slots/marks`). In-order arrival moves the frontier; a jump turns the slots
it leaves out into ranges; a late bar is a binary search, then its range shrinks, splits or goes.

Invariants (`gaps_check`): ranges sorted, apart or touching only at a cut, not empty, inside
[0, frontier), not across a cut; n_absent = what the ranges hold; slot frontier - 1 is present; the
counts in `marks` are those of the ranges.

Rows of a batch that extends a symbol come as a column, which `slots/scan` turns into ranges.

Rejected: a bitmap (listing gaps would scan it), one node per missing slot (a quiet stock has 20,000
a day at 1s).
"""

from libc.string cimport memcpy, memmove

from sessiondata._native.slots.marks cimport slots_find, slots_hold
from sessiondata._native.slots.scan cimport Scan, scan_begin, scan_segment


cdef int64_t gaps_max_ranges(const SlotTable* table) noexcept nogil:
    """Most ranges there can be: every other slot missing, and one more per segment."""
    return (table.n_slots + 1) // 2 + table.n_cuts + 1


cdef void gaps_init(Gaps* gaps, const SlotTable* table) noexcept nogil:
    """An empty tracker without memory; `gaps_move` lays it over some."""
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
    """Add the ranges from `first` on to the counts of the marks. O(ranges + marks) of that
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
    """An absent slot is about to leave range `i`: subtract it from the counts of the marks."""
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
        # What is written and what waits are together the ranges of a tracker before each slot, so
        # there is room for both.
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


cdef void sweep_add_run(Sweep* sweep, int32_t ordinal, int32_t n) noexcept nogil:
    """`sweep_add` of `n` slots from `ordinal` on. The start of a range goes at once."""
    cdef Gaps* gaps = sweep.gaps
    cdef int32_t stop = ordinal + n, last, i
    while ordinal < stop:
        sweep_add(sweep, ordinal)
        ordinal += 1
        i = sweep.waiting
        if i >= 0 and i < sweep.room and gaps.start[i] == ordinal:  # the rest of the range waits
            last = gaps.stop[i] if gaps.stop[i] < stop else stop
            if last > ordinal:
                gaps.n_absent -= last - ordinal
                gaps.n_edits += last - ordinal
                gaps.start[i] = ordinal = last
                sweep.waiting += last == gaps.stop[i]


cdef void sweep_end(Sweep* sweep) noexcept nogil:
    """No more slots come. O(ranges + marks), unless none was below the frontier."""
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
    cdef Scan scan = scan_begin(gaps.table)
    scan.start, scan.stop, scan.n_ranges = gaps.start, gaps.stop, gaps.n_ranges
    scan.region, scan.reach = region, gaps.frontier
    scan.first, scan.end = gaps.table.cuts[region.segment], gaps.table.cuts[region.segment + 1]
    # what is left of the segments before is missing, if a row here sits on a slot
    if gaps.frontier < scan.first:
        scan.n_ranges = _cut_range(gaps.table, gaps.frontier, <int32_t>scan.first, gaps.n_ranges, gaps.start, gaps.stop)
        scan.reach = scan.first
    scan_segment(&scan, ts, 0, n)
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
    """Number of gaps when `expected` slots have elapsed: those of the ranges, and the tail cut at
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
    """State of a slot when `expected` slots have elapsed. O(log ranges + log marks)."""
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
    """Present and missing slots among [start, stop), all of which have elapsed. O(log ranges +
    ranges in it)."""
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
