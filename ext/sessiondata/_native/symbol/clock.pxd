# The clock that the symbols of a store share.

from libc.stdint cimport int64_t

from sessiondata._native.symbol.symbol cimport Clock, Symbol


cdef bint clock_advance(Clock* clock, int64_t ts) noexcept nogil
cdef void clock_reset(Clock* clock) noexcept nogil
cdef void clock_touch(Clock* clock) noexcept nogil
cdef int64_t clock_sequence(Clock* clock, int64_t* out_latest) noexcept nogil
cdef int clock_join(Symbol* symbol) noexcept nogil
cdef void clock_part(Symbol* symbol) noexcept nogil
cdef Symbol* clock_take_fired(Clock* clock) noexcept nogil
