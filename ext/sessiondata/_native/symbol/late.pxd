# Late bars in blocks: one pass over the rows, and each slot folded once.

from libc.stdint cimport int64_t

from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.symbol.symbol cimport Symbol


cdef enum:
    LATE_ROWS = 16        # late rows that are worth a pass over all rows behind them
    NOWHERE = -1          # in `place`: changes nothing, or a later row of the same time does


cdef struct LateRows:
    # Checked rows of the session, ascending in time, none newer than the newest row.
    Columns columns
    int64_t* place        # where each goes, see `ring_insert_rows`
    int64_t n


cdef bint late_fits(const Symbol* symbol, int64_t n_rows, int64_t n_new) noexcept nogil
cdef int64_t late_store(Symbol* symbol, const LateRows* rows) noexcept nogil
cdef void late_place(Symbol* symbol, const LateRows* rows) noexcept nogil
