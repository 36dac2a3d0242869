# Names of what a captured session consists of, shared with out/restore.

from libc.stdint cimport int32_t

from sessiondata._native.objects.store cimport SymbolCore


cdef tuple INPUT_KINDS    # of `numbers["source"]`, by the kind's number
cdef tuple BARS           # columns of bars but their times
cdef tuple TICK_VALUES    # of trades, of quotes: columns but times and exchanges
cdef tuple COUNTS         # columns of symbols' counts, a row for each symbol

cdef str level_name(SymbolCore core, int32_t i)
