"""C functions for compiled callers: thin, on plain numbers, without the interpreter.

A caller holds a symbol by its handle, a number, never by its address. A handle names an entry of one table:

    handle  = generation << 24 | index
    entries [ handle, Symbol*, label, steps ... ]      an entry that is given back forgets its handle, and gets another
                                                       generation when it is taken again

so that a handle that has outlived its symbol, or was never one, is told by one comparison: the call returns
SD_ERR_NO_SYMBOL and touches nothing. (Rejected: the address itself as the handle. It costs a load less, which the
processor hides anyway, and the first stale one reads freed memory.)

The table is taken and given back under the GIL only. When it is full a larger one takes its place; the old one is never
freed, because a thread without the GIL may just be reading it. All the old ones together are smaller than the new one.

Threads: one at a time for each symbol, and ending or beginning its session, or removing it, is writing to it.
"""

from libc.stdint cimport int32_t, uint64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

from sessiondata._aggregate cimport Level
from sessiondata._gaps cimport Gaps, gaps_count, gaps_missing, gaps_present
from sessiondata._feed cimport feed_quote, feed_trade
from sessiondata._grid cimport expected_at
from sessiondata._layout cimport series_gaps, series_ring, series_slot_stop, series_value
from sessiondata._ring cimport Bar, Ring, ring_oldest, ring_row, ring_values
from sessiondata._status cimport (
    ERR_NAT, ERR_NO_SERIES, ERR_NO_SESSION, ERR_NO_SYMBOL,
)
from sessiondata._symbol cimport (
    MAX_LEVELS, Symbol, clock_advance, has_plain_values, symbol_append_apart, symbol_as_of, symbol_follows,
    symbol_settle, symbol_store_next,
)
from sessiondata._ticks cimport SOURCE_BARS, Tick
from sessiondata._time cimport NAT

ABI = 2  # see sd_abi_2 in the .pxd

cdef int64_t sd_abi_2 = 2

cdef extern from "<math.h>" nogil:
    const double NAN


cdef enum:
    INDEX_BITS = 24
    FIRST_SIZE = 256


cdef struct Entry:
    int64_t handle              # free: that of another entry, so that nobody finds it
    Symbol* symbol
    int64_t generation          # of this entry, so far
    int32_t close_label         # timestamps that are appended are the ends of bars
    int32_t n_series
    int64_t steps_ns[MAX_LEVELS + 1]


cdef struct Table:
    int64_t size
    Entry* entries


cdef Table _no_table            # of size 0, until somebody asks for a handle
cdef Table* _table = &_no_table
cdef list _free = []            # indices of free entries


cdef inline Entry* _find(int64_t handle) noexcept nogil:
    """Entry of a handle; NULL if it is of no living symbol."""
    cdef Table* table = _table
    cdef int64_t index = handle & ((<int64_t>1 << INDEX_BITS) - 1)
    if index >= table.size or table.entries[index].handle != handle:
        return NULL
    return &table.entries[index]


cdef inline int64_t _check(const Entry* entry, int64_t k) noexcept nogil:
    """0 if there is a series `k`, else the error."""
    if entry == NULL:
        return ERR_NO_SYMBOL
    if entry.symbol.grid == NULL:
        return ERR_NO_SESSION
    return 0 if <uint64_t>k < <uint64_t>entry.n_series else ERR_NO_SERIES  # one comparison: k may be negative


cdef inline Ring* _ring(const Entry* entry, int64_t k) noexcept nogil:
    """Ring of series `k`, brought up to date."""
    if k > 0:
        symbol_settle(entry.symbol, <int32_t>k - 1)
    return series_ring(entry.symbol, k)


cdef inline Ring* _ring_begun(const Entry* entry, int64_t k) noexcept nogil:
    """Ring of series `k` with every row that has begun, though the newest may not have its values yet."""
    # A level on base rows begins its rows at once; bringing it up to date for their number would cost six stores a bar.
    if k > 0 and entry.symbol.levels[k - 1].parent >= 0:
        symbol_settle(entry.symbol, <int32_t>k - 1)
    return series_ring(entry.symbol, k)


cdef int64_t sd_append(int64_t handle, int64_t ts_ns, double open, double high, double low, double close,
                       double volume) noexcept nogil:
    """Store one bar and everything it causes; returns what became of it."""
    cdef Entry* entry = _find(handle)
    cdef Bar bar = Bar(ts_ns, open, high, low, close, volume, 0)
    if entry == NULL:
        return ERR_NO_SYMBOL
    # Here no address of the bar leaves this function, and both calls come last: no register is saved, none restored.
    if entry.close_label or not symbol_follows(entry.symbol, ts_ns) or not has_plain_values(&bar):
        return symbol_append_apart(entry.symbol, entry.close_label, ts_ns, open, high, low, close, volume)
    return symbol_store_next(entry.symbol, &bar)


cdef int64_t sd_append_tick(int64_t handle, int64_t ts_ns, double price, double size,
                            int64_t exchange) noexcept nogil:
    """Store one trade and everything it causes; returns what became of it."""
    cdef Entry* entry = _find(handle)
    cdef Tick tick
    if entry == NULL:
        return ERR_NO_SYMBOL
    if entry.symbol.grid == NULL:
        return ERR_NO_SESSION
    tick.ts, tick.value[0], tick.value[1], tick.exchange = ts_ns, price, size, exchange
    return feed_trade(entry.symbol, &tick)


cdef int64_t sd_append_quote(int64_t handle, int64_t ts_ns, double bid, double ask, double bid_size,
                             double ask_size) noexcept nogil:
    """Store one quote and everything it causes; returns what became of it."""
    cdef Entry* entry = _find(handle)
    cdef Tick tick
    if entry == NULL:
        return ERR_NO_SYMBOL
    if entry.symbol.grid == NULL:
        return ERR_NO_SESSION
    tick.ts, tick.value[0], tick.value[1], tick.exchange = ts_ns, bid, ask, 0
    tick.value[2], tick.value[3] = bid_size, ask_size
    return feed_quote(entry.symbol, &tick)


cdef int64_t sd_advance_to(int64_t handle, int64_t ts_ns) noexcept nogil:
    """Move the clock of the symbol's store forwards: 1, or 0 if it stands there already or further."""
    cdef Entry* entry = _find(handle)
    if entry == NULL:
        return ERR_NO_SYMBOL
    if ts_ns == NAT:
        return ERR_NAT
    return clock_advance(entry.symbol.clock, ts_ns)


cdef int64_t sd_series(int64_t handle, int64_t step_ns) noexcept nogil:
    """Number of the series with bars of this length (0: the session's, "1d"). Needs no session."""
    cdef Entry* entry = _find(handle)
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
    cdef Entry* entry = _find(handle)
    cdef int64_t status = _check(entry, k)
    if status:
        return status
    cdef Ring* ring = _ring_begun(entry, k)
    return ring.next_seq - ring_oldest(ring)


cdef int64_t sd_total_count(int64_t handle, int64_t k) noexcept nogil:
    """Rows ever added in this session."""
    cdef Entry* entry = _find(handle)
    cdef int64_t status = _check(entry, k)
    return status if status else _ring_begun(entry, k).next_seq


cdef inline const double* _values(const Ring* ring, int64_t column) noexcept nogil:
    """Memory of a column of doubles; NULL if there is no such column."""
    return ring_values(ring, column) if SD_OPEN <= column <= SD_VOLUME else NULL


cdef int64_t sd_timestamp(int64_t handle, int64_t k, int64_t i) noexcept nogil:
    """Time of a row, ns."""
    cdef Entry* entry = _find(handle)
    cdef Ring* ring
    cdef int64_t at
    if _check(entry, k):
        return NAT
    ring = _ring_begun(entry, k)
    at = ring_row(ring, i)
    return NAT if at < 0 else ring.ts[at]


cdef double sd_value(int64_t handle, int64_t k, int64_t column, int64_t i) noexcept nogil:
    """One value of a row."""
    cdef Entry* entry = _find(handle)
    cdef const Ring* ring
    cdef const Level* level
    cdef int64_t at
    if _check(entry, k) or not SD_OPEN <= column <= SD_VOLUME:
        return NAN
    if k == 0:
        ring = &entry.symbol.base
        at = ring_row(ring, i)
    else:
        level = &entry.symbol.levels[k - 1]
        ring = &level.ring
        at = ring_row(ring, i)
        # Up to date as they are: all rows but the newest of a level that begins its rows at once.
        if level.parent >= 0 or at == ring.next_seq - 1 - ring.origin:
            return series_value(entry.symbol, k, column, i)  # the one call comes last, as in sd_append
    return NAN if at < 0 else ring_values(ring, column)[at]


cdef int64_t sd_column(int64_t handle, int64_t k, int64_t column, const void** out_rows) noexcept nogil:
    """Live rows of a column as one stretch of memory, oldest first; returns how many there are.

    int64_t for SD_TIMESTAMP, else double. Not to be written to, and good until the symbol is written to again."""
    cdef Entry* entry = _find(handle)
    cdef int64_t status = _check(entry, k), first
    cdef Ring* ring
    cdef const double* values
    out_rows[0] = NULL
    if status:
        return status
    ring = _ring(entry, k)
    first = ring_oldest(ring) - ring.origin
    if column == SD_TIMESTAMP:
        out_rows[0] = ring.ts + first
    else:
        values = _values(ring, column)
        if values == NULL:
            return ERR_NO_SERIES
        out_rows[0] = values + first
    return ring.next_seq - ring_oldest(ring)


cdef int64_t sd_copy_last(int64_t handle, int64_t k, int64_t column, int64_t n, double* out_values) noexcept nogil:
    """Copy the newest `n` values of a column, oldest first; returns how many there were (less than `n` of a short
    series)."""
    cdef const void* rows
    cdef int64_t count = sd_column(handle, k, column, &rows)
    if count < 0:
        return count
    if column == SD_TIMESTAMP:
        return ERR_NO_SERIES
    n = 0 if n < 0 else n if n < count else count
    memcpy(out_values, <const double*>rows + count - n, n * sizeof(double))
    return n


cdef int64_t sd_forming(int64_t handle, int64_t k) noexcept nogil:
    """1 if the newest row is a bar still in progress, else 0."""
    cdef Entry* entry = _find(handle)
    cdef int64_t status = _check(entry, k)
    if status:
        return status
    return (_ring_begun(entry, k).next_seq > 0 and symbol_as_of(entry.symbol)
            < (entry.symbol.base_stop if k == 0 else entry.symbol.levels[k - 1].slot_stop))


cdef int64_t sd_slot_stop(int64_t handle, int64_t k) noexcept nogil:
    """End of the newest row's slot, ns: a bar from there on begins another row of series `k`."""
    cdef Entry* entry = _find(handle)
    cdef const Level* level
    if _check(entry, k):
        return NAT
    if k == 0:
        return NAT if entry.symbol.base.next_seq == 0 else entry.symbol.newest_stop \
            if entry.symbol.source == SOURCE_BARS else entry.symbol.base_stop
    level = &entry.symbol.levels[k - 1]
    return level.slot_stop if level.parent < 0 else series_slot_stop(entry.symbol, k)


# --- what is missing ---

cdef int64_t _tally(int64_t handle, int64_t k, Gaps** out_gaps, int32_t* out_expected) noexcept nogil:
    cdef Entry* entry = _find(handle)
    cdef int64_t status = _check(entry, k)
    if status == 0:
        _ring_begun(entry, k)
        out_gaps[0] = series_gaps(entry.symbol, k)
        out_expected[0] = expected_at(out_gaps[0].table, symbol_as_of(entry.symbol))
    return status


cdef int64_t sd_expected(int64_t handle, int64_t k) noexcept nogil:
    """Slots that are over."""
    cdef Gaps* gaps
    cdef int32_t expected
    cdef int64_t status = _tally(handle, k, &gaps, &expected)
    return status if status else expected


cdef int64_t sd_present(int64_t handle, int64_t k) noexcept nogil:
    """Slots among the expected with a bar on them."""
    cdef Gaps* gaps
    cdef int32_t expected
    cdef int64_t status = _tally(handle, k, &gaps, &expected)
    return status if status else gaps_present(gaps, expected)


cdef int64_t sd_missing(int64_t handle, int64_t k) noexcept nogil:
    """Slots among the expected without a bar, and without a mark that explains it."""
    cdef Gaps* gaps
    cdef int32_t expected
    cdef int64_t status = _tally(handle, k, &gaps, &expected)
    return status if status else gaps_missing(gaps, expected)


cdef int64_t sd_gap_count(int64_t handle, int64_t k) noexcept nogil:
    """Runs of missing slots."""
    cdef Gaps* gaps
    cdef int32_t expected
    cdef int64_t status = _tally(handle, k, &gaps, &expected)
    return status if status else gaps_count(gaps, expected)


cdef double sd_quality(int64_t handle, int64_t k) noexcept nogil:
    """100 * present / expected, 100.0 where nothing is expected. Computed: what `set_quality` pinned is not seen."""
    cdef Gaps* gaps
    cdef int32_t expected
    if _tally(handle, k, &gaps, &expected):
        return NAN
    return 100.0 * gaps_present(gaps, expected) / expected if expected else 100.0


# --- the session ---

cdef double sd_session_value(int64_t handle, int64_t column) noexcept nogil:
    """A value of the session's bar: all regular rows so far, whether "1d" is a series or not. Without rows the volume
    is 0."""
    cdef Entry* entry = _find(handle)
    cdef Ring* ring
    cdef const double* values
    if entry == NULL or entry.symbol.grid == NULL:
        return NAN
    ring = _ring(entry, entry.symbol.n_levels - 1)
    values = _values(ring, column)
    if values == NULL:
        return NAN
    return values[0] if ring.next_seq > 0 else 0.0 if column == SD_VOLUME else NAN


cdef int64_t sd_as_of(int64_t handle) noexcept nogil:
    """Up to when the symbol is judged, ns."""
    cdef Entry* entry = _find(handle)
    return NAT if entry == NULL else symbol_as_of(entry.symbol)


cdef int64_t sd_sequence(int64_t handle) noexcept nogil:
    """Changes of the symbol's store so far."""
    cdef Entry* entry = _find(handle)
    return ERR_NO_SYMBOL if entry == NULL else entry.symbol.clock.sequence


# --- handles ---

cdef int64_t handle_take(void* symbol, tuple steps_ns, bint close_label) except -1:
    """A handle for a symbol that stays where it is until the handle is given back."""
    cdef Entry* entry
    cdef Py_ssize_t k
    if not _free:
        _grow()
    cdef int64_t index = _free.pop()
    entry = &_table.entries[index]
    entry.symbol, entry.close_label, entry.n_series = <Symbol*>symbol, close_label, <int32_t>len(steps_ns)
    for k in range(len(steps_ns)):
        entry.steps_ns[k] = steps_ns[k]
    entry.generation += 1
    entry.handle = entry.generation << INDEX_BITS | index
    return entry.handle


cdef void handle_give_back(int64_t handle) noexcept:
    """Let calls with this handle fail from now on."""
    cdef Entry* entry = _find(handle)
    cdef int64_t index
    if entry != NULL:
        index = handle & ((<int64_t>1 << INDEX_BITS) - 1)
        entry.handle = index ^ 1
        entry.symbol = NULL
        _free.append(index)


cdef int _grow() except -1:
    """Put a table of twice the size in place of the full one."""
    global _table
    cdef int64_t before = _table.size, i
    cdef int64_t size = 2 * before if before else FIRST_SIZE
    if size > <int64_t>1 << INDEX_BITS:
        raise MemoryError("too many symbols are held by compiled callers")
    cdef Table* table = <Table*>calloc(1, sizeof(Table) + size * sizeof(Entry))
    if table == NULL:
        raise MemoryError
    table.size, table.entries = size, <Entry*>(table + 1)
    if before:
        memcpy(table.entries, _table.entries, before * sizeof(Entry))
    for i in range(before, size):
        table.entries[i].handle = i ^ 1
    _table = table
    _free.extend(range(size - 1, before - 1, -1))
    return 0
