# The grids of many sessions as one.

cimport cython
from libc.stdint cimport int64_t

from sessiondata._native.slots.grid cimport Grid


@cython.final
cdef class GridsOfDays:
    cdef readonly tuple grids           # Grid, ascending in time
    cdef Grid at(self, int64_t ts_ns)
