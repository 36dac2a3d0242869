# One symbol as a C struct: base ring, levels, trackers, counters; append and extend without the interpreter.

from libc.stdint cimport INT64_MIN, int32_t, int64_t

from sessiondata._aggregate cimport Level, level_merge, level_pull, level_settle
from sessiondata._extended cimport Extended
from sessiondata._gaps cimport Gaps
from sessiondata._grid cimport GridData, Region
from sessiondata._ring cimport Bar, Ring, ring_push_at
from sessiondata._status cimport (
    ERR_HIGH_LOW, ERR_NOT_FINITE, ERR_VOLUME, N_REASONS, STORED,
)


cdef enum:
    MAX_LEVELS = 18       # 16 derived intervals, the session bar, the extended one
    EDITS = 64            # rows changed out of turn that a symbol remembers


cdef struct Block:
    # Head of an allocation; the memory of a symbol's session is a list of them.
    Block* older
    int64_t n_bytes       # of the whole allocation


cdef struct Clock:
    int64_t as_of         # ns; moved by advance_to only, INT64_MIN before; shared by the symbols of a store
    int64_t judged        # ns, up to when slots are judged by the clock alone: as_of - grace_ns
    int64_t grace_ns      # how long after its end a bar may still arrive
    int64_t sequence      # changes of the store so far


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
    int64_t next_slot_ts  # ns, slot after the newest row, if that is on a slot of `region`; else INT64_MAX
    int64_t fold_stop     # ns, bars before it need no look around: whole slots, no new derived bar, rows to put them in
    int64_t last_ts       # ns, newest row; span_start - 1 while there is none
    int64_t newest_stop   # ns, end of the newest row; INT64_MIN while there is none
    int64_t n_edits       # changes but for rows added in turn, which move last_ts; sessions begun and ended, too
    int64_t newest_ts[2]  # ns, newest extended [0] and regular [1] row; INT64_MIN while there is none
    int64_t step_ns       # base interval
    Clock* clock          # the store's
    Level* levels         # parents before children; the last two are the session bar and the extended one
    int32_t n_levels
    int32_t root          # first level that regular base rows are folded into directly; the others by `next`
    int32_t extended_root  # the level of extended rows, if it is folded straight from base rows; else -1
    int32_t bars_updated  # set on change, cleared by the reader
    Ring base
    Gaps gaps
    const GridData* grid  # NULL before a session; memory of the Grid object that SymbolCore keeps alive
    const Region* region  # region of the newest row
    int (*make_room)(Symbol*) noexcept nogil  # moves a symbol to the roomy block; NULL where it is there already
    int64_t span_rows     # rows of the base ring in the roomy block
    Block** blocks        # newest block, where its owner keeps it
    Extended* extended    # base slots expected outside the segments; NULL: none
    int64_t n_edited      # base rows inserted or replaced out of turn in this session
    int64_t* edited_ts    # ns, the last EDITS of them: number n at n % EDITS; memory of the block
    Counters counters


cdef inline int check_values(const Bar* bar) noexcept nogil:
    """0, or the status of the first rule about values that the bar breaks."""
    # x - x is 0 for finite x and NaN for infinities and NaN.
    if not ((bar.open - bar.open) + (bar.high - bar.high) + (bar.low - bar.low) + (bar.close - bar.close)
            + (bar.volume - bar.volume) == 0.0):
        return ERR_NOT_FINITE
    if bar.high < bar.low:
        return ERR_HIGH_LOW
    if bar.volume < 0.0:
        return ERR_VOLUME
    return 0


cdef inline bint symbol_expects(const Symbol* symbol, int64_t ts) noexcept nogil:
    """Whether a bar at `ts` is the very next one and begins no derived bar; False before a session."""
    return ts == symbol.next_slot_ts and ts < symbol.fold_stop


cdef inline int symbol_store(Symbol* symbol, Bar* bar) noexcept nogil:
    """Store one bar whose values have been checked, and everything it causes; returns a status.

    A session must have been started. `bar.n_base` is scratch. O(roots) for a bar that is expected, O(levels) for others
    that are the newest."""
    cdef int32_t i
    if not symbol_expects(symbol, bar.ts):
        return symbol_store_apart(symbol, bar)
    bar.n_base = 1
    ring_push_at(&symbol.base, symbol.base.next_seq - symbol.base.origin, bar)
    symbol.gaps.frontier += 1
    symbol.gaps.n_present += 1
    symbol.last_ts = symbol.newest_ts[1] = bar.ts
    symbol.next_slot_ts = symbol.newest_stop = bar.ts + symbol.step_ns
    i = symbol.root
    while i >= 0:
        level_merge(&symbol.levels[i], bar, True)
        i = symbol.levels[i].next
    symbol.clock.sequence += 1
    symbol.bars_updated = 1
    return STORED


cdef inline int symbol_append(Symbol* symbol, Bar* bar) noexcept nogil:
    """Check and store one bar; returns a status. A session must have been started."""
    cdef int status = check_values(bar)
    return status if status else symbol_store(symbol, bar)


cdef inline void symbol_settle(Symbol* symbol, int32_t level) noexcept nogil:
    """Bring ring and tracker of a level up to date. Every reader of them calls it first."""
    if symbol.levels[level].settled_seq != symbol.base.next_seq:
        level_settle(symbol.levels, level, symbol.grid, symbol.base.next_seq)


cdef inline void symbol_fold(Symbol* symbol) noexcept nogil:
    """Bring the newest bars and trackers of all levels up to date, but not the rings' last rows: what a reader needs
    who takes the newest row of a level from `bar`. O(levels)."""
    cdef int32_t i
    cdef Level* level
    for i in range(symbol.n_levels - 1):
        level = &symbol.levels[i]
        if level.parent >= 0 and level.settled_seq != symbol.base.next_seq:
            level_pull(symbol.levels, i, symbol.grid)


cdef inline bint clock_advance(Clock* clock, int64_t ts) noexcept nogil:
    """Move the clock forwards; False (and no change) if it stands there already or further."""
    if ts <= clock.as_of:
        return False
    clock.as_of = ts
    clock.judged = ts - clock.grace_ns if ts >= INT64_MIN + clock.grace_ns else INT64_MIN
    clock.sequence += 1
    return True


cdef inline void symbol_note_edit(Symbol* symbol, int64_t ts) noexcept nogil:
    """Remember that the base row at `ts` was inserted or replaced out of turn."""
    symbol.edited_ts[symbol.n_edited % EDITS] = ts
    symbol.n_edited += 1
    symbol.n_edits += 1


cdef inline int64_t symbol_as_of(const Symbol* symbol) noexcept nogil:
    """Up to when the symbol is judged, in ns: the store's clock less its grace, or the end of the newest row, which
    proves that the feed has come so far; INT64_MIN if neither."""
    return symbol.clock.judged if symbol.clock.judged > symbol.newest_stop else symbol.newest_stop


cdef void symbol_start(Symbol* symbol, const GridData* grid) noexcept nogil
cdef int symbol_store_apart(Symbol* symbol, Bar* bar) noexcept nogil
cdef int symbol_reserve(Symbol* symbol, const int64_t* ts, int64_t n, int64_t n_new) noexcept nogil
cdef int check_bar(const Symbol* symbol, const Bar* bar) noexcept nogil
cdef int64_t check_rows(const Symbol* symbol, const int64_t* ts, const double* open, const double* high,
                        const double* low, const double* close, const double* volume, int64_t n,
                        int* out_status, bint* out_in_order) noexcept nogil
cdef int64_t symbol_extend(Symbol* symbol, const int64_t* ts, const double* open, const double* high,
                           const double* low, const double* close, const double* volume, int64_t n) noexcept nogil
cdef void symbol_open_label(const Symbol* symbol, int64_t* ts) noexcept nogil
cdef bint symbol_check(const Symbol* symbol) noexcept nogil
