# Late trades and quotes in blocks: one pass over the ring, and each base row folded once.

from libc.stdint cimport int64_t

from sessiondata._native.symbol.symbol cimport Symbol


cdef struct LateTicks:
    # Checked trades or quotes of the session, ascending in time, all of them older than the newest.
    const int64_t* ts
    const double* value[4]   # as in a TickRing; those that it has
    const int64_t* exchange  # of trades; NULL
    int64_t* place           # what becomes of each, an `int` of `symbol/late_ticks`
    int64_t n


cdef struct BaseRows:
    # Room for as many base rows as there are late ticks.
    int64_t* ts
    double* value[5]
    int64_t* place


cdef int64_t late_ticks(Symbol* symbol, int kind, const LateTicks* ticks, const BaseRows* room) noexcept nogil
