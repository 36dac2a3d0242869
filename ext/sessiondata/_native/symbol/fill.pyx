"""Filling: bars that somebody was asked for, stored where nothing stands and nowhere else.

    rows -> which are for slots missing now? -> room -> late ones inserted, newer ones pushed

Question and answer are one call inside the symbol's guard, so no bar of the feed can come in
between and be replaced. What is there stays, also what an earlier row of the same call has brought.

A filled row does not decide the input kind. Until that is known `next_slot_ts` stays INT64_MAX, and
the next streamed bar goes the way on which it decides. Where trades or quotes make the rows, a
filled one stands: it is of all trades of its slot, those that come for it are some of them. The
slots are remembered as bits (`Symbol.filled`), which only ticks look at that do not go on in the
newest row. A filled row may be the newest one: no tick grows it then, because `base_stop` is
INT64_MIN as before the first tick.

A load into the session under way is a fill of which more is known (`loading`): its rows are whole
bars, so what they cover has elapsed, unless the clock or a trade says that it cannot have. Rows
beside the slots are stored too, where none is of their time; only bars make such rows, so the input
kind is bars from then on.

Rejected: spans of time beside the marks (memory that can be lacking, for what 64 bytes of the block
hold), and asking the ring of ticks whether a slot has some (those of an old slot may have left it).
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t

from sessiondata._native.rows.aggregate cimport is_aligned
from sessiondata._native.slots.gaps cimport PENDING, PRESENT, gaps_state
from sessiondata._native.slots.grid cimport Region, expected_at, find_region, ordinal_in
from sessiondata._native.base.guard cimport peek
from sessiondata._native.symbol.late cimport NOWHERE, LateRows, late_fits, late_place
from sessiondata._native.rows.columns cimport columns_from
from sessiondata._native.rows.ring cimport Bar, Ring, bar_at, ring_find, ring_find_next, ring_oldest
from sessiondata._native.symbol.symbol cimport (
    Symbol, first_at_or_after, symbol_watermark, symbol_is_too_old, symbol_note_edit, symbol_place_late, symbol_reserve,
    symbol_place, symbol_set_base_stop,
)
from sessiondata._native.rows.ticks cimport INPUT_BARS, INPUT_NONE


cdef enum:
    _NOT_WANTED = -1
    _NO_SLOT = -2


cdef inline int32_t _wanted_at(const Symbol* symbol, int64_t ts, int64_t over, int32_t expected, bint loading,
                               const Region** out_region) noexcept nogil:
    """Ordinal of the regular base slot that begins at `ts`, if it has elapsed (`expected` slots
    have) and has no row; a mark that explains the absence makes no difference. _NO_SLOT if a load
    brings a row beside the slots for a time that has none, else _NOT_WANTED."""
    cdef const Region* region
    cdef int32_t ordinal
    cdef int64_t seq
    cdef int state
    if not symbol.grid.span_start <= ts < symbol.grid.span_stop:
        return _NOT_WANTED
    region = out_region[0] = find_region(symbol.grid, ts)
    if region.regular and is_aligned(region, symbol.step_ns, ts):
        ordinal = ordinal_in(symbol.gaps.table, region, ts)
        state = gaps_state(&symbol.gaps, expected, ordinal)
        return _NOT_WANTED if state == PENDING or state == PRESENT else ordinal
    if not loading or symbol.input_kind > INPUT_BARS or (ts + symbol.step_ns > over and region.stop > over):
        return _NOT_WANTED
    seq = ring_find(&symbol.base, ts)
    if seq < symbol.base.next_seq and symbol.base.ts[seq - symbol.base.origin] == ts:
        return _NOT_WANTED
    return _NO_SLOT


cdef int64_t _elapsed_for_load(const Symbol* symbol, int64_t newest_ts) noexcept nogil:
    """Up to when a load knows that slots have elapsed; its newest row begins at `newest_ts`.

    Its rows are whole bars, so all that they cover has, but for what cannot have: beyond the
    store's clock, and, where trades or quotes come, at or after both the newest of them and the
    newest row, each of which may be in progress."""
    cdef int64_t clock = peek(&symbol.clock.as_of), as_of = symbol_watermark(symbol), over = INT64_MAX
    if clock != INT64_MIN:
        over = clock
    elif symbol.input_kind > INPUT_BARS:
        over = newest_ts
    return over if over > as_of else as_of


cdef void _push(Symbol* symbol, Bar* bar) noexcept nogil:
    """A filled row that is newer than all others. Its slot had elapsed, whatever the input kind."""
    cdef int64_t stop = bar.ts + symbol.step_ns
    symbol_place(symbol, bar)  # there is room for it, so it is stored
    stop = stop if stop < symbol.region.stop else symbol.region.stop
    if stop > symbol.newest_stop:  # quotes without a price make no row: a newer one may have come
        symbol.newest_stop = stop
    if symbol.input_kind != INPUT_BARS:
        symbol.next_slot_ts = INT64_MAX
    if symbol.input_kind > INPUT_BARS:
        symbol_set_base_stop(symbol, INT64_MIN)


cdef inline void _note_filled(Symbol* symbol, int32_t ordinal) noexcept nogil:
    """What a stored row says of the input kind."""
    if ordinal == _NO_SLOT:
        symbol.input_kind = INPUT_BARS
    elif symbol.input_kind != INPUT_BARS:
        symbol.filled[ordinal >> 6] |= <uint64_t>1 << (ordinal & 63)


cdef int64_t _fill_late(Symbol* symbol, const LateRows* rows, int64_t over, int32_t expected,
                        bint loading) noexcept nogil:
    """Store those of rows behind the newest that are wanted, as a block; returns how many."""
    cdef const int64_t* ts = rows.columns.ts
    cdef const Region* region = NULL
    cdef int64_t i, seq = ring_find(&symbol.base, ts[0]), filled = 0
    cdef int32_t ordinal
    cdef bint is_there = False  # a row of the same time
    for i in range(rows.n):
        is_there = is_there and ts[i] == ts[i - 1]
        rows.place[i] = NOWHERE
        if is_there or (loading and i + 1 < rows.n and ts[i + 1] == ts[i]):
            continue
        ordinal = _wanted_at(symbol, ts[i], over, expected, loading, &region)
        if ordinal == _NOT_WANTED:
            continue
        seq = ring_find_next(&symbol.base, seq, ts[i])
        rows.place[i] = 2 * seq
        is_there = True
        _note_filled(symbol, ordinal)
        symbol_note_edit(symbol, ts[i])
        filled += 1
    if filled:
        late_place(symbol, rows)
        symbol.changes += filled
    return filled


cdef int64_t fill_rows(Symbol* symbol, const Columns* rows, int64_t n, bint loading, int64_t* place) noexcept nogil:
    """Store those of `n` checked rows, ascending in time, that are for missing slots; of equal
    times the first counts, of a load the last. `place`: room for `n` int64.

    Returns how many were stored, or ERR_MEMORY and nothing has changed. O(log rows) for each row,
    and for those behind the newest what late bars cost."""
    cdef const int64_t* ts = rows.ts
    cdef int32_t expected, ordinal
    cdef const Region* region = NULL
    cdef int64_t i, over, n_late, first = -1, wanted = 0, late_wanted = 0, stored = 0
    cdef int status
    cdef bint beside = False
    cdef Bar bar
    cdef LateRows late
    if symbol.grid == NULL or n == 0:  # the session has ended since somebody looked
        return 0
    over = _elapsed_for_load(symbol, ts[n - 1]) if loading else symbol_watermark(symbol)
    expected = expected_at(symbol.gaps.table, over)
    n_late = first_at_or_after(ts, n, symbol.last_ts + 1)
    for i in range(n):
        ordinal = _wanted_at(symbol, ts[i], over, expected, loading, &region)
        if ordinal != _NOT_WANTED:
            first = i if first < 0 else first
            wanted += first == i or ts[i] != ts[i - 1]
            beside = beside or ordinal == _NO_SLOT
        if i < n_late:
            late_wanted = wanted
    if wanted == 0:
        return 0
    # One row of them will do where all are in segments.
    status = symbol_reserve(symbol, ts + first, n - first if beside else 1, wanted)
    if status:
        return status
    i = first
    if late_fits(symbol, late_wanted, late_wanted):
        late = LateRows(columns_from(rows, i), place + i, n_late - i)
        stored = _fill_late(symbol, &late, over, expected, loading)
        i = n_late
    while i < n:
        ordinal = _NOT_WANTED
        if not (loading and i + 1 < n and ts[i + 1] == ts[i]):
            ordinal = _wanted_at(symbol, ts[i], over, expected, loading, &region)
        if ordinal != _NOT_WANTED:
            bar = bar_at(rows, i)
            if bar.ts <= symbol.last_ts and symbol_is_too_old(symbol, region, bar.ts, False):
                symbol.counters.too_old += 1
            else:
                if bar.ts > symbol.last_ts:
                    _push(symbol, &bar)
                else:
                    symbol_place_late(symbol, region, ring_find(&symbol.base, bar.ts), False, &bar)
                    symbol.changes += 1
                _note_filled(symbol, ordinal)
                stored += 1
        i += 1
    return stored


cdef bint fill_forget_bars(Symbol* symbol) noexcept nogil:
    """Have bars that were loaded count as filled, so that the symbol has no input kind yet; False,
    and nothing has changed, if some lie beside the slots, where only a feed of bars has rows. All
    rows must have been loaded."""
    cdef const Ring* base = &symbol.base
    cdef const Region* region
    cdef int64_t seq, ts
    cdef int32_t ordinal
    if symbol.input_kind != INPUT_BARS or symbol.counters.off_grid or symbol.counters.extended:
        return False
    for seq in range(ring_oldest(base), base.next_seq):
        ts = base.ts[seq - base.origin]
        region = find_region(symbol.grid, ts)
        ordinal = ordinal_in(symbol.gaps.table, region, ts)
        symbol.filled[ordinal >> 6] |= <uint64_t>1 << (ordinal & 63)
    symbol.input_kind, symbol.next_slot_ts = INPUT_NONE, INT64_MAX
    return True
