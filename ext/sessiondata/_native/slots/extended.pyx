"""Expected slots outside the session's segments, if the store was asked to expect any.

    hours start       open                close        hours stop
         | -3 | -2 | -1 |  the session     | 0 | 1 | 2 | 3 |   numbers as in `slots/grid`
           0    1    2                       3   4   5   6     ordinals here

The slots are those that a bar outside the segments falls in anyway; expected are those that reach
into the hours, of the region before the open and of the one after the close (breaks are not). They
have a tracker of their own for each series, so that regular numbers never see them, and only bars
outside the segments get here.
"""

from sessiondata._native.slots.gaps cimport gaps_init, gaps_mark_present
from sessiondata._native.base.time cimport ceil_div, floor_div


cdef void extended_init(Extended* extended, const GridData* grid, int64_t step_ns, int64_t start,
                        int64_t stop) noexcept nogil:
    """Expect slots of `step_ns` in [start, open) and [close, stop), as far as the span goes. The
    tracker has no memory yet."""
    cdef int64_t before = grid.open_ns - (start if start > grid.span_start else grid.span_start)
    cdef int64_t after = (stop if stop < grid.span_stop else grid.span_stop) - grid.close_ns
    extended.table.step_ns, extended.table.grid = step_ns, grid
    extended.table.inverse, extended.table.shift = 1, 0  # no column of times is scanned here
    extended.table.n_cuts = 2
    extended.table.cuts = extended.cuts
    extended.cuts[0] = 0
    extended.cuts[1] = <int32_t>ceil_div(before, step_ns) if before > 0 else 0
    extended.cuts[2] = extended.cuts[1] + (<int32_t>ceil_div(after, step_ns) if after > 0 else 0)
    extended.table.n_slots = extended.cuts[2]
    gaps_init(&extended.gaps, &extended.table)


cdef int64_t extended_ordinal(const Extended* extended, int64_t slot_start) noexcept nogil:
    """Ordinal of the slot that starts there, outside the segments; -1 if it is not expected."""
    cdef const GridData* grid = extended.table.grid
    cdef int64_t ordinal
    if slot_start < grid.open_ns:
        ordinal = extended.cuts[1] + floor_div(slot_start - grid.open_ns, extended.table.step_ns)
        return ordinal if ordinal >= 0 else -1
    if slot_start >= grid.close_ns:
        ordinal = extended.cuts[1] + (slot_start - grid.close_ns) // extended.table.step_ns
        return ordinal if ordinal < extended.cuts[2] else -1
    return -1  # in a break


cdef void extended_mark(Extended* extended, int64_t slot_start) noexcept nogil:
    """A row now sits on the slot that starts there, outside the segments; no effect if it is
    not expected."""
    cdef int64_t ordinal = extended_ordinal(extended, slot_start)
    if ordinal >= 0:
        gaps_mark_present(&extended.gaps, <int32_t>ordinal)


cdef int32_t extended_expected(const Extended* extended, int64_t as_of) noexcept nogil:
    """Number of slots that have elapsed (end <= as_of)."""
    cdef const GridData* grid = extended.table.grid
    cdef int64_t n
    if as_of >= grid.span_stop:
        return extended.cuts[2]
    if as_of < grid.span_start:
        return 0
    if as_of < grid.close_ns:
        n = extended.cuts[1]
        if as_of < grid.open_ns:
            n += floor_div(as_of - grid.open_ns, extended.table.step_ns)
        return <int32_t>max(n, 0)
    n = extended.cuts[1] + (as_of - grid.close_ns) // extended.table.step_ns
    return <int32_t>min(n, extended.cuts[2])


cdef int64_t extended_start(const Extended* extended, int32_t ordinal) noexcept nogil:
    """Start of a slot, in ns. The first one may be cut by the start of the span."""
    cdef const GridData* grid = extended.table.grid
    cdef int64_t number = ordinal - extended.cuts[1]
    cdef int64_t start = (grid.open_ns if number < 0 else grid.close_ns) + number * extended.table.step_ns
    return start if start > grid.span_start else grid.span_start
