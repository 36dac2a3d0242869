"""Gaps and counts of plain columns of times, without a store: many of them in one call.

    columns -> Job each -> scan (`slots/scan`) -> holes, one job behind the other -> arrays of each

Holes are found in scratch memory first, because only the scan knows how many there are. Then each
job has one array of three rows (start, end, count), which is written in one piece.

The GIL is released where the columns are long enough to pay for it. A column that is NaT or out of
order stops the call, and the error names it and its row.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBuffer_Release
from cpython.buffer cimport PyObject_GetBuffer
from cpython.sequence cimport PySequence_GetItem
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memmove

import numpy as np

from sessiondata._native.base.status cimport ERR_NAT, ERR_TS_ORDER, Offence, raise_status
from sessiondata._native.base.time cimport LEAST_START, NAT
from sessiondata._native.slots.gaps cimport gaps_max_ranges
from sessiondata._native.slots.grid cimport Grid, GridData, SlotTable, expected_at
from sessiondata._native.slots.scan cimport Scan, scan_begin, scan_session
from sessiondata.time.units import check_plausible

cdef object _empty = np.empty
cdef object _INT64 = np.dtype(np.int64)
cdef object _ndarray = np.ndarray
cdef list _NO_NAMES = [None]


cdef enum:
    # Rows for which the GIL is given up. That and getting it back costs 0.3 µs where no other
    # thread wants it and a good deal more where one does; this many rows scan some 5 to 50 µs.
    GIL_WORTH = 40_000


cdef struct Job:
    # One column of a batch.
    Py_buffer column      # int64 times
    const SlotTable* table
    int32_t expected      # slots that have elapsed
    int64_t room          # for the most holes there can be; 0: present slots are counted only
    int64_t first         # where its holes begin in the memory of all
    int64_t apart         # how far their columns lie apart there
    int64_t n_ranges
    int64_t n_present
    int64_t offence       # row that is NaT or breaks the order; -1: none
    int64_t* out          # three columns of n_ranges


cdef struct Scratch:
    # Holes of all jobs, one behind the other: memory for the most that each could find would be
    # mostly untouched, but would be allocated and freed page by page.
    int64_t* memory
    int64_t room
    int64_t used


cdef void _scan_job(Job* job, int64_t* holes) noexcept nogil:
    """Scan one column; its holes go to columns `room` apart (NULL: they are counted only)."""
    cdef Scan scan = scan_begin(job.table)
    scan.holes = holes
    scan.apart = job.apart = job.room
    job.offence = scan_session(&scan, <const int64_t*>job.column.buf, job.column.shape[0], job.expected)
    job.n_ranges, job.n_present = scan.n_ranges, scan.n_present


cdef void _write_gaps(const Job* job, const int64_t* holes) noexcept nogil:
    """Gaps as columns without anything between them."""
    cdef int64_t n = job.n_ranges, k
    for k in range(3):
        memcpy(job.out + k * n, holes + k * job.apart, n * sizeof(int64_t))


cdef void _write_all(const Job* jobs, Py_ssize_t n, const int64_t* holes) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if jobs[i].n_ranges:
            _write_gaps(&jobs[i], holes + jobs[i].first)


cdef int _open_column(object array, Py_buffer* out_view) except -1:
    """Borrow a contiguous column of int64; a third of what a memoryview costs."""
    PyObject_GetBuffer(array, out_view, PyBUF_FORMAT | PyBUF_ND)
    if (out_view.ndim != 1 or out_view.itemsize != 8 or out_view.format[1] != 0
            or out_view.format[0] not in b"lq"):
        PyBuffer_Release(out_view)
        raise ValueError("a contiguous column of int64 is needed")
    return 0


cdef inline int64_t _most_gaps(const Job* job) noexcept nogil:
    return min(gaps_max_ranges(job.table), <int64_t>job.column.shape[0] + job.table.n_cuts)


cdef inline bint _may_be_of_another_unit(const Py_buffer* column, const GridData* grid) noexcept nogil:
    """Whether a column of sorted times lies before 1990 and the session does not."""
    cdef int64_t n = column.shape[0]
    return n > 0 and (<const int64_t*>column.buf)[n - 1] < LEAST_START and grid.span_start >= LEAST_START


cdef int _open_jobs(
    Job* jobs, list columns, list grids, list names, int64_t step_ns, object as_of, bint find
) except -1:
    cdef Py_ssize_t i
    cdef Grid grid
    cdef Job* job
    for i in range(len(columns)):
        job, grid = &jobs[i], grids[i]
        job.table = grid.table(step_ns)
        _open_column(columns[i], &job.column)
        if _may_be_of_another_unit(&job.column, &grid.data):
            check_plausible((<const int64_t*>job.column.buf)[job.column.shape[0] - 1], symbol=names[i])
        if as_of is not None and as_of < LEAST_START and grid.data.span_start >= LEAST_START:
            check_plausible(as_of, symbol=names[i])
        job.expected = job.table.n_slots if as_of is None else expected_at(job.table, as_of)
        if find:
            job.room = _most_gaps(job)
    return 0


cdef Py_ssize_t _scan_all(Job* jobs, Py_ssize_t n, Scratch* scratch) noexcept nogil:
    """Scan until one is out of order; returns how many are not, or -1 if there is no memory."""
    cdef Py_ssize_t i
    cdef int64_t* more
    cdef int64_t* holes
    cdef Job* job
    for i in range(n):
        job = &jobs[i]
        job.first = scratch.used
        if scratch.used + 3 * job.room > scratch.room:
            scratch.room = max(2 * scratch.room, scratch.used + 3 * job.room)
            more = <int64_t*>realloc(scratch.memory, scratch.room * sizeof(int64_t))
            if more == NULL:
                return -1
            scratch.memory = more
        holes = scratch.memory + job.first if job.room else NULL
        _scan_job(job, holes)
        if job.offence >= 0:
            return i
        if job.room and i + 1 < n:  # close up for the next one
            memmove(holes + job.n_ranges, holes + job.room, job.n_ranges * sizeof(int64_t))
            memmove(holes + 2 * job.n_ranges, holes + 2 * job.room, job.n_ranges * sizeof(int64_t))
            job.apart = job.n_ranges
            scratch.used += 3 * job.n_ranges
    return n


cdef int _scan(Job* jobs, Py_ssize_t n, list names, Scratch* scratch) except -1:
    cdef Py_ssize_t i, rows = 0
    cdef int64_t ts_ns
    for i in range(n):
        rows += jobs[i].column.shape[0]
    if rows < GIL_WORTH:
        i = _scan_all(jobs, n, scratch)
    else:
        with nogil:
            i = _scan_all(jobs, n, scratch)
    if i < 0:
        raise MemoryError
    if i < n:
        ts_ns = (<const int64_t*>jobs[i].column.buf)[jobs[i].offence]
        raise_status(Offence(ERR_NAT if ts_ns == NAT else ERR_TS_ORDER, symbol=names[i], row=jobs[i].offence,
                             ts_ns=ts_ns))
    return 0


cdef void _close_jobs(Job* jobs, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        PyBuffer_Release(&jobs[i].column)
    free(jobs)


cdef Job* _new_jobs(Py_ssize_t n) except NULL:
    cdef Job* jobs = <Job*>calloc(n + 1, sizeof(Job))
    if jobs == NULL:
        raise MemoryError
    return jobs


cdef tuple _new_columns(Job* job):
    """Three arrays for the gaps of a job; `job.out` is their memory, one behind the other."""
    cdef Py_buffer view
    if job.n_ranges == 0:
        out = _empty(0, _INT64)
        return out, out, out
    out = _empty((3, job.n_ranges), _INT64)
    PyObject_GetBuffer(out, &view, PyBUF_ND)
    job.out = <int64_t*>view.buf
    PyBuffer_Release(&view)  # the rows hold its memory
    return PySequence_GetItem(out, 0), PySequence_GetItem(out, 1), PySequence_GetItem(out, 2)


def find_gaps_i64(list columns not None, list grids not None, list names not None, int64_t step_ns, as_of=None):
    """Gaps of sorted columns: for each (start_ns, end_ns, bar_count), new int64 arrays; see
    `sessiondata.find_gaps`.

    The three lists are of one length; a name (or None) is for the message. The GIL is released
    while columns are read.
    """
    cdef Py_ssize_t i, n = len(columns)
    cdef Job* jobs = _new_jobs(n)
    cdef list found = []
    cdef int64_t rows = 0
    cdef Scratch scratch = Scratch(NULL, 0, 0)
    try:
        _open_jobs(jobs, columns, grids, names, step_ns, as_of, True)
        _scan(jobs, n, names, &scratch)
        for i in range(n):
            found.append(_new_columns(&jobs[i]))
            rows += jobs[i].n_ranges
        if rows < GIL_WORTH:
            _write_all(jobs, n, scratch.memory)
        else:
            with nogil:
                _write_all(jobs, n, scratch.memory)
        return found
    finally:
        _close_jobs(jobs, n)
        free(scratch.memory)


def find_gaps_plain(column, Grid grid not None, int64_t step_ns, as_of=None):
    """What `find_gaps_i64` finds in one column, or None if that is no plain ndarray
    (`time.arrays.is_plain`), or lies before 1990.

    Without the lists, and without the questions of the facade, which are half the time of a day of
    minutes."""
    cdef Job job
    cdef Scratch scratch = Scratch(NULL, 0, 0)
    if type(column) is not _ndarray or column.dtype is not _INT64:
        return None
    PyObject_GetBuffer(column, &job.column, PyBUF_STRIDES)
    try:
        if (job.column.ndim != 1 or job.column.strides[0] != sizeof(int64_t)
                or <size_t>job.column.buf % sizeof(int64_t)):
            return None
        if as_of is not None and as_of < LEAST_START or _may_be_of_another_unit(&job.column, &grid.data):
            return None
        job.table = grid.table(step_ns)
        job.expected = job.table.n_slots if as_of is None else expected_at(job.table, as_of)
        job.room = _most_gaps(&job)
        _scan(&job, 1, _NO_NAMES, &scratch)
        found = _new_columns(&job)
        _write_all(&job, 1, scratch.memory)
        return found
    finally:
        PyBuffer_Release(&job.column)
        free(scratch.memory)


def count_present_i64(list columns not None, list grids not None, list names not None, int64_t step_ns, as_of=None):
    """(present, expected) slots of sorted columns; otherwise like `find_gaps_i64`; see
    `sessiondata.quality`."""
    cdef Py_ssize_t i, n = len(columns)
    cdef Job* jobs = _new_jobs(n)
    cdef Scratch scratch = Scratch(NULL, 0, 0)  # stays so
    try:
        _open_jobs(jobs, columns, grids, names, step_ns, as_of, False)
        _scan(jobs, n, names, &scratch)
        return [(jobs[i].n_present, jobs[i].expected) for i in range(n)]
    finally:
        _close_jobs(jobs, n)
