"""Memory of a symbol as a read-only array that keeps it alive.

    array -> base: _View, a buffer that is read-only from the start -> Memory of the session

Rejected: `memoryview.toreadonly()`. Its `.obj` is the writable owner, which any caller can reach.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int64_t

import numpy as np

from sessiondata._native.symbol.layout cimport Memory

from sessiondata.copying import refuse_copy


cdef class _View:
    """The memory of a symbol as a read-only buffer. Behind a memoryview's `toreadonly()` stands
    `.obj`, the writable owner; behind this there is nothing that Python code can reach."""

    cdef Memory _memory
    cdef void* _start
    cdef Py_ssize_t _n_bytes

    def __reduce__(self):
        refuse_copy(self)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self._start, self._n_bytes, 1, flags)


cdef object view_of(Memory memory, void* start, int64_t n, object dtype):
    cdef _View view = _View.__new__(_View)
    view._memory, view._start, view._n_bytes = memory, start, n * dtype.itemsize
    return np.frombuffer(view, dtype)
