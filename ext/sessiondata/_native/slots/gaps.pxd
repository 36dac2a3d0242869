# Which slots of one interval are present: frontier, count and sorted ranges of absent ordinals.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.slots.grid cimport Region, SlotTable, expected_at
from sessiondata._native.slots.marks cimport Marks, Slots, slots_between


cdef enum:
    # States of a slot.
    PENDING = 0
    PRESENT = 1
    MISSING = 2
    NO_TRADE = 3
    HALTED = 4


cdef struct Gaps:
    # first absent ordinal of each explicit range, ascending; memory is the symbol's
    int32_t* start
    int32_t* stop         # one past the last absent ordinal
    int32_t n_ranges
    # slots below are explicit (present or in a range), slots from here on are absent
    int32_t frontier
    int32_t n_absent      # slots in the ranges; the others below the frontier are present
    # late bars, marks and retries so far: with each the gaps below the frontier may differ
    int32_t n_edits
    const SlotTable* table
    # what explains absent slots, and retries; NULL: there are none. Memory is Evidence's
    Marks* marks


cdef inline int32_t gaps_present(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Present slots among the `expected` that have elapsed. O(1).

    At most the newest present slot has not elapsed (a forming derived bar); no count has it
    then."""
    return gaps.frontier - gaps.n_absent - (gaps.frontier > expected)


cdef inline int32_t gaps_explained(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Absent slots among the `expected` that are without trade or halted. O(1), O(log marks) of a
    tail."""
    if gaps.marks == NULL:
        return 0
    return gaps.marks.n_explained + slots_between(&gaps.marks.explained, gaps.frontier, expected)


cdef inline int32_t gaps_halted(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Those of them that are halted."""
    if gaps.marks == NULL:
        return 0
    return gaps.marks.n_halted + slots_between(&gaps.marks.halted, gaps.frontier, expected)


cdef inline int32_t gaps_missing(const Gaps* gaps, int32_t expected) noexcept nogil:
    """Missing slots when `expected` slots have elapsed: the absent ones that nothing explains."""
    return expected - gaps_present(gaps, expected) - gaps_explained(gaps, expected)


cdef inline void gaps_mark_present(Gaps* gaps, int32_t ordinal) noexcept nogil:
    """A row now sits on slot `ordinal`; no effect if one did already."""
    if ordinal == gaps.frontier:
        gaps.frontier += 1
    else:
        gaps_mark_out_of_order(gaps, ordinal)


cdef struct Sweep:
    # Ascending slots that leave the ranges, in one pass over these: ranges above the slot at hand
    # wait at the end of their memory.
    Gaps* gaps
    int32_t waiting       # first of the ranges that wait; -1: none was moved there yet
    int32_t room          # one past the last of them


cdef inline Sweep sweep_begin(Gaps* gaps) noexcept nogil:
    return Sweep(gaps, -1, 0)


cdef void sweep_add(Sweep* sweep, int32_t ordinal) noexcept nogil
cdef void sweep_add_run(Sweep* sweep, int32_t ordinal, int32_t n) noexcept nogil
cdef void sweep_end(Sweep* sweep) noexcept nogil
cdef int64_t gaps_max_ranges(const SlotTable* table) noexcept nogil
cdef void gaps_init(Gaps* gaps, const SlotTable* table) noexcept nogil
cdef void gaps_move(Gaps* gaps, int32_t* memory) noexcept nogil
cdef void gaps_mark_out_of_order(Gaps* gaps, int32_t ordinal) noexcept nogil
cdef int64_t gaps_mark_rows(Gaps* gaps, const Region* region, const int64_t* ts, int64_t n) noexcept nogil
cdef int32_t gaps_count(const Gaps* gaps, int32_t expected) noexcept nogil
cdef int32_t gaps_list(const Gaps* gaps, int32_t expected, int32_t* out_start, int32_t* out_stop) noexcept nogil
cdef void gaps_tally(const Gaps* gaps, int32_t start, int32_t stop, int32_t* out_present,
                     int32_t* out_missing) noexcept nogil
cdef int gaps_state(const Gaps* gaps, int32_t expected, int32_t ordinal) noexcept nogil
cdef void gaps_recount(Gaps* gaps) noexcept nogil
cdef bint gaps_check(const Gaps* gaps) noexcept nogil
