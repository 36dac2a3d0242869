"""Handles: numbers by which compiled callers know a symbol, never its address.

A handle names an entry of one table:

    handle  = generation << 24 | index
    entries [ guard, handle, Symbol*, label, steps ... ]

A released entry forgets its handle, and its next one has another generation. So one comparison
finds a handle that has outlived its symbol, or was never one: the call returns SD_ERR_NO_SYMBOL and
touches nothing. (Rejected: the address itself as the handle. It costs a load less, which the
processor hides anyway, and the first stale one reads freed memory.)

Handles are acquired and released under the GIL only. Entries never move and are never freed,
because a thread without the GIL may just be looking at one. Each has a guard (see `base/guard`),
and whoever touches the symbol is inside it.
"""

from libc.stdint cimport int64_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc

from sessiondata._native.base.guard cimport (
    guard_acquire, guard_enter, guard_init, guard_leave, load, store, store_pointer, wait_for_reads,
)
from sessiondata._native.symbol.symbol cimport Symbol


cdef int64_t _n_chunks = 0
cdef int64_t _first_free = -1   # index; a chain, as a list may need memory to accept a handle back


cdef uintptr_t* acquire_entry(Entry* entry, int64_t handle) noexcept nogil:
    """Enter an entry's guard that another thread had last; NULL if the handle has been released
    meanwhile."""
    cdef uintptr_t* inside = guard_acquire(&entry.guard)
    if load(&entry.handle) == handle:
        return inside
    guard_leave(inside)
    return NULL


cdef int64_t handle_acquire(void* symbol, tuple steps_ns, bint close_label) except -1:
    """A handle for a symbol that stays where it is until the handle is released. From now on the
    symbol has a guard.
    """
    cdef Entry* entry
    cdef Py_ssize_t k
    global _first_free
    if _first_free < 0:
        _grow()
    cdef int64_t index = _first_free
    entry = <Entry*>entry_chunks[index >> CHUNK_BITS] + (index & (CHUNK_SIZE - 1))
    _first_free = entry.next_free
    entry.symbol, entry.n_series, entry.label_ns = <Symbol*>symbol, len(steps_ns), steps_ns[0] if close_label else 0
    for k in range(len(steps_ns)):
        entry.steps_ns[k] = steps_ns[k]
    entry.generation += 1
    entry.symbol.guard = &entry.guard
    store(&entry.handle, entry.generation << INDEX_BITS | index)
    return entry.handle


cdef void handle_release(int64_t handle) noexcept:
    """Let calls with this handle fail from now on, and wait for those that have found it."""
    global _first_free
    cdef Entry* entry = find_entry(handle)
    cdef uintptr_t* inside
    cdef int64_t index
    if entry != NULL:
        index = handle & ((<int64_t>1 << INDEX_BITS) - 1)
        inside = guard_enter(&entry.guard)
        store(&entry.handle, index ^ 1)
        guard_leave(inside)
        wait_for_reads()
        entry.symbol = NULL
        entry.next_free, _first_free = _first_free, index


cdef int _grow() except -1:
    """Make more entries."""
    global _n_chunks, _first_free
    cdef Entry* chunk
    cdef int64_t first = _n_chunks << CHUNK_BITS, i
    if _n_chunks == N_CHUNKS:
        raise MemoryError("too many symbols are held by compiled callers")
    cdef uint8_t* memory = <uint8_t*>calloc(CHUNK_SIZE * sizeof(Entry) + ENTRY_ALIGN, 1)
    if memory == NULL:
        raise MemoryError
    chunk = <Entry*>(memory + (-<uintptr_t>memory & (ENTRY_ALIGN - 1)))
    for i in range(CHUNK_SIZE):
        chunk[i].handle = (first + i) ^ 1
        chunk[i].next_free = first + i + 1 if i + 1 < CHUNK_SIZE else _first_free
        guard_init(&chunk[i].guard)
    store_pointer(&entry_chunks[_n_chunks], <void*>chunk)
    _n_chunks += 1
    _first_free = first
    return 0
