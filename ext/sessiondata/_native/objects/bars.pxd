# Bars as records, and what all bars of a series have in common.

from libc.stdint cimport int64_t

from sessiondata._native.rows.ring cimport Bar


cdef class BarKind:
    cdef readonly str symbol
    cdef readonly str interval
    cdef readonly object zone           # tzinfo, the exchange's
    cdef readonly bint is_derived
    cdef readonly int64_t step_ns       # 0 of "1d"
    cdef readonly int64_t base_ns
    cdef object make(self, const Bar* row, bint forming, object grid)


cdef object new_bar(BarKind kind, const Bar* row, bint forming, int64_t n_expected, object grid)
