"""Rows of past days of a series, looked up for windows.

    know_past   days, supplied rows -> PastRows -> Symbol.past     once, until history changes

`PastRows` has the runs of past days, newest first, as far back as somebody has asked, and keeps the
memory that they lie in. Rows of a day that were supplied are merged with those derived for it, into
memory of its own: a row that was supplied stands before one that was derived at the same time.

Looking up is one step, in which no Python code runs, so that it is of one moment. A day of which
there are supplied rows alone has no grid here; its calendar is asked before, and the step begins
anew.

A cycle of objects may be collected while a thread without the GIL is inside the guard of its
symbol. So nothing that keeps the memory is ever cleared, only deallocated: tuples and classes
without `tp_clear`.

Rejected: keeping the runs current with every late bar of a past day. Such a bar copies its day; the
look-up of some days is nothing beside that, and is paid for by who reads.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from libc.stdint cimport int32_t, int64_t

import numpy as np

from sessiondata._native.base.guard cimport gc_pause, gc_resume
from sessiondata._native.objects.days cimport Days
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.objects.window cimport BarWindow
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Ring, ring_columns, ring_oldest
from sessiondata._native.slots.grid cimport Grid, GridData, Region, find_region
from sessiondata._native.slots.grids cimport GridsOfDays
from sessiondata._native.symbol.past cimport Run, run_start

from sessiondata.copying import refuse_copy


cdef object _INT64 = np.dtype("int64"), _INT32 = np.dtype("int32"), _FLOAT64 = np.dtype("float64")
cdef tuple _DTYPES = (_INT64, *(_FLOAT64,) * 5, _INT32)


@cython.final
@cython.no_gc_clear
cdef class PastRows:
    """Rows of past days of one series, down to some day.

    Days are numbered from the newest, 0, on."""

    def __reduce__(self):
        refuse_copy(self)

    def __dealloc__(self):
        PyMem_RawFree(self._runs)

    cdef int _add_run(self, const Run* run) except -1:
        cdef Run* runs
        cdef int64_t room
        if self.data.n_runs == self._room:
            room = 2 * self._room if self._room else 8
            runs = <Run*>PyMem_RawRealloc(self._runs, room * sizeof(Run))
            if runs == NULL:
                raise MemoryError("no memory for the past days of a window")
            self._runs, self._room = runs, room
        self._runs[self.data.n_runs] = run[0]
        self.data.n_runs += 1
        self.data.n_rows += run.n
        self.data.n_regular += run.n if run.regular else 0
        return 0

    cdef int _add_day(self, const Columns* rows, int64_t n, const GridData* grid, int64_t place) except -1:
        """Add the rows of one more day."""
        cdef const Region* region
        cdef int64_t start
        cdef Run run
        if n == 0:
            return 0
        region = find_region(grid, rows.ts[n - 1])
        while n:
            start = run_start(rows.ts, 0, n, &region)
            run.rows = Columns(rows.ts + start, rows.open + start, rows.high + start, rows.low + start,
                               rows.close + start, rows.volume + start, NULL)
            if rows.n_base != NULL:
                run.rows.n_base = rows.n_base + start
            run.n, run.day, run.place, run.regular = n - start, grid.day, place, region.regular
            self._add_run(&run)
            n = start
        return 0

    cdef list look_up(self, SymbolCore core, Py_ssize_t k, str name, int64_t n, dict grids):
        """Look up days of series `k`, newest first, until they have `n` regular rows; k = -1 is an
        interval that only supplied rows have. Returns dates of which the grid is wanted, and then
        there is nothing else; None when done."""
        cdef Days days = <Days?>core.days if core.days is not None else None
        cdef dict supplied = None, daily = None
        cdef list cores = [], all_columns = [], all_grids = [], wanted = []
        cdef SymbolCore day
        cdef Grid grid
        cdef Ring* ring
        cdef Columns rows
        cdef int64_t n_rows
        before = core.clock.next_date
        self.data.is_whole = 1
        if days is None:
            self.cores = self.columns = self.grids = ()
            return None
        supplied = days.supplied.get(name)
        if name == "1d":
            daily = days.daily
        if supplied or daily:
            dates = {*days.cores} if k >= 0 else set()
            dates.update(supplied or ())
            dates.update(daily or ())
            dates = sorted(dates, reverse=True)
        else:
            dates = reversed(days.cores) if k >= 0 else ()
        for date in dates:
            if before is not None and not date < before:
                continue
            if self.data.n_regular >= n:
                self.data.is_whole = 0
                break
            day = <SymbolCore>days.cores.get(date) if k >= 0 else None
            own = None if supplied is None else supplied.get(date)
            columns = None
            if day is not None:
                grid = day.grid
            else:
                if date not in grids:
                    wanted.append(date)
                    n -= len(own[0]) if own is not None else 1  # about as many as there will be
                    continue
                grid = <Grid?>grids[date]
            n_rows = 0
            if day is not None:
                ring = day.ring(k)
                n_rows = ring.next_seq - ring_oldest(ring)
                rows = ring_columns(ring, ring_oldest(ring))
            elif daily is not None and date in daily:
                columns = _one_row(<tuple>daily[date])
                n_rows, rows = 1, _pointers(columns)
            if own is not None:
                columns = _merged(&rows, n_rows, <tuple>own)
                n_rows, rows = len(columns[0]), _pointers(columns)
            self._add_day(&rows, n_rows, &grid.data, len(all_grids))
            cores.append(day)
            all_columns.append(columns)
            all_grids.append(grid)
        if wanted:
            return wanted
        self.cores, self.columns, self.grids = tuple(cores), tuple(all_columns), tuple(all_grids)
        self.data.runs = self._runs
        return None

    cdef int show(self, BarWindow window, const Run* run) except -1:
        """Have a new window show rows of one day."""
        window.rows, window.n, window.grid = run.rows, run.n, self.grids[run.place]
        window.owner = self.columns[run.place]
        if window.owner is None:
            window.owner = (<SymbolCore>self.cores[run.place])._memory
        return 0

    cdef object hours(self, int64_t place, Grid running):
        """Grids of the days down to number `place`, with that of the session (None: there is
        none)."""
        if self._hours is None or self._running is not running:
            self._hours, self._running = [None] * len(self.grids), running
        found = self._hours[place]
        if found is None:
            grids = (*reversed(self.grids[:place + 1]), *(() if running is None else (running,)))
            found = self._hours[place] = GridsOfDays(grids)
        return found


cdef Columns _pointers(tuple columns) except *:
    """Columns of read-only arrays, which are not empty."""
    cdef const int64_t[::1] ts = columns[0]
    cdef const double[::1] open = columns[1]
    cdef const double[::1] high = columns[2]
    cdef const double[::1] low = columns[3]
    cdef const double[::1] close = columns[4]
    cdef const double[::1] volume = columns[5]
    cdef const int32_t[::1] n_base
    cdef Columns rows = Columns(NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    if ts.shape[0]:
        rows = Columns(&ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
        if len(columns) > 6 and columns[6] is not None:
            n_base = columns[6]
            rows.n_base = &n_base[0]
    return rows


cdef tuple _arrays_of(list blocks):
    """Bytes as read-only arrays of a window's columns."""
    return tuple([np.frombuffer(block, kind) for block, kind in zip(blocks, _DTYPES)])


cdef tuple _one_row(tuple bar):
    """Columns of one bar: ts, five values, n_base."""
    return tuple([np.frombuffer(np.array([value], kind).tobytes(), kind) for value, kind in zip(bar, _DTYPES)])


cdef bint _is_equal(const Columns* rows, int64_t i, const Columns* other, int64_t j) noexcept nogil:
    return (rows.open[i] == other.open[j] and rows.high[i] == other.high[j] and rows.low[i] == other.low[j]
            and rows.close[i] == other.close[j] and rows.volume[i] == other.volume[j])


cdef tuple _merged(const Columns* rows, int64_t n, tuple supplied):
    """Rows of a day and those that were supplied for it, by time; of two at one time the latter,
    unless they are equal. New read-only arrays."""
    cdef Columns own = _pointers(supplied)
    cdef int64_t n_own = len(supplied[0]), i = 0, j = 0, at = 0, room = n + n_own
    cdef list blocks = [PyBytes_FromStringAndSize(NULL, 8 * room) for _ in range(6)]
    cdef bytes counts = PyBytes_FromStringAndSize(NULL, 4 * room)
    cdef char* columns[7]
    cdef const Columns* source
    cdef int64_t from_row
    cdef int c
    for c in range(6):
        columns[c] = PyBytes_AS_STRING(<bytes>blocks[c])
    cdef int32_t* n_base = <int32_t*>PyBytes_AS_STRING(counts)
    while i < n or j < n_own:
        if j == n_own or (i < n and (rows.ts[i] < own.ts[j] or (
                rows.ts[i] == own.ts[j] and _is_equal(rows, i, &own, j)))):
            source, from_row = rows, i
            n_base[at] = rows.n_base[i] if rows.n_base != NULL else 1
            if j < n_own and rows.ts[i] == own.ts[j]:
                j += 1
            i += 1
        else:
            source, from_row = &own, j
            n_base[at] = 0
            if i < n and rows.ts[i] == own.ts[j]:
                i += 1
            j += 1
        (<int64_t*>columns[0])[at] = source.ts[from_row]
        (<double*>columns[1])[at] = source.open[from_row]
        (<double*>columns[2])[at] = source.high[from_row]
        (<double*>columns[3])[at] = source.low[from_row]
        (<double*>columns[4])[at] = source.close[from_row]
        (<double*>columns[5])[at] = source.volume[from_row]
        at += 1
    blocks.append(counts)
    return tuple([array[:at] for array in _arrays_of(blocks)])


cdef int know_past(SymbolCore core, Py_ssize_t k, int64_t n) except -1:
    """Have the rows of past days of series `k` looked up, as many as a window of `n` may need."""
    cdef PastRows rows = _looked_up(core, k, core.intervals[k] if k < len(core.intervals) else "1d", n, True)
    return 0 if rows is not None else -1


cdef PastRows supplied_past(SymbolCore core, str name, int64_t n):
    """Rows of an interval that the symbol does not hold: those that were supplied for it."""
    return _looked_up(core, -1, name, n, False)


cdef PastRows _looked_up(SymbolCore core, Py_ssize_t k, str name, int64_t n, bint publishes):
    cdef dict grids = {}
    cdef PastRows rows
    cdef list wanted
    cdef bint collects
    while True:
        rows = PastRows()
        collects = gc_pause()
        try:
            wanted = rows.look_up(core, k, name, n, grids)
            if wanted is None and publishes:
                core.publish_past(k, &rows.data, rows)
        finally:
            gc_resume(collects)
        if wanted is None:
            return rows
        for date in wanted:
            grids[date] = core.calendar.session(date).compiled
