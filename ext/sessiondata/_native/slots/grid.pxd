# The regions and segments of one session as C arrays; timestamp <-> slot ordinal; expected counts.

from libc.stdint cimport int32_t, int64_t, uint64_t

from sessiondata._native.base.time cimport floor_div


cdef struct Region:
    int64_t start         # ns, inclusive
    int64_t stop          # ns, exclusive; the next region starts here
    int64_t anchor        # ns, slots are counted from here (docs/concepts.md, Slots)
    int32_t regular       # 1 inside a segment, 0 in extended hours
    # the segment itself, or outside one the next segment (n_segments after the last)
    int32_t segment


cdef struct GridData:
    # n_regions, sorted, without holes over [span_start, span_stop); owned by Grid
    Region* regions
    int32_t n_regions
    int32_t n_segments
    int64_t span_start    # ns, inclusive
    int64_t span_stop     # ns, exclusive
    int64_t open_ns       # start of the first segment; span_start if there is none
    int64_t close_ns      # stop of the last segment; span_start if there is none
    int64_t day           # trade date, days since 1970-01-01


cdef struct SlotTable:
    int64_t step_ns       # length of a slot; 0: the session is one slot
    int32_t n_slots       # regular slots of the session
    # ordinals at which a gap is cut: one per segment (one in all where step_ns is 0)
    int32_t n_cuts
    uint64_t inverse      # of the odd part of step_ns, modulo 2**64 (1 where step_ns is 0)
    int32_t shift         # step_ns = odd part << shift
    # n_cuts + 1: ordinal of the first slot of each segment, then n_slots; owned by Grid
    int32_t* cuts
    const GridData* grid


cdef class Grid:
    cdef GridData data
    cdef readonly int32_t day               # trade date, days since 1970-01-01
    cdef dict _tables                       # step_ns -> _Table
    cdef SlotTable* table(self, int64_t step_ns) except NULL
    cdef int64_t base_slots_at(self, int64_t ts_ns, int64_t step_ns, int64_t base_ns) except -1


cdef inline const Region* find_region(const GridData* grid, int64_t ts) noexcept nogil:
    """Region that holds `ts`, which must lie in the span. O(log regions)."""
    cdef int32_t low = 0, high = grid.n_regions - 1, middle
    while low < high:
        middle = (low + high + 1) >> 1
        if grid.regions[middle].start <= ts:
            low = middle
        else:
            high = middle - 1
    return &grid.regions[low]


cdef inline uint64_t slot_number(const SlotTable* table, int64_t anchor, int64_t ts) noexcept nogil:
    """(ts - anchor) / step_ns where that is a whole number k >= 0; else a number above every such
    k.

    One multiplication instead of a division: an odd number has an inverse modulo 2**64, and
    multiplying by it is exact division where division is exact. It maps 2**64 numbers one to one,
    so what is no multiple lands above the multiples (then the rotation: the bits of step_ns below
    its odd part must be zero, and come out on top if they are not). `slot_number(...) < n` is
    therefore the whole question: inside [0, n * step_ns) and on a slot."""
    # Unsigned: these times are unchecked, and their difference may overflow.
    cdef uint64_t product = (<uint64_t>ts - <uint64_t>anchor) * table.inverse
    return product >> table.shift | product << (-table.shift & 63)


cdef inline int64_t slot_start_in(const Region* region, int64_t step_ns, int64_t ts) noexcept nogil:
    """Start of the slot of `region` that holds `ts`. The first one before the open may be cut by
    the span's start."""
    cdef int64_t start = region.anchor + floor_div(ts - region.anchor, step_ns) * step_ns
    return start if start > region.start else region.start


cdef inline int64_t slot_stop_in(const Region* region, int64_t step_ns, int64_t ts) noexcept nogil:
    """End of the slot of `region` that holds `ts`: a step on, or the region's end if that comes
    first."""
    cdef int64_t stop = region.anchor + (floor_div(ts - region.anchor, step_ns) + 1) * step_ns
    return stop if stop < region.stop else region.stop


cdef inline int64_t slot_in(const Region* region, int64_t step_ns, int64_t ts, int64_t* stop) noexcept nogil:
    """`slot_start_in` and `slot_stop_in` by one division."""
    cdef int64_t start = region.anchor + floor_div(ts - region.anchor, step_ns) * step_ns
    stop[0] = start + step_ns if start + step_ns < region.stop else region.stop
    return start if start > region.start else region.start


cdef inline int64_t stop_of_slot(const GridData* grid, int64_t step_ns, int64_t ts) noexcept nogil:
    """End of the slot that holds `ts`, which must lie in the span; `step_ns` 0: of the session."""
    cdef const Region* region = find_region(grid, ts)
    if step_ns:
        return slot_stop_in(region, step_ns, ts)
    return grid.close_ns if region.regular else region.stop


cdef inline int64_t next_slot_in(const Region* region, int64_t step_ns, int64_t ts, int64_t* stop) noexcept nogil:
    """`slot_start_in`, without a division where the slot follows the one of this region that ends
    at `stop`, which becomes its own end."""
    cdef int64_t start = stop[0]
    if start <= region.start or start > ts or ts - start >= step_ns:
        start = slot_in(region, step_ns, ts, stop)
    else:
        stop[0] = start + step_ns if start + step_ns < region.stop else region.stop
    return start


cdef inline int32_t ordinal_in(const SlotTable* table, const Region* region, int64_t slot_start) noexcept nogil:
    """Ordinal of the regular slot that starts at `slot_start` (or holds it)."""
    if table.step_ns == 0:
        return 0
    return table.cuts[region.segment] + <int32_t>((slot_start - region.anchor) // table.step_ns)


cdef inline int32_t expected_at(const SlotTable* table, int64_t as_of) noexcept nogil:
    """Number of regular slots that have elapsed (end <= as_of). O(log segments)."""
    cdef const GridData* grid = table.grid
    cdef const Region* region
    if as_of >= grid.close_ns:
        return table.n_slots
    if as_of <= grid.open_ns or table.step_ns == 0:
        return 0
    region = find_region(grid, as_of)
    if not region.regular:
        return table.cuts[region.segment]
    return table.cuts[region.segment] + <int32_t>((as_of - region.anchor) // table.step_ns)


cdef int64_t ordinal_start(const SlotTable* table, int32_t ordinal) noexcept nogil
cdef int32_t first_slot_from(const SlotTable* table, int64_t ts) noexcept nogil
