"""One field of many symbols on one time axis.

    per symbol   newest n rows -> values at the end of its row of the matrix; times compared with
                 those of one symbol, the reference; kept where they differ
    axis         the newest n of all times: those of the reference, and others if there are any
    per symbol   values moved to their slots where the times differ, NaN and the mask elsewhere

In the common case (all symbols have the same slots, without gaps) a symbol is one comparison and
one copy of `8 n` bytes.

Values are moved within their row, from left to right: a row has no more values from one on than
there are slots, so none is overwritten before it has been moved.

Threads. A symbol with a handle may be in use without the GIL: where all have one this thread goes
on without the GIL, inside the guard of each. A symbol without a handle is used by who holds the GIL
alone; where none has one, this thread holds it, and others that need no interpreter share the work.
Guards change hands for a microsecond, so those are never entered from several threads.

Rejected: asking for the memory of symbols ahead, as `objects/slice` does. What is read of a symbol
does not depend on what was read of the one before, so the processor is ahead by itself: it was no
faster from far memory, and a sixth slower from near caches.

Rejected: an axis of all slots of the hours. Whole days of which nothing is kept would be columns of
NaN, and a window of one symbol would be another one than its panel.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uintptr_t
from libc.string cimport memcmp, memcpy, memset

from sessiondata._native.objects.days cimport Days
from sessiondata._native.objects.past_rows cimport know_past
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.symbol.past cimport (
    PAST_UNKNOWN, Run, Target, Walk, walk_begin, walk_next, window_copy, window_count,
)
from sessiondata._native.symbol.symbol cimport Symbol, symbol_enter, symbol_leave

from sessiondata.copying import refuse_copy


cdef enum:
    N_CANDIDATES = 8      # for the reference
    MOST_SPARE = 1 << 21  # numbers that are kept for the next panel: 16 MB
    AS_REFERENCE = -2     # in place of a count: the times are those of the reference
    LEAST_CELLS = 200_000  # of each thread: less than that is done before another has begun


cdef struct Source:
    Symbol* symbol
    int64_t k             # its series


cdef struct Panel:
    const Source* sources
    int64_t n_symbols
    int64_t n             # columns
    int64_t flags
    int64_t column        # 1 open .. 5 volume
    bint fill
    const int64_t* reference  # times of the reference, `n_reference` of them
    int64_t n_reference
    const int64_t* axis   # `n_axis` of them; the last columns
    int64_t n_axis
    double* values        # n_symbols x n
    uint8_t* mask         # the same; 1: no bar
    int64_t* times        # the same, of rows whose times are not those of the reference
    int64_t* counts       # per symbol: rows, AS_REFERENCE or PAST_UNKNOWN


cdef extern from *:
    """
    #include <algorithm>
    #include <cstdint>
    #include <system_error>
    #include <thread>
    #include <vector>

    // Work on [0, n) in equal shares, on this thread and others; on fewer where none is to be had.
    template <typename Job> static void sd_share(void (*work)(const Job*, std::int64_t, std::int64_t), const Job* job,
                                                 std::int64_t n, std::int64_t n_threads) {
        std::vector<std::thread> threads;
        std::int64_t done = 0;
        try {
            for (std::int64_t i = 1; i < n_threads; ++i) {
                const std::int64_t stop = n * i / n_threads;
                threads.emplace_back(work, job, done, stop);
                done = stop;
            }
        } catch (...) {  // no thread, or no memory for one
        }
        work(job, done, n);
        for (std::thread& thread : threads) thread.join();
    }

    // Newest n of two ascending columns without repeats, the second as it comes; returns how many.
    static std::int64_t sd_union(const std::int64_t* times, std::int64_t n_times, std::int64_t* others,
                                 std::int64_t n_others, std::int64_t n, std::int64_t* out) {
        std::sort(others, others + n_others);
        n_others = std::unique(others, others + n_others) - others;
        std::int64_t i = n_times, j = n_others, at = n;
        while (at > 0 && (i > 0 || j > 0)) {
            if (j == 0 || (i > 0 && times[i - 1] > others[j - 1])) out[--at] = times[--i];
            else {
                if (i > 0 && times[i - 1] == others[j - 1]) --i;
                out[--at] = others[--j];
            }
        }
        const std::int64_t count = n - at;
        std::copy(out + at, out + n, out);
        return count;
    }
    """
    void share "sd_share"(void (*work)(const Panel*, int64_t, int64_t) noexcept nogil, const Panel* job, int64_t n,
                          int64_t n_threads) noexcept nogil
    int64_t union_of "sd_union"(const int64_t* times, int64_t n_times, int64_t* others, int64_t n_others, int64_t n,
                                int64_t* out) noexcept nogil


cdef double _NAN = float("nan")


cdef int64_t _read(const Panel* panel, int64_t i) noexcept nogil:
    """Read the newest rows of symbol `i`: its values to the end of its row. Returns what `counts`
    has."""
    cdef const Source* source = &panel.sources[i]
    cdef int64_t n = panel.n, count = 0
    cdef double* values = panel.values + i * n
    cdef int64_t* times = panel.times + i * n
    cdef bint is_first = True
    cdef Walk walk
    cdef Run run
    cdef uintptr_t* inside = symbol_enter(source.symbol)
    walk_begin(&walk, source.symbol, source.k, n, panel.flags)
    while count < n and walk_next(&walk, &run):
        if run.n > n - count:
            run.rows.ts += run.n - (n - count)
            (&run.rows.open)[panel.column - 1] += run.n - (n - count)
            run.n = n - count
        count += run.n
        memcpy(values + n - count, (&run.rows.open)[panel.column - 1], run.n * 8)
        if is_first and run.n == panel.n_reference and memcmp(run.rows.ts, panel.reference, run.n * 8) == 0:
            if run.n == n:
                count = AS_REFERENCE
                break
        memcpy(times + n - count, run.rows.ts, run.n * 8)
        is_first = False
    if count != AS_REFERENCE:
        if count < n and (walk.past == NULL or not walk.past.is_whole):
            count = PAST_UNKNOWN
        elif count == panel.n_reference and memcmp(times + n - count, panel.reference, count * 8) == 0:
            count = AS_REFERENCE
    symbol_leave(inside)
    return count


cdef void _read_all(const Panel* panel, int64_t first, int64_t stop) noexcept nogil:
    cdef int64_t i
    for i in range(first, stop):
        panel.counts[i] = _read(panel, i)
        memset(panel.mask + i * panel.n, 0, panel.n)


cdef void _place(const Panel* panel, int64_t i) noexcept nogil:
    """Move the values of symbol `i` to their slots; NaN, or with `fill` the value before, where
    there is no bar."""
    cdef int64_t n = panel.n, count = panel.counts[i], r = 0, at
    cdef double* values = panel.values + i * n
    cdef uint8_t* mask = panel.mask + i * n
    cdef const int64_t* times = panel.times + i * n
    cdef const int64_t* axis = panel.axis - (n - panel.n_axis)  # by column
    cdef double last = _NAN
    if count == AS_REFERENCE:
        count = panel.n_reference
        times = panel.reference - (n - count)
    times += n - count
    for r in range(count):
        if panel.n_axis and times[r] >= axis[n - panel.n_axis]:
            break
        last = values[n - count + r]
    else:
        r = count
    for at in range(n):
        if at >= n - panel.n_axis and r < count and times[r] == axis[at]:
            last = values[n - count + r]
            values[at], mask[at] = last, 0
            r += 1
        else:
            values[at] = last if panel.fill and at >= n - panel.n_axis else _NAN
            mask[at] = 1


cdef void _place_all(const Panel* panel, int64_t first, int64_t stop) noexcept nogil:
    cdef int64_t i
    cdef bint is_moved = panel.axis != panel.reference or panel.n_axis < panel.n
    for i in range(first, stop):
        if is_moved or panel.counts[i] != AS_REFERENCE:
            _place(panel, i)


@cython.final
cdef class PanelSource:
    """Symbols of a panel, each with the number of its series.

    Parameters
    ----------
    cores : list of SymbolCore
    interval : str
        A name that a symbol has for it, or "1d".
    skip : bool
        Leave out symbols that do not hold it; else it is an IndexError with the number of the
        first.
    """

    cdef readonly list cores
    cdef Source* _sources
    cdef int64_t _n
    # `Panel.counts` and `Panel.times` of the panel before, one behind the other, and how many
    # numbers that are. Allocated and freed in turns with the matrix, such blocks would have the
    # system hand out its pages each time.
    cdef int64_t* _spare
    cdef int64_t _room

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, list cores not None, str interval not None, bint skip):
        cdef SymbolCore core
        cdef tuple intervals = None
        cdef Py_ssize_t k = -1, i
        self.cores = []
        self._sources = <Source*>PyMem_RawMalloc((len(cores) + 1) * sizeof(Source))
        if self._sources == NULL:
            raise MemoryError("no memory for the symbols of a panel")
        for i in range(len(cores)):
            core = <SymbolCore?>cores[i]
            if core.intervals is not intervals:
                intervals, k = core.intervals, -1
                if interval in intervals:
                    k = intervals.index(interval)
                elif interval == "1d":
                    k = len(intervals)
            if k >= 0:
                self._sources[self._n].symbol, self._sources[self._n].k = &core.symbol, k
                self._n += 1
                self.cores.append(core)
            elif not skip:
                raise IndexError(i)

    def __dealloc__(self):
        PyMem_RawFree(self._sources)
        PyMem_RawFree(self._spare)

    def __len__(self):
        return self._n

    def holds(self, array):
        """Whether an array lies in memory of these symbols, of their sessions or days."""
        cdef Py_buffer view
        cdef SymbolCore core, day
        cdef const char* last
        cdef bint found = False
        get_buffer(array, &view, PyBUF_SIMPLE)
        last = <const char*>view.buf + (view.len - 1 if view.len else 0)
        for core in self.cores:
            if core._memory is not None and (core._memory.holds(view.buf) or core._memory.holds(last)):
                found = True
            if core.days is not None:
                for day in (<Days>core.days).cores.values():
                    if day._memory.holds(view.buf) or day._memory.holds(last):
                        found = True
        PyBuffer_Release(&view)
        return found

    def fill(self, int64_t column, int64_t n, int64_t flags, bint fill_forward, int64_t workers,
             double[:, ::1] values, uint8_t[:, ::1] mask, int64_t[::1] ts_ns):
        """Fill matrices of shape (symbols, n) and the axis, the newest slot last; returns how many
        slots there are. The columns before them have no time (NAT).

        `column` is 1 (open) .. 5 (volume), `flags` are WITH_* of `symbol/past`."""
        cdef Panel panel
        cdef int64_t i, n_guards = 0, n_threads = 1, n_axis
        cdef int64_t* axis = &ts_ns[0]
        if self._n == 0:
            for i in range(n):
                ts_ns[i] = INT64_MIN
            return 0
        memset(&panel, 0, sizeof(panel))
        panel.sources, panel.n_symbols, panel.n, panel.flags = self._sources, self._n, n, flags
        panel.column, panel.fill = column, fill_forward
        panel.values, panel.mask = &values[0, 0], &mask[0, 0]
        cdef int64_t room = self._room, n_numbers = self._n * (n + 1)
        cdef int64_t* numbers = self._spare
        self._spare = NULL  # another thread may ask for one of the same symbols
        self._room = 0
        if room < n_numbers:
            PyMem_RawFree(numbers)
            numbers, room = <int64_t*>PyMem_RawMalloc(n_numbers * sizeof(int64_t)), n_numbers
            if numbers == NULL:
                raise MemoryError("no memory for the times of a panel")
        panel.counts, panel.times = numbers, numbers + self._n
        try:
            for i in range(self._n):
                n_guards += self._sources[i].symbol.guard != NULL
            if n_guards == 0:
                n_threads = min(workers, self._n * n // LEAST_CELLS)
            panel.reference = axis
            panel.n_reference = self._reference(&panel, axis)
            if n_guards == self._n:
                with nogil:
                    _read_all(&panel, 0, self._n)
            else:
                share(_read_all, &panel, self._n, n_threads)
            for i in range(self._n):
                while panel.counts[i] == PAST_UNKNOWN:
                    know_past(<SymbolCore>self.cores[i], self._sources[i].k, n)
                    panel.counts[i] = _read(&panel, i)
            n_axis = self._find_axis(&panel)
            share(_place_all, &panel, self._n, n_threads)
            if n_axis < n or panel.axis != axis:
                for i in range(n_axis):
                    ts_ns[n - 1 - i] = panel.axis[n_axis - 1 - i]
                for i in range(n - n_axis):
                    ts_ns[i] = INT64_MIN
            return n_axis
        finally:
            if panel.axis != axis:
                PyMem_RawFree(<void*>panel.axis)
            if self._room < room <= MOST_SPARE:
                numbers, self._spare, self._room = self._spare, numbers, room
            PyMem_RawFree(numbers)

    cdef int64_t _reference(self, const Panel* panel, int64_t* out_times) except -1:
        """Times of one of the first symbols, of the one with the newest row; returns how many."""
        cdef int64_t i, count, n = panel.n, best = 0
        cdef Walk walk
        cdef Run oldest
        cdef Target target
        cdef uintptr_t* inside
        memset(&target, 0, sizeof(target))
        target.ts = panel.times  # of symbol 0, which has not been read
        for i in range(min(self._n, N_CANDIDATES)):
            count = PAST_UNKNOWN
            while count == PAST_UNKNOWN:
                inside = symbol_enter(self._sources[i].symbol)
                walk_begin(&walk, self._sources[i].symbol, self._sources[i].k, n, panel.flags)
                count = window_count(&walk, n, &oldest)
                if count > 0:
                    walk_begin(&walk, self._sources[i].symbol, self._sources[i].k, n, panel.flags)
                    window_copy(&walk, count, &target)
                symbol_leave(inside)
                if count == PAST_UNKNOWN:
                    know_past(<SymbolCore>self.cores[i], self._sources[i].k, n)
            if count and (best == 0 or target.ts[count - 1] > out_times[best - 1] or (
                    target.ts[count - 1] == out_times[best - 1] and count > best)):
                memcpy(out_times, target.ts, count * sizeof(int64_t))
                best = count
        return best

    cdef int64_t _find_axis(self, Panel* panel) except -1:
        """Newest times of all symbols, as `panel.axis`; returns how many. The reference itself
        where there are no others."""
        cdef int64_t i, r, k, n = panel.n, n_others = 0
        cdef int64_t* others = NULL
        cdef int64_t* axis
        cdef const int64_t* times
        panel.axis, panel.n_axis = panel.reference, panel.n_reference
        for i in range(self._n):
            if panel.counts[i] > 0:
                n_others += panel.counts[i]
        if n_others == 0:
            return panel.n_axis
        others = <int64_t*>PyMem_RawMalloc(n_others * sizeof(int64_t))
        axis = <int64_t*>PyMem_RawMalloc(n * sizeof(int64_t))
        if others == NULL or axis == NULL:
            PyMem_RawFree(others)
            PyMem_RawFree(axis)
            raise MemoryError("no memory for the times of a panel")
        n_others = 0
        for i in range(self._n):
            if panel.counts[i] == AS_REFERENCE:
                continue
            times = panel.times + (i + 1) * n - panel.counts[i]
            k = 0
            for r in range(panel.counts[i]):
                while k < panel.n_reference and panel.reference[k] < times[r]:
                    k += 1
                if k < panel.n_reference and panel.reference[k] == times[r]:
                    continue
                if panel.n_reference < n or times[r] > panel.reference[0]:
                    others[n_others] = times[r]
                    n_others += 1
        if n_others:
            panel.n_axis = union_of(panel.reference, panel.n_reference, others, n_others, n, axis)
            panel.axis = axis
        else:
            PyMem_RawFree(axis)
        PyMem_RawFree(others)
        return panel.n_axis


cdef extern from "Python.h":
    int get_buffer "PyObject_GetBuffer"(object array, Py_buffer* out_view, int flags) except -1
