# Rows of one call in memory of its own, sorted by time.

from libc.stdint cimport int64_t

from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.symbol.symbol cimport Symbol


cdef struct Refusal:
    int status              # of the first rule that a row breaks; 0: none
    int64_t row             # its number among the rows as they were supplied
    int64_t ts              # start of its bar


cdef class Rows:
    cdef int64_t n
    cdef int n_values
    cdef int64_t* supplied  # times as they were supplied, ascending
    cdef int64_t* row       # which row of the call that was
    cdef int64_t* ts        # starts of bars, of the rows that are good; set by whoever checks them
    cdef double* values[5]
    cdef int64_t* place     # room for what becomes of each row, see `symbol/late`
    cdef int64_t* codes     # of exchanges; NULL
    cdef int64_t* _block
    cdef void gather(self, const int64_t* ts, const int64_t* codes) noexcept
    cdef void blank(self) noexcept nogil
    cdef void _copy(self, int64_t* column, const int64_t* source, bint sorted) noexcept nogil
    cdef Columns columns(self, int64_t first) noexcept nogil
    cdef void move(self, int64_t i, int64_t to, int64_t ts) noexcept nogil
    cdef void order_again(self, int64_t n) noexcept nogil


cdef int64_t store_rows(Symbol* symbol, Rows rows, int64_t first, int64_t n) noexcept nogil
cdef Rows sorted_rows(const Columns* columns, int64_t n)
cdef Rows rows_of(arrays)
