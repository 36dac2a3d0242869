"""Segments of one session, compiled: all that the path of a bar knows of a calendar.

    span_start      open         close   open          close      span_stop
        |  before    |  segment 0  | break |  segment 1  |  after     |
        +------------+-------------+-------+-------------+------------+
          region 0      region 1    region 2   region 3     region 4

Regions lie side by side without holes and are found by binary search; a caller that walks forward
in time keeps the pointer to its region and searches only when it leaves it. A slot table holds, for
one interval, the ordinal of the first slot of each segment, so ordinal and timestamp are one
division or one multiplication apart.

Invariants: regions sorted, touching, not empty; `cuts` ascend strictly; all times stay two days
away from the ends of int64, so that `anchor + k * step` cannot overflow for a step below a day.

Rejected: an array of all slot starts (23,400 a day at 1s: a cache miss per look-up instead of a
division).
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

import numpy as np

from sessiondata._native.base.time cimport ceil_div

from sessiondata.copying import refuse_copy
from sessiondata.errors import CalendarError

cdef int64_t _DAY_NS = 86_400_000_000_000
cdef int64_t _LIMIT = 9_223_372_036_854_775_807 - 2 * 86_400_000_000_000


cdef void _set_inverse(SlotTable* table) noexcept nogil:
    """Prepare `slot_number`. A step of 0 becomes one of 1 ns: only the open itself is then
    slot 0."""
    cdef uint64_t odd = <uint64_t>table.step_ns if table.step_ns else 1
    cdef int _
    table.shift = 0
    while odd & 1 == 0:
        odd >>= 1
        table.shift += 1
    table.inverse = odd  # right in its last 3 bits; each round of Newton's iteration doubles that
    for _ in range(5):
        table.inverse *= 2 - odd * table.inverse


cdef class _Table:
    """Owner of one slot table."""

    cdef SlotTable data

    def __reduce__(self):
        refuse_copy(self)

    def __dealloc__(self):
        free(self.data.cuts)


cdef class Grid:
    """Regions of one session.

    Parameters
    ----------
    segments : ndarray of int64, shape (n, 2)
        `[start, stop)` in ns, sorted, not empty, not overlapping, inside the span.
    span_start, span_stop : int
        Timestamps that belong to the trade date, `[span_start, span_stop)`.
    day : int
        The trade date, in days since 1970-01-01.
    """

    def __cinit__(self, const int64_t[:, ::1] segments, int64_t span_start, int64_t span_stop, int32_t day):
        cdef int32_t n = <int32_t>segments.shape[0], i, used = 0
        cdef int64_t at = span_start, start, stop
        self._tables = {}
        self.day = self.data.day = day
        if span_start >= span_stop or span_start < -_LIMIT or span_stop > _LIMIT:
            raise CalendarError(f"a session's span must be an interval within int64: [{span_start}, {span_stop})")
        self.data.regions = <Region*>malloc((2 * n + 1) * sizeof(Region))
        if self.data.regions == NULL:
            raise MemoryError
        for i in range(n):
            start, stop = segments[i, 0], segments[i, 1]
            if start < at or stop <= start or stop > span_stop:
                raise CalendarError(
                    f"segments must be sorted, apart, not empty and inside the span: segment {i} is [{start}, {stop})"
                )
            if start > at:
                # Before the first open slots are counted backwards from it, in a break forwards
                # from the close.
                self.data.regions[used] = Region(at, start, start if i == 0 else at, 0, i)
                used += 1
            self.data.regions[used] = Region(start, stop, start, 1, i)
            used += 1
            at = stop
        if at < span_stop:
            self.data.regions[used] = Region(at, span_stop, at, 0, n)
            used += 1
        self.data.n_regions, self.data.n_segments = used, n
        self.data.span_start, self.data.span_stop = span_start, span_stop
        self.data.open_ns = segments[0, 0] if n else span_start
        self.data.close_ns = segments[n - 1, 1] if n else span_start

    def __dealloc__(self):
        free(self.data.regions)

    cdef SlotTable* table(self, int64_t step_ns) except NULL:
        """Slot table of an interval (0: the whole session), made once; lives as long as the
        grid."""
        cdef _Table table = self._tables.get(step_ns)
        cdef int32_t i, segment = 0
        cdef int64_t total = 0
        if table is not None:
            return &table.data
        if step_ns < 0 or step_ns >= _DAY_NS:
            raise CalendarError(f"a slot is shorter than a day: step_ns={step_ns}")
        table = _Table()
        table.data.cuts = <int32_t*>malloc((self.data.n_segments + 1) * sizeof(int32_t))
        if table.data.cuts == NULL:
            raise MemoryError
        table.data.step_ns, table.data.grid = step_ns, &self.data
        _set_inverse(&table.data)
        for i in range(self.data.n_regions):
            if self.data.regions[i].regular and step_ns > 0:
                table.data.cuts[segment] = <int32_t>total
                total += ceil_div(self.data.regions[i].stop - self.data.regions[i].start, step_ns)
                if total > 0x7FFFFFF0:
                    raise CalendarError(f"a session has too many slots of {step_ns} ns")
                segment += 1
        if step_ns == 0 and self.data.n_segments > 0:
            table.data.cuts[0] = 0
            segment = total = 1
        table.data.n_slots, table.data.n_cuts = <int32_t>total, segment
        table.data.cuts[segment] = <int32_t>total
        self._tables[step_ns] = table
        return &table.data

    def __reduce__(self):
        cdef int32_t i
        segments = [(self.data.regions[i].start, self.data.regions[i].stop) for i in range(self.data.n_regions)
                    if self.data.regions[i].regular]
        return Grid, (np.array(segments, np.int64).reshape(-1, 2), self.data.span_start, self.data.span_stop, self.day)

    def __copy__(self):
        return self  # it never changes

    def __deepcopy__(self, memo):
        return self

    @property
    def span(self):
        """`(start, stop)` of the timestamps of the trade date."""
        return self.data.span_start, self.data.span_stop

    def segment_stops(self):
        """Ends of the segments, list of int ns, ascending."""
        cdef int32_t i
        return [self.data.regions[i].stop for i in range(self.data.n_regions) if self.data.regions[i].regular]

    def possible_slots(self, int64_t step_ns):
        """Number of slots in all regions of the span: more rows than that no derived series can
        have."""
        cdef int32_t i
        cdef int64_t total = 0
        if step_ns == 0:
            return 1
        for i in range(self.data.n_regions):
            total += ceil_div(self.data.regions[i].stop - self.data.regions[i].start, step_ns)
        return total

    def expected(self, int64_t step_ns, as_of=None):
        """Regular slots that have elapsed at `as_of` (int ns; None: all slots of the session)."""
        cdef SlotTable* table = self.table(step_ns)
        return table.n_slots if as_of is None else expected_at(table, as_of)

    def slot_of(self, int64_t ts_ns, int64_t step_ns):
        """Ordinal of the regular slot that holds `ts_ns`, -1 if none does."""
        cdef SlotTable* table = self.table(step_ns)
        cdef const Region* region
        if not self.data.span_start <= ts_ns < self.data.span_stop:
            return -1
        region = find_region(&self.data, ts_ns)
        return ordinal_in(table, region, ts_ns) if region.regular else -1

    cdef int64_t base_slots_at(self, int64_t ts_ns, int64_t step_ns, int64_t base_ns) except -1:
        cdef const Region* region
        cdef int64_t start, stop
        if not self.data.span_start <= ts_ns < self.data.span_stop:
            return 0
        region = find_region(&self.data, ts_ns)
        if not region.regular:
            return 0
        if step_ns == base_ns:
            return 1
        if step_ns == 0:
            return self.table(base_ns).n_slots
        start = slot_start_in(region, step_ns, ts_ns)
        stop = min(start + step_ns, region.stop)
        return ceil_div(stop - start, base_ns)

    def base_slots(self, int64_t ts_ns, int64_t step_ns, int64_t base_ns):
        """Slots of length `base_ns` in the slot of length `step_ns` that holds `ts_ns`; 0 outside
        segments."""
        return self.base_slots_at(ts_ns, step_ns, base_ns)

    def slot_stops(self, const int64_t[::1] ts_ns, int64_t step_ns):
        """Ends of the slots of length `step_ns` (0: the session) that hold times of the span; new
        int64 array of their shape. O(times x log regions)."""
        out = np.empty(ts_ns.shape[0], np.int64)
        cdef int64_t[::1] view = out
        cdef Py_ssize_t i
        for i in range(ts_ns.shape[0]):
            view[i] = stop_of_slot(&self.data, step_ns, ts_ns[i])
        return out

    def extended(self, const int64_t[::1] ts_ns):
        """Which times of the span lie outside the segments; new bool array of their shape. O(times
        x log regions)."""
        out = np.empty(ts_ns.shape[0], np.bool_)
        cdef uint8_t[::1] view = out.view(np.uint8)
        cdef Py_ssize_t i
        for i in range(ts_ns.shape[0]):
            view[i] = not find_region(&self.data, ts_ns[i]).regular
        return out

    def trade_dates(self, const int64_t[::1] ts_ns):
        """Trade date of each time of the span, in days since 1970-01-01; new int32 array of their
        shape."""
        return np.full(ts_ns.shape[0], self.day, np.int32)

    def slot_starts(self, int64_t step_ns):
        """Starts of all regular slots; new int64 array of shape (expected(step_ns),), ascending."""
        cdef SlotTable* table = self.table(step_ns)
        out = np.empty(table.n_slots, np.int64)
        cdef int64_t[::1] view = out
        cdef int32_t i
        for i in range(table.n_slots):
            view[i] = ordinal_start(table, i)
        return out


cdef int64_t ordinal_start(const SlotTable* table, int32_t ordinal) noexcept nogil:
    """Start of a regular slot, in ns. `ordinal` must be in `[0, n_slots)`. O(log segments)."""
    cdef const GridData* grid = table.grid
    cdef int32_t low = 0, high = table.n_cuts - 1, middle, i
    if table.step_ns == 0:
        return grid.open_ns
    while low < high:
        middle = (low + high + 1) >> 1
        if table.cuts[middle] <= ordinal:
            low = middle
        else:
            high = middle - 1
    # Segments alternate with breaks unless they touch, so the region of segment `low` is near 2 *
    # low.
    for i in range(low, grid.n_regions):
        if grid.regions[i].regular and grid.regions[i].segment == low:
            return grid.regions[i].anchor + <int64_t>(ordinal - table.cuts[low]) * table.step_ns
    return grid.close_ns


cdef int32_t first_slot_from(const SlotTable* table, int64_t ts) noexcept nogil:
    """Ordinal of the first regular slot that begins at or after `ts`; n_slots if none does. O(log
    segments)."""
    cdef const GridData* grid = table.grid
    cdef const Region* region
    if ts <= grid.open_ns:
        return 0
    if ts >= grid.close_ns or table.step_ns == 0:
        return table.n_slots
    region = find_region(grid, ts)
    if not region.regular:
        return table.cuts[region.segment]
    return min(table.cuts[region.segment] + <int32_t>ceil_div(ts - region.anchor, table.step_ns),
               table.cuts[region.segment + 1])
