# Gaps of a tracker as records.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.slots.extended cimport Extended
from sessiondata._native.slots.gaps cimport Gaps


cdef struct Range:
    # A gap, by slots, and how often and when last (ns) somebody asked again for its bars.
    int32_t start
    int32_t stop
    int32_t count
    int64_t last_ns


cdef struct SlotsOf:
    # Whose slots they are; borrowed.
    void* symbol          # str
    void* interval        # str
    void* zone            # tzinfo, the exchange's
    int64_t step_ns


cdef Range* list_ranges(const Gaps* gaps, int32_t expected, int32_t n) noexcept nogil
cdef list gap_records(const SlotsOf* whose, const Gaps* gaps, const Extended* extended, const Range* ranges,
                      Py_ssize_t n)
