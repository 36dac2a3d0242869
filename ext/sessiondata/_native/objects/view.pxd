# Memory as read-only arrays, and the memory of arrays.

from libc.stdint cimport int64_t


cdef object view_of(object owner, const void* start, int64_t n, object dtype)
cdef const void* memory_of(object array)
