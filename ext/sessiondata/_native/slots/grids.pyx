"""The grids of many sessions as one: the hours of rows of many days.

    GridsOfDays   [ Grid | Grid | .. ]   by time -> the answers of `Grid`

It stands where a `Grid` stands for rows of one day, and answers the same questions. Sessions are
found by binary search; of a column of times only where one leaves the session of the time before.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t

import numpy as np

from sessiondata._native.slots.grid cimport Grid, GridData, find_region, stop_of_slot


@cython.final
cdef class GridsOfDays:
    """The grids of many sessions as one, for records of rows of many days.

    Parameters
    ----------
    grids : tuple of Grid
        Ascending in time.
    """

    def __cinit__(self, tuple grids not None):
        self.grids = grids

    def __reduce__(self):
        return GridsOfDays, (self.grids,)

    def __copy__(self):
        return self  # it never changes

    def __deepcopy__(self, memo):
        return self

    cdef Grid at(self, int64_t ts_ns):
        """Grid of the newest session that begins at or before a time, or the oldest."""
        cdef Py_ssize_t low = 0, high = len(self.grids) - 1, middle
        while low < high:
            middle = (low + high + 1) >> 1
            if (<Grid>self.grids[middle]).data.span_start <= ts_ns:
                low = middle
            else:
                high = middle - 1
        return <Grid>self.grids[low]

    def base_slots(self, int64_t ts_ns, int64_t step_ns, int64_t base_ns):
        """As `Grid.base_slots`."""
        return self.at(ts_ns).base_slots(ts_ns, step_ns, base_ns)

    def extended(self, const int64_t[::1] ts_ns):
        """As `Grid.extended`. O(times x log sessions) at most."""
        out = np.empty(ts_ns.shape[0], np.bool_)
        cdef unsigned char[::1] view = out.view(np.uint8)
        cdef const GridData* grid = NULL
        cdef Py_ssize_t i
        for i in range(ts_ns.shape[0]):
            if grid == NULL or not grid.span_start <= ts_ns[i] < grid.span_stop:
                grid = &self.at(ts_ns[i]).data
            view[i] = not find_region(grid, ts_ns[i]).regular
        return out

    def slot_stops(self, const int64_t[::1] ts_ns, int64_t step_ns):
        """As `Grid.slot_stops`."""
        out = np.empty(ts_ns.shape[0], np.int64)
        cdef int64_t[::1] view = out
        cdef const GridData* grid = NULL
        cdef Py_ssize_t i
        for i in range(ts_ns.shape[0]):
            if grid == NULL or not grid.span_start <= ts_ns[i] < grid.span_stop:
                grid = &self.at(ts_ns[i]).data
            view[i] = stop_of_slot(grid, step_ns, ts_ns[i])
        return out

    def trade_dates(self, const int64_t[::1] ts_ns):
        """As `Grid.trade_dates`."""
        out = np.empty(ts_ns.shape[0], np.int32)
        cdef int32_t[::1] view = out
        cdef const GridData* grid = NULL
        cdef Py_ssize_t i
        for i in range(ts_ns.shape[0]):
            if grid == NULL or not grid.span_start <= ts_ns[i] < grid.span_stop:
                grid = &self.at(ts_ns[i]).data
            view[i] = <int32_t>grid.day
        return out
