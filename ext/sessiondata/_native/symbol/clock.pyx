"""The clock that the symbols of a store share: its time, and how often anything changed.

    sequence = changes of the clock itself + those that each of its symbols has counted

A symbol counts its own changes in its own guard, so threads that write to different symbols share
no counter, and none is lost. The sum is made when somebody asks, in the guard of the clocks, which
also keeps symbols from joining and leaving meanwhile. Time and watermark are words that anybody
reads at any moment.

Rejected: one atomic counter for the store. Each bar of each thread would wait for that line of
memory.
"""

from libc.stdint cimport INT64_MIN, int64_t, uintptr_t
from libc.stdlib cimport realloc

from sessiondata._native.base.guard cimport (
    Guard, guard_enter, guard_init, guard_leave, peek, peek_pointer, store, swap_pointer, swap_pointer_if,
)
from sessiondata._native.base.prefetch cimport prefetch
from sessiondata._native.base.status cimport ERR_MEMORY


cdef enum:
    AHEAD = 16            # symbols that are asked for before they are needed


# one for all: a guard is never freed, and clocks come and go with the days
cdef Guard _clocks
guard_init(&_clocks)


cdef bint clock_advance(Clock* clock, int64_t ts) noexcept nogil:
    """Move the clock forwards; False (and no change) if it stands there already or further."""
    cdef uintptr_t* inside = guard_enter(&_clocks)
    cdef bint moves = ts > clock.as_of
    if moves:
        store(&clock.as_of, ts)
        store(&clock.watermark, ts - clock.grace_ns if ts >= INT64_MIN + clock.grace_ns else INT64_MIN)
        clock.changes += 1
    guard_leave(inside)
    return moves


cdef void clock_reset(Clock* clock) noexcept nogil:
    """Forget the time; the sequence goes on."""
    cdef uintptr_t* inside = guard_enter(&_clocks)
    store(&clock.as_of, INT64_MIN)
    store(&clock.watermark, INT64_MIN)
    clock.changes += 1
    guard_leave(inside)


cdef void clock_touch(Clock* clock) noexcept nogil:
    """Count a change that is no symbol's."""
    cdef uintptr_t* inside = guard_enter(&_clocks)
    clock.changes += 1
    guard_leave(inside)


cdef int64_t clock_sequence(Clock* clock, int64_t* out_latest) noexcept nogil:
    """Changes of the store so far, and the latest time that it knows of (INT64_MIN: none);
    O(symbols). Each symbol counts its own, in its guard: threads that write to different symbols
    share no counter, and none is lost."""
    cdef uintptr_t* inside = guard_enter(&_clocks)
    cdef int64_t changes = clock.changes, latest = clock.as_of, newest_stop, i
    cdef const Symbol* symbol
    for i in range(clock.n_symbols):
        # symbols lie scattered: 10 ns each instead of 40 where there are thousands
        if i + AHEAD < clock.n_symbols:
            prefetch(&clock.symbols[i + AHEAD].changes)
        symbol = clock.symbols[i]
        changes += peek(&symbol.changes)
        newest_stop = peek(&symbol.newest_stop)
        latest = newest_stop if newest_stop > latest else latest
    guard_leave(inside)
    out_latest[0] = latest
    return changes


cdef int clock_join(Symbol* symbol) noexcept nogil:
    """What the symbol counts belongs to the sequence from now on; 0, or ERR_MEMORY and it does not.
    With the GIL."""
    cdef Clock* clock = symbol.clock
    cdef uintptr_t* inside = guard_enter(&_clocks)
    cdef int64_t room = clock.room
    cdef Symbol** symbols = clock.symbols
    if clock.n_symbols == room:
        room = 2 * room if room else 8
        symbols = <Symbol**>realloc(symbols, <size_t>room * sizeof(Symbol*))
        if symbols != NULL:
            clock.symbols, clock.room = symbols, room
    if symbols != NULL:
        symbol.place = clock.n_symbols
        symbols[symbol.place] = symbol
        clock.n_symbols += 1
        if clock.n_watching:
            symbol.watch_ts = INT64_MIN
    guard_leave(inside)
    return 0 if symbols != NULL else ERR_MEMORY


cdef void clock_part(Symbol* symbol) noexcept nogil:
    """A symbol that has joined goes; what it has counted stays."""
    cdef Clock* clock = symbol.clock
    cdef uintptr_t* inside = guard_enter(&_clocks)
    cdef Symbol* last = clock.symbols[clock.n_symbols - 1]
    last.place = symbol.place
    clock.symbols[last.place] = last
    clock.n_symbols -= 1
    clock.changes += symbol.changes
    guard_leave(inside)
    if symbol.next_fired != NULL:
        _forget_fired(symbol)


cdef Symbol* clock_take_fired(Clock* clock) noexcept nogil:
    """The symbols that have fired since, linked by `next_fired` and ending in `clock` itself; NULL
    if there are none. They fire no more until they are watched again. With the GIL."""
    return <Symbol*>swap_pointer(&clock.fired, NULL)


cdef void _forget_fired(Symbol* symbol) noexcept nogil:
    """Take one that goes from the stack. Others may fire meanwhile."""
    cdef void* end = <void*>symbol.clock
    cdef void** fired = &symbol.clock.fired
    cdef Symbol* taken = clock_take_fired(symbol.clock)
    cdef Symbol* following
    cdef void* first
    while taken != NULL and <void*>taken != end:
        following = <Symbol*>taken.next_fired
        if taken == symbol:
            taken.next_fired = NULL
        else:
            while True:
                first = peek_pointer(fired)
                taken.next_fired = first if first != NULL else end
                if swap_pointer_if(fired, first, taken):
                    break
        taken = following
