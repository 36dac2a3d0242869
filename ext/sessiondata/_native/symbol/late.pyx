"""Late bars in blocks: the morning of a feed that began at noon, a day that somebody sends again.

    rows -> what becomes of each   repeated: nothing; else which row it replaces (late_store)
         -> trackers               one pass over their ranges (Sweep)
         -> base ring              newest row first: each piece moves once (ring_insert_rows)
         -> levels, parents first  each slot with changed rows folds once (level_rebuild_rows)

All of it, counters and notes of edits included, is what the same rows one by one leave behind; only
that one by one each of them moves all rows behind it, and folds its slots again. O(rows of the
ring + n log n), where one by one it is their product. A few rows are quicker one by one: those
behind them are few, or the slots that they fold.

A ring that has lost rows, or would, stores late rows one by one: which are too old depends on those
before.
"""

from libc.stdint cimport INT64_MIN, int32_t, int64_t

from sessiondata._native.rows.aggregate cimport INTRADAY, Level, is_aligned, level_rebuild
from sessiondata._native.rows.aggregate cimport level_rebuild_rows, level_accepts
from sessiondata._native.slots.extended cimport extended_ordinal
from sessiondata._native.slots.gaps cimport Sweep, sweep_end, sweep_begin, sweep_add, sweep_add_run
from sessiondata._native.slots.grid cimport Region, find_region, ordinal_in
from sessiondata._native.rows.ring cimport (
    Bar, Ring, bar_at, ring_find_next, ring_insert_rows, ring_oldest, ring_read,
)
from sessiondata._native.symbol.symbol cimport symbol_end_block, symbol_note_edit, symbol_flush_all
from sessiondata._native.rows.ticks cimport INPUT_BARS, INPUT_NONE


cdef bint late_fits(const Symbol* symbol, int64_t n_rows, int64_t n_new) noexcept nogil:
    """Whether so many late rows, of which `n_new` are of times without a row, go better in a
    block."""
    cdef const Ring* base = &symbol.base
    return n_rows >= LATE_ROWS and base.evicted_ts == INT64_MIN and base.next_seq + n_new <= base.capacity


cdef int64_t late_store(Symbol* symbol, const LateRows* rows) noexcept nogil:
    """Store rows as one by one in their order: of equal times each corrects the one before. There
    is room for them. Returns how many changed something."""
    cdef const int64_t* ts = rows.columns.ts
    cdef int64_t i = 0, seq = ring_oldest(&symbol.base), standing = NOWHERE, place = NOWHERE, changed = 0, bound
    cdef bint exists = False
    # read only where it has been set, which the compiler cannot know
    cdef Bar row = Bar(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0), bar
    while i < rows.n:
        if i == 0 or ts[i] != ts[i - 1]:
            seq, standing = ring_find_next(&symbol.base, seq, ts[i]), NOWHERE
            bound = symbol.base.ts[seq - symbol.base.origin]  # last_ts >= ts[i], so there is a row
            exists = bound == ts[i]
            place = 2 * seq + exists
            if exists:
                ring_read(&symbol.base, seq, &row)
            # rows that are new and come before the same row: all but the last need no look at more
            while i + 1 < rows.n and ts[i] < ts[i + 1] < bound:
                rows.place[i] = place
                symbol_note_edit(symbol, ts[i])
                changed += 1
                i += 1
        rows.place[i] = NOWHERE
        if exists:
            bar = bar_at(&rows.columns, i)
            if (row.open == bar.open and row.high == bar.high and row.low == bar.low and row.close == bar.close
                    and row.volume == bar.volume):
                symbol.counters.repeated += 1
                i += 1
                continue
        symbol.counters.corrected += exists
        if standing != NOWHERE:
            rows.place[standing] = NOWHERE
        rows.place[i], standing = place, i
        if i + 1 < rows.n and ts[i + 1] == ts[i]:
            row, exists = bar_at(&rows.columns, i), True
        symbol_note_edit(symbol, ts[i])
        changed += 1
        i += 1
    if symbol.input_kind == INPUT_NONE:
        symbol.input_kind = INPUT_BARS
    if changed:
        late_place(symbol, rows)
        symbol.changes += changed
    return changed


cdef void late_place(Symbol* symbol, const LateRows* rows) noexcept nogil:
    """Put rows in their places, and fold each slot that one of them has changed. The caller notes
    the edits."""
    cdef int64_t last[2]  # the last changed row beside the segments [0], and in one [1]
    cdef Level* level
    cdef const Ring* parent
    cdef const Region* region
    cdef int32_t i
    cdef int regular
    cdef bint on_grid
    symbol_flush_all(symbol)
    ring_insert_rows(&symbol.base, &rows.columns, rows.place, rows.n, _mark(symbol, rows, last))
    on_grid = symbol.counters.off_grid == 0
    for i in range(symbol.n_levels):
        level = &symbol.levels[i]
        parent = &symbol.base if level.parent < 0 else &symbol.levels[level.parent].ring
        if level.kind == INTRADAY:
            level_rebuild_rows(level, symbol.grid, rows.columns.ts, rows.place, rows.n, parent, on_grid)
            continue
        for regular in range(2):
            if last[regular] == NOWHERE:
                continue
            region = find_region(symbol.grid, rows.columns.ts[last[regular]])
            if level_accepts(level, region):
                level_rebuild(level, symbol.grid, region, rows.columns.ts[last[regular]], parent, regular and on_grid)
    symbol_end_block(symbol)


cdef int64_t _mark(Symbol* symbol, const LateRows* rows, int64_t* out_last) noexcept nogil:
    """Tell base trackers and counters of the rows that are new; returns how many are."""
    cdef int64_t i, ordinal, n_new = 0, next_ts = INT64_MIN  # the slot behind the run
    cdef int32_t first = 0, n_run = 0  # slots one after the other, which the tracker learns of at once
    cdef const Region* region = find_region(symbol.grid, rows.columns.ts[0])
    cdef Sweep sweep = sweep_begin(&symbol.gaps)
    cdef Sweep extended
    if symbol.extended != NULL:
        extended = sweep_begin(&symbol.extended.gaps)
    out_last[0] = out_last[1] = NOWHERE
    for i in range(rows.n):
        if rows.place[i] == NOWHERE:
            continue
        while rows.columns.ts[i] >= region.stop:
            region += 1
            next_ts = INT64_MIN
        out_last[region.regular] = i
        if rows.place[i] & 1:
            continue
        n_new += 1
        if rows.columns.ts[i] > symbol.newest_ts[region.regular]:
            symbol.newest_ts[region.regular] = rows.columns.ts[i]
        if not region.regular:
            symbol.counters.extended += 1
            if symbol.extended != NULL and is_aligned(region, symbol.step_ns, rows.columns.ts[i]):
                ordinal = extended_ordinal(symbol.extended, rows.columns.ts[i])
                if ordinal >= 0:
                    sweep_add(&extended, <int32_t>ordinal)
        elif rows.columns.ts[i] == next_ts:
            n_run += 1
            next_ts += symbol.step_ns
        elif is_aligned(region, symbol.step_ns, rows.columns.ts[i]):
            sweep_add_run(&sweep, first, n_run)
            first, n_run = ordinal_in(symbol.gaps.table, region, rows.columns.ts[i]), 1
            next_ts = rows.columns.ts[i] + symbol.step_ns
        else:
            symbol.counters.off_grid += 1
    symbol.counters.late += n_new
    sweep_add_run(&sweep, first, n_run)
    sweep_end(&sweep)
    if symbol.extended != NULL:
        sweep_end(&extended)
    return n_new
