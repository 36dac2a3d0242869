"""Doors to native functions that have none in Python, for the unit tests of ring, grid, scan and
tracker. Compiled by `native.py` when the first of these tests runs; not part of the library.

Without the library's compiler directives: what is inline in a .pxd has to be right in any module.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

cimport sessiondata._native.base.simd as _simd
from sessiondata._native.base.time cimport ceil_div, floor_div, floor_mod
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport (
    Bar, Ring, ring_bytes, ring_check, ring_extend, ring_find, ring_init, ring_insert, ring_insert_rows, ring_move,
    ring_oldest, ring_push, ring_read, ring_replace, ring_row,
)
from sessiondata._native.slots.gaps cimport (
    Gaps, Sweep, gaps_check, gaps_count, gaps_explained, gaps_halted, gaps_init, gaps_list, gaps_mark_present,
    gaps_mark_rows, gaps_max_ranges, gaps_missing, gaps_move, gaps_present, gaps_recount, gaps_state, gaps_tally,
    sweep_add, sweep_begin, sweep_end,
)
from sessiondata._native.slots.grid cimport (
    Grid, Region, SlotTable, find_region, first_slot_from, ordinal_in, ordinal_start, slot_number, slot_start_in,
    slot_stop_in,
)
from sessiondata._native.slots.marks cimport Marks, Slots
from sessiondata._native.slots.scan cimport Scan, scan_begin, scan_session

POISON = 0xA5  # fills memory that nobody has written to yet


def use_simd(int level):
    """Have the scan run at a level; returns the one before."""
    before = _simd.simd
    (&_simd.simd)[0] = level
    return before


def divided(int64_t a, int64_t b):
    """(floor, modulo, quotient rounded up), of which the last is for a >= 0."""
    return floor_div(a, b), floor_mod(a, b), ceil_div(a, b)


cdef object _poisoned(int64_t n_bytes):
    """Memory that begins on a cache line."""
    block = np.full(n_bytes + 64, POISON, np.uint8)
    cdef uint8_t[::1] view = block
    cdef int64_t skip = -<int64_t><size_t>&view[0] & 63
    return block[skip:skip + n_bytes]


cdef class RingDoor:
    cdef Ring ring
    cdef list memory      # all that the ring has ever had: old views keep their rows

    def __init__(self, int64_t capacity, bint laps, bint derived):
        ring_init(&self.ring, derived)
        self.memory = []
        self.move(capacity, laps)

    def move(self, int64_t capacity, bint laps):
        cdef uint8_t[::1] block
        self.memory.append(_poisoned(ring_bytes(capacity, laps, self.ring.derived)))
        block = self.memory[-1]
        ring_move(&self.ring, &block[0], capacity, laps)

    def push(self, *row):
        cdef Bar bar = _bar(row)
        ring_push(&self.ring, &bar)

    def insert(self, int64_t seq, *row):
        cdef Bar bar = _bar(row)
        ring_insert(&self.ring, seq, &bar)

    def replace(self, int64_t seq, *row):
        cdef Bar bar = _bar(row)
        ring_replace(&self.ring, seq, &bar)

    def extend(self, const int64_t[::1] ts, const double[:, ::1] values):
        cdef Columns rows
        if ts.shape[0]:
            rows = _columns(ts, values)
            ring_extend(&self.ring, &rows, ts.shape[0])

    def insert_rows(self, const int64_t[::1] ts, const double[:, ::1] values, const int64_t[::1] place, int64_t n_new):
        cdef Columns rows = _columns(ts, values)
        ring_insert_rows(&self.ring, &rows, &place[0], ts.shape[0], n_new)

    def find(self, int64_t ts):
        return ring_find(&self.ring, ts)

    def physical(self, int64_t i):
        return ring_row(&self.ring, i)

    def rows(self):
        """All live rows, oldest first, read one by one."""
        cdef int64_t seq
        cdef Bar bar
        cdef list rows = []
        for seq in range(ring_oldest(&self.ring), self.ring.next_seq):
            ring_read(&self.ring, seq, &bar)
            rows.append((bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.n_base))
        return rows

    def view(self, int64_t seq, int64_t stop):
        """Live rows [seq, stop) as columns over the ring's memory: they show what is written
        later."""
        cdef int64_t at = seq - self.ring.origin, n = stop - seq
        cdef object whole = self.memory[-1]
        columns = []
        for k in range(6):
            start = k * self.ring.stride + at * 8
            columns.append(whole[start:start + n * 8].view(np.float64 if k else np.int64))
        return columns

    @property
    def next_seq(self):
        return self.ring.next_seq

    @property
    def oldest(self):
        return ring_oldest(&self.ring)

    @property
    def evicted_ts(self):
        return self.ring.evicted_ts

    @property
    def n_moves(self):
        return self.ring.n_moves

    @property
    def version(self):
        return self.ring.version

    def check(self):
        return bool(ring_check(&self.ring))


cdef Columns _columns(const int64_t[::1] ts, const double[:, ::1] values):
    return Columns(&ts[0], &values[0, 0], &values[1, 0], &values[2, 0], &values[3, 0], &values[4, 0], NULL)


cdef Bar _bar(tuple row) except *:
    return Bar(row[0], row[1], row[2], row[3], row[4], row[5], row[6] if len(row) > 6 else 0)


def region_of(Grid grid not None, int64_t ts):
    """(start, stop, anchor, regular, segment) of the region that holds a time of the span."""
    cdef const Region* region = find_region(&grid.data, ts)
    return region.start, region.stop, region.anchor, bool(region.regular), region.segment


def slot_in(Grid grid not None, int64_t step_ns, int64_t ts):
    """(start, stop) of the slot that holds a time of the span."""
    cdef const Region* region = find_region(&grid.data, ts)
    return slot_start_in(region, step_ns, ts), slot_stop_in(region, step_ns, ts)


def cuts_of(Grid grid not None, int64_t step_ns):
    cdef SlotTable* table = grid.table(step_ns)
    return [table.cuts[i] for i in range(table.n_cuts + 1)]


def start_of(Grid grid not None, int64_t step_ns, int32_t ordinal):
    return ordinal_start(grid.table(step_ns), ordinal)


def ordinal_of(Grid grid not None, int64_t step_ns, int64_t ts):
    """Of a time inside a segment."""
    return ordinal_in(grid.table(step_ns), find_region(&grid.data, ts), ts)


def first_from(Grid grid not None, int64_t step_ns, int64_t ts):
    return first_slot_from(grid.table(step_ns), ts)


def number_of(Grid grid not None, int64_t step_ns, int64_t anchor, int64_t ts):
    return slot_number(grid.table(step_ns), anchor, ts)


cdef class TrackerDoor:
    cdef Gaps gaps
    cdef Marks marks
    cdef readonly Grid grid
    cdef int64_t step_ns
    cdef list memory      # ranges, columns of marks

    def __init__(self, Grid grid not None, int64_t step_ns):
        self.grid, self.step_ns, self.memory = grid, step_ns, []
        gaps_init(&self.gaps, grid.table(step_ns))
        self.move()

    def move(self):
        """Lay the ranges over fresh memory."""
        cdef int32_t[::1] block = np.full(2 * gaps_max_ranges(self.gaps.table), -1, np.int32)
        gaps_move(&self.gaps, &block[0])
        self.memory.append(block)

    def mark(self, int32_t ordinal):
        gaps_mark_present(&self.gaps, ordinal)

    def mark_rows(self, const int64_t[::1] ts):
        """Ascending rows of one segment, newer than all before; returns how many sit on no slot."""
        return gaps_mark_rows(&self.gaps, find_region(&self.grid.data, ts[0]), &ts[0], ts.shape[0])

    def sweep(self, ordinals):
        """Mark slots that ascend, in one pass."""
        cdef Sweep sweep = sweep_begin(&self.gaps)
        for ordinal in ordinals:
            sweep_add(&sweep, ordinal)
        sweep_end(&sweep)

    def explain(self, list explained, list halted):
        """Ranges of slots that are explained, and of those among them that are halted."""
        self._set(&self.marks.explained, explained)
        self._set(&self.marks.halted, halted)
        self.gaps.marks = &self.marks
        gaps_recount(&self.gaps)

    cdef int _set(self, Slots* slots, list ranges) except -1:
        cdef int32_t[:, ::1] columns = np.zeros((3, len(ranges) + 1), np.int32)
        cdef int32_t n = 0
        slots.n = 0
        for start, stop in ranges:
            columns[0, slots.n], columns[1, slots.n], columns[2, slots.n] = start, stop, n
            n += stop - start
            slots.n += 1
        slots.start, slots.stop, slots.before = &columns[0, 0], &columns[1, 0], &columns[2, 0]
        self.memory.append(columns)
        return 0

    def ranges(self):
        """Absent slots below the frontier, explained or not."""
        return [(self.gaps.start[i], self.gaps.stop[i]) for i in range(self.gaps.n_ranges)]

    def listed(self, int32_t expected):
        cdef int32_t[:, ::1] out = np.empty((2, gaps_count(&self.gaps, expected) + 1), np.int32)
        cdef int32_t n = gaps_list(&self.gaps, expected, &out[0, 0], &out[1, 0])
        return [(out[0, i], out[1, i]) for i in range(n)]

    def count(self, int32_t expected):
        return gaps_count(&self.gaps, expected)

    def counts(self, int32_t expected):
        """(present, missing, no trade, halted)"""
        cdef int32_t explained = gaps_explained(&self.gaps, expected), halted = gaps_halted(&self.gaps, expected)
        return gaps_present(&self.gaps, expected), gaps_missing(&self.gaps, expected), explained - halted, halted

    def state(self, int32_t expected, int32_t ordinal):
        return gaps_state(&self.gaps, expected, ordinal)

    def tally(self, int32_t start, int32_t stop):
        cdef int32_t present, missing
        gaps_tally(&self.gaps, start, stop, &present, &missing)
        return present, missing

    @property
    def frontier(self):
        return self.gaps.frontier

    @property
    def n_edits(self):
        return self.gaps.n_edits

    def check(self):
        return bool(gaps_check(&self.gaps))


def scan(Grid grid not None, int64_t step_ns, const int64_t[::1] ts, int32_t expected, str into):
    """A column scanned into "times", "ordinals" or "nothing": (holes, n_ranges, n_present,
    offence). `ts` has at least one row in front of its memory, as all columns that are scanned
    have."""
    cdef SlotTable* table = grid.table(step_ns)
    cdef Scan scan = scan_begin(table)
    cdef int64_t room = gaps_max_ranges(table), offence
    cdef int64_t[:, ::1] times = np.full((3, room), -1, np.int64)
    cdef int32_t[:, ::1] ordinals = np.full((2, room), -1, np.int32)
    if into == "times":
        scan.holes, scan.apart = &times[0, 0], room
    elif into == "ordinals":
        scan.start, scan.stop = &ordinals[0, 0], &ordinals[1, 0]
    offence = scan_session(&scan, &ts[0] if ts.shape[0] else NULL, ts.shape[0], expected)
    columns = times if into == "times" else ordinals if into == "ordinals" else None
    holes = None if columns is None else [tuple(column) for column in np.asarray(columns)[:, :scan.n_ranges].T.tolist()]
    return holes, scan.n_ranges, scan.n_present, offence
