"""Derived bars of plain columns, without a store.

    columns -> rows of one region at a time -> a level on scratch memory -> new arrays

The level is a symbol's (`rows/aggregate`), so the bars are the store's to the last bit. Times are
checked before, because a level relies on their order.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

import numpy as np

from sessiondata._native.base.status cimport ERR_NAT, ERR_TS_REPEATED, ERR_VOLUME, Offence
from sessiondata._native.base.status cimport raise_status
from sessiondata._native.base.time cimport LEAST_START, NAT
from sessiondata._native.rows.aggregate cimport DAY, INTRADAY, Level, level_extend
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.aggregate cimport level_init
from sessiondata._native.rows.ring cimport Ring, ring_bytes, ring_init, ring_move
from sessiondata._native.rows.ticks cimport SUM_LIMIT
from sessiondata._native.slots.gaps cimport gaps_init, gaps_max_ranges, gaps_move
from sessiondata._native.slots.grid cimport Grid, GridData, Region, SlotTable, find_region
from sessiondata.time.units import check_plausible


def aggregate_columns(const int64_t[::1] ts_ns, const double[::1] open, const double[::1] high,
                      const double[::1] low, const double[::1] close, const double[::1] volume,
                      Grid grid, int64_t from_ns, int64_t to_ns, name):
    """Columns of derived bars (ts, open, high, low, close, volume, n_base); see
    `sessiondata.aggregate`.

    Lengths are equal; timestamps are checked here, and that no sum of volumes is infinite. to_ns 0
    is the whole session. `name` (or None) is for the message. The GIL is released while rows are
    read."""
    cdef int64_t n = ts_ns.shape[0], i, j, capacity
    cdef int too_great = 0
    cdef const GridData* data = &grid.data
    cdef const Region* region
    cdef SlotTable* table = grid.table(to_ns)
    cdef Level level
    cdef Columns rows
    with nogil:
        i = 0
        while i < n and ts_ns[i] != NAT and (i == 0 or ts_ns[i] > ts_ns[i - 1]):
            i += 1
    if i < n:
        raise_status(Offence(ERR_NAT if ts_ns[i] == NAT else ERR_TS_REPEATED, symbol=name, row=i, ts_ns=ts_ns[i]))
    with nogil:
        for i in range(n):  # without a way out of the loop: it is done in vectors
            too_great |= (volume[i] >= SUM_LIMIT) | (volume[i] <= -SUM_LIMIT)
    if too_great:
        i = 0
        while -SUM_LIMIT < volume[i] < SUM_LIMIT or volume[i] != volume[i]:
            i += 1
        raise_status(Offence(ERR_VOLUME, symbol=name, row=i, ts_ns=ts_ns[i], volume=volume[i]))
    if n > 0 and ts_ns[n - 1] < LEAST_START and data.span_start >= LEAST_START:
        check_plausible(ts_ns[n - 1], symbol=name)
    capacity = max(1, min(n, <int64_t>grid.possible_slots(to_ns)))
    cdef uint8_t[::1] memory = np.empty(ring_bytes(capacity, False, True), np.uint8)
    cdef int32_t[::1] ranges = np.empty(2 * gaps_max_ranges(table), np.int32)
    level_init(&level, INTRADAY if to_ns else DAY, -1, to_ns, from_ns)
    ring_init(&level.ring, True)
    ring_move(&level.ring, &memory[0], capacity, False)
    gaps_init(&level.gaps, table)
    gaps_move(&level.gaps, &ranges[0])
    with nogil:
        i = 0
        while i < n and ts_ns[i] < data.span_start:
            i += 1
        while i < n and ts_ns[i] < data.span_stop:
            region = find_region(data, ts_ns[i])
            j = i
            while j < n and ts_ns[j] < region.stop:
                j += 1
            if to_ns != 0 or region.regular:
                rows = Columns(&ts_ns[i], &open[i], &high[i], &low[i], &close[i], &volume[i], NULL)
                level_extend(&level, data, region, &rows, j - i, from_ns, True, False)
            i = j
    return _copy_rows(&level.ring)


cdef tuple _copy_rows(const Ring* ring):
    """The rows of a ring that never wrapped, as new arrays."""
    cdef int64_t n = ring.next_seq
    return (
        _copy(np.empty(n, np.int64), ring.ts), _copy(np.empty(n), ring.open), _copy(np.empty(n), ring.high),
        _copy(np.empty(n), ring.low), _copy(np.empty(n), ring.close), _copy(np.empty(n), ring.volume),
        _copy(np.empty(n, np.int32), ring.n_base),
    )


cdef object _copy(object array, const void* source):
    """`array`, filled from memory. Wrapping the memory as an array of its own would last ten times
    as long."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    memcpy(view.buf, source, view.len)
    PyBuffer_Release(&view)
    return array
