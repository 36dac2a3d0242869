# A symbol as it is at one moment.

from sessiondata._store cimport SymbolCore


cdef SymbolCore snapshot(SymbolCore live)
