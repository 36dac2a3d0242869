# Rows of past days of a series, as windows need them.

cimport cython
from libc.stdint cimport int64_t

from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.objects.window cimport BarWindow
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.slots.grid cimport Grid, GridData
from sessiondata._native.symbol.past cimport Past, Run


@cython.final
@cython.no_gc_clear
cdef class PastRows:
    cdef Past data
    cdef Run* _runs
    cdef int64_t _room
    cdef tuple cores                # SymbolCore of each day, or None
    cdef tuple columns              # of each day: None where its core's ring has the rows
    cdef tuple grids                # Grid of each day
    cdef list _hours                # by number of days: `GridsOfDays` with the session's grid
    cdef Grid _running
    cdef int _add_run(self, const Run* run) except -1
    cdef int _add_day(self, const Columns* rows, int64_t n, const GridData* grid, int64_t place) except -1
    cdef list look_up(self, SymbolCore core, Py_ssize_t k, str name, int64_t n, dict grids)
    cdef int show(self, BarWindow window, const Run* run) except -1
    cdef object hours(self, int64_t place, Grid running)


cdef int know_past(SymbolCore core, Py_ssize_t k, int64_t n) except -1
cdef PastRows supplied_past(SymbolCore core, str name, int64_t n)
