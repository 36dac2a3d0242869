# Bars for base slots that are missing, and which slots such bars have filled.

from libc.stdint cimport INT64_MIN, int64_t

from sessiondata._native.slots.grid cimport Region, ordinal_in, slot_stop_in
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.symbol.symbol cimport Symbol


cdef inline bint is_filled(const Symbol* symbol, const Region* region, int64_t start) noexcept nogil:
    """Whether a bar has filled the base slot of `region` that begins at `start`, while no bars fed
    the symbol."""
    cdef int64_t ordinal
    if not region.regular:
        return False
    ordinal = ordinal_in(symbol.gaps.table, region, start)
    return symbol.filled[ordinal >> 6] >> (ordinal & 63) & 1


cdef inline bint is_newest_filled(const Symbol* symbol) noexcept nogil:
    """Whether such a bar is the newest base row."""
    return symbol.base.next_seq > 0 and is_filled(symbol, symbol.region, symbol.last_ts)


cdef inline int64_t fed_until(const Symbol* symbol, int64_t ts) noexcept nogil:
    """What a symbol whose newest trade or quote is of `ts` knows to have elapsed: that time, or the
    newest row if it is a filled one (there is no `base_stop` then)."""
    cdef int64_t stop
    if symbol.base_stop != INT64_MIN or symbol.base.next_seq == 0:
        return ts
    stop = slot_stop_in(symbol.region, symbol.step_ns, symbol.last_ts)
    return stop if stop > ts else ts


cdef int64_t fill_rows(Symbol* symbol, const Columns* rows, int64_t n, bint loading, int64_t* place) noexcept nogil
cdef bint fill_forget_bars(Symbol* symbol) noexcept nogil
