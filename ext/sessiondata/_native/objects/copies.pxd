# Copies of a symbol, with a session or without.

from libc.stdint cimport int64_t

from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.slots.grid cimport Grid


cdef SymbolCore blank_core(SymbolCore like, StoreClock clock, int64_t capacity)
cdef StoreClock elapsed_clock(Grid grid)
cdef void flush_core(SymbolCore core) noexcept nogil
cdef SymbolCore copy_of_day(SymbolCore day)
cdef int own_ticks(SymbolCore copy) except -1
cdef SymbolCore snapshot(SymbolCore live, bint with_ticks)
cdef SymbolCore still(SymbolCore core)
cpdef SymbolCore snapshot_of(SymbolCore core)
cdef void swap_sessions(SymbolCore live, SymbolCore other) noexcept
