"""Gaps of a tracker as records.

    tracker -> list_ranges (inside the guard) -> gap_records -> list of GapInfo (a named tuple,
                                                                `objects/kept`)

Slots become times behind the guard: the tracker's table belongs to the hours of the session, which
the caller keeps.

The class itself is written in Python (`rows/gap`), where type checkers and readers look for it; it
hands itself over when it is made.
"""

from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.ref cimport Py_INCREF

from sessiondata._native.objects.kept cimport Records, keep_records, new_record
from sessiondata._native.slots.extended cimport extended_start
from sessiondata._native.slots.gaps cimport gaps_list
from sessiondata._native.slots.grid cimport GridData, Region, find_region, ordinal_start
from sessiondata._native.slots.marks cimport retries_of

from sessiondata.time.zones import from_ns


cdef extern from *:
    """
    // Fill the fields of a new gap, none of which is set. False: no memory.
    static bool sd_fill_gap(PyObject* gap, void* symbol, void* interval, long long start, long long end, long n,
                            long n_retries, PyObject* last_retry, void* zone, bool is_short, long long stop) {
        PyObject** const fields = sd_fields(gap);
        Py_INCREF(fields[0] = static_cast<PyObject*>(symbol));
        Py_INCREF(fields[1] = static_cast<PyObject*>(interval));
        fields[2] = PyLong_FromLongLong(start);
        fields[3] = PyLong_FromLongLong(end);
        fields[4] = PyLong_FromLong(n);
        fields[5] = PyLong_FromLong(n_retries);
        Py_INCREF(fields[6] = last_retry);
        Py_INCREF(fields[7] = static_cast<PyObject*>(zone));
        if (is_short) fields[8] = PyLong_FromLongLong(stop);
        else Py_INCREF(fields[8] = Py_None);
        return fields[2] && fields[3] && fields[4] && fields[5] && fields[8];
    }
    """
    bint _fill_gap "sd_fill_gap"(object gap, void* symbol, void* interval, int64_t start, int64_t end, int32_t n,
                                 int32_t n_retries, object last_retry, void* zone, bint is_short,
                                 int64_t stop) noexcept


cdef Records* _gaps = NULL


def set_gap_class(type record not None):
    """Make gaps of this class: a named tuple of nine fields, without a dict."""
    global _gaps
    _gaps = keep_records(record, 9, 0)


cdef bint _is_cut(const GridData* grid, int64_t end, int64_t step_ns, int64_t* out_stop) noexcept nogil:
    """Whether the slot that begins at `end` is the whole session, or its segment cuts it; then
    where it ends."""
    cdef const Region* region = find_region(grid, end)
    cdef const Region* last = &grid.regions[grid.n_regions - 1]
    if step_ns == 0:
        out_stop[0] = grid.close_ns
        return grid.n_segments > 0
    while not region.regular:
        if region == last:
            return False
        region += 1
    out_stop[0] = region.stop
    return region.stop < end + step_ns


cdef list gap_records(const SlotsOf* whose, const Gaps* gaps, const Extended* extended, const Range* ranges,
                      Py_ssize_t n):
    """Records of the gaps that were listed; of slots outside the segments, if `extended` is not
    NULL."""
    cdef list records = PyList_New(n)
    cdef int64_t start, end, stop = 0
    cdef bint is_short
    cdef Py_ssize_t i
    for i in range(n):
        record = new_record(_gaps)
        if extended == NULL:
            start, end = ordinal_start(gaps.table, ranges[i].start), ordinal_start(gaps.table, ranges[i].stop - 1)
        else:
            start, end = extended_start(extended, ranges[i].start), extended_start(extended, ranges[i].stop - 1)
        is_short = _is_cut(gaps.table.grid, end, whose.step_ns, &stop)
        last = from_ns(ranges[i].last_ns, <object>whose.zone) if ranges[i].count else None
        if not _fill_gap(record, whose.symbol, whose.interval, start, end, ranges[i].stop - ranges[i].start,
                         ranges[i].count, last, whose.zone, is_short, stop):
            raise MemoryError("no memory for the gaps")
        Py_INCREF(record)
        PyList_SET_ITEM(records, i, record)
    return records


cdef Range* list_ranges(const Gaps* gaps, int32_t expected, int32_t n) noexcept nogil:
    """The `n` gaps of a tracker, to be freed; NULL without memory."""
    cdef Range* ranges = <Range*>PyMem_RawMalloc(n * sizeof(Range))
    cdef int32_t* bounds = <int32_t*>PyMem_RawMalloc(2 * n * sizeof(int32_t))
    cdef int32_t i
    if ranges == NULL or bounds == NULL:
        PyMem_RawFree(ranges)
        PyMem_RawFree(bounds)
        return NULL
    gaps_list(gaps, expected, bounds, bounds + n)
    for i in range(n):
        ranges[i].start, ranges[i].stop, ranges[i].count, ranges[i].last_ns = bounds[i], bounds[n + i], 0, 0
        if gaps.marks != NULL and gaps.marks.retries.n:
            retries_of(&gaps.marks.retries, bounds[i], bounds[n + i], &ranges[i].count, &ranges[i].last_ns)
    PyMem_RawFree(bounds)
    return ranges
