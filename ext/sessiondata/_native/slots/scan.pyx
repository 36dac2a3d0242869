"""A scan of a column of times: which slots have rows, and which stretches have none (holes).

    ts        09:30 09:31 09:32 | 09:35 09:36 | 09:36:30 | 09:38     runs, each row one step on
    slot        0     1     2       5     6        -         8
    holes                     [3, 5)                 [7, 8)

Rows that follow each other step by step are compared in vectors (`slots/runs`). The breaks between
them become slot numbers and holes without a branch, as long as they are nothing else: no off-grid
row, no repeat, no end of a segment. Anything else ends the run at hand and begins another.

A hole never crosses the end of a segment. Holes go out as ordinals (a tracker that many rows are
marked in), or as times (plain arrays without a store), or are counted only.

Invariants: rows are in time order, or the scan returns where not; every expected slot up to `reach`
is in a hole or has a row that counts in `n_present`.

Rejected: slot numbers of all rows, compared afterwards: rows in a run need none, and they are most
of a column.
"""

from libc.stdint cimport INT64_MAX, uint16_t, uint64_t

from sessiondata._native.base.time cimport NAT
from sessiondata._native.slots.grid cimport slot_number
from sessiondata._native.slots.runs cimport find_breaks, unbroken


cdef enum:
    # rows whose breaks are looked for together: 16 KB, which stay in the nearest cache
    BLOCK = 2048


cdef inline int64_t _slot_ns(const Scan* scan, int64_t ordinal) noexcept nogil:
    return scan.region.anchor + (ordinal - scan.first) * scan.step_ns


cdef inline void _add_hole(Scan* scan, int64_t start, int64_t stop) noexcept nogil:
    """Slots [start, stop) of the segment at hand have no rows."""
    cdef int64_t k = scan.n_ranges
    if scan.holes != NULL:
        scan.holes[k], scan.holes[k + scan.apart] = _slot_ns(scan, start), _slot_ns(scan, stop - 1)
        scan.holes[k + 2 * scan.apart] = stop - start
    elif scan.start != NULL:
        scan.start[k], scan.stop[k] = <int32_t>start, <int32_t>stop
    scan.n_ranges += 1


cdef inline int64_t _scan_holes(Scan* scan, const int64_t* ts, int64_t i, const uint16_t* at, int64_t k,
                                int64_t n) noexcept nogil:
    """Note the breaks at[k:n] of the rows from i on as long as each is a hole and nothing else: a
    run on the grid, slots without rows, another run on the grid. Returns the first break that is
    something else, or n.

    No processor can predict where bars are missing. So each loop has only branches that nearly
    always go the same way, and few enough variables to stay in registers."""
    cdef SlotTable table = scan.table[0]  # a copy: the compiler sees that no store changes it
    cdef int32_t* out_start = scan.start
    cdef int32_t* out_stop = scan.stop
    cdef int64_t* out = scan.holes
    cdef int64_t step_ns = table.step_ns, apart = scan.apart, zero = scan.zero, n_ranges = scan.n_ranges, start, last_ns
    cdef uint64_t n_slots = <uint64_t>(scan.end - scan.first), steps
    if zero == OFF_GRID or step_ns == 0:
        return k
    last_ns = _slot_ns(scan, scan.end - 1)
    ts += i
    # In both loops: the row before is on a slot, so this one is if it is whole steps away. Fewer
    # steps than the segment has slots cannot have wrapped: the row is later, and the comparison
    # with `last_ns` asks for the segment's end alone.
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
        if out_start != NULL:
            out_start[n_ranges] = <int32_t>(zero + i + at[k])
            out_stop[n_ranges] = <int32_t>(zero + i + at[k] + <int64_t>steps - 1)
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
    # Behind the segment's end there may be later rows and, where the times are unchecked, rows that
    # have wrapped.
    while not _is_inside(scan.region, ts[stop - 1]):
        stop -= 1
    if scan.zero != OFF_GRID:
        scan.reach = scan.zero + stop if scan.zero + stop < scan.end else scan.end
        scan.n_present += scan.reach - scan.zero - scan.counted
    return stop


cdef int64_t scan_segment(Scan* scan, const int64_t* ts, int64_t i, int64_t n) noexcept nogil:
    """Scan rows ts[i:n] up to the end of the segment at hand; none lies before it. Repeats,
    off-grid rows and rows on slots that are not expected are not counted.

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
        # No further than the segment: later rows may be of the next one, and would be read twice.
        most = scan.table.cuts[scan.region.segment + 1] - (scan.first if scan.zero == OFF_GRID else scan.zero + i)
        if n_breaks == 0:  # holes cluster: behind a block with some, this would soon stop
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


cdef int64_t _skip_rows(const int64_t* ts, int64_t i, int64_t n, int64_t last) noexcept nogil:
    """Skip rows ts[i:n] up to `last`, which lie in no segment; returns what `scan_segment`
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


cdef int64_t scan_session(Scan* scan, const int64_t* ts, int64_t n, int32_t expected) noexcept nogil:
    """Scan all of a sorted column, and note as holes what is missing of the first `expected` slots.

    Returns the first row that is NaT or smaller than the one before it; -1 if there is none. O(n +
    holes + segments)."""
    cdef int64_t row = 0
    cdef const SlotTable* table = scan.table
    cdef const Region* region
    cdef int32_t r
    if n > 0 and ts[0] == NAT:
        return 0
    for r in range(table.grid.n_regions):
        region = scan.region = &table.grid.regions[r]
        if not region.regular or region.segment >= table.n_cuts:
            continue  # the session as one slot has one cut, whatever its segments
        scan.reach = scan.first = scan.end = table.cuts[region.segment]
        if expected > scan.first:
            scan.end = min(expected, table.cuts[region.segment + 1])
        row = _skip_rows(ts, row, n, region.start - 1)
        if row >= 0:
            row = scan_segment(scan, ts, row, n)
        if row < 0:
            break
        if scan.reach < scan.end:
            _add_hole(scan, scan.reach, scan.end)
    if row >= 0:
        row = _skip_rows(ts, row, n, INT64_MAX)
    return -1 - row if row < 0 else -1
