# Levels of derived bars: fold parent rows into slots, in time order.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.slots.extended cimport Extended, extended_mark
from sessiondata._native.slots.gaps cimport Gaps, gaps_mark_present
from sessiondata._native.slots.grid cimport GridData, Region, SlotTable, ordinal_in, slot_start_in
from sessiondata._native.slots.grid cimport slot_stop_in
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, bar_copy, ring_push


cdef enum:
    INTRADAY = 0          # slots of step_ns in every region
    DAY = 1               # one slot: all regular rows of the session
    EXTENDED = 2          # one slot: all rows outside its segments; no tracker


cdef struct Level:
    Bar bar               # newest row; may be ahead of the ring's until it is published
    int64_t slot_stop     # ns, end of the newest row's slot; INT64_MIN while there is no row
    double closed_volume  # sum of the parent rows in the newest slot but the last of them
    int32_t closed_base   # n_base of the same
    int32_t kind          # INTRADAY, DAY, EXTENDED
    int32_t parent        # index of the parent level; -1: base rows
    int32_t child         # index of the first level whose parent this is; -1: none
    int32_t next          # index of the next one with the same parent; -1: none
    # the parent row that was folded in last, by its sequence; -1: none. Not used with parent -1
    int64_t merged_seq
    # sequence of the base ring when ring and tracker were last brought up to date
    int64_t flushed_seq
    const Region* region  # of the newest row; NULL while there is no row
    Gaps gaps
    # up to next_seq, its first field, three cache lines: what is read of many symbols in a row
    Ring ring
    int64_t step_ns       # 0 for DAY and EXTENDED
    int64_t base_ns       # base interval
    int64_t span_rows     # slots in the whole span: more rows there cannot be
    Extended* extended    # slots expected outside the segments; NULL: none


cdef struct Fold:
    # A bar in progress, as far as each further row changes it.
    double high
    double low
    double volume
    double closed_volume  # without the last of the rows


cdef inline void fold_rows(Fold* fold, const double* high, const double* low, const double* volume,
                           int64_t n) noexcept nogil:
    """Fold `n` more rows, in time order."""
    cdef double highest = fold.high, lowest = fold.low, total = fold.volume, closed = fold.closed_volume
    cdef int64_t i = 0, few = n & 3
    while i < few:
        highest = high[i] if high[i] > highest else highest
        lowest = low[i] if low[i] < lowest else lowest
        closed = total
        total += volume[i]
        i += 1
    while i < n:  # by four, where a loop of one row spends as much on itself as on the row
        highest = high[i] if high[i] > highest else highest
        lowest = low[i] if low[i] < lowest else lowest
        highest = high[i + 1] if high[i + 1] > highest else highest
        lowest = low[i + 1] if low[i + 1] < lowest else lowest
        highest = high[i + 2] if high[i + 2] > highest else highest
        lowest = low[i + 2] if low[i + 2] < lowest else lowest
        highest = high[i + 3] if high[i + 3] > highest else highest
        lowest = low[i + 3] if low[i + 3] < lowest else lowest
        closed = total + volume[i] + volume[i + 1] + volume[i + 2]
        total = closed + volume[i + 3]
        i += 4
    fold.high, fold.low, fold.volume, fold.closed_volume = highest, lowest, total, closed


cdef inline bint level_accepts(const Level* level, const Region* region) noexcept nogil:
    """Whether parent rows of `region` belong to the level."""
    return level.kind < DAY or (level.kind == DAY) == region.regular


cdef inline void level_open(Level* level, const GridData* grid, const Region* region, const Bar* row) noexcept nogil:
    """Begin a new slot with its first parent row."""
    cdef int64_t start
    # the slot after the newest row's, in the same region: no division, no search then
    cdef bint follows = False
    if level.kind == INTRADAY:
        start = level.slot_stop
        follows = level.region == region and start <= row.ts and row.ts - start < level.step_ns
        if follows:
            level.slot_stop = start + level.step_ns if start + level.step_ns < region.stop else region.stop
        else:
            start = slot_start_in(region, level.step_ns, row.ts)
            level.slot_stop = slot_stop_in(region, level.step_ns, row.ts)
    elif level.kind == DAY:
        start, level.slot_stop = grid.open_ns, grid.close_ns
    else:
        start, level.slot_stop = row.ts, grid.span_stop
    bar_copy(&level.bar, row)
    level.bar.ts = start
    level.closed_volume, level.closed_base = 0.0, 0
    level.region = region
    ring_push(&level.ring, &level.bar)
    if follows and region.regular:  # the newest row was the last slot below the frontier
        level.gaps.frontier += 1
    elif region.regular:
        gaps_mark_present(&level.gaps, ordinal_in(level.gaps.table, region, start))
    elif level.extended != NULL:
        extended_mark(level.extended, start)


cdef inline void level_open_next(Level* level, const Region* region, const Bar* row) noexcept nogil:
    """Begin the slot after the newest one, of the same segment, with a parent row at its start. No
    search, no branch.

    Of the ring's row only what stays is written: `level_publish` writes the rest before it is
    read."""
    cdef Ring* ring = &level.ring
    cdef int64_t at = ring.next_seq - ring.origin, stop = row.ts + level.step_ns
    ring.ts[at] = row.ts
    ring.open[at] = row.open
    ring.next_seq += 1
    bar_copy(&level.bar, row)
    level.slot_stop = stop if stop < region.stop else region.stop
    level.closed_volume, level.closed_base = 0.0, 0
    level.gaps.frontier += 1


cdef inline void level_merge(Level* level, const Bar* row, bint is_new) noexcept nogil:
    """Fold one more parent row into the newest slot, or (not `is_new`) the last one again after it
    grew."""
    cdef Bar* bar = &level.bar
    if is_new:
        level.closed_volume, level.closed_base = bar.volume, bar.n_base
    bar.high = row.high if row.high > bar.high else bar.high
    bar.low = row.low if row.low < bar.low else bar.low
    bar.close = row.close
    bar.volume = level.closed_volume + row.volume
    bar.n_base = level.closed_base + row.n_base


cdef inline void level_merge_rows(Level* level, const Ring* base, int64_t at, int64_t n) noexcept nogil:
    """Fold `n` >= 1 more base rows, from physical row `at` on and each on its slot, into the newest
    slot."""
    cdef Fold fold = Fold(level.bar.high, level.bar.low, level.bar.volume, level.bar.volume)
    fold_rows(&fold, base.high + at, base.low + at, base.volume + at, n)
    level.bar.high, level.bar.low, level.bar.close, level.bar.volume = (
        fold.high, fold.low, base.close[at + n - 1], fold.volume)
    level.bar.n_base += <int32_t>n
    level.closed_volume, level.closed_base = fold.closed_volume, level.bar.n_base - 1


cdef inline void level_publish(Level* level) noexcept nogil:
    """Write the newest bar to its row, if there is one."""
    cdef Ring* ring = &level.ring
    cdef int64_t at = ring.next_seq - 1 - ring.origin
    if ring.next_seq == 0:
        return
    ring.high[at] = level.bar.high
    ring.low[at] = level.bar.low
    ring.close[at] = level.bar.close
    ring.volume[at] = level.bar.volume
    ring.n_base[at] = level.bar.n_base


cdef inline void level_pull(Level* levels, int32_t i, const GridData* grid) noexcept nogil:
    """Fold the parent's newest row, as it stands, into level `i`: once more if it was folded
    before."""
    cdef Level* level = &levels[i]
    cdef const Level* parent = &levels[level.parent]
    cdef int64_t seq = parent.ring.next_seq - 1
    if seq < 0 or not level_accepts(level, parent.region):
        return
    if parent.bar.ts < level.slot_stop:
        level_merge(level, &parent.bar, seq != level.merged_seq)
    else:
        level_begin(levels, i, grid, parent.region, &parent.bar)
    level.merged_seq = seq


cdef inline void level_hand_down(Level* levels, int32_t i, const GridData* grid) noexcept nogil:
    """The newest row of level `i` is complete: publish it and fold it into the children."""
    cdef int32_t child = levels[i].child
    level_publish(&levels[i])
    while child >= 0:
        level_pull(levels, child, grid)
        child = levels[child].next


cdef inline int32_t is_aligned(const Region* region, int64_t base_ns, int64_t ts) noexcept nogil:
    """1 if a base bar sits on a base slot of its region (the first one before the open may be cut
    by the span)."""
    return (ts - region.anchor) % base_ns == 0 or ts == region.start


cdef void level_init(Level* level, int32_t kind, int32_t parent, int64_t step_ns, int64_t base_ns) noexcept nogil
cdef bint level_extend(Level* level, const GridData* grid, const Region* region, const Columns* rows, int64_t n,
                       int64_t row_ns, bint first_is_new, bint all_aligned) noexcept nogil
cdef void level_rebuild(Level* level, const GridData* grid, const Region* region, int64_t ts, const Ring* parent,
                        bint all_aligned) noexcept nogil
cdef void level_rebuild_rows(Level* level, const GridData* grid, const int64_t* ts, const int64_t* place, int64_t n,
                             const Ring* parent, bint on_grid) noexcept nogil
cdef void level_begin(Level* levels, int32_t i, const GridData* grid, const Region* region,
                      const Bar* row) noexcept nogil
cdef void level_hand_down_row(Level* levels, int32_t i, const GridData* grid, const Region* region,
                              int64_t seq) noexcept nogil
cdef void level_flush(Level* levels, int32_t i, const GridData* grid, int64_t base_seq) noexcept nogil
cdef void level_mark_flushed(Level* levels, int32_t n_levels, int64_t base_seq) noexcept nogil
