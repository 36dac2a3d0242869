"""One symbol: what a bar does, natively and completely, before the call returns.

    bar -> check -> next slot of the region?  push, fold later          (symbol_store_next, inline)
                        a root's slot ends: fold, hand down, begin      (symbol_fold_due)
                    newest?  place it, push, hand down slots that end   (symbol_store_cold)
                    else     equal: nothing; else replace or insert,
                             rebuild its slot of each level             (_append_out_of_order)
    arrays -> check all -> in order: copy, fold per region and level    (symbol_extend)

Nothing here allocates, calls the interpreter or knows a calendar. Functions return a status (see
`base/status`); a bar that is refused has changed a counter at most, a bar that breaks a rule
nothing at all.

Invariants (`symbol_check`): those of the ring, the trackers and the levels; last_ts is the newest
row's time; next_slot_ts, where set, is the slot after the newest row and gaps.frontier its ordinal.

The file is long because the hot path of a bar is one translation unit: the steps are inlined into
each other, and a call across modules would cost more than some of them.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, uint64_t, uintptr_t
from libc.string cimport memset

from sessiondata._native.rows.aggregate cimport (
    DAY, EXTENDED, INTRADAY, Fold, fold_rows, is_aligned, level_extend, level_hand_down, level_hand_down_row,
    level_mark_flushed, level_merge, level_merge_rows, level_open, level_rebuild, level_accepts,
)
from sessiondata._native.rows.columns cimport Columns, columns_from, is_suspicious
from sessiondata._native.slots.extended cimport extended_mark
from sessiondata._native.slots.gaps cimport gaps_check, gaps_mark_present, gaps_mark_rows
from sessiondata._native.slots.grid cimport find_region, ordinal_in, slot_number, slot_start_in
from sessiondata._native.rows.ring cimport (
    bar_at, ring_check, ring_columns, ring_extend, ring_find, ring_insert, ring_oldest, ring_push, ring_read,
    ring_replace, ring_room,
)
from sessiondata._native.base.status cimport (
    CORRECTED, EARLIER, ERR_HIGH_LOW, ERR_INCONSISTENT, ERR_INPUT_KIND, ERR_LATER_SESSION, ERR_NAT, ERR_NOT_FINITE,
    ERR_TS_RANGE, ERR_UNIT, ERR_VOLUME, LATE, OTHER_SESSION, REPEATED, TOO_OLD,
)
from sessiondata._native.rows.ticks cimport INPUT_BARS, INPUT_NONE, SUMMANDS
from sessiondata._native.base.guard cimport peek_pointer, swap_pointer_if
from sessiondata._native.base.time cimport NAT


cdef enum:
    CHECKED = 512         # rows that are checked as one, and row by row if that raises a suspicion
    PIECE = 1024          # rows that an extend folds and copies at once: 48 KiB
    # base rows at most that the roots have not folded: no call has to make up for more
    ROWS_WAITING = 31
    MANY_ROWS = 100_000   # times the longest step still an int64


cdef void symbol_start(Symbol* symbol, const GridData* grid) noexcept nogil:
    """Begin a session with no rows. Ring, levels and trackers have been laid out already."""
    symbol.grid, symbol.region = grid, &grid.regions[0]
    symbol.last_ts = grid.span_start - 1
    symbol.next_slot_ts = INT64_MAX
    symbol.newest_stop = symbol.run_stop = symbol.fold_stop = INT64_MIN
    symbol.newest_ts[0] = symbol.newest_ts[1] = INT64_MIN
    symbol.folded_seq = symbol.base.next_seq
    symbol.bars_updated = 0
    symbol.input_kind, symbol.grown = INPUT_NONE, 0
    symbol_set_base_stop(symbol, INT64_MIN)
    symbol.ticks = symbol.quotes = NULL
    symbol.n_edited = 0
    memset(symbol.filled, 0, <size_t>filled_bytes(symbol.gaps.table))


cdef void symbol_fire(Symbol* symbol) noexcept nogil:
    """Tell the consumers of closed bars to look at the symbol: once, until one of them has it
    watched again. In its guard."""
    cdef void** fired = &symbol.clock.fired
    cdef void* first
    symbol.watch_ts = INT64_MAX
    while True:
        first = peek_pointer(fired)
        symbol.next_fired = first if first != NULL else symbol.clock
        if swap_pointer_if(fired, first, symbol):
            return


cdef void symbol_watch(Symbol* symbol, int64_t ts, bint grows) noexcept nogil:
    """Have the symbol fire with the first change that is no bar in order before `ts`; `grows`: also
    with a trade in its newest row. In its guard.

    Bars in order know nothing of that: those from `ts` on are none that just follow, and trades of
    a row that somebody has been told of do not just grow it."""
    symbol.watch_ts = ts if ts < INT64_MAX else INT64_MAX - 1
    if symbol.run_stop > ts:
        symbol.run_stop = ts
    if grows:
        symbol.grow_stop = INT64_MIN


cdef int check_values_cold(double open, double high, double low, double close, double volume) noexcept nogil:
    """`check_values` where the sum of the values is not finite: each by itself."""
    cdef double total
    # x - x is 0 for finite x and NaN for infinities and NaN.
    if not (open - open) + (high - high) + (low - low) + (close - close) + (volume - volume) == 0.0:
        return ERR_NOT_FINITE
    if high < low:
        return ERR_HIGH_LOW
    total = volume * SUMMANDS
    return ERR_VOLUME if volume < 0.0 or not total - total == 0.0 else 0


cdef int check_bar(const Symbol* symbol, const Bar* bar) noexcept nogil:
    """0, or the status of the first rule that the bar breaks; before a session any date is as good
    as another."""
    cdef int status = check_values(bar)
    if status:
        return status
    if symbol.strict and is_inconsistent(bar.open, bar.high, bar.low, bar.close):
        return ERR_INCONSISTENT
    if bar.ts == NAT:
        return ERR_NAT
    if bar.ts > INT64_MAX - symbol.step_ns:
        return ERR_TS_RANGE
    return ERR_LATER_SESSION if symbol.grid != NULL and bar.ts >= symbol.grid.span_stop else 0


cdef inline void _mark_extended(Symbol* symbol, const Region* region, const int64_t* ts, int64_t n) noexcept nogil:
    """Tell the tracker of extended slots of rows in one region, if there is one."""
    cdef int64_t i
    if symbol.extended != NULL:
        for i in range(n):
            if is_aligned(region, symbol.step_ns, ts[i]):
                extended_mark(symbol.extended, ts[i])


cdef inline void _place_newest(Symbol* symbol, Bar* bar) noexcept nogil:
    """Find region and slot of the newest bar, tell the tracker, set bar.n_base."""
    cdef const Region* region = symbol.region
    cdef const int32_t* cuts
    cdef uint64_t number
    if bar.ts == symbol.next_slot_ts and bar.ts < region.stop:
        symbol.gaps.frontier += 1
        symbol.next_slot_ts += symbol.step_ns
        bar.n_base = 1
        return
    while bar.ts >= region.stop:
        region += 1
    symbol.region = region
    symbol.next_slot_ts = INT64_MAX
    if not region.regular:
        bar.n_base = is_aligned(region, symbol.step_ns, bar.ts)
        symbol.counters.extended += 1
        _mark_extended(symbol, region, &bar.ts, 1)
        return
    cuts = &symbol.gaps.table.cuts[region.segment]
    number = slot_number(symbol.gaps.table, region.anchor, bar.ts)
    bar.n_base = number < <uint64_t>(cuts[1] - cuts[0])
    if bar.n_base:
        gaps_mark_present(&symbol.gaps, cuts[0] + <int32_t>number)
        symbol.next_slot_ts = bar.ts + symbol.step_ns
    else:
        symbol.counters.off_grid += 1


cdef inline void _limit_waiting(Symbol* symbol, int64_t stop) noexcept nogil:
    """The next fold is due at `stop`, or when as many rows wait as may."""
    if symbol.next_slot_ts < stop and stop - symbol.next_slot_ts > symbol.wait_ns:
        stop = symbol.next_slot_ts + symbol.wait_ns
    symbol.fold_stop = stop


cdef inline void _limit_folds(Symbol* symbol) noexcept nogil:
    """Find out how far bars go that symbol_store may store without a look around. Everything has
    been folded."""
    cdef int64_t rows = ring_room(&symbol.base) - (symbol.base.next_seq - symbol.base.origin)
    cdef int64_t stop = symbol.region.stop - symbol.step_ns + 1
    cdef int64_t room = (rows if rows < MANY_ROWS else MANY_ROWS) * symbol.step_ns
    cdef int32_t i = symbol.root
    symbol_note_change(symbol)
    if symbol.next_slot_ts < stop and stop - symbol.next_slot_ts > room:
        stop = symbol.next_slot_ts + room
    # where bars just follow, nobody looks at their open
    symbol.run_stop = INT64_MIN if symbol.strict else stop
    while i >= 0:
        if symbol.levels[i].slot_stop < stop:
            stop = symbol.levels[i].slot_stop
        i = symbol.levels[i].next
    rows = symbol.base.capacity - 1  # as many may wait: the ring must lose none of them before
    symbol.wait_ns = (rows if rows < ROWS_WAITING else ROWS_WAITING) * symbol.step_ns
    symbol.folded_seq = symbol.base.next_seq
    _limit_waiting(symbol, stop)


cdef inline void _fold_newest(Symbol* symbol, int32_t i, const Bar* bar) noexcept nogil:
    """Fold the newest base row into a root."""
    cdef Level* level = &symbol.levels[i]
    if bar.ts < level.slot_stop:
        level_merge(level, bar, True)
    else:
        level_hand_down(symbol.levels, i, symbol.grid)
        level_open(level, symbol.grid, symbol.region, bar)


cdef void symbol_fold(Symbol* symbol) noexcept nogil:
    """Fold the base rows that wait into the roots. None of them begins a slot."""
    cdef int64_t n = symbol.base.next_seq - symbol.folded_seq
    cdef int32_t i = symbol.root
    if n == 0:
        return
    symbol.folded_seq = symbol.base.next_seq
    while i >= 0:
        level_merge_rows(&symbol.levels[i], &symbol.base, symbol.base.next_seq - n - symbol.base.origin, n)
        i = symbol.levels[i].next


cdef inline int64_t _fold_root(Symbol* symbol, Level* level) noexcept nogil:
    """Fold the base rows that wait into a root; the newest may begin another slot of it. Returns
    the slot's end."""
    # All that the end of a slot needs, in one piece: no pointer for each column, and what is done
    # with is not kept.
    cdef const Ring* base = &symbol.base
    cdef int64_t ts = symbol.last_ts, n = base.next_seq - symbol.folded_seq, stride = base.stride, seq, stop
    cdef const char* opens = <const char*>(base.ts + (symbol.folded_seq - base.origin)) + stride
    cdef const double* open = <const double*>opens
    cdef const double* high = <const double*>(opens + stride)
    cdef const double* low = <const double*>(opens + 2 * stride)
    cdef const double* close = <const double*>(opens + 2 * stride + stride)
    cdef const double* volume = <const double*>(opens + 4 * stride)
    cdef Ring* ring = &level.ring
    cdef Level* below
    cdef char* out_ts
    cdef char* out_open
    cdef double last_close = level.bar.close
    cdef Fold fold = Fold(level.bar.high, level.bar.low, level.bar.volume, level.bar.volume)
    cdef int32_t n_base = level.bar.n_base, child
    if ts < level.slot_stop:
        fold_rows(&fold, high, low, volume, n)
        level.bar.high, level.bar.low, level.bar.volume = fold.high, fold.low, fold.volume
        level.bar.close = close[n - 1]
        level.bar.n_base = n_base + <int32_t>n
        level.closed_volume, level.closed_base = fold.closed_volume, level.bar.n_base - 1
        return level.slot_stop
    n -= 1
    if n > 0:
        fold_rows(&fold, high, low, volume, n)
        last_close = close[n - 1]
    n_base += <int32_t>n
    seq = ring.next_seq - 1  # of a derived ring the origin is 0
    stride = ring.stride
    out_ts = <char*>(ring.ts + seq)
    out_open = out_ts + stride
    (<double*>(out_ts + 2 * stride))[0] = fold.high
    (<double*>(out_open + 2 * stride))[0] = fold.low
    (<double*>(out_ts + 4 * stride))[0] = last_close
    (<double*>(out_open + 4 * stride))[0] = fold.volume
    ring.n_base[seq] = n_base
    child = level.child
    while child >= 0:
        below = &symbol.levels[child]
        if below.kind != EXTENDED:
            if level.bar.ts >= below.slot_stop:
                break
            if below.merged_seq != seq:
                below.closed_volume, below.closed_base = below.bar.volume, below.bar.n_base
                below.merged_seq = seq
            below.bar.high = fold.high if fold.high > below.bar.high else below.bar.high
            below.bar.low = fold.low if fold.low < below.bar.low else below.bar.low
            below.bar.close = last_close
            below.bar.volume = below.closed_volume + fold.volume
            below.bar.n_base = below.closed_base + n_base
        child = below.next
    # The slot after it; as of level_open_next, the rest of its row is written when it is known.
    (<int64_t*>out_ts)[1] = ts
    (<double*>out_open)[1] = open[n]
    ring.next_seq = seq + 2
    level.bar = Bar(ts, open[n], high[n], low[n], close[n], volume[n], 1)
    stop = ts + level.step_ns
    stop = stop if stop < symbol.region.stop else symbol.region.stop
    level.slot_stop = stop
    level.closed_volume, level.closed_base = 0.0, 0
    level.gaps.frontier += 1
    if child >= 0:
        level_hand_down_row(symbol.levels, child, symbol.grid, symbol.region, seq)
    return stop


cdef int64_t symbol_fold_due(Symbol* symbol, uintptr_t* inside) noexcept nogil:
    """Fold the base rows that wait into the roots, of which one or more may begin a slot with the
    newest row; then leave the guard, if there is one. Returns STORED."""
    cdef Level* level = &symbol.levels[symbol.root]
    cdef int64_t stop
    if level.next >= 0:
        return symbol_fold_due_all(symbol, inside)
    stop = _fold_root(symbol, level)
    symbol.folded_seq = symbol.base.next_seq
    _limit_waiting(symbol, stop if stop < symbol.run_stop else symbol.run_stop)
    symbol_leave(inside)
    return STORED


cdef int64_t symbol_fold_due_all(Symbol* symbol, uintptr_t* inside) noexcept nogil:
    """`symbol_fold_due` of several roots."""
    cdef int64_t stop = symbol.run_stop, slot_stop
    cdef int32_t i = symbol.root
    while i >= 0:
        slot_stop = _fold_root(symbol, &symbol.levels[i])
        if slot_stop < stop:
            stop = slot_stop
        i = symbol.levels[i].next
    symbol.folded_seq = symbol.base.next_seq
    _limit_waiting(symbol, stop)
    symbol_leave(inside)
    return STORED


cdef inline int _place(Symbol* symbol, Bar* bar, bint of_bars) noexcept nogil:
    """Store a bar (values checked) of any input kind; `of_bars`: its slot has elapsed then."""
    cdef const Region* region
    cdef int32_t i
    cdef int status
    if bar.ts <= symbol.last_ts or bar.ts >= symbol.grid.span_stop:
        return _append_out_of_order(symbol, bar)
    if symbol.make_room != NULL and (symbol.base.next_seq == ring_room(&symbol.base) or (
            symbol.base.capacity < symbol.span_rows
            and (bar.ts >= symbol.region.stop or not symbol.region.regular))):
        status = symbol_reserve(symbol, &bar.ts, 1, 1)
        if status:
            return status
    symbol_fold(symbol)
    _place_newest(symbol, bar)
    region = symbol.region
    ring_push(&symbol.base, bar)
    symbol.last_ts = symbol.newest_ts[region.regular] = bar.ts
    if of_bars:
        symbol.newest_stop = bar.ts + symbol.step_ns if bar.ts + symbol.step_ns < region.stop else region.stop
    i = symbol.root
    while i >= 0:
        if level_accepts(&symbol.levels[i], region):
            _fold_newest(symbol, i, bar)
        i = symbol.levels[i].next
    if symbol.extended_root >= 0 and not region.regular:
        _fold_newest(symbol, symbol.extended_root, bar)
    _limit_folds(symbol)
    symbol.changes += 1
    symbol.bars_updated = 1
    return STORED


cdef int symbol_store_cold(Symbol* symbol, Bar* bar) noexcept nogil:
    """Any bar (values checked) that symbol_store does not store itself."""
    cdef int status
    # an earlier day has an input kind of its own
    if symbol.input_kind > INPUT_BARS and bar.ts >= symbol.grid.span_start:
        return ERR_INPUT_KIND
    if symbol.strict and is_inconsistent(bar.open, bar.high, bar.low, bar.close):
        return ERR_INCONSISTENT
    status = _place(symbol, bar, True)
    # it is a row of this session
    if symbol.input_kind == INPUT_NONE and REPEATED <= status <= CORRECTED:
        symbol.input_kind = INPUT_BARS
    return status


cdef int symbol_place(Symbol* symbol, Bar* bar) noexcept nogil:
    """Store a bar (values checked) that ticks or quotes have made, or that fills a slot, and that
    symbol_store would not store itself. The caller knows what has elapsed then: `newest_stop` stays
    as it is."""
    return _place(symbol, bar, False)


cdef int symbol_reserve(Symbol* symbol, const int64_t* ts, int64_t n, int64_t n_new) noexcept nogil:
    """See to it that `n_new` of the `n` ascending rows can be added; 0, or ERR_MEMORY and nothing
    has changed.

    A compact block has room for the regular slots only; where no capacity was asked for, a roomy
    one that is full makes place for a greater one. O(regions log n), and nothing in a roomy one."""
    cdef const GridData* grid = symbol.grid
    cdef const Region* region
    cdef int32_t i
    if symbol.make_room == NULL or n == 0:
        return 0
    if symbol.base.next_seq + n_new > ring_room(&symbol.base):
        return symbol.make_room(symbol, n_new)
    if symbol.base.capacity >= symbol.span_rows:
        return 0
    for i in range(grid.n_regions):
        region = &grid.regions[i]
        if not region.regular and ts[0] < region.stop and ts[n - 1] >= region.start:
            if first_at_or_after(ts, n, region.start) < first_at_or_after(ts, n, region.stop):
                return symbol.make_room(symbol, n_new)
    return 0


cdef void symbol_mark_dirty(Symbol* symbol) noexcept nogil:
    """The newest base row has grown: what was made of it is no longer up to date."""
    cdef int32_t i
    for i in range(symbol.n_levels):
        symbol.levels[i].flushed_seq = -1
    symbol.grown = 0


cdef void symbol_flush_all(Symbol* symbol) noexcept nogil:
    """Bring all levels up to date: what blocks and late bars start from."""
    cdef int32_t i
    for i in range(symbol.n_levels):
        symbol_flush(symbol, i)


cdef bint _is_too_old(const Symbol* symbol, const Region* region, int64_t ts, int64_t evicted_ts) noexcept nogil:
    """Whether a slot that `ts` touches has lost base rows, so that it could not be folded again."""
    cdef const Level* level
    cdef int32_t i
    if evicted_ts == INT64_MIN:
        return False
    if ts <= evicted_ts:
        return True
    for i in range(symbol.n_levels):
        level = &symbol.levels[i]
        if level.parent >= 0:
            continue
        if level.kind == INTRADAY:
            if slot_start_in(region, level.step_ns, ts) <= evicted_ts:
                return True
        elif level.kind == DAY:
            if region.regular and symbol.grid.open_ns <= evicted_ts:
                return True
        elif not region.regular:
            return True
    return False


cdef int _append_out_of_order(Symbol* symbol, Bar* bar) noexcept nogil:
    """A bar (values checked) that is not the newest, or lies outside the span. O(log rows), plus
    one slot per level."""
    cdef int status = check_bar(symbol, bar)
    cdef const Region* region
    cdef Ring* base = &symbol.base
    cdef int64_t seq
    cdef Bar row
    cdef bint exists
    if status:
        return status
    if bar.ts < symbol.grid.span_start:
        if symbol.route_earlier != NULL:
            return EARLIER
        if is_before_all(symbol, bar.ts):
            return ERR_UNIT
        symbol.counters.other_session += 1
        return OTHER_SESSION
    seq = ring_find(base, bar.ts)
    ring_read(base, seq, &row)  # last_ts >= bar.ts, so there is a row at seq
    exists = row.ts == bar.ts
    if exists and (row.open == bar.open and row.high == bar.high and row.low == bar.low and row.close == bar.close
                   and row.volume == bar.volume):
        symbol.counters.repeated += 1
        return REPEATED
    region = find_region(symbol.grid, bar.ts)
    if not exists and (symbol.base.next_seq == ring_room(base) or not region.regular):
        status = symbol_reserve(symbol, &bar.ts, 1, 1)
        if status:
            return status
    if symbol_is_too_old(symbol, region, bar.ts, exists):
        symbol.counters.too_old += 1
        return TOO_OLD
    symbol_place_late(symbol, region, seq, exists, bar)
    symbol.changes += 1
    return CORRECTED if exists else LATE


cdef bint symbol_is_too_old(const Symbol* symbol, const Region* region, int64_t ts, bint exists) noexcept nogil:
    """Whether a late row, or another one in place of one that `exists`, could not be folded
    exactly."""
    cdef const Ring* base = &symbol.base
    cdef int64_t evicted_ts = base.evicted_ts
    if not exists and base.next_seq >= base.capacity:  # inserting would push the oldest row out
        evicted_ts = base.ts[ring_oldest(base) - base.origin]
    return _is_too_old(symbol, region, ts, evicted_ts)


cdef void symbol_place_late(Symbol* symbol, const Region* region, int64_t seq, bint exists,
                            const Bar* bar) noexcept nogil:
    """Put a row that is not the newest in its place, `seq`, and fold its slot of each level
    again."""
    cdef Ring* base = &symbol.base
    cdef Level* level
    cdef bint all_aligned
    cdef int32_t i
    symbol_flush_all(symbol)
    if exists:
        ring_replace(base, seq, bar)
        symbol.counters.corrected += 1
    else:
        _insert(symbol, region, seq, bar)
    all_aligned = region.regular and symbol.counters.off_grid == 0
    for i in range(symbol.n_levels):
        level = &symbol.levels[i]
        if not level_accepts(level, region):
            continue
        level_rebuild(level, symbol.grid, region, bar.ts,
                      base if level.parent < 0 else &symbol.levels[level.parent].ring, all_aligned)
    symbol_end_block(symbol)
    symbol_note_edit(symbol, bar.ts)


cdef void symbol_end_block(Symbol* symbol) noexcept nogil:
    """Rows have been put in out of order, and all levels brought up to date with them."""
    level_mark_flushed(symbol.levels, symbol.n_levels, symbol.base.next_seq)
    _limit_folds(symbol)
    symbol.bars_updated = 1


cdef void _insert(Symbol* symbol, const Region* region, int64_t seq, const Bar* bar) noexcept nogil:
    """Base row, tracker and counters of a late bar."""
    ring_insert(&symbol.base, seq, bar)
    symbol.counters.late += 1
    if bar.ts > symbol.newest_ts[region.regular]:
        symbol.newest_ts[region.regular] = bar.ts
    if not region.regular:
        symbol.counters.extended += 1
        _mark_extended(symbol, region, &bar.ts, 1)
    elif is_aligned(region, symbol.step_ns, bar.ts):
        gaps_mark_present(&symbol.gaps, ordinal_in(symbol.gaps.table, region, bar.ts))
    else:
        symbol.counters.off_grid += 1


cdef int64_t check_rows(const Symbol* symbol, const Columns* rows, int64_t n, int* out_status,
                        bint* out_in_order) noexcept nogil:
    """First row that breaks a rule (out_status says which), or -1; and whether the rows are newer
    than all and ascending."""
    cdef int64_t i = 0, j, stop
    cdef uint64_t disorder = 0
    cdef uint64_t span_start = <uint64_t>symbol.grid.span_start, span_stop = <uint64_t>symbol.grid.span_stop
    cdef const int64_t* ts = rows.ts
    cdef bint in_order = n == 0 or ts[0] > symbol.last_ts
    cdef Bar bar
    out_status[0] = ERR_INPUT_KIND if symbol.input_kind > INPUT_BARS else 0
    if out_status[0]:
        return 0
    while i < n:
        stop = i + CHECKED if i + CHECKED < n else n
        if is_suspicious(rows, i, stop, span_start, span_stop, &disorder) or symbol.strict:
            for j in range(i, stop):
                if j > 0 and ts[j] <= ts[j - 1]:
                    # the difference of a time far before the span may have wrapped
                    disorder = <uint64_t>1 << 63
                bar = bar_at(rows, j)
                out_status[0] = check_bar(symbol, &bar)
                if out_status[0]:
                    return j
        i = stop
    out_in_order[0] = in_order and not disorder >> 63
    return -1


cdef int64_t first_at_or_after(const int64_t* ts, int64_t n, int64_t bound) noexcept nogil:
    cdef int64_t low = 0, high = n, middle
    if n > 0 and ts[n - 1] < bound:
        return n
    while low < high:
        middle = (low + high) >> 1
        if ts[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


cdef bint _mark_rows(Symbol* symbol, const Region* region, const int64_t* ts, int64_t n) noexcept nogil:
    """Tell the base tracker of ascending newest rows in one region; True if each of them sits on
    its slot."""
    cdef int64_t off_grid, newest
    if not region.regular:
        symbol.counters.extended += n
        symbol.next_slot_ts = INT64_MAX
        _mark_extended(symbol, region, ts, n)
        return False
    off_grid = gaps_mark_rows(&symbol.gaps, region, ts, n)
    symbol.counters.off_grid += off_grid
    newest = ts[n - 1]
    symbol.next_slot_ts = newest + symbol.step_ns if is_aligned(region, symbol.step_ns, newest) else INT64_MAX
    return off_grid == 0


cdef int64_t symbol_extend(Symbol* symbol, const Columns* rows, int64_t n) noexcept nogil:
    """Store checked rows that ascend and are newer than all there are. Returns how many were stored
    (those before the span are counted as of another session), or ERR_MEMORY and nothing has
    changed."""
    cdef const int64_t* ts = rows.ts
    cdef Columns piece
    cdef int64_t i, count, before
    cdef int status
    cdef int64_t skipped = first_at_or_after(ts, n, symbol.grid.span_start)
    cdef const Region* region
    status = symbol_reserve(symbol, ts + skipped, n - skipped, n - skipped)
    if status:
        return status
    symbol.counters.other_session += skipped
    symbol_flush_all(symbol)
    i = skipped
    while i < n:
        region = symbol.region
        while ts[i] >= region.stop:
            region += 1
        if region != symbol.region:
            symbol.region, symbol.next_slot_ts = region, INT64_MAX
        # In pieces, so that the copy finds the rows where folding them has just put them: in a near
        # cache.
        count = first_at_or_after(ts + i, n - i if n - i < PIECE else PIECE, region.stop)
        piece = columns_from(rows, i)
        _extend_region(symbol, region, &piece, count)
        ring_extend(&symbol.base, &piece, count)
        i += count
        symbol.newest_ts[region.regular] = ts[i - 1]
    if n > skipped:
        symbol.last_ts = ts[n - 1]
        before = symbol.last_ts + symbol.step_ns
        symbol.newest_stop = before if before < symbol.region.stop else symbol.region.stop
        level_mark_flushed(symbol.levels, symbol.n_levels, symbol.base.next_seq)
        _limit_folds(symbol)
        if symbol.input_kind == INPUT_NONE:
            symbol.input_kind = INPUT_BARS
        symbol.changes += n - skipped
        symbol.bars_updated = 1
    return n - skipped


cdef void _extend_region(Symbol* symbol, const Region* region, const Columns* base_rows, int64_t n) noexcept nogil:
    """Tracker and levels for newest rows in one region: each level reads what its parent has just
    changed."""
    cdef int64_t changed[MAX_LEVELS]  # sequence of the first row of a level that changed
    cdef bint is_new[MAX_LEVELS]      # whether it is a new row
    cdef bint all_aligned = _mark_rows(symbol, region, base_rows.ts, n)
    cdef Columns rows
    cdef Level* level
    cdef Ring* parent
    cdef int64_t before, count, row_ns
    cdef int32_t i
    cdef bint first_is_new
    for i in range(symbol.n_levels):
        level = &symbol.levels[i]
        if not level_accepts(level, region):
            continue
        if level.parent < 0:
            rows = base_rows[0]
            count, row_ns, first_is_new = n, symbol.step_ns, True
        else:
            parent = &symbol.levels[level.parent].ring
            rows = ring_columns(parent, changed[level.parent])
            count, first_is_new = parent.next_seq - changed[level.parent], is_new[level.parent]
            row_ns = symbol.levels[level.parent].step_ns
        before = level.ring.next_seq
        is_new[i] = level_extend(level, symbol.grid, region, &rows, count, row_ns, first_is_new,
                                 all_aligned)
        changed[i] = before if is_new[i] else before - 1


cdef int symbol_append_with_gil(Symbol* symbol, Bar* bar) noexcept nogil:
    """`symbol_append` for callers who hold the GIL and are not inside the guard; also of bars of
    days in history."""
    cdef uintptr_t* inside = symbol_enter(symbol)
    cdef int status = symbol_append(symbol, bar)
    symbol_leave(inside)
    return status if status != EARLIER else symbol.route_earlier(symbol, bar, EARLIER_STORE)


cdef bint symbol_ends_earlier(const Symbol* symbol, int64_t end) noexcept nogil:
    """Whether a day in history says when the bar that ends then began."""
    return (symbol.grid == NULL or end <= symbol.grid.span_start) and symbol.route_earlier != NULL


cdef int64_t start_of_bar(const GridData* grid, int64_t step, int64_t end) noexcept nogil:
    """Start of the bar that ends at a time inside of the span or at its end."""
    cdef const Region* region = find_region(grid, end - 1)
    return slot_start_in(region, step, end - 1) if region.regular and end == region.stop else end - step


cdef void symbol_open_label(Symbol* symbol, int64_t* ts) noexcept nogil:
    """Turn the end of a bar into its start. The end of a segment may close a slot shorter than the
    interval.

    Where `symbol_ends_earlier`, only with the GIL and not from inside the guard."""
    cdef const GridData* grid = symbol.grid
    cdef int64_t end = ts[0], step = symbol.step_ns
    cdef Bar bar
    if end == NAT:
        return
    if end < INT64_MIN + step:
        ts[0] = INT64_MAX  # breaks ERR_TS_RANGE, as it should
        return
    ts[0] = end - step
    if grid == NULL or end <= grid.span_start:
        if symbol.route_earlier != NULL:
            bar.ts = end
            symbol.route_earlier(symbol, &bar, EARLIER_OPEN)
            ts[0] = bar.ts
    elif end <= grid.span_stop:
        ts[0] = start_of_bar(grid, step, end)


cdef bint symbol_check(const Symbol* symbol) noexcept nogil:
    """True if all invariants of flushed levels hold; O(rows), for tests."""
    cdef int32_t i
    cdef const Level* level
    cdef Bar row
    if not ring_check(&symbol.base) or not gaps_check(&symbol.gaps):
        return False
    if symbol.extended != NULL and not gaps_check(&symbol.extended.gaps):
        return False
    if symbol.base.next_seq > 0 and symbol.base.ts[symbol.base.next_seq - 1 - symbol.base.origin] != symbol.last_ts:
        return False
    if symbol.next_slot_ts != INT64_MAX and not (
        symbol.next_slot_ts == symbol.last_ts + symbol.step_ns and symbol.region.regular
        and symbol.gaps.frontier == ordinal_in(symbol.gaps.table, symbol.region, symbol.last_ts) + 1
    ):
        return False
    for i in range(symbol.n_levels):
        level = &symbol.levels[i]
        if not ring_check(&level.ring) or (level.kind != EXTENDED and not gaps_check(&level.gaps)):
            return False
        if level.extended != NULL and not gaps_check(&level.extended.gaps):
            return False
        if level.ring.next_seq > 0:
            ring_read(&level.ring, level.ring.next_seq - 1, &row)
            if not (row.ts == level.bar.ts and row.high == level.bar.high and row.low == level.bar.low
                    and row.close == level.bar.close and row.volume == level.bar.volume
                    and row.n_base == level.bar.n_base):
                return False
    return True
