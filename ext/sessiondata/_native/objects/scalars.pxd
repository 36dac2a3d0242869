# Python numbers and times as C numbers; what is none is a typed error that names the symbol.

from libc.stdint cimport int64_t


cdef double number_of(object x, str column, str symbol) except? -1.0
cdef int64_t time_of(object x, str symbol) except? -1
