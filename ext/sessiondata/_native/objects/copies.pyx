"""Copies of a symbol: a past day to write to, a snapshot to look at, a core for the next session.

    snapshot       all of a live session at one moment: made in its guard, read outside of it
    copy_of_day    a past day in memory of its own: late bars go into the copy
    blank_core     the same symbol without a session
    swap_sessions  two cores exchange their sessions, memory and all; nothing can fail

A copy of a day shares the memory of its trades and quotes, which no bar changes. Where the copy
goes on as a session it gets its own (`own_ticks`).
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uintptr_t
from libc.string cimport memcpy

from sessiondata._native.base.guard cimport gc_pause, gc_resume, peek, store_words
from sessiondata._native.base.status cimport ERR_MEMORY
from sessiondata._native.rows.ring cimport ring_begin_change, ring_end_change
from sessiondata._native.rows.ticks cimport (
    INPUT_QUOTES, INPUT_TICKS, Tick, TickRing, ticks_oldest, ticks_read, ticks_write,
)
from sessiondata._native.slots.grid cimport Grid
from sessiondata._native.symbol.evidence cimport copy_evidence, evidence_like
from sessiondata._native.symbol.feed cimport feed_make_ring
from sessiondata._native.symbol.layout cimport Memory, copy_out
from sessiondata._native.symbol.symbol cimport (
    Symbol, forget_past, symbol_enter, symbol_flush, symbol_leave, symbol_note_change,
)


cdef SymbolCore blank_core(SymbolCore like, StoreClock clock, int64_t capacity):
    """A core of the same symbol without a session."""
    return SymbolCore(like.name, clock, like.intervals, like.steps_ns, capacity, like.close_label, None,
                      like.symbol.tick_capacity, like.symbol.quote_capacity, like.symbol.quote_bars,
                      like.symbol.strict)


cdef StoreClock elapsed_clock(Grid grid):
    """A clock at which the whole span has elapsed."""
    cdef StoreClock clock = StoreClock()
    clock.data.as_of = clock.data.watermark = grid.data.span_stop
    return clock


def blank_day(SymbolCore like not None, Grid grid not None, bint is_whole):
    """A core for a past day of a symbol, without a session yet. `is_whole`: with room for all of
    its session, whatever capacity the symbol has."""
    return blank_core(like, elapsed_clock(grid), 0 if is_whole else like._capacity)


cdef void flush_core(SymbolCore day) noexcept nogil:
    cdef int32_t i
    # The levels of a session that was undone lie in memory that is gone.
    if day.symbol.grid != NULL:
        for i in range(day.symbol.n_levels):
            symbol_flush(&day.symbol, i)


cdef tuple _owners_of_ticks(SymbolCore day):
    """The memories in which a day's trades and quotes lie: its own, or those of sessions that it is
    a copy of. Trades may have come in another one of these than quotes."""
    cdef Memory memory
    cdef list owners = []
    for memory in (day._memory, *day._memory.shared):
        if memory.holds(day.symbol.ticks) or memory.holds(day.symbol.quotes):
            owners.append(memory)
    return tuple(owners)


cdef SymbolCore copy_of_day(SymbolCore day):
    """The same day in memory of its own."""
    cdef SymbolCore copy = blank_core(day, day.clock, day._capacity)
    copy.symbol = day.symbol
    copy.symbol.guard = NULL
    copy.symbol.past = NULL
    copy.symbol.watch_ts, copy.symbol.next_fired = INT64_MAX, NULL
    copy._memory = Memory()
    copy._memory.evidence = evidence_like(day._memory.evidence)
    if copy_out(&copy.symbol, copy._memory) or copy_evidence(day._memory.evidence, copy._memory.evidence, &copy.symbol):
        raise MemoryError("no memory for a copy of a past day")
    copy._memory.shared = _owners_of_ticks(day)  # bars change nothing in these
    copy._own_session(day.grid)
    return copy


cdef int _copy_ring(SymbolCore copy, int kind, const TickRing* ring) noexcept nogil:
    """Give a copied symbol its own ring of trades or quotes, those of `ring`; 0, or ERR_MEMORY.
    Rows begin at the start of their columns: where they lie in `ring`, rows of the upper half would
    lack their twins in the lower one."""
    cdef int64_t oldest = ticks_oldest(ring), first = oldest - ring.origin, n = ring.next_seq - oldest
    cdef TickRing* own
    cdef int i
    if feed_make_ring(&copy.symbol, kind):
        return ERR_MEMORY
    own = copy.symbol.quotes if kind == INPUT_QUOTES else copy.symbol.ticks
    memcpy(own.ts, ring.ts + first, n * 8)
    for i in range(4 if kind == INPUT_QUOTES else 2):
        memcpy(own.value[i], ring.value[i] + first, n * 8)
    if kind == INPUT_TICKS:
        memcpy(own.exchange, ring.exchange + first, n * 8)
    own.next_seq, own.origin, own.last_ts = ring.next_seq, oldest, ring.last_ts
    own.n_moves, own.evicted_ts, own.updated = ring.n_moves, ring.evicted_ts, ring.updated
    return 0


cdef int own_ticks(SymbolCore copy) except -1:
    """Give a copy of a day that goes on trades and quotes of its own: it will write to them, and
    the day never changes."""
    cdef const TickRing* ticks = copy.symbol.ticks
    cdef const TickRing* quotes = copy.symbol.quotes
    copy.symbol.ticks = copy.symbol.quotes = NULL
    if (ticks != NULL and _copy_ring(copy, INPUT_TICKS, ticks)) or (
            quotes != NULL and _copy_ring(copy, INPUT_QUOTES, quotes)):
        raise MemoryError("no memory for the trades and quotes of a session that goes on")
    copy._memory.shared = ()
    return 0


cdef int _copy_newest(SymbolCore copy, int kind, const TickRing* ring) noexcept nogil:
    """Give a copied symbol a ring that says how many trades or quotes there are in `ring`, and
    holds only the newest; 0, or ERR_MEMORY."""
    cdef TickRing* own
    cdef Tick newest
    copy.symbol.tick_capacity = copy.symbol.quote_capacity = 1
    if feed_make_ring(&copy.symbol, kind):
        return ERR_MEMORY
    own = copy.symbol.quotes if kind == INPUT_QUOTES else copy.symbol.ticks
    ticks_read(ring, ring.next_seq - 1, &newest)
    ticks_write(own, 0, &newest)
    own.capacity, own.next_seq, own.origin = ring.capacity, ring.next_seq, ring.next_seq - 1
    return 0


cdef int _copy_ticks(SymbolCore copy, int kind, const TickRing* ring, bint with_ticks) noexcept nogil:
    """Give a copied symbol what a copy with or without `with_ticks` has of trades or quotes; 0, or
    ERR_MEMORY."""
    if with_ticks:
        return _copy_ring(copy, kind, ring)
    return _copy_newest(copy, kind, ring) if ring.next_seq > 0 else 0


cdef SymbolCore snapshot(SymbolCore live, bint with_ticks):
    cdef bint collects = gc_pause()
    try:
        return _snapshot(live, with_ticks)
    finally:
        gc_resume(collects)


cdef SymbolCore _snapshot(SymbolCore live, bint with_ticks):
    """What a symbol is at this moment, in memory of its own, so that it can be read outside the
    guard; of its trades and quotes only the newest and how many there are, unless with
    `with_ticks`. There must be a session."""
    cdef int status
    cdef StoreClock clock = StoreClock(live.clock.data.grace_ns)
    cdef SymbolCore copy = blank_core(live, clock, live._capacity)
    cdef Memory memory = Memory()
    memory.evidence = evidence_like(live._memory.evidence)
    copy._memory = memory
    cdef uintptr_t* inside = symbol_enter(&live.symbol)
    clock.data.as_of, clock.data.watermark = peek(&live.clock.data.as_of), peek(&live.clock.data.watermark)
    flush_core(live)
    copy.symbol = live.symbol
    copy.symbol.clock = &clock.data
    copy.symbol.guard = NULL
    copy.symbol.owner = NULL
    copy.symbol.watch_ts, copy.symbol.next_fired = INT64_MAX, NULL
    copy.symbol.route_earlier = NULL
    copy.symbol.past = NULL
    copy.symbol.ticks = copy.symbol.quotes = NULL
    status = copy_out(&copy.symbol, memory)
    if status == 0:
        status = copy_evidence(live._memory.evidence, memory.evidence, &copy.symbol)
    if status == 0 and live.symbol.ticks != NULL:
        status = _copy_ticks(copy, INPUT_TICKS, live.symbol.ticks, with_ticks)
    if status == 0 and live.symbol.quotes != NULL:
        status = _copy_ticks(copy, INPUT_QUOTES, live.symbol.quotes, with_ticks)
    symbol_leave(inside)
    if status:
        raise MemoryError("no memory for a copy of a session")
    copy._own_session(live.grid)
    return copy


cdef SymbolCore still(SymbolCore core):
    """The core itself if only holders of the GIL write to it, so that nobody does while one reads,
    as long as no Python code runs; else a `snapshot` without its ticks."""
    return core if core.symbol.guard == NULL or core.symbol.grid == NULL else snapshot(core, False)


cpdef SymbolCore snapshot_of(SymbolCore core):
    """The symbol as it is at this moment, for Python code: between two steps of that other threads
    run."""
    cdef SymbolCore copy
    if core.symbol.grid != NULL:
        return snapshot(core, True)
    copy = blank_core(core, core.clock, core._capacity)
    copy.symbol.last_ts, copy.symbol.n_edits = core.symbol.last_ts, core.symbol.n_edits
    copy.symbol.counters, copy.symbol.bars_updated = core.symbol.counters, core.symbol.bars_updated
    memcpy(copy.symbol.tick_counters, core.symbol.tick_counters, sizeof(core.symbol.tick_counters))
    return copy


cdef void swap_sessions(SymbolCore live, SymbolCore other) noexcept:
    """Exchange the sessions of two cores, and nothing else: clocks, history and names stay where
    they are."""
    cdef uintptr_t* inside = symbol_enter(&live.symbol)
    ring_begin_change(&live.symbol.base)
    other.symbol.base.version = live.symbol.base.version  # it goes on where the live core is
    # These are read without the guard: where the structs change places they have to be what they
    # are all the time.
    other.symbol.clock, other.symbol.place = live.symbol.clock, live.symbol.place
    other.symbol.changes = live.symbol.changes
    other.symbol.watch_ts, other.symbol.next_fired = live.symbol.watch_ts, live.symbol.next_fired
    other.symbol.number = live.symbol.number
    cdef Symbol symbol = live.symbol
    store_words(&live.symbol, &other.symbol, sizeof(Symbol))
    other.symbol = symbol
    other.symbol.clock, other.symbol.changes = &other.clock.data, 0
    live.symbol.owner, other.symbol.owner = symbol.owner, live.symbol.owner
    live.symbol.guard, other.symbol.guard = symbol.guard, live.symbol.guard
    live.symbol.past, other.symbol.past = symbol.past, live.symbol.past
    forget_past(&live.symbol)
    live.symbol.n_edits = symbol.n_edits + 1
    live.symbol.route_earlier, other.symbol.route_earlier = symbol.route_earlier, live.symbol.route_earlier
    live._is_plain, other._is_plain = other._is_plain, live._is_plain
    live.session_id += 1
    other.symbol.watch_ts, other.symbol.next_fired = INT64_MAX, NULL
    symbol_note_change(&live.symbol)
    ring_end_change(&live.symbol.base)
    ring_end_change(&other.symbol.base)
    symbol_leave(inside)
    live._memory, other._memory = other._memory, live._memory
    live.grid, other.grid = other.grid, live.grid
    live._columns, other._columns = other._columns, live._columns
    live._columns_at, other._columns_at = other._columns_at, live._columns_at
    live.n_past_edits += 1


def adopt(SymbolCore into not None, SymbolCore held not None):
    """Have a core that has no session yet go on as `held`, what `snapshot_of` made of one of
    another store, which is of no use afterwards. Nothing can fail here."""
    if held.symbol.grid != NULL:
        swap_sessions(into, held)
    else:
        into.symbol.counters, into.symbol.bars_updated = held.symbol.counters, held.symbol.bars_updated
        memcpy(into.symbol.tick_counters, held.symbol.tick_counters, sizeof(held.symbol.tick_counters))
