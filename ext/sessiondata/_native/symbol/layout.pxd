# The memory of a symbol, and where its parts lie in it.

from libc.stdint cimport int64_t, uint8_t

from sessiondata._native.slots.extended cimport Extended
from sessiondata._native.slots.gaps cimport Gaps
from sessiondata._native.slots.grid cimport Grid
from sessiondata._native.rows.ring cimport Ring
from sessiondata._native.symbol.symbol cimport Block, Symbol


cdef class Memory:
    # Owner of the blocks of a symbol's session; windows hold it.
    cdef Block* newest
    # an Evidence, to which the trackers point; None before the first mark or retry
    cdef object evidence
    # Memory of sessions that it is a copy of: trades and quotes of theirs that it goes on using
    cdef tuple shared
    # whether it lies in one of the blocks
    cdef bint holds(self, const void* address) noexcept nogil
    cdef int64_t n_bytes(self) noexcept nogil


cdef inline Ring* series_ring(Symbol* symbol, Py_ssize_t k) noexcept nogil:
    """Ring of series `k`: 0 is the base, k > 0 level k - 1."""
    return &symbol.base if k == 0 else &symbol.levels[k - 1].ring


cdef inline Gaps* series_gaps(Symbol* symbol, Py_ssize_t k) noexcept nogil:
    """Tracker of series `k`."""
    return &symbol.gaps if k == 0 else &symbol.levels[k - 1].gaps


cdef inline Extended* series_extended(Symbol* symbol, Py_ssize_t k) noexcept nogil:
    """Slots of series `k` that are expected outside the segments; NULL if there are none."""
    return symbol.extended if k == 0 else symbol.levels[k - 1].extended


cdef Block* block_allocate(int64_t n_bytes) noexcept nogil
cdef void block_free(Block* block) noexcept nogil
cdef Block* block_add(Symbol* symbol, int64_t n_bytes) noexcept nogil
cdef double series_value(Symbol* symbol, int64_t k, int64_t column, int64_t i) noexcept nogil
cdef Memory lay_out(Symbol* symbol, Grid grid, tuple steps_ns, int64_t capacity, hours, bint touch)
cdef bint is_compact(Symbol* symbol) noexcept nogil
cdef int copy_out(Symbol* symbol, Memory memory) noexcept nogil
