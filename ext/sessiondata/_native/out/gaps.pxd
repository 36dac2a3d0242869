# Gaps of a tracker as JSON.

from libc.stdint cimport int32_t

from sessiondata._native.out.style cimport Style
from sessiondata._native.out.writer cimport ByteWriter
from sessiondata._native.slots.gaps cimport Gaps


cdef int add_gaps(ByteWriter writer, const Gaps* gaps, int32_t expected, Style times) except -1
