# Which slots of one interval are present: frontier, count and sorted ranges of missing ordinals.

from libc.stdint cimport int32_t, int64_t

from sessiondata._grid cimport Region, SlotTable, expected_at


cdef struct Gaps:
    int32_t* start        # first missing ordinal of each explicit range, ascending; memory is the symbol's
    int32_t* stop         # one past the last missing ordinal
    int32_t n_ranges
    int32_t frontier      # slots below are explicit (present or in a range), slots from here on are absent
    int32_t n_present
    const SlotTable* table


cdef inline int32_t gaps_missing(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Missing slots when `expected` slots are over. O(1).

    At most the newest present slot is not over (a forming derived bar); it is left out of both counts."""
    return expected - gaps_present(gaps, expected)


cdef inline int32_t gaps_present(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Present slots among the `expected` that are over. O(1)."""
    return gaps.n_present - 1 if gaps.frontier > expected else gaps.n_present


cdef inline void gaps_mark_present(Gaps* gaps, int32_t ordinal) noexcept nogil:
    """A row now sits on slot `ordinal`; no effect if one did already."""
    if ordinal == gaps.frontier:
        gaps.frontier += 1
        gaps.n_present += 1
    else:
        gaps_mark_out_of_turn(gaps, ordinal)


cdef int64_t gaps_max_ranges(const SlotTable* table) noexcept nogil
cdef void gaps_init(Gaps* gaps, const SlotTable* table) noexcept nogil
cdef void gaps_move(Gaps* gaps, int32_t* memory) noexcept nogil
cdef void gaps_mark_out_of_turn(Gaps* gaps, int32_t ordinal) noexcept nogil
cdef int64_t gaps_mark_rows(Gaps* gaps, const Region* region, const int64_t* ts, int64_t n) noexcept nogil
cdef int32_t gaps_count(const Gaps* gaps, int32_t expected) noexcept nogil
cdef int32_t gaps_list(const Gaps* gaps, int32_t expected, int32_t* out_start, int32_t* out_stop) noexcept nogil
cdef bint gaps_check(const Gaps* gaps) noexcept nogil
cdef int open_column(object array, Py_buffer* out_view, bint is_time) except -1
