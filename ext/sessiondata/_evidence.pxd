# What was told about the absent slots of one symbol in one session, and the memory of the marks made from it.

from libc.stdint cimport int32_t, int64_t

from sessiondata._layout cimport Memory
from sessiondata._marks cimport Marks, Spans
from sessiondata._symbol cimport Symbol


cdef class Evidence:
    cdef Spans no_trade         # told by mark_no_trade
    cdef Spans halted           # told by mark_halted
    cdef Marks* marks           # one for each tracker, which points to it
    cdef int32_t n_trackers
    cdef void* _slots           # memory of the ranges in all marks
    cdef bint mark(self, Symbol* symbol, bint halted, Py_ssize_t k, int64_t start, int64_t stop) except -1
    cdef int64_t retry(self, Symbol* symbol, Py_ssize_t k, int64_t start, int64_t stop, int64_t when_ns) except -1
    cdef int restore(self, Symbol* symbol, bint halted, const int64_t[::1] start, const int64_t[::1] stop) except -1
    cdef int _grow(self, Symbol* symbol, bint halted, Spans* spans) except -1


cdef Evidence evidence_of(Memory memory, Symbol* symbol)
cdef int copy_evidence(Evidence old, Memory memory, Symbol* symbol) except -1
