"""What is known of slots beside their bars.

    time without trade   [ 09:40 ........ 10:00 )          from `mark_no_trade`
    halted time               [ 09:50 ... 10:10 )          from `mark_halted`
    explained            [ 09:40 ........ 10:10 )          their union
    slots explained      1m: 09:40 to 10:09    5m: 09:40 to 10:05    15m: 09:45

Evidence is about time, so that one mark explains the slots of every interval that lie wholly in it.
Marks only grow, so their order makes no difference. For each tracker they are compiled to ranges of
slot ordinals with running sums: two binary searches count the explained slots of a stretch.

A tracker's own ranges are the *absent* slots, explained or not. So a bar on a marked slot is like
any other, and bars in order never look at marks. Missing slots are those that are absent and not
explained: their counts are kept with each jump and each late bar (`slots/gaps`), their list is made
when it is asked for.

Rejected: leaving explained slots out of the tracker's ranges. In-order bars would have to check for
them, and a slot that is marked again as halted would look like one that has a bar.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport INT64_MIN
from libc.string cimport memcpy

from sessiondata._native.slots.grid cimport GridData, Region
from sessiondata._native.base.time cimport ceil_div


# --- spans of time ---

cdef int spans_alloc(Spans* spans, int64_t n) noexcept nogil:
    """Room for `n` spans, none in it yet; 0, or -1 without memory."""
    spans.n = 0
    spans.start = <int64_t*>PyMem_RawMalloc(<size_t>(2 * n + 1) * sizeof(int64_t))
    if spans.start == NULL:
        return -1
    spans.stop = spans.start + n
    return 0


cdef int spans_copy(const Spans* spans, Spans* out_spans) noexcept nogil:
    """The same spans in memory of their own; 0, or -1 without memory."""
    if spans_alloc(out_spans, spans.n):
        return -1
    if spans.n:
        memcpy(out_spans.start, spans.start, <size_t>spans.n * sizeof(int64_t))
        memcpy(out_spans.stop, spans.stop, <size_t>spans.n * sizeof(int64_t))
    out_spans.n = spans.n
    return 0


cdef void spans_free(Spans* spans) noexcept nogil:
    PyMem_RawFree(spans.start)
    spans.start = spans.stop = NULL
    spans.n = 0


cdef inline void _add_span(Spans* spans, int64_t start, int64_t stop) noexcept nogil:
    """Append a span that begins no earlier than the last one; touching ones become one."""
    if start >= stop:
        return
    if spans.n > 0 and start <= spans.stop[spans.n - 1]:
        if stop > spans.stop[spans.n - 1]:
            spans.stop[spans.n - 1] = stop
        return
    spans.start[spans.n], spans.stop[spans.n] = start, stop
    spans.n += 1


cdef void spans_union(const Spans* a, const Spans* b, Spans* out_spans) noexcept nogil:
    """Time in one or the other; room for a.n + b.n. O(a.n + b.n)."""
    cdef int64_t i = 0, j = 0
    while i < a.n or j < b.n:
        if j == b.n or (i < a.n and a.start[i] <= b.start[j]):
            _add_span(out_spans, a.start[i], a.stop[i])
            i += 1
        else:
            _add_span(out_spans, b.start[j], b.stop[j])
            j += 1


cdef bint spans_equal(const Spans* a, const Spans* b) noexcept nogil:
    cdef int64_t i
    if a.n != b.n:
        return False
    for i in range(a.n):
        if a.start[i] != b.start[i] or a.stop[i] != b.stop[i]:
            return False
    return True


cdef void spans_of_slots(const SlotTable* table, int64_t start, int64_t stop, Spans* out_spans) noexcept nogil:
    """Time of the regular slots that begin in [start, stop); room for a span per segment."""
    cdef const GridData* grid = table.grid
    cdef const Region* region
    cdef int64_t first, last
    cdef int32_t i
    for i in range(grid.n_regions):
        region = &grid.regions[i]
        if not region.regular:
            continue
        if table.step_ns == 0:
            if start <= grid.open_ns < stop:
                _add_span(out_spans, region.start, region.stop)
        elif start < region.stop and stop > region.start:
            first = ceil_div(start - region.start if start > region.start else 0, table.step_ns)
            last = ceil_div((stop if stop < region.stop else region.stop) - region.start, table.step_ns)
            first = region.start + first * table.step_ns
            last = region.start + last * table.step_ns
            _add_span(out_spans, first, last if last < region.stop else region.stop)


cdef void spans_of_market(const SlotTable* table, int64_t start, int64_t stop, Spans* out_spans) noexcept nogil:
    """The part of [start, stop) in which the market is open; room for a span per segment."""
    cdef const GridData* grid = table.grid
    cdef const Region* region
    cdef int32_t i
    for i in range(grid.n_regions):
        region = &grid.regions[i]
        if region.regular:
            _add_span(out_spans, start if start > region.start else region.start,
                      stop if stop < region.stop else region.stop)


# --- ranges of slots ---

cdef inline void _add_slots(Slots* slots, int32_t start, int32_t stop) noexcept nogil:
    cdef int32_t i = slots.n
    slots.start[i], slots.stop[i] = start, stop
    slots.before[i] = 0 if i == 0 else slots.before[i - 1] + slots.stop[i - 1] - slots.start[i - 1]
    slots.n += 1


cdef void slots_inside(const SlotTable* table, const Spans* spans, Slots* out_slots) noexcept nogil:
    """Regular slots that lie wholly in the spans; room for a range per span and segment. O(spans +
    regions).

    The session as one slot is the time of its segments: breaks need no explanation."""
    cdef const GridData* grid = table.grid
    cdef const Region* region
    cdef int64_t i = 0, j, start, stop
    cdef int32_t r, first, last
    cdef bint whole = table.n_slots > 0
    out_slots.n = 0
    for r in range(grid.n_regions):
        region = &grid.regions[r]
        if not region.regular:
            continue
        while i < spans.n and spans.stop[i] <= region.start:
            i += 1
        if table.step_ns == 0:
            whole = whole and i < spans.n and spans.start[i] <= region.start and spans.stop[i] >= region.stop
            continue
        j = i
        while j < spans.n and spans.start[j] < region.stop:
            start = spans.start[j] - region.start if spans.start[j] > region.start else 0
            stop = spans.stop[j] - region.start
            first = table.cuts[region.segment] + <int32_t>ceil_div(start, table.step_ns)
            if spans.stop[j] >= region.stop:
                # the last slot may be shorter than the others
                last = table.cuts[region.segment + 1]
            else:
                last = table.cuts[region.segment] + <int32_t>(stop // table.step_ns)
            if first < last:
                _add_slots(out_slots, first, last)
            j += 1
    if table.step_ns == 0 and whole:
        _add_slots(out_slots, 0, 1)


# --- retries ---

cdef int retries_alloc(Retries* retries, int64_t room) noexcept nogil:
    """Room for so many ranges, none in it yet; 0, or -1 without memory."""
    retries.n = 0
    retries.last_ns = <int64_t*>PyMem_RawMalloc(<size_t>room * (sizeof(int64_t) + 3 * sizeof(int32_t)))
    if retries.last_ns == NULL:
        return -1
    retries.start = <int32_t*>(retries.last_ns + room)
    retries.stop = retries.start + room
    retries.count = retries.stop + room
    return 0


cdef int retries_copy(const Retries* retries, Retries* out_retries) noexcept nogil:
    """The same retries in memory of their own; 0, or -1 without memory."""
    cdef int32_t i
    if retries.n == 0:
        return 0
    if retries_alloc(out_retries, retries.n):
        return -1
    for i in range(retries.n):
        _add_retries(out_retries, retries.start[i], retries.stop[i], retries.count[i], retries.last_ns[i])
    return 0


cdef void retries_free(Retries* retries) noexcept nogil:
    PyMem_RawFree(retries.last_ns)
    retries.last_ns = NULL
    retries.n = 0


cdef inline void _add_retries(Retries* retries, int32_t start, int32_t stop, int32_t count,
                              int64_t last_ns) noexcept nogil:
    cdef int32_t i = retries.n - 1
    if i >= 0 and retries.stop[i] == start and retries.count[i] == count and retries.last_ns[i] == last_ns:
        retries.stop[i] = stop
        return
    i += 1
    retries.start[i], retries.stop[i], retries.count[i], retries.last_ns[i] = start, stop, count, last_ns
    retries.n = i + 1


cdef int retries_add(const Retries* old, const int32_t* start, const int32_t* stop, int32_t n, int32_t first,
                     int32_t last, int64_t when_ns, Retries* out_retries, int32_t* out_counted) noexcept nogil:
    """The slots in [first, last) of `n` gaps were asked for once more at `when_ns`; 0, or -1
    without memory.

    Writes the retries of the gaps from then on, and how many slots were counted. Retries of slots
    that have been filled or explained since are dropped. O(gaps + old ranges)."""
    # Two sorted lists cut each other into n + old.n pieces at most, of which the two ends of
    # [first, last) cut two more; what lies between the pieces (never asked for before) is at most
    # as many again.
    cdef int64_t room = 2 * (<int64_t>n + old.n) + 4
    cdef int32_t i, j = 0, at, end, count
    cdef int64_t last_ns
    cdef bint asked
    out_counted[0] = 0
    if retries_alloc(out_retries, room):
        return -1
    for i in range(n):
        at = start[i]
        while at < stop[i]:
            # One piece: up to the next place where anything changes.
            while j < old.n and old.stop[j] <= at:
                j += 1
            end, count, last_ns = stop[i], 0, INT64_MIN
            if j < old.n and old.start[j] <= at:
                end, count, last_ns = min(end, old.stop[j]), old.count[j], old.last_ns[j]
            elif j < old.n:
                end = min(end, old.start[j])
            asked = first <= at < last
            if asked:
                end = min(end, last)
                count, last_ns = count + 1, max(last_ns, when_ns)
                out_counted[0] += end - at
            elif at < first:
                end = min(end, first)
            if count:
                _add_retries(out_retries, at, end, count, last_ns)
            at = end
    return 0


cdef void retries_of(const Retries* retries, int32_t start, int32_t stop, int32_t* out_count,
                     int64_t* out_last_ns) noexcept nogil:
    """The greatest count and the latest time over the slots [start, stop); 0 and INT64_MIN if none
    was asked for.

    O(log ranges + ranges in it)."""
    cdef int32_t low = 0, high = retries.n, middle
    out_count[0], out_last_ns[0] = 0, INT64_MIN
    while low < high:
        middle = (low + high) >> 1
        if retries.stop[middle] <= start:
            low = middle + 1
        else:
            high = middle
    while low < retries.n and retries.start[low] < stop:
        out_count[0] = max(out_count[0], retries.count[low])
        out_last_ns[0] = max(out_last_ns[0], retries.last_ns[low])
        low += 1
