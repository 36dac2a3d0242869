# The bars of one interval of a symbol, as they are now.

from libc.stdint cimport int64_t

from sessiondata._native.objects.store cimport SlotStates, SymbolCore
from sessiondata._native.objects.window cimport BarColumns, BarWindow
from sessiondata._native.rows.ring cimport Bar


cdef class LiveBars(BarColumns):
    cdef readonly SymbolCore _core
    cdef readonly Py_ssize_t _k
    cdef readonly object _owner         # whose slots these are: a SlotOwner of rows/owner
    cdef BarWindow between(self, int64_t i, int64_t j)
    cdef object row(self, int64_t i)
    cdef object sliced(self, slice key)
    cdef bint newest(self, Bar* out_bar) noexcept
    cdef SlotStates states(self) noexcept
