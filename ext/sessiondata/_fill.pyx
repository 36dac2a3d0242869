"""Filling: bars that somebody was asked for, stored where nothing stands and nowhere else.

    rows -> which are for slots that are missing now? -> room for them -> late ones inserted, newer ones pushed

Question and answer are one call inside the symbol's guard, so no bar of the feed can come in between and be replaced.
What is there stays, also what an earlier row of the same call has brought.

A filled row does not say what feeds the symbol. So until that is known `next_slot_ts` stays INT64_MAX, and the next
streamed bar goes the way on which it decides. Where trades or quotes make the rows, a filled one stands: it is of all
trades of its slot, those that come for it are some of them. The slots are remembered as bits (`Symbol.filled`), which
only ticks look at that do not go on in the newest row. A filled row may be the newest one: no tick grows it then,
because `base_stop` is INT64_MIN as before the first tick.

Rejected: spans of time beside the marks (memory that can be lacking, for what 64 bytes of the block hold), and asking
the ring of ticks whether a slot has some (those of an old slot may have left it).
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t

from sessiondata._aggregate cimport is_aligned
from sessiondata._gaps cimport PENDING, PRESENT, gaps_state
from sessiondata._grid cimport Region, expected_at, find_region, ordinal_in
from sessiondata._ring cimport Bar, ring_find
from sessiondata._symbol cimport (
    Symbol, symbol_as_of, symbol_is_too_old, symbol_place_late, symbol_reserve, symbol_take,
)
from sessiondata._ticks cimport SOURCE_BARS


cdef inline int32_t _missing_at(const Symbol* symbol, int64_t ts, int32_t expected,
                                const Region** out_region) noexcept nogil:
    """Ordinal of the regular base slot that begins at `ts`, if it is over (`expected` slots are) and has no row; else
    -1. A mark that explains the absence makes no difference."""
    cdef const Region* region
    cdef int32_t ordinal
    cdef int state
    if not symbol.grid.span_start <= ts < symbol.grid.span_stop:
        return -1
    region = find_region(symbol.grid, ts)
    if not region.regular or not is_aligned(region, symbol.step_ns, ts):
        return -1
    ordinal = ordinal_in(symbol.gaps.table, region, ts)
    state = gaps_state(&symbol.gaps, expected, ordinal)
    out_region[0] = region
    return -1 if state == PENDING or state == PRESENT else ordinal


cdef void _push(Symbol* symbol, Bar* bar) noexcept nogil:
    """A filled row that is newer than all others. Whatever feeds the symbol, its time has been known to be over."""
    symbol_take(symbol, bar)  # there is room for it, so it is stored
    if symbol.source != SOURCE_BARS:
        symbol.next_slot_ts = INT64_MAX
    if symbol.source > SOURCE_BARS:
        symbol.base_stop = INT64_MIN


cdef int64_t fill_rows(Symbol* symbol, const int64_t* ts, const double* open, const double* high, const double* low,
                       const double* close, const double* volume, int64_t n) noexcept nogil:
    """Store those of `n` checked rows, ascending in time, that are for missing slots; of equal times the first counts.

    Returns how many were stored, or ERR_MEMORY and nothing has changed. O(log rows) for each row, and for those behind
    the newest what a late bar takes."""
    cdef int32_t expected, ordinal
    cdef const Region* region = NULL
    cdef int64_t i, first = -1, wanted = 0, stored = 0
    cdef int status
    cdef Bar bar
    if symbol.grid == NULL:  # the session has ended since somebody looked
        return 0
    expected = expected_at(symbol.gaps.table, symbol_as_of(symbol))
    for i in range(n):
        if _missing_at(symbol, ts[i], expected, &region) >= 0:
            first = i if first < 0 else first
            wanted += first == i or ts[i] != ts[i - 1]
    if wanted == 0:
        return 0
    status = symbol_reserve(symbol, ts + first, 1, wanted)  # one row: the others are in segments, too
    if status:
        return status
    for i in range(first, n):
        ordinal = _missing_at(symbol, ts[i], expected, &region)
        if ordinal < 0:
            continue
        bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
        if bar.ts > symbol.last_ts:
            _push(symbol, &bar)
        elif symbol_is_too_old(symbol, region, bar.ts, False):
            symbol.counters.too_old += 1
            continue
        else:
            symbol_place_late(symbol, region, ring_find(&symbol.base, bar.ts), False, &bar)
            symbol.changes += 1
        if symbol.source != SOURCE_BARS:
            symbol.filled[ordinal >> 6] |= <uint64_t>1 << (ordinal & 63)
        stored += 1
    return stored
