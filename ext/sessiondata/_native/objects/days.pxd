# What is kept of the days before the session.

cimport cython
from libc.stdint cimport int64_t

from sessiondata._native.rows.ring cimport Bar
from sessiondata._native.objects.rows cimport Refusal, Rows
from sessiondata._native.objects.store cimport SymbolCore


cdef bint ascends(dict days) except -1


@cython.final
cdef class Days:
    cdef readonly dict cores
    cdef readonly dict daily
    cdef readonly dict supplied
    cdef readonly int64_t version
    cdef readonly int64_t generation
    cdef public bint has_values     # indicators were set for the symbol
    cdef SymbolCore _live
    cdef readonly dict absent
    # date -> copy of a day that a slice is about to write to; in `cores` once it has
    cdef dict _reserved
    cdef tuple _reserved_staged     # `stage` of these, if one of them is not in `cores` yet
    cdef object _date_at(self, int64_t ts)
    cdef object _last_visible(self)
    cdef object _absent_at(self, int64_t ts)
    cdef object _target_of(self, int64_t ts)
    cdef bint _is_between(self, date, last) except -1
    cdef SymbolCore _new(self, date)
    cdef int take(self, const Bar* supplied, bint store) except? -1
    cdef int open_label(self, int64_t* ts) except -1
    cdef void _note(self) noexcept
    cdef void _changed(self, int64_t n) noexcept
    cdef void _count(self, int64_t n) noexcept
    cdef bint _is_visible(self, dates) except -1
    cdef int64_t _load(self, list pieces, bint close_label) except -1
    cdef int _refuse(self, const Refusal* refusal, Rows rows) except -1
    cdef dict _copies_of(self, int64_t start, int64_t stop, before)
    cdef tuple trimmed(self, dict cores, dict daily, Py_ssize_t keep, Py_ssize_t keep_daily, before, ended)
    cpdef void commit(self, tuple staged, int64_t changed) noexcept
    cpdef void commit_rows(self, tuple staged, int64_t changed) noexcept
    cdef void _put_ahead(self, tuple staged, int64_t changed) noexcept
    cdef void _put(self, tuple staged) noexcept
    cpdef void supply(self, dict supplied, dict daily, bint shows=*) noexcept
    cpdef void forget(self) noexcept
