# What was reported about the absent slots of one symbol in one session, and the memory of the marks
# made from it.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.symbol.layout cimport Memory
from sessiondata._native.slots.marks cimport Marks, Spans
from sessiondata._native.symbol.symbol cimport Symbol


cdef class Evidence:
    cdef Spans no_trade         # reported by mark_no_trade
    cdef Spans halted           # reported by mark_halted
    cdef Marks* marks           # one for each tracker, which points to it
    cdef int32_t n_trackers
    cdef void* _slots           # memory of the ranges in all marks
    # Called inside the guard, where nothing is raised: ERR_MEMORY, and nothing has changed.
    cdef int mark(self, Symbol* symbol, bint halted, Py_ssize_t k, int64_t start, int64_t stop) noexcept nogil
    cdef int64_t retry(self, Symbol* symbol, Py_ssize_t k, int64_t start, int64_t stop, int64_t when_ns) noexcept nogil
    cdef int begin(self, Symbol* symbol) noexcept nogil
    cdef int begin_copy(self, Evidence old, Symbol* symbol) noexcept nogil
    cdef int _grow(self, Symbol* symbol, bint halted, Spans* spans) noexcept nogil
    # Not inside.
    cdef int restore(self, Symbol* symbol, bint halted, const int64_t[::1] start, const int64_t[::1] stop) except -1


cdef Evidence evidence_of(Memory memory, Symbol* symbol)
cdef Evidence evidence_like(Evidence old)
cdef int copy_evidence(Evidence old, Evidence new, Symbol* symbol) noexcept nogil
