"""C functions for compiled callers: thin, on plain numbers, without the interpreter.

A caller holds a symbol by its handle, a number (see `symbol/handles`). One that is of no living
symbol gets SD_ERR_NO_SYMBOL, and nothing is touched.

Threads: each entry has a guard (see `base/guard`), and every call is inside it while it touches the
symbol; so is whoever holds the GIL and touches a symbol that has a handle. A call that has found
its entry and then had to wait looks again whether the handle is still good. Bars from before the
session are for days in history, which are Python's: such a call leaves the guard and begins anew
with the GIL. `sd_read_last` reads base rows without the guard, as long as that goes well.

The file is long because it is one table of functions: callers find all of them in one module, by
its name.
"""

from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from sessiondata._native.base.guard cimport (
    Thread, acquire_fence, guard_leave, guard_try, load, peek, peek_ints, peek_small, peek_value, peek_values,
    read_begin, read_end,
)
from sessiondata._native.base.status cimport (
    EARLIER, ERR_MEMORY, ERR_NAT, ERR_NO_SERIES, ERR_NO_SESSION, ERR_NO_SYMBOL, ERR_UNIT, STORED,
)
from sessiondata._native.base.time cimport LEAST_START, NAT, is_in_another_unit
from sessiondata._native.objects.closed_bars cimport EventColumns, drain_into
from sessiondata._native.objects.past_rows cimport know_past
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.rows.ring cimport Bar, Ring, ring_add_base, ring_oldest, ring_row, ring_values
from sessiondata._native.rows.ticks cimport INPUT_BARS, INPUT_QUOTES, INPUT_TICKS, Tick
from sessiondata._native.slots.gaps cimport Gaps, gaps_count, gaps_explained, gaps_halted, gaps_missing, gaps_present
from sessiondata._native.slots.grid cimport GridData, expected_at, slot_stop_in
from sessiondata._native.symbol.clock cimport clock_advance, clock_sequence
from sessiondata._native.symbol.feed cimport feed_cold, feed_quote, feed_trade
from sessiondata._native.symbol.handles cimport Entry, acquire_entry, enter_entry, find_entry
from sessiondata._native.symbol.layout cimport block_allocate, block_free, series_gaps, series_ring, series_value
from sessiondata._native.symbol.past cimport PAST_UNKNOWN, Run, Target, Walk, walk_begin, window_copy, window_count
from sessiondata._native.symbol.symbol cimport (
    Block, Symbol, has_plain_values, symbol_append, symbol_append_with_gil, symbol_count_next, symbol_ends_earlier,
    symbol_flush, symbol_fold_due, symbol_follows, symbol_open_label, symbol_push_next, symbol_watermark,
)

ABI = 4  # see sd_abi_4 in the .pxd

cdef int64_t sd_abi_4 = 4

cdef extern from "<math.h>" nogil:
    const double NAN

cdef extern from "Python.h":
    bint error_matches "PyErr_ExceptionMatches"(object kind) noexcept
    void clear_error "PyErr_Clear"() noexcept
    void set_interrupt "PyErr_SetInterrupt"() noexcept
    void write_unraisable "PyErr_WriteUnraisable"(object where) noexcept

cdef extern from *:
    const GridData* peek_grid "sd_peek"(const GridData** at) noexcept nogil


cdef enum:
    TRIES = 8                   # of a read without the guard


cdef struct Cold:
    # The rare halves of some calls. By pointer, lest a compiler makes them part of the common half,
    # which would then save and restore registers for them.
    int64_t (*append)(Entry*, uintptr_t*, int64_t, double, double, double, double, double) noexcept nogil
    int64_t (*append_lapping)(Symbol*, uintptr_t*, int64_t, double, double, double, double, double) noexcept nogil
    int64_t (*append_waiting)(Entry*, int64_t, int64_t, double, double, double, double, double) noexcept nogil
    int64_t (*count)(int64_t, int64_t) noexcept nogil
    int64_t (*slot_stop)(int64_t, int64_t) noexcept nogil
    double (*value)(int64_t, int64_t, int64_t, int64_t) noexcept nogil


cdef Cold _cold


cdef inline int64_t _check(const Entry* entry, int64_t k) noexcept nogil:
    """0 if there is a series `k`, else the error."""
    if entry.symbol.grid == NULL:
        return ERR_NO_SESSION
    # one comparison: k may be negative
    return 0 if <uint64_t>k < <uint64_t>entry.n_series else ERR_NO_SERIES


cdef inline int64_t _enter_series(int64_t handle, int64_t k, Entry** out_entry, uintptr_t** out_inside) noexcept nogil:
    """0 and the entry with this thread inside its guard, if there is a series `k`; else the
    error."""
    cdef int64_t status
    out_entry[0] = enter_entry(handle, out_inside)
    if out_entry[0] == NULL:
        return ERR_NO_SYMBOL
    status = _check(out_entry[0], k)
    if status:
        guard_leave(out_inside[0])
    return status


cdef inline const Level* _root(const Entry* entry, int64_t k) noexcept nogil:
    """Level of series `k`, if it stands on base rows, so that each of its rows has begun; NULL for
    any other `k`.

    All its rows but the newest have their values, too."""
    cdef const Level* level
    if entry.symbol.grid == NULL or (<uint64_t>k - 1) >= <uint64_t>(entry.n_series - 1):
        return NULL
    level = &entry.symbol.levels[k - 1]
    return level if level.parent < 0 else NULL


cdef inline const Level* _enter_root(int64_t handle, int64_t k, uintptr_t** out_inside) noexcept nogil:
    """`_root` of a living symbol whose guard is to be had at once, and inside it; NULL, and
    outside, else."""
    cdef const Level* root = NULL
    cdef Entry* entry = find_entry(handle)
    if entry == NULL:
        return NULL
    out_inside[0] = guard_try(&entry.guard)
    if out_inside[0] != NULL:
        root = _root(entry, k)
        if root == NULL:
            guard_leave(out_inside[0])
    return root


cdef inline Ring* _ring(const Entry* entry, int64_t k) noexcept nogil:
    """Ring of series `k`, brought up to date."""
    if k > 0:
        symbol_flush(entry.symbol, <int32_t>k - 1)
    return series_ring(entry.symbol, k)


cdef inline Ring* _ring_begun(const Entry* entry, int64_t k) noexcept nogil:
    """Ring of series `k` with every row that has begun, though the newest may not have its values
    yet."""
    # A level on base rows begins its rows at once; bringing it up to date for their number would
    # cost six stores a bar.
    if k > 0 and entry.symbol.levels[k - 1].parent >= 0:
        symbol_flush(entry.symbol, <int32_t>k - 1)
    return series_ring(entry.symbol, k)


cdef int64_t sd_append(int64_t handle, int64_t ts_ns, double open, double high, double low, double close,
                       double volume) noexcept nogil:
    """Store one bar and everything it causes; returns what became of it."""
    cdef uintptr_t* inside
    cdef Entry* entry = find_entry(handle)
    cdef Bar bar
    cdef int64_t at
    if entry == NULL:
        return ERR_NO_SYMBOL
    # Here no address of the bar leaves this function, and all calls come last: no register is
    # saved, none restored.
    inside = guard_try(&entry.guard)
    if inside == NULL:
        return _cold.append_waiting(entry, handle, ts_ns, open, high, low, close, volume)
    # A whole slot follows or nothing does, so its start is its end less the interval. (NAT may
    # wrap.)
    bar = Bar(<int64_t>(<uint64_t>ts_ns - <uint64_t>entry.label_ns), open, high, low, close, volume, 0)
    if not symbol_follows(entry.symbol, bar.ts) or not has_plain_values(&bar):
        return _cold.append(entry, inside, ts_ns, open, high, low, close, volume)
    at = entry.symbol.base.next_seq - entry.symbol.base.origin
    if at >= entry.symbol.base.capacity:
        return _cold.append_lapping(entry.symbol, inside, bar.ts, open, high, low, close, volume)
    ring_add_base(&entry.symbol.base, at, &bar)
    if symbol_count_next(entry.symbol, bar.ts):
        return symbol_fold_due(entry.symbol, inside)
    guard_leave(inside)
    return STORED


cdef int64_t _append_lapping(Symbol* symbol, uintptr_t* inside, int64_t ts_ns, double open, double high, double low,
                             double close, double volume) noexcept nogil:
    """A bar that follows, is right, and overwrites a row."""
    cdef Bar bar = Bar(ts_ns, open, high, low, close, volume, 0)
    if symbol_push_next(symbol, &bar):
        return symbol_fold_due(symbol, inside)
    guard_leave(inside)
    return STORED


cdef int64_t _append_waiting(Entry* entry, int64_t handle, int64_t ts_ns, double open, double high, double low,
                             double close, double volume) noexcept nogil:
    """A bar for a symbol whose guard another thread had last."""
    cdef uintptr_t* inside = acquire_entry(entry, handle)
    return ERR_NO_SYMBOL if inside == NULL else _append_cold(entry, inside, ts_ns, open, high, low, close, volume)


cdef void _release(Entry* entry, uintptr_t* inside) noexcept nogil:
    """Leave a guard that was perhaps entered with a block (`_bring_block`); it goes if it was not
    wanted after all."""
    cdef Block* spare = entry.symbol.spare
    entry.symbol.spare = NULL
    guard_leave(inside)
    if spare != NULL:
        block_free(spare)


cdef int _bring_block(Entry* entry, int64_t handle, uintptr_t** inside) noexcept nogil:
    """After ERR_MEMORY: leave the guard, allocate what the symbol wanted, and enter again with it;
    0, or the error, and this thread is outside.

    Inside it may not: an allocation that `tracemalloc` traces waits for the GIL (see
    `symbol/layout`)."""
    cdef int64_t n_bytes = entry.symbol.wanted
    cdef Block* block
    entry.symbol.wanted = 0
    _release(entry, inside[0])
    block = block_allocate(n_bytes)  # NULL for 0 bytes, too: there simply was no memory
    if block == NULL:
        return ERR_MEMORY
    inside[0] = acquire_entry(entry, handle)
    if inside[0] == NULL:
        block_free(block)
        return ERR_NO_SYMBOL
    entry.symbol.spare = block
    return 0


cdef int _append_inside(Entry* entry, int64_t ts_ns, double open, double high, double low, double close,
                        double volume) noexcept nogil:
    """Any bar and symbol; EARLIER if the bar may be of a day in history."""
    cdef Bar bar = Bar(ts_ns, open, high, low, close, volume, 0)
    if entry.symbol.grid == NULL:
        return ERR_NO_SESSION
    if entry.label_ns:
        if symbol_ends_earlier(entry.symbol, ts_ns):
            return EARLIER
        symbol_open_label(entry.symbol, &bar.ts)
    return symbol_append(entry.symbol, &bar)


cdef int64_t _append_cold(Entry* entry, uintptr_t* inside, int64_t ts_ns, double open, double high, double low,
                          double close, double volume) noexcept nogil:
    """Any bar and symbol, with this thread inside the guard, which it leaves."""
    cdef int64_t handle = entry.handle
    cdef int status = _append_inside(entry, ts_ns, open, high, low, close, volume), failed
    while status == ERR_MEMORY:
        failed = _bring_block(entry, handle, &inside)
        if failed:
            return failed
        status = _append_inside(entry, ts_ns, open, high, low, close, volume)
    _release(entry, inside)
    return status if status != EARLIER else _append_earlier(handle, ts_ns, open, high, low, close, volume)


cdef int64_t _append_earlier(int64_t handle, int64_t ts_ns, double open, double high, double low, double close,
                             double volume) noexcept with gil:
    """A bar that may be of a day in history. With the GIL the symbol stays, and so do its session
    and its days."""
    cdef Entry* entry = find_entry(handle)
    cdef Bar bar = Bar(ts_ns, open, high, low, close, volume, 0)
    if entry == NULL:
        return ERR_NO_SYMBOL
    if entry.symbol.grid == NULL:
        return ERR_NO_SESSION
    if entry.label_ns:
        symbol_open_label(entry.symbol, &bar.ts)
    return symbol_append_with_gil(entry.symbol, &bar)


cdef int64_t sd_append_tick(int64_t handle, int64_t ts_ns, double price, double size,
                            int64_t exchange) noexcept nogil:
    """Store one trade and everything it causes; returns what became of it."""
    cdef uintptr_t* inside
    cdef Entry* entry = enter_entry(handle, &inside)
    cdef int64_t status = ERR_NO_SESSION
    cdef Tick tick
    if entry == NULL:
        return ERR_NO_SYMBOL
    if entry.symbol.grid != NULL:
        tick.ts, tick.value[0], tick.value[1], tick.exchange = ts_ns, price, size, exchange
        status = feed_trade(entry.symbol, &tick)
        if status == ERR_MEMORY:
            return _feed_with_block(entry, inside, INPUT_TICKS, &tick)
    guard_leave(inside)
    return status


cdef int64_t sd_append_quote(int64_t handle, int64_t ts_ns, double bid, double ask, double bid_size,
                             double ask_size) noexcept nogil:
    """Store one quote and everything it causes; returns what became of it."""
    cdef uintptr_t* inside
    cdef Entry* entry = enter_entry(handle, &inside)
    cdef int64_t status = ERR_NO_SESSION
    cdef Tick tick
    if entry == NULL:
        return ERR_NO_SYMBOL
    if entry.symbol.grid != NULL:
        tick.ts, tick.value[0], tick.value[1], tick.exchange = ts_ns, bid, ask, 0
        tick.value[2], tick.value[3] = bid_size, ask_size
        status = feed_quote(entry.symbol, &tick)
        if status == ERR_MEMORY:
            return _feed_with_block(entry, inside, INPUT_QUOTES, &tick)
    guard_leave(inside)
    return status


cdef int64_t _feed_with_block(Entry* entry, uintptr_t* inside, int kind, const Tick* tick) noexcept nogil:
    """A trade or quote (values checked) for which the symbol had no memory, with this thread inside
    the guard, which it leaves."""
    cdef int64_t handle = entry.handle
    cdef int status = ERR_MEMORY, failed
    while status == ERR_MEMORY:
        failed = _bring_block(entry, handle, &inside)
        if failed:
            return failed
        status = feed_cold(entry.symbol, kind, tick) if entry.symbol.grid != NULL else ERR_NO_SESSION
    _release(entry, inside)
    return status


cdef bint _is_early(int64_t handle) noexcept nogil:
    """Whether the symbol has a session that begins before 1990."""
    cdef uintptr_t* inside
    cdef Entry* entry = enter_entry(handle, &inside)
    if entry == NULL:
        return False
    cdef bint early = entry.symbol.grid != NULL and entry.symbol.grid.span_start < LEAST_START
    guard_leave(inside)
    return early


cdef int64_t sd_advance_to(int64_t handle, int64_t ts_ns) noexcept nogil:
    """Move the clock of the symbol's store forwards: 1, or 0 if it stands there already or further.
    ERR_UNIT for a time of 1970 that another unit puts after 1990, unless the symbol has a session
    before that."""
    if is_in_another_unit(ts_ns) and not _is_early(handle):
        return ERR_UNIT if find_entry(handle) != NULL else ERR_NO_SYMBOL
    cdef Thread* thread = read_begin()  # the clock has a guard of its own; so its symbol stays
    cdef Entry* entry = find_entry(handle)
    cdef int64_t status = ERR_NO_SYMBOL
    if entry != NULL:
        status = ERR_NAT if ts_ns == NAT else clock_advance(entry.symbol.clock, ts_ns)
    read_end(thread)
    return status


cdef int64_t sd_series(int64_t handle, int64_t step_ns) noexcept nogil:
    """Number of the series with bars of this length (0: the session's, "1d"). Needs no session."""
    cdef Entry* entry = find_entry(handle)
    cdef int32_t k
    if entry == NULL:
        return ERR_NO_SYMBOL
    for k in range(entry.n_series):
        if entry.steps_ns[k] == step_ns:
            return k
    return ERR_NO_SERIES


# --- rows ---

cdef int64_t sd_count(int64_t handle, int64_t k) noexcept nogil:
    """Live rows, extended and forming ones included."""
    cdef uintptr_t* inside = NULL
    cdef const Level* root = _enter_root(handle, k, &inside)
    cdef int64_t count
    if root == NULL:
        return _cold.count(handle, k)
    count = root.ring.next_seq  # derived rings hold one lap
    guard_leave(inside)
    return count


cdef int64_t _count_cold(int64_t handle, int64_t k) noexcept nogil:
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef Ring* ring
    cdef int64_t count = _enter_series(handle, k, &entry, &inside)
    if count == 0:
        ring = _ring_begun(entry, k)
        count = ring.next_seq - ring_oldest(ring)
        guard_leave(inside)
    return count


cdef int64_t sd_total_count(int64_t handle, int64_t k) noexcept nogil:
    """Rows ever added in this session."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef int64_t count = _enter_series(handle, k, &entry, &inside)
    if count == 0:
        count = _ring_begun(entry, k).next_seq
        guard_leave(inside)
    return count


cdef inline const double* _values(const Ring* ring, int64_t column) noexcept nogil:
    """Memory of a column of doubles; NULL if there is no such column."""
    return ring_values(ring, column) if SD_OPEN <= column <= SD_VOLUME else NULL


cdef int64_t sd_timestamp(int64_t handle, int64_t k, int64_t i) noexcept nogil:
    """Time of a row, ns."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef Ring* ring
    cdef int64_t at, ts
    if _enter_series(handle, k, &entry, &inside):
        return NAT
    ring = _ring_begun(entry, k)
    at = ring_row(ring, i)
    ts = NAT if at < 0 else ring.ts[at]
    guard_leave(inside)
    return ts


cdef double sd_value(int64_t handle, int64_t k, int64_t column, int64_t i) noexcept nogil:
    """One value of a row."""
    cdef uintptr_t* inside = NULL
    cdef const Level* root = _enter_root(handle, k, &inside)
    cdef int64_t at
    cdef double value
    if root != NULL:
        if SD_OPEN <= column <= SD_VOLUME:
            # derived rings hold one lap, and their origin is 0
            at = i + (root.ring.next_seq if i < 0 else 0)
            if 0 <= at < root.ring.next_seq - 1:
                value = ring_values(&root.ring, column)[at]
                guard_leave(inside)
                return value
        guard_leave(inside)
    return _cold.value(handle, k, column, i)


cdef double _value_cold(int64_t handle, int64_t k, int64_t column, int64_t i) noexcept nogil:
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef const Ring* ring
    cdef double value = NAN
    cdef int64_t at
    if not SD_OPEN <= column <= SD_VOLUME or _enter_series(handle, k, &entry, &inside):
        return NAN
    if k == 0:
        ring = &entry.symbol.base
        at = ring_row(ring, i)
        if at >= 0:
            value = ring_values(ring, column)[at]
    else:
        value = series_value(entry.symbol, k, column, i)
    guard_leave(inside)
    return value


cdef inline int64_t _column(const Ring* ring, int64_t column, const void** out_rows) noexcept nogil:
    """Live rows of a column as one stretch of memory; returns how many there are."""
    cdef int64_t first = ring_oldest(ring) - ring.origin
    cdef const double* values
    if column == SD_TIMESTAMP:
        out_rows[0] = ring.ts + first
    else:
        values = _values(ring, column)
        if values == NULL:
            return ERR_NO_SERIES
        out_rows[0] = values + first
    return ring.next_seq - ring_oldest(ring)


cdef int64_t sd_column(int64_t handle, int64_t k, int64_t column, const void** out_rows) noexcept nogil:
    """Live rows of a column as one stretch of memory, oldest first; returns how many there are.

    int64_t for SD_TIMESTAMP, else double. Not to be written to, and good until the symbol is
    written to again."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef int64_t count
    out_rows[0] = NULL
    count = _enter_series(handle, k, &entry, &inside)
    if count == 0:
        count = _column(_ring(entry, k), column, out_rows)
        guard_leave(inside)
    return count


cdef int64_t sd_copy_last(int64_t handle, int64_t k, int64_t column, int64_t n, double* out_values) noexcept nogil:
    """Copy the newest `n` values of a column, oldest first; returns how many there were (less than
    `n` of a short series)."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef const void* rows
    cdef int64_t count = _enter_series(handle, k, &entry, &inside)
    if count:
        return count
    count = _column(_ring(entry, k), column, &rows) if column != SD_TIMESTAMP else ERR_NO_SERIES
    if count >= 0:
        count = 0 if n < 0 else n if n < count else count
        memcpy(out_values, <const double*>rows + _column(_ring(entry, k), column, &rows) - count,
               count * sizeof(double))
    guard_leave(inside)
    return count


cdef inline void _copy_values(const double* column, int64_t n, double* out_values) noexcept nogil:
    """Copy values that may be written to meanwhile, each as a whole."""
    cdef int64_t i
    for i in range(n):
        out_values[i] = peek_value(&column[i])


cdef int64_t _read_unguarded(Symbol* symbol, int64_t n, int64_t* out_ts, double** out_values) noexcept nogil:
    """Copy the newest `n` base rows, as long as nothing gets in the way; returns how many, or -1 if
    something did.

    What the ring says of itself is checked before it is followed, and what was copied before it is
    believed: the version must not have moved, and the row that may be in writing, number
    `next_seq`, must not take the place of one that was copied. This thread must have announced that
    it reads, or the memory might go."""
    cdef Ring* ring = &symbol.base
    cdef int64_t version = load(&ring.version)
    cdef bint started = peek_grid(&symbol.grid) != NULL
    cdef int64_t next_seq = load(&ring.next_seq)
    cdef int64_t origin = peek(&ring.origin), capacity = peek(&ring.capacity), at, i
    cdef int64_t room = capacity << peek_small(&ring.laps)
    cdef const int64_t* ts = peek_ints(&ring.ts)
    cdef const double* values[5]
    values[0], values[1], values[2] = peek_values(&ring.open), peek_values(&ring.high), peek_values(&ring.low)
    values[3], values[4] = peek_values(&ring.close), peek_values(&ring.volume)
    acquire_fence()
    if version & 1 or peek(&ring.version) != version:
        return -1
    if not started:
        return ERR_NO_SESSION
    n = n if n < next_seq else next_seq
    n = n if n < capacity else capacity
    at = next_seq - n - origin  # both may have moved between the two reads
    if at < 0 or next_seq - origin > room:
        return -1
    for i in range(n):
        out_ts[i] = peek(&ts[at + i])
    for i in range(5):
        _copy_values(values[i] + at, n, out_values[i])
    acquire_fence()
    if peek(&ring.version) != version or next_seq - n + capacity <= peek(&ring.next_seq):
        return -1
    return n


cdef int64_t _read_guarded(int64_t handle, int64_t k, int64_t n, int64_t* out_ts, double** out_values) noexcept nogil:
    """Copy the newest `n` rows of a series."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef Ring* ring
    cdef int64_t count = _enter_series(handle, k, &entry, &inside), at, i
    if count == 0:
        ring = _ring(entry, k)
        count = ring.next_seq - ring_oldest(ring)
        count = n if n < count else count
        at = ring.next_seq - count - ring.origin
        memcpy(out_ts, ring.ts + at, count * sizeof(int64_t))
        for i in range(5):
            memcpy(out_values[i], _values(ring, SD_OPEN + i) + at, count * sizeof(double))
        guard_leave(inside)
    return count


cdef int64_t sd_read_last(int64_t handle, int64_t k, int64_t n, int64_t* out_ts, double* out_open, double* out_high,
                          double* out_low, double* out_close, double* out_volume) noexcept nogil:
    """Copy the newest `n` rows, oldest first, as they stood at one moment; returns how many there
    were.

    Base rows are read without keeping the writer out, as long as that goes well."""
    cdef double* out_values[5]
    cdef Thread* thread
    cdef Entry* entry
    cdef int64_t count = -1
    cdef int tries = 0
    n = 0 if n < 0 else n
    out_values[0], out_values[1], out_values[2] = out_open, out_high, out_low
    out_values[3], out_values[4] = out_close, out_volume
    if k == 0:
        thread = read_begin()
        entry = find_entry(handle)
        if entry == NULL:
            count = ERR_NO_SYMBOL
        else:
            while count == -1 and tries < TRIES:
                count = _read_unguarded(entry.symbol, n, out_ts, out_values)
                tries += 1
        read_end(thread)
        if count != -1:
            return count
    return _read_guarded(handle, k, n, out_ts, out_values)


# --- rows over days ---

cdef int _know_past(int64_t handle, int64_t k, int64_t n) noexcept with gil:
    """Have the past days of a window looked up; 0, or the error. A Ctrl-C that comes while a
    calendar is asked is kept for the interpreter."""
    cdef Entry* entry
    cdef bint is_done = False, was_interrupted = False
    cdef int status = 0
    while not is_done:
        entry = find_entry(handle)
        is_done = True
        if entry == NULL or entry.symbol.owner == NULL:
            status = ERR_NO_SYMBOL
        # as a function that raises nothing: what it raises is looked at by the next lines
        elif (<int (*)(SymbolCore, Py_ssize_t, int64_t) noexcept>know_past)(<SymbolCore>entry.symbol.owner, k, n) == -1:
            if error_matches(KeyboardInterrupt):
                clear_error()
                was_interrupted, is_done = True, False
            else:
                status = ERR_MEMORY
                if error_matches(MemoryError):
                    clear_error()
                else:
                    write_unraisable(None)
    if was_interrupted:
        set_interrupt()
    return status


cdef int64_t _window(int64_t handle, int64_t k, int64_t n, int64_t flags, const Target* target) noexcept nogil:
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef Walk walk
    cdef Run oldest
    cdef int64_t count = PAST_UNKNOWN
    cdef int status
    n = 0 if n < 0 else n
    while count == PAST_UNKNOWN:
        entry = enter_entry(handle, &inside)
        if entry == NULL:
            return ERR_NO_SYMBOL
        if <uint64_t>k >= <uint64_t>entry.n_series:
            guard_leave(inside)
            return ERR_NO_SERIES
        walk_begin(&walk, entry.symbol, k, n, flags)
        count = window_count(&walk, n, &oldest)
        if count > 0:
            walk_begin(&walk, entry.symbol, k, n, flags)
            window_copy(&walk, count, target)
        guard_leave(inside)
        if count == PAST_UNKNOWN:
            status = _know_past(handle, k, n)
            if status:
                return status
    return count


cdef int64_t sd_window(int64_t handle, int64_t k, int64_t n, int64_t flags, int64_t* out_ts, double* out_open,
                       double* out_high, double* out_low, double* out_close, double* out_volume,
                       int64_t* out_date) noexcept nogil:
    """Copy the newest `n` rows over past days and the session, oldest first, as they stand at one
    moment; returns how many there are. Regular rows that have closed, and what `flags` adds
    (SD_WITH_*)."""
    cdef Target target
    target.ts, target.day = out_ts, out_date
    target.n_base = NULL
    target.values[0], target.values[1], target.values[2] = out_open, out_high, out_low
    target.values[3], target.values[4] = out_close, out_volume
    return _window(handle, k, n, flags, &target)


cdef int64_t sd_window_values(int64_t handle, int64_t k, int64_t column, int64_t n, int64_t flags,
                              double* out_values) noexcept nogil:
    """`sd_window` of one column of doubles."""
    cdef Target target
    if not SD_OPEN <= column <= SD_VOLUME:
        return ERR_NO_SERIES
    memset(&target, 0, sizeof(target))
    target.values[column - SD_OPEN] = out_values
    return _window(handle, k, n, flags, &target)


# --- closed bars ---

cdef int64_t sd_drain(int64_t feed, int64_t n, int64_t* out_symbol, int64_t* out_interval, int64_t* out_kind,
                      int64_t* out_ts, double* out_open, double* out_high, double* out_low, double* out_close,
                      double* out_volume, int64_t* out_n_base) noexcept nogil:
    """Copy the first events that a consumer of closed bars has not been handed; returns how many."""
    cdef EventColumns columns
    columns.symbol, columns.interval, columns.kind, columns.ts = out_symbol, out_interval, out_kind, out_ts
    columns.n_base = out_n_base
    columns.values[0], columns.values[1], columns.values[2] = out_open, out_high, out_low
    columns.values[3], columns.values[4] = out_close, out_volume
    return drain_into(feed, n, &columns)


# --- the newest row ---

cdef int64_t sd_forming(int64_t handle, int64_t k) noexcept nogil:
    """1 if the newest row is a bar still in progress, else 0."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef int64_t forming = _enter_series(handle, k, &entry, &inside)
    if forming == 0:
        forming = (_ring_begun(entry, k).next_seq > 0 and symbol_watermark(entry.symbol)
                   < (entry.symbol.base_stop if k == 0 else entry.symbol.levels[k - 1].slot_stop))
        guard_leave(inside)
    return forming


cdef int64_t sd_slot_stop(int64_t handle, int64_t k) noexcept nogil:
    """End of the newest row's slot, ns: a bar from there on begins another row of series `k`."""
    cdef uintptr_t* inside = NULL
    cdef const Level* root = _enter_root(handle, k, &inside)
    cdef int64_t stop
    if root == NULL:
        return _cold.slot_stop(handle, k)
    stop = root.slot_stop  # NAT while there is no row
    guard_leave(inside)
    return stop


cdef int64_t _slot_stop_cold(int64_t handle, int64_t k) noexcept nogil:
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef int64_t stop = NAT
    if _enter_series(handle, k, &entry, &inside):
        return NAT
    if _ring_begun(entry, k).next_seq > 0:
        if k > 0:
            stop = entry.symbol.levels[k - 1].slot_stop
        else:
            stop = entry.symbol.newest_stop if entry.symbol.input_kind == INPUT_BARS else entry.symbol.base_stop
            if stop == INT64_MIN:  # no ticks made that row: a bar filled its slot
                stop = slot_stop_in(entry.symbol.region, entry.symbol.step_ns, entry.symbol.last_ts)
    guard_leave(inside)
    return stop


# --- what is missing ---

cdef int64_t sd_states(int64_t handle, int64_t k, int64_t* out_states) noexcept nogil:
    """All of what is asked for below, of one moment: expected, present, missing, without trade,
    halted slots and gaps, six numbers; returns 0."""
    cdef uintptr_t* inside
    cdef Entry* entry
    cdef Gaps* gaps
    cdef int32_t expected
    cdef int64_t status = _enter_series(handle, k, &entry, &inside)
    if status == 0:
        _ring_begun(entry, k)
        gaps = series_gaps(entry.symbol, k)
        expected = expected_at(gaps.table, symbol_watermark(entry.symbol))
        out_states[0], out_states[1] = expected, gaps_present(gaps, expected)
        out_states[2], out_states[4] = gaps_missing(gaps, expected), gaps_halted(gaps, expected)
        out_states[3] = gaps_explained(gaps, expected) - out_states[4]
        out_states[5] = gaps_count(gaps, expected)
        guard_leave(inside)
    return status


cdef inline int64_t _state(int64_t handle, int64_t k, int number) noexcept nogil:
    cdef int64_t states[6]
    cdef int64_t status = sd_states(handle, k, states)
    return status if status else states[number]


cdef int64_t sd_expected(int64_t handle, int64_t k) noexcept nogil:
    """Slots that have elapsed."""
    return _state(handle, k, 0)


cdef int64_t sd_present(int64_t handle, int64_t k) noexcept nogil:
    """Slots among the expected with a bar on them."""
    return _state(handle, k, 1)


cdef int64_t sd_missing(int64_t handle, int64_t k) noexcept nogil:
    """Slots among the expected without a bar, and without a mark that explains it."""
    return _state(handle, k, 2)


cdef int64_t sd_gap_count(int64_t handle, int64_t k) noexcept nogil:
    """Runs of missing slots."""
    return _state(handle, k, 5)


cdef double sd_quality(int64_t handle, int64_t k) noexcept nogil:
    """100 * present / expected, 100.0 where nothing is expected. Computed: what `set_quality`
    pinned is not seen."""
    cdef int64_t states[6]
    if sd_states(handle, k, states):
        return NAN
    return 100.0 * states[1] / states[0] if states[0] else 100.0


# --- the session ---

cdef double sd_session_value(int64_t handle, int64_t column) noexcept nogil:
    """A value of the session's bar: all regular rows so far, whether "1d" is a series or not.
    Without rows the volume is 0."""
    cdef uintptr_t* inside
    cdef Entry* entry = enter_entry(handle, &inside)
    cdef Ring* ring
    cdef const double* values
    cdef double value = NAN
    if entry == NULL:
        return NAN
    if entry.symbol.grid != NULL:
        ring = _ring(entry, entry.symbol.n_levels - 1)
        values = _values(ring, column)
        if values != NULL:
            value = values[0] if ring.next_seq > 0 else 0.0 if column == SD_VOLUME else NAN
    guard_leave(inside)
    return value


cdef int64_t sd_as_of(int64_t handle) noexcept nogil:
    """Watermark of the symbol, ns."""
    cdef uintptr_t* inside
    cdef Entry* entry = enter_entry(handle, &inside)
    cdef int64_t as_of = NAT
    if entry != NULL:
        as_of = symbol_watermark(entry.symbol)
        guard_leave(inside)
    return as_of


cdef int64_t sd_sequence(int64_t handle) noexcept nogil:
    """Changes of the symbol's store so far. O(symbols of the store)."""
    cdef Thread* thread = read_begin()  # the clock has a guard of its own; so its symbol stays
    cdef Entry* entry = find_entry(handle)
    cdef int64_t latest, sequence
    sequence = ERR_NO_SYMBOL if entry == NULL else clock_sequence(entry.symbol.clock, &latest)
    read_end(thread)
    return sequence


_cold = Cold(_append_cold, _append_lapping, _append_waiting, _count_cold, _slot_stop_cold, _value_cold)
