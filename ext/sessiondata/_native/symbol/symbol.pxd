# One symbol as a C struct: base ring, levels, trackers, counters; append and extend without the
# interpreter.

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t, uintptr_t

from sessiondata._native.rows.aggregate cimport Level, level_pull, level_flush
from sessiondata._native.slots.extended cimport Extended
from sessiondata._native.slots.gaps cimport Gaps
from sessiondata._native.slots.grid cimport GridData, Region, SlotTable
from sessiondata._native.base.guard cimport Guard, guard_enter, guard_leave, peek
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, ring_push_base
from sessiondata._native.base.status cimport N_REASONS, STORED
from sessiondata._native.rows.ticks cimport SUM_LIMIT, TickCounters, TickRing
from sessiondata._native.base.time cimport LEAST_START


cdef enum:
    MAX_LEVELS = 18       # 16 derived intervals, the session bar, the extended one
    EDITS = 64            # rows changed out of order that a symbol remembers


# operations of `route_earlier`, which acquires the GIL: never from inside the symbol's guard
cdef enum:
    EARLIER_OPEN = 0      # the bar's time is that of its end: make it that of its start
    EARLIER_RESERVE = 1   # make sure that storing the bar cannot fail
    EARLIER_STORE = 2


cdef struct Block:
    # Head of an allocation; the memory of a symbol's session is a list of them.
    Block* older
    int64_t n_bytes       # of the whole allocation


cdef struct Clock:
    # Shared by the symbols of a store. Written in the guard of all clocks, read by everybody at any
    # time.
    int64_t as_of         # ns; moved by advance_to only, INT64_MIN before
    int64_t watermark     # ns, up to when slots have elapsed by the clock alone: as_of - grace_ns
    int64_t grace_ns      # how long after its end a bar may still arrive
    int64_t changes       # of the store so far, but for those that its symbols count themselves
    Symbol** symbols      # those that do, in no order
    int64_t n_symbols
    int64_t room          # in `symbols`
    # stack of symbols that have fired (`symbol_fire`), linked by `next_fired`; the last one's is the
    # clock itself
    void* fired
    int64_t n_watching    # consumers of closed bars: symbols that join are watched if there are any


cdef struct Counters:
    int64_t late
    int64_t corrected
    int64_t repeated
    int64_t too_old
    int64_t other_session
    int64_t off_grid
    int64_t extended
    int64_t skipped[N_REASONS]


cdef struct Symbol:
    # What each bar touches comes first, so that it shares few cache lines.
    #
    # ns, slot after the newest row, if that is on a slot of `region`; else INT64_MAX
    int64_t next_slot_ts
    # ns, up to it bars may follow slot by slot: whole slots of `region`, with rows for them
    int64_t run_stop
    # ns, those of them that need no fold: where the first slot of the roots ends, or sooner
    int64_t fold_stop
    int64_t last_ts       # ns, newest row; span_start - 1 while there is none
    # ns, end of the newest row, of ticks see `fed_until`; INT64_MIN while there is none
    int64_t newest_stop
    # ns, newest extended [0] and regular [1] row; INT64_MIN while there is none
    int64_t newest_ts[2]
    int64_t step_ns       # base interval
    # changes but for rows added in order, which move last_ts; sessions begun and ended, too
    int64_t n_edits
    int64_t changes       # of the symbol so far: its part of the store's sequence
    # the store's; up to here: what tells whether there is anything to send
    Clock* clock
    Guard* guard          # of the handle, if there is one: without it, all callers hold the GIL
    # parents before children; the last two are the session bar and the extended one
    Level* levels
    int64_t wait_ns       # how long base rows may wait to be folded into the roots
    # base rows from it on have not been folded into the roots (`symbol_store_next`)
    int64_t folded_seq
    int32_t n_levels
    # first level that regular base rows are folded into directly; the others by `next`
    int32_t root
    # the level of extended rows, if it is folded straight from base rows; else -1
    int32_t extended_root
    int32_t bars_updated  # set on change, cleared by the reader
    Ring base
    Gaps gaps
    # NULL before a session; memory of the Grid object that SymbolCore keeps alive
    const GridData* grid
    const Region* region  # region of the newest row
    # Moves a symbol without a capacity of its own to a block with room for so many more rows; else
    # NULL.
    int (*make_room)(Symbol*, int64_t n_new) noexcept nogil
    # INPUT_*: what makes base rows; ticks and quotes never set next_slot_ts
    int32_t input_kind
    # 1: the newest base row has grown in place since levels were brought up to date
    int32_t grown
    int64_t n_edited      # base rows inserted or replaced out of order in this session
    # ns, end of the newest base row's slot, if ticks or quotes made it; else INT64_MIN
    int64_t base_stop
    # `base_stop`, or INT64_MIN: trades that grow the newest row go the cold way, since a consumer of
    # closed bars has been told of it
    int64_t grow_stop
    TickRing* ticks       # trades; NULL until there is one. Memory of a block, as is that of quotes
    TickRing* quotes      # up to here: what a delta reads of each symbol (`out/json`)
    # rows of the base ring in the roomy block; grows with the rows beside its slots
    int64_t span_rows
    Block** blocks        # newest block, where its owner keeps it
    void* owner           # the SymbolCore
    # What becomes of a bar from before the span, if the symbol has days in history; else NULL. See
    # `objects/days`.
    int (*route_earlier)(Symbol*, Bar*, int operation) noexcept nogil
    Extended* extended    # base slots expected outside the segments; NULL: none
    # ns, the last EDITS of the base rows counted by n_edited: number n at n % EDITS; in the block
    int64_t* edited_ts
    # base slots that bars have filled while no bars fed the symbol: a bit each; in the block
    uint64_t* filled
    Counters counters
    TickCounters tick_counters[2]  # of trades, of quotes
    int64_t place         # among the symbols of `clock`
    int64_t tick_capacity   # rows of the rings to come
    int64_t quote_capacity
    int32_t quote_bars    # QUOTE_BARS_*: the bars that quotes make
    # 1: bars whose open or close lies outside [low, high] are refused; no bar just follows then
    int32_t strict
    # bytes of the block for want of which a caller without the GIL got ERR_MEMORY; else 0
    int64_t wanted
    # the block that it then came back with, while it is inside the guard; else NULL
    Block* spare
    # rows of past days, as far as they have been looked up: NULL, or by series NULL or the `Past`
    # of `symbol/past` that holds until history changes; MAX_LEVELS + 1 pointers, which SymbolCore
    # owns
    const void** past
    # ns, bars from it on may close a bar that a consumer waits for (`symbol_watch`); INT64_MAX: none
    # waits, or the symbol has fired already
    int64_t watch_ts
    void* next_fired      # NULL while it is not in the stack `Clock.fired`
    int64_t number        # among the symbols of the store in order, as its consumers count them


cdef inline bint is_before_all(const Symbol* symbol, int64_t ts) noexcept nogil:
    """Whether a time lies before 1990 and the session does not. Nothing streams such bars: their
    times are integers of another unit than nanoseconds. There must be a session."""
    return ts < LEAST_START and symbol.grid.span_start >= LEAST_START


cdef inline int64_t filled_bytes(const SlotTable* table) noexcept nogil:
    """Bytes of `Symbol.filled`, whole lines of memory."""
    return (table.n_slots + 511) // 512 * 64


cdef inline uintptr_t* symbol_enter(Symbol* symbol) noexcept nogil:
    """Keep callers without the GIL out until `symbol_leave` of what this returns.

    Whoever is inside calls nothing that might wait for another thread, or run Python: no object
    that the garbage collector knows of is made there. Holding the GIL is enough for what only
    holders of the GIL change (`grid`, `route_earlier`, `guard`)."""
    return guard_enter(symbol.guard) if symbol.guard != NULL else NULL


cdef inline void symbol_leave(uintptr_t* inside) noexcept nogil:
    if inside != NULL:
        guard_leave(inside)


cdef inline void forget_past(Symbol* symbol) noexcept nogil:
    """What has been looked up of past days holds no longer. Inside the guard."""
    cdef int k
    if symbol.past != NULL:
        for k in range(MAX_LEVELS + 1):
            symbol.past[k] = NULL


cdef inline bint has_plain_values(const Bar* bar) noexcept nogil:
    """Whether the values surely break no rule; `check_values` tells of the few others."""
    cdef double total = bar.open + bar.high + bar.low + bar.close
    # total - total is 0, but NaN where one of them is NaN or infinite, or the sum is beyond
    # float64.
    return bar.high >= bar.low and bar.volume >= total - total and not bar.volume >= SUM_LIMIT


cdef inline int check_values(const Bar* bar) noexcept nogil:
    """0, or the status of the first rule about values that the bar breaks."""
    if has_plain_values(bar):
        return 0
    return check_values_cold(bar.open, bar.high, bar.low, bar.close, bar.volume)


cdef inline bint is_inconsistent(double open, double high, double low, double close) noexcept nogil:
    """Whether the open or the close of a bar lies outside [low, high]."""
    return open > high or open < low or close > high or close < low


cdef inline bint symbol_follows(const Symbol* symbol, int64_t ts) noexcept nogil:
    """Whether a bar at `ts` is simply the next one, on the slot after the newest row's; False
    before a session."""
    return ts == symbol.next_slot_ts and ts < symbol.run_stop


cdef inline bint symbol_count_next(Symbol* symbol, int64_t ts) noexcept nogil:
    """All that `symbol_push_next` does but for the row."""
    symbol.gaps.frontier += 1
    symbol.last_ts = symbol.newest_ts[1] = ts
    symbol.next_slot_ts = symbol.newest_stop = ts + symbol.step_ns
    symbol.changes += 1
    symbol.bars_updated = 1
    return ts >= symbol.fold_stop


cdef inline bint symbol_push_next(Symbol* symbol, const Bar* bar) noexcept nogil:
    """Store a bar that follows, and no more: the roots fold some rows at once, when a slot ends or
    somebody asks. Returns whether that is now due (`symbol_fold_due`). O(1).

    No address of the bar leaves this function, so that where it is inlined a bar can stay in
    registers."""
    cdef Bar row = Bar(bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, 1)
    ring_push_base(&symbol.base, symbol.base.next_seq - symbol.base.origin, &row)
    return symbol_count_next(symbol, row.ts)


cdef inline int symbol_store_next(Symbol* symbol, const Bar* bar) noexcept nogil:
    """`symbol_store` of a bar that follows. O(1), and O(levels) where slots end. Its one call comes
    last."""
    return <int>symbol_fold_due(symbol, NULL) if symbol_push_next(symbol, bar) else STORED


cdef inline int symbol_store(Symbol* symbol, const Bar* bar) noexcept nogil:
    """Store one bar whose values have been checked, and everything it causes; returns a status.

    A session must have been started. O(levels) for a bar that is the newest. EARLIER, and nothing
    has changed, if the bar may be of a day in history."""
    cdef Bar row
    if symbol_follows(symbol, bar.ts):
        return symbol_store_next(symbol, bar)
    # its address may go, that of `bar` not
    row = Bar(bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, 0)
    return symbol_store_cold(symbol, &row)


cdef inline int symbol_append(Symbol* symbol, const Bar* bar) noexcept nogil:
    """Check and store one bar; returns a status. A session must have been started."""
    cdef int status = check_values(bar)
    return status if status else symbol_store(symbol, bar)


cdef inline void symbol_flush(Symbol* symbol, int32_t level) noexcept nogil:
    """Bring ring and tracker of a level up to date. Every reader of them calls it first."""
    if symbol.grown:
        symbol_mark_dirty(symbol)
    if symbol.levels[level].flushed_seq != symbol.base.next_seq:
        symbol_fold(symbol)
        level_flush(symbol.levels, level, symbol.grid, symbol.base.next_seq)


cdef inline void symbol_fold_levels(Symbol* symbol) noexcept nogil:
    """Bring the newest bars and trackers of all levels up to date, but not the rings' last rows:
    what a reader needs that reads the newest row of a level from `bar`. O(levels)."""
    cdef int32_t i
    cdef Level* level
    if symbol.grown:
        symbol_mark_dirty(symbol)
    symbol_fold(symbol)
    for i in range(symbol.n_levels - 1):
        level = &symbol.levels[i]
        if level.parent >= 0 and level.flushed_seq != symbol.base.next_seq:
            level_pull(symbol.levels, i, symbol.grid)


cdef inline void symbol_note_edit(Symbol* symbol, int64_t ts) noexcept nogil:
    """Remember that the base row at `ts` was inserted or replaced out of order."""
    symbol.edited_ts[symbol.n_edited % EDITS] = ts
    symbol.n_edited += 1
    symbol.n_edits += 1


cdef inline void symbol_note_change(Symbol* symbol) noexcept nogil:
    """Rows have changed, or the time up to which they are known, in a way that may concern who
    waits for closed bars."""
    if symbol.watch_ts != INT64_MAX:
        symbol_fire(symbol)


cdef inline void symbol_set_base_stop(Symbol* symbol, int64_t stop) noexcept nogil:
    symbol.base_stop = symbol.grow_stop = stop


cdef inline int64_t symbol_watermark(const Symbol* symbol) noexcept nogil:
    """Watermark of the symbol, in ns: the store's clock less its grace, or the end of the
    newest row, which proves that the feed has come so far; INT64_MIN if neither."""
    cdef int64_t watermark = peek(&symbol.clock.watermark), newest_stop = peek(&symbol.newest_stop)
    return watermark if watermark > newest_stop else newest_stop


cdef void symbol_fire(Symbol* symbol) noexcept nogil
cdef void symbol_watch(Symbol* symbol, int64_t ts, bint grows) noexcept nogil
cdef void symbol_start(Symbol* symbol, const GridData* grid) noexcept nogil
cdef int check_values_cold(double open, double high, double low, double close, double volume) noexcept nogil
cdef void symbol_fold(Symbol* symbol) noexcept nogil
cdef int64_t symbol_fold_due(Symbol* symbol, uintptr_t* inside) noexcept nogil
cdef int64_t symbol_fold_due_all(Symbol* symbol, uintptr_t* inside) noexcept nogil
cdef int symbol_store_cold(Symbol* symbol, Bar* bar) noexcept nogil
cdef int symbol_place(Symbol* symbol, Bar* bar) noexcept nogil
cdef bint symbol_is_too_old(const Symbol* symbol, const Region* region, int64_t ts, bint exists) noexcept nogil
cdef void symbol_place_late(Symbol* symbol, const Region* region, int64_t seq, bint exists,
                            const Bar* bar) noexcept nogil
cdef void symbol_flush_all(Symbol* symbol) noexcept nogil
cdef void symbol_end_block(Symbol* symbol) noexcept nogil
cdef void symbol_mark_dirty(Symbol* symbol) noexcept nogil
cdef int64_t first_at_or_after(const int64_t* ts, int64_t n, int64_t bound) noexcept nogil
cdef int symbol_reserve(Symbol* symbol, const int64_t* ts, int64_t n, int64_t n_new) noexcept nogil
cdef int check_bar(const Symbol* symbol, const Bar* bar) noexcept nogil
cdef int64_t check_rows(const Symbol* symbol, const Columns* rows, int64_t n, int* out_status,
                        bint* out_in_order) noexcept nogil
cdef int64_t symbol_extend(Symbol* symbol, const Columns* rows, int64_t n) noexcept nogil
cdef int symbol_append_with_gil(Symbol* symbol, Bar* bar) noexcept nogil
cdef int64_t start_of_bar(const GridData* grid, int64_t step, int64_t end) noexcept nogil
cdef void symbol_open_label(Symbol* symbol, int64_t* ts) noexcept nogil
cdef bint symbol_ends_earlier(const Symbol* symbol, int64_t end) noexcept nogil
cdef bint symbol_check(const Symbol* symbol) noexcept nogil
