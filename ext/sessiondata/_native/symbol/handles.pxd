# Handles: numbers by which compiled callers know a symbol, and the table behind them.

from libc.stdint cimport int64_t, uintptr_t

from sessiondata._native.base.guard cimport Guard, guard_try, load, load_pointer
from sessiondata._native.symbol.symbol cimport MAX_LEVELS, Symbol


cdef enum:
    INDEX_BITS = 24
    CHUNK_BITS = 8              # of the index: entries are allocated so many at once
    CHUNK_SIZE = 1 << CHUNK_BITS
    N_CHUNKS = 1 << (INDEX_BITS - CHUNK_BITS)
    ENTRY_ALIGN = 64


cdef struct Entry:
    # 256 bytes on a boundary of 64: found by a shift, and the first line is all that a call looks
    # at.
    Guard guard
    int64_t handle              # free: that of another entry, so that nobody finds it
    Symbol* symbol
    # base interval if timestamps that are appended are the ends of bars, else 0
    int64_t label_ns
    int64_t n_series
    int64_t generation          # of this entry, so far
    int64_t next_free           # free: index of the next free entry, or -1
    int64_t steps_ns[MAX_LEVELS + 5]  # MAX_LEVELS + 1, and what is left of the 256 bytes


cdef void* entry_chunks[N_CHUNKS]   # of Entry each; NULL from `_n_chunks` on


cdef uintptr_t* acquire_entry(Entry* entry, int64_t handle) noexcept nogil
# With the GIL: SymbolCore acquires a handle when it is first asked for one, and releases it when it
# dies.
cdef int64_t handle_acquire(void* symbol, tuple steps_ns, bint close_label) except -1
cdef void handle_release(int64_t handle) noexcept


cdef inline Entry* find_entry(int64_t handle) noexcept nogil:
    """Entry of a handle; NULL if it is of no living symbol."""
    cdef int64_t index = handle & ((<int64_t>1 << INDEX_BITS) - 1)
    cdef Entry* entry = <Entry*>load_pointer(&entry_chunks[index >> CHUNK_BITS])
    if entry == NULL:
        return NULL
    entry += index & (CHUNK_SIZE - 1)
    return entry if load(&entry.handle) == handle else NULL


cdef inline Entry* enter_entry(int64_t handle, uintptr_t** out_inside) noexcept nogil:
    """Entry of a handle with this thread inside its guard; NULL if it is of no living symbol.

    Who releases a handle is the owner of the guard afterwards: whoever enters as the owner need not
    look again."""
    cdef Entry* entry = find_entry(handle)
    if entry == NULL:
        return NULL
    out_inside[0] = guard_try(&entry.guard)
    if out_inside[0] == NULL:
        out_inside[0] = acquire_entry(entry, handle)
    return entry if out_inside[0] != NULL else NULL
