# Memory of a symbol as a read-only array.

from libc.stdint cimport int64_t

from sessiondata._native.symbol.layout cimport Memory


cdef object view_of(Memory memory, void* start, int64_t n, object dtype)
