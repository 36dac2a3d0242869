# Slots that are expected outside the session's segments: in hours before the open and after the
# close.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.slots.gaps cimport Gaps
from sessiondata._native.slots.grid cimport GridData, SlotTable


cdef struct Extended:
    # Of one series. Stays where it is: `table` and `gaps` point into it.
    SlotTable table       # two cuts: the slots before the open, and those after the close
    int32_t cuts[3]
    Gaps gaps


cdef void extended_init(Extended* extended, const GridData* grid, int64_t step_ns, int64_t start,
                        int64_t stop) noexcept nogil
cdef int64_t extended_ordinal(const Extended* extended, int64_t slot_start) noexcept nogil
cdef void extended_mark(Extended* extended, int64_t slot_start) noexcept nogil
cdef int32_t extended_expected(const Extended* extended, int64_t as_of) noexcept nogil
cdef int64_t extended_start(const Extended* extended, int32_t ordinal) noexcept nogil
