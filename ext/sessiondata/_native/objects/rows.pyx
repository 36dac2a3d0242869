"""Rows of one call in memory of its own, sorted by time, and how they are stored.

    columns -> gather: copies in time order -> the caller checks them, and drops bad ones
            -> store_rows: runs of newer rows (symbol_extend), many late rows (late_store), else one
               by one (symbol_append)

Copied, because checking and storing are one step: nobody may change a row between the two. The call
that finds its rows in order and newer than all others needs none of this and copies nothing
(`SymbolCore._extend_columns`).
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport INT64_MAX, int64_t, uintptr_t
from libc.string cimport memcpy

from sessiondata._native.base.status cimport CORRECTED, ERR_INPUT_KIND, ERR_UNIT, STORED
from sessiondata._native.rows.columns cimport columns_from
from sessiondata._native.rows.ring cimport Bar, Ring, bar_at, ring_find_next, ring_oldest
from sessiondata._native.rows.ticks cimport INPUT_BARS
from sessiondata._native.symbol.late cimport LateRows, late_fits, late_store
from sessiondata._native.symbol.symbol cimport (
    first_at_or_after, symbol_append, symbol_enter, symbol_extend, symbol_leave, symbol_reserve,
)

from sessiondata.copying import refuse_copy


cdef extern from *:
    """
    #include <algorithm>
    #include <cstdint>

    // Numbers of rows in time order, of equal times as they came; whether that is how they came.
    // Touches nothing but these two arrays.
    static bool sd_order(const std::int64_t* ts, std::int64_t* order, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) order[i] = i;
        if (std::is_sorted(ts, ts + n)) return true;
        std::stable_sort(order, order + n, [ts](std::int64_t a, std::int64_t b) { return ts[a] < ts[b]; });
        return false;
    }

    static void sd_take(std::int64_t* to, const std::int64_t* from, const std::int64_t* order, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) to[i] = from[order[i]];
    }
    """
    bint _order "sd_order"(const int64_t* ts, int64_t* order, int64_t n) noexcept nogil
    void _take "sd_take"(int64_t* to, const int64_t* source, const int64_t* order, int64_t n) noexcept nogil


cdef class Rows:
    """Rows of one call in memory of its own, sorted by time: whatever other threads do, they are
    what they are.

    `values` point to the columns to copy from when `gather` is called, and to the copies
    afterwards."""

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, int64_t n, int n_values, bint has_codes):
        cdef int i
        self.n, self.n_values = n, n_values
        for i in range(5):
            self.values[i] = NULL
        self.codes = NULL
        self._block = <int64_t*>PyMem_RawMalloc(<size_t>max(n, 1) * 8 * (4 + n_values + has_codes))
        if self._block == NULL:
            raise MemoryError("no memory for the rows of a call")
        self.ts, self.supplied, self.row = self._block, self._block + n, self._block + 2 * n
        self.place = self._block + (3 + n_values + has_codes) * n

    def __dealloc__(self):
        PyMem_RawFree(self._block)

    cdef void gather(self, const int64_t* ts, const int64_t* codes) noexcept:
        """Copy the columns in the order of their times. Lets other threads run where there are
        many."""
        cdef int j
        cdef bint sorted
        cdef int64_t* column = self._block + 3 * self.n
        with nogil:
            sorted = _order(ts, self.row, self.n)
            self._copy(self.supplied, ts, sorted)
            for j in range(self.n_values):
                self._copy(column, <const int64_t*>self.values[j], sorted)
                self.values[j] = <double*>column
                column += self.n
            if codes != NULL:
                self._copy(column, codes, sorted)
                self.codes = column

    cdef void _copy(self, int64_t* column, const int64_t* source, bint sorted) noexcept nogil:
        """A column in the order of times; values are moved as the eight bytes that they are."""
        if sorted:
            memcpy(column, source, self.n * 8)
        else:
            _take(column, source, self.row, self.n)

    cdef void blank(self) noexcept nogil:
        """Point at columns of its own that hold nothing yet, instead of `gather`."""
        cdef int j
        for j in range(self.n_values):
            self.values[j] = <double*>(self._block + (3 + j) * self.n)

    cdef Columns columns(self, int64_t first) noexcept nogil:
        """The rows from `first` on that are good."""
        return Columns(self.ts + first, self.values[0] + first, self.values[1] + first, self.values[2] + first,
                       self.values[3] + first, self.values[4] + first, NULL)

    cdef void move(self, int64_t i, int64_t to, int64_t ts) noexcept nogil:
        """Row `i`, at a time, becomes row `to` <= i."""
        cdef int j
        self.ts[to] = ts
        if i == to:
            return
        for j in range(self.n_values):
            self.values[j][to] = self.values[j][i]
        if self.codes != NULL:
            self.codes[to] = self.codes[i]

    cdef void order_again(self, int64_t n) noexcept nogil:
        """Sort the first rows by `ts` once more: the starts of bars ascend as their ends do, but
        for those around the end of a session."""
        cdef int64_t i, at, ts
        cdef double value
        cdef int j
        for i in range(1, n):
            at = i
            while at > 0 and self.ts[at - 1] > self.ts[at]:
                ts, self.ts[at - 1] = self.ts[at - 1], self.ts[at]
                self.ts[at] = ts
                for j in range(self.n_values):
                    value, self.values[j][at - 1] = self.values[j][at - 1], self.values[j][at]
                    self.values[j][at] = value
                at -= 1


cdef int64_t _count_new(const Ring* base, const int64_t* ts, int64_t n) noexcept nogil:
    """How many different times of `n` ascending ones have no row."""
    cdef int64_t i = 0, n_new = 0, seq = ring_oldest(base), bound
    while i < n:
        seq = ring_find_next(base, seq, ts[i])
        bound = base.ts[seq - base.origin] if seq < base.next_seq else INT64_MAX
        n_new += ts[i] < bound
        i += 1
        while i < n and (ts[i] < bound or ts[i] == ts[i - 1]):
            n_new += ts[i] != ts[i - 1]
            i += 1
    return n_new


cdef int64_t store_rows(Symbol* symbol, Rows rows, int64_t first, int64_t n) noexcept nogil:
    """Store checked rows [first, n), ascending in time: runs of newer rows as blocks, many late
    rows as one, others one by one. There must be a session. Returns how many changed something, or
    ERR_MEMORY and nothing has changed."""
    cdef Columns columns = rows.columns(0), run
    cdef const int64_t* ts = columns.ts
    cdef const Ring* base = &symbol.base
    cdef int64_t i, stop, n_new, n_late_new, stored = 0
    cdef int status, what
    cdef Bar bar
    cdef LateRows late
    cdef uintptr_t* inside = symbol_enter(symbol)
    cdef int64_t n_late = first_at_or_after(ts + first, n - first, symbol.last_ts + 1)
    n_late_new = _count_new(base, ts + first, n_late)
    n_new = n_late_new + _count_new(base, ts + first + n_late, n - first - n_late)
    status = symbol_reserve(symbol, ts + first, n - first, n_new)
    if status == 0 and symbol.input_kind > INPUT_BARS:
        status = ERR_INPUT_KIND
    i = first if status == 0 else n
    if i < n and ts[i] >= symbol.grid.span_start and late_fits(symbol, n_late, n_late_new):
        late = LateRows(columns_from(&columns, i), rows.place + i, n_late)
        stored = late_store(symbol, &late)
        i += n_late
    while i < n:
        stop = i + 1
        if ts[i] <= symbol.last_ts:
            bar = bar_at(&columns, i)
            what = symbol_append(symbol, &bar)
            stored += STORED <= what <= CORRECTED
            if what == ERR_UNIT:  # one among good rows is of another session, and no more
                symbol.counters.other_session += 1
        else:
            while stop < n and ts[stop] > ts[stop - 1]:
                stop += 1
            run = columns_from(&columns, i)
            stored += symbol_extend(symbol, &run, stop - i)
        i = stop
    symbol_leave(inside)
    return status if status else stored


cdef Rows sorted_rows(const Columns* columns, int64_t n):
    """`n` rows as those of a call's own, in time order."""
    cdef Rows rows = Rows(n, 5, False)
    if n:
        rows.values[0], rows.values[1] = <double*>columns.open, <double*>columns.high
        rows.values[2], rows.values[3] = <double*>columns.low, <double*>columns.close
        rows.values[4] = <double*>columns.volume
        rows.gather(columns.ts, NULL)
    return rows


cdef Rows rows_of(arrays):
    """`sorted_rows` of six contiguous arrays."""
    cdef const int64_t[::1] ts = arrays[0]
    cdef const double[::1] open = arrays[1], high = arrays[2], low = arrays[3], close = arrays[4], volume = arrays[5]
    cdef Columns columns = Columns(NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    if ts.shape[0]:
        columns = Columns(&ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
    return sorted_rows(&columns, ts.shape[0])
