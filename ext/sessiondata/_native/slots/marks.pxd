# What is known of slots beside their bars: spans of time that explain an absence, and retries.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.slots.grid cimport SlotTable


cdef struct Spans:
    # Stretches of time [start, stop), sorted, apart, none empty. One allocation, at `start`.
    int64_t* start        # ns
    int64_t* stop         # ns
    int64_t n


cdef struct Slots:
    # Ranges of slot ordinals [start, stop), sorted, none empty; they may touch at a cut. The memory
    # is the owner's.
    int32_t* start
    int32_t* stop
    int32_t* before       # slots in the ranges before this one
    int32_t n


cdef struct Retries:
    # Slots that were asked for again (retries): sorted ranges of ordinals. One allocation, at
    # `last_ns`.
    int64_t* last_ns      # when that was last done
    int32_t* start
    int32_t* stop
    int32_t* count        # how often, at least 1
    int32_t n


cdef struct Marks:
    # Of one tracker. The tracker points here and keeps the three counts; the rest is written by
    # Evidence only.
    Slots explained       # slots that lie in time without trade or halted
    Slots halted          # those among them that lie in halted time alone
    Retries retries
    int32_t n_explained   # absent slots below the tracker's frontier that are explained
    int32_t n_halted      # those among them that are halted
    int32_t n_gaps        # gaps below the frontier


cdef inline int32_t slots_find(const Slots* slots, int32_t ordinal) noexcept nogil:
    """Position of the first range that ends above `ordinal`; n if none does. O(log ranges)."""
    cdef int32_t low = 0, high = slots.n, middle
    while low < high:
        middle = (low + high) >> 1
        if slots.stop[middle] <= ordinal:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint slots_hold(const Slots* slots, int32_t ordinal) noexcept nogil:
    cdef int32_t i = slots_find(slots, ordinal)
    return i < slots.n and slots.start[i] <= ordinal


cdef inline int32_t slots_below(const Slots* slots, int32_t ordinal) noexcept nogil:
    """How many of the slots have a smaller ordinal. O(log ranges)."""
    cdef int32_t i = slots_find(slots, ordinal)
    if i == slots.n:
        return 0 if i == 0 else slots.before[i - 1] + slots.stop[i - 1] - slots.start[i - 1]
    return slots.before[i] + (ordinal - slots.start[i] if ordinal > slots.start[i] else 0)


cdef inline int32_t slots_between(const Slots* slots, int32_t start, int32_t stop) noexcept nogil:
    """How many of the slots lie in [start, stop)."""
    return slots_below(slots, stop) - slots_below(slots, start) if start < stop else 0


cdef int spans_alloc(Spans* spans, int64_t n) noexcept nogil
cdef int spans_copy(const Spans* spans, Spans* out_spans) noexcept nogil
cdef void spans_free(Spans* spans) noexcept nogil
cdef void spans_union(const Spans* a, const Spans* b, Spans* out_spans) noexcept nogil
cdef bint spans_equal(const Spans* a, const Spans* b) noexcept nogil
cdef void spans_of_slots(const SlotTable* table, int64_t start, int64_t stop, Spans* out_spans) noexcept nogil
cdef void spans_of_market(const SlotTable* table, int64_t start, int64_t stop, Spans* out_spans) noexcept nogil
cdef void slots_inside(const SlotTable* table, const Spans* spans, Slots* out_slots) noexcept nogil
cdef int retries_alloc(Retries* retries, int64_t room) noexcept nogil
cdef int retries_add(const Retries* old, const int32_t* start, const int32_t* stop, int32_t n, int32_t first,
                     int32_t last, int64_t when_ns, Retries* out_retries, int32_t* out_counted) noexcept nogil
cdef int retries_copy(const Retries* retries, Retries* out_retries) noexcept nogil
cdef void retries_free(Retries* retries) noexcept nogil
cdef void retries_of(const Retries* retries, int32_t start, int32_t stop, int32_t* out_count,
                     int64_t* out_last_ns) noexcept nogil
