# Bars for base slots that are missing, and which slots such bars have filled.

from libc.stdint cimport int64_t

from sessiondata._grid cimport Region, ordinal_in
from sessiondata._symbol cimport Symbol


cdef inline bint is_filled(const Symbol* symbol, const Region* region, int64_t start) noexcept nogil:
    """Whether a bar has filled the base slot of `region` that begins at `start`, while no bars fed the symbol."""
    cdef int64_t ordinal
    if not region.regular:
        return False
    ordinal = ordinal_in(symbol.gaps.table, region, start)
    return symbol.filled[ordinal >> 6] >> (ordinal & 63) & 1


cdef inline bint is_newest_filled(const Symbol* symbol) noexcept nogil:
    """Whether such a bar is the newest base row."""
    return symbol.base.next_seq > 0 and is_filled(symbol, symbol.region, symbol.last_ts)


cdef int64_t fill_rows(Symbol* symbol, const int64_t* ts, const double* open, const double* high, const double* low,
                       const double* close, const double* volume, int64_t n) noexcept nogil
