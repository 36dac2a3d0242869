"""Derived bars: parent rows folded into slots.

    base 1m   | | | | |  | | | | |  | | | | |        parent -1
    5m        [   A   ]  [   B   ]  [ C ..           parent: base
    15m       [            A + B + C ..              parent: 5m, volume = closed_volume (A + B) + C

A base bar is folded at once only into the levels that stand directly on base rows (the roots). A
level hands its newest row down to its children when that row is complete, that is before it begins
another one; so a bar costs one fold, and the intervals above are paid for once per slot. What is
still forming up the chain is folded when it is read (`level_flush`): the newest row of each
ancestor once more, over the last fold of it.

That works because a level keeps its newest bar beside the ring, together with the sum of the parent
rows that will not change any more (`closed_volume`). When the parent's newest row grows, the
level's volume is one addition and is, to the last bit, the left-to-right sum of the parent's rows:
the order of summation that law 1 asks for, whether bars came one by one, in blocks (`level_extend`)
or late (`level_rebuild`, which folds one slot anew).

Invariants: a level's slot lies in one region (DAY and EXTENDED: in the session); all rows of a
parent but its newest are folded into its children as they are. After `level_flush` the newest one
is too, and the ring's last row equals `bar`; blocks and late bars need levels that are flushed, and
leave them so.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN
from libc.string cimport memset

from sessiondata._native.rows.columns cimport fold_slots
from sessiondata._native.slots.extended cimport extended_ordinal
from sessiondata._native.slots.gaps cimport Sweep, sweep_end, sweep_begin, sweep_add
from sessiondata._native.slots.grid cimport find_region, slot_in
from sessiondata._native.base.guard cimport store
from sessiondata._native.rows.ring cimport (
    ring_begin_change, ring_carry, ring_columns, ring_end_change, ring_find, ring_insert, ring_read, ring_replace,
    ring_write,
)


cdef void level_init(Level* level, int32_t kind, int32_t parent, int64_t step_ns, int64_t base_ns) noexcept nogil:
    """An empty level; its ring and tracker are laid over memory by the caller."""
    memset(level, 0, sizeof(Level))
    level.kind, level.parent, level.step_ns, level.base_ns = kind, parent, step_ns, base_ns
    level.slot_stop = INT64_MIN
    level.child = level.next = -1
    level.merged_seq = -1


cdef void level_begin(Level* levels, int32_t i, const GridData* grid, const Region* region,
                      const Bar* row) noexcept nogil:
    """Begin another slot of level `i` with a row of the parent, of `region`, which is the first in
    it."""
    cdef Level* level = &levels[i]
    level_hand_down(levels, i, grid)
    if level.kind == INTRADAY and row.ts == level.slot_stop and level.region == region and region.regular:
        level_open_next(level, region, row)
    else:
        level_open(level, grid, region, row)


cdef void level_hand_down_row(Level* levels, int32_t i, const GridData* grid, const Region* region,
                              int64_t seq) noexcept nogil:
    """Fold the parent's row `seq`, which is complete and of the segment `region`, into level `i`
    and those after it that have the same parent."""
    cdef Level* level
    cdef Bar row
    ring_read(&levels[levels[i].parent].ring, seq, &row)
    while i >= 0:
        level = &levels[i]
        if level.kind != EXTENDED:
            if row.ts < level.slot_stop:
                level_merge(level, &row, seq != level.merged_seq)
            else:
                level_begin(levels, i, grid, region, &row)
            level.merged_seq = seq
        i = level.next


cdef void level_flush(Level* levels, int32_t i, const GridData* grid, int64_t base_seq) noexcept nogil:
    """Bring ring and tracker of level `i` up to date with the base ring, which has come to
    `base_seq`. O(ancestors)."""
    cdef Level* level = &levels[i]
    if level.flushed_seq == base_seq:
        return
    if level.parent >= 0:
        level_flush(levels, level.parent, grid, base_seq)
        level_pull(levels, i, grid)
    level_publish(level)
    level.flushed_seq = base_seq


cdef void level_mark_flushed(Level* levels, int32_t n_levels, int64_t base_seq) noexcept nogil:
    """Each level has just been brought up to date, by a block or by folding slots anew."""
    cdef int32_t i
    for i in range(n_levels):
        if levels[i].parent >= 0:
            levels[i].merged_seq = levels[levels[i].parent].ring.next_seq - 1
        levels[i].flushed_seq = base_seq


cdef inline int32_t _n_base(const Columns* rows, int64_t i, const Region* region, int64_t base_ns,
                            bint all_aligned) noexcept nogil:
    if rows.n_base != NULL:
        return rows.n_base[i]
    return 1 if all_aligned else is_aligned(region, base_ns, rows.ts[i])


cdef inline int64_t _whole_slots(const Level* level, const Region* region, const Columns* rows, int64_t i, int64_t n,
                                 int64_t row_ns, int64_t whole) noexcept nogil:
    """How many slots begin with row `i`, one after the other, and have all the `whole` rows that
    they can have.

    Rows are at different multiples of `row_ns` from the region's anchor, so looking at the ends of
    a stretch is enough."""
    cdef const int64_t* ts = rows.ts + i
    cdef int64_t start = ts[0], step_ns = level.step_ns, most, count = 1
    if i + whole > n or ts[whole - 1] != start + step_ns - row_ns or start + step_ns > region.stop:
        return 0
    if (start != level.slot_stop or level.region != region) and (start - region.anchor) % step_ns:
        return 0
    most = (n - i) // whole
    if most > (region.stop - start) // step_ns:
        most = (region.stop - start) // step_ns
    if ts[most * whole - 1] == start + most * step_ns - row_ns:
        return most
    while ts[count * whole + whole - 1] == start + (count + 1) * step_ns - row_ns:
        count += 1  # ends before `most`, for which it is not so
    return count


cdef void _push_whole_slots(Level* level, const Region* region, const Columns* rows, int64_t i, int64_t n_slots,
                            int64_t whole) noexcept nogil:
    """Fold whole slots of a segment into new rows, column by column: the common case of a block."""
    cdef Ring* ring = &level.ring
    cdef int64_t at = ring.next_seq - ring.origin, start = rows.ts[i], step_ns = level.step_ns, k, j
    cdef int64_t last = i + n_slots * whole - 1
    cdef const double* open = rows.open + i
    cdef const double* close = rows.close + i + whole - 1
    cdef const int32_t* n_base = rows.n_base + i if rows.n_base != NULL else NULL
    cdef int64_t* out_ts = ring.ts + at
    cdef double* out_open = ring.open + at
    cdef double* out_close = ring.close + at
    cdef int32_t* out_n_base = ring.n_base + at
    cdef double volume = rows.volume[last - whole + 1]
    cdef int32_t count
    for k in range(n_slots):
        out_ts[k] = start + k * step_ns
        out_open[k] = open[k * whole]
        out_close[k] = close[k * whole]
    if n_base == NULL:
        for k in range(n_slots):
            out_n_base[k] = <int32_t>whole
    else:
        for k in range(n_slots):
            count = 0
            for j in range(whole):
                count += n_base[k * whole + j]
            out_n_base[k] = count
    fold_slots(rows.high + i, rows.low + i, rows.volume + i, n_slots, whole, ring.high + at, ring.low + at,
               ring.volume + at)
    # the newest row was the last slot below the frontier
    if level.region == region and level.slot_stop == start:
        level.gaps.frontier += 1
    else:
        gaps_mark_present(&level.gaps, ordinal_in(level.gaps.table, region, start))
    level.gaps.frontier += <int32_t>n_slots - 1
    for j in range(last - whole + 2, last):
        volume += rows.volume[j]
    level.closed_volume = volume
    ring.next_seq += n_slots
    ring_read(ring, ring.next_seq - 1, &level.bar)
    level.closed_base = level.bar.n_base - (1 if n_base == NULL else rows.n_base[last])
    level.slot_stop, level.region = start + n_slots * step_ns, region


cdef inline int64_t _first_at_or_after(const int64_t* ts, int64_t n, int64_t bound) noexcept nogil:
    """First of `n` ascending rows at or after `bound`, n if there is none. Without a branch: no
    processor can predict it."""
    cdef int64_t first = 0, half
    while n > 0:
        half = (n + 1) >> 1
        first += half * (ts[first + half - 1] < bound)
        n -= half
    return first


cdef inline void _merge_rows(Level* level, const Region* region, const Columns* rows, int64_t i, int64_t n,
                             bint is_new, bint all_aligned) noexcept nogil:
    """Fold `n` >= 1 parent rows into the newest slot; not `is_new`: the first of them once more,
    after it grew."""
    cdef Bar* bar = &level.bar
    cdef int64_t last = i + n - 1, j
    cdef double high = bar.high, low = bar.low, volume = bar.volume if is_new else level.closed_volume
    cdef int32_t n_base = bar.n_base if is_new else level.closed_base
    # One loop: an addition waits for the one before it, which leaves time for the comparisons.
    for j in range(i, last):
        high = rows.high[j] if rows.high[j] > high else high
        low = rows.low[j] if rows.low[j] < low else low
        volume += rows.volume[j]
    if rows.n_base == NULL and all_aligned:
        n_base += <int32_t>(n - 1)
    else:
        for j in range(i, last):
            n_base += _n_base(rows, j, region, level.base_ns, all_aligned)
    bar.high = rows.high[last] if rows.high[last] > high else high
    bar.low = rows.low[last] if rows.low[last] < low else low
    bar.close = rows.close[last]
    level.closed_volume, level.closed_base = volume, n_base
    bar.volume = volume + rows.volume[last]
    bar.n_base = n_base + _n_base(rows, last, region, level.base_ns, all_aligned)


cdef bint level_extend(Level* level, const GridData* grid, const Region* region, const Columns* rows, int64_t n,
                       int64_t row_ns, bint first_is_new, bint all_aligned) noexcept nogil:
    """Fold `n` newest parent rows, slots of `row_ns` and all in `region`, in time order.

    `first_is_new` is False if rows[0] was folded before and has grown since. `all_aligned`: each
    base row sits on its slot. Returns True if the first row of this level that changed is a new one
    (else it was there before)."""
    cdef int64_t i = 0, count, reach, n_slots
    cdef bint first_opened = rows.ts[0] >= level.slot_stop
    # Rows of a whole slot; 0 where looking at its ends is not enough.
    cdef int64_t whole = 0
    cdef Bar row
    if level.kind == INTRADAY and region.regular and (rows.n_base != NULL or all_aligned):
        whole = level.step_ns // row_ns
    while i < n:
        if rows.ts[i] >= level.slot_stop:
            n_slots = _whole_slots(level, region, rows, i, n, row_ns, whole) if whole > 0 else 0
            if n_slots > 0:
                _push_whole_slots(level, region, rows, i, n_slots, whole)
                i += n_slots * whole
                continue
            row = Bar(rows.ts[i], rows.open[i], rows.high[i], rows.low[i], rows.close[i], rows.volume[i],
                      _n_base(rows, i, region, level.base_ns, all_aligned))
            level_open(level, grid, region, &row)
            i += 1
        reach = whole if whole > 0 else 16
        while whole == 0 and reach < n - i and rows.ts[i + reach - 1] < level.slot_stop:
            reach *= 2
        count = _first_at_or_after(rows.ts + i, reach if reach < n - i else n - i, level.slot_stop)
        if count > 0:
            _merge_rows(level, region, rows, i, count, i > 0 or first_is_new, all_aligned)
            level_publish(level)
            i += count
    return first_opened


cdef inline int32_t _count_aligned(const int64_t* ts, int64_t n, const Region* region, int64_t base_ns) noexcept nogil:
    """How many of `n` ascending rows of one region sit on a base slot. A division where a run of
    slots begins only."""
    cdef int64_t due = INT64_MIN, i
    # A row at the start of the region is on a slot, but of one that the span may cut: the next slot
    # is not due a whole one later.
    cdef int32_t count = n > 0 and ts[0] == region.start
    for i in range(count, n):
        if ts[i] == due or is_aligned(region, base_ns, ts[i]):
            count += 1
            due = ts[i] + base_ns
    return count


cdef inline bint _fold_columns(const Level* level, const Region* region, const Ring* parent,
                               int64_t start, int64_t stop, bint all_aligned, Bar* out_bar,
                               double* out_closed_volume, int32_t* out_closed_base) noexcept nogil:
    """Fold all of the parent's rows in [start, stop), which are of one region; False if there are
    none."""
    cdef int64_t seq = ring_find(parent, start), n = ring_find(parent, stop) - seq, i
    cdef Columns rows
    cdef double high, low, volume, closed_volume = 0.0
    cdef int32_t n_base = 0, last_base = 1
    if n == 0:
        return False
    rows = ring_columns(parent, seq)
    high, low, volume = rows.high[0], rows.low[0], rows.volume[0]
    # Volumes are summed one after the other by definition; highs and lows cost nothing beside
    # these additions, which wait for each other.
    for i in range(1, n):
        high = rows.high[i] if rows.high[i] > high else high
        low = rows.low[i] if rows.low[i] < low else low
        closed_volume = volume
        volume += rows.volume[i]
    if rows.n_base != NULL:
        for i in range(n):
            n_base += rows.n_base[i]
        last_base = rows.n_base[n - 1]
    elif all_aligned:
        n_base = <int32_t>n
    else:
        n_base = _count_aligned(rows.ts, n, region, level.base_ns)
        last_base = is_aligned(region, level.base_ns, rows.ts[n - 1])
    out_closed_volume[0], out_closed_base[0] = closed_volume, n_base - last_base
    out_bar[0] = Bar(rows.ts[0], rows.open[0], high, low, rows.close[n - 1], volume, n_base)
    return True


cdef inline bint _fold(const Level* level, const GridData* grid, const Region* region, const Ring* parent,
                       int64_t start, int64_t stop, bint all_aligned, Bar* out_bar, double* out_closed_volume,
                       int32_t* out_closed_base) noexcept nogil:
    """Fold the parent's rows in [start, stop) that belong to this level; False if there are
    none."""
    if level.kind == INTRADAY:
        return _fold_columns(
            level, region, parent, start, stop, all_aligned, out_bar, out_closed_volume, out_closed_base
        )
    cdef int64_t seq = ring_find(parent, start)
    cdef bint empty = True
    cdef const Region* home = region
    cdef Bar row
    while seq < parent.next_seq:
        ring_read(parent, seq, &row)
        seq += 1
        if row.ts >= stop:
            break
        home = find_region(grid, row.ts)
        if not level_accepts(level, home):
            continue
        if parent.n_base == NULL:
            row.n_base = is_aligned(home, level.base_ns, row.ts)
        if empty:
            out_bar[0] = row
            out_closed_volume[0], out_closed_base[0] = 0.0, 0
            empty = False
        else:
            out_closed_volume[0], out_closed_base[0] = out_bar.volume, out_bar.n_base
            out_bar.high = row.high if row.high > out_bar.high else out_bar.high
            out_bar.low = row.low if row.low < out_bar.low else out_bar.low
            out_bar.close = row.close
            out_bar.volume += row.volume
            out_bar.n_base += row.n_base
    return not empty


cdef void level_rebuild(Level* level, const GridData* grid, const Region* region, int64_t ts, const Ring* parent,
                        bint all_aligned) noexcept nogil:
    """Fold the slot of `ts` again after a late or corrected bar, and replace or insert its row.

    `all_aligned`: each base row of `region` sits on its slot. O(log rows + rows of the slot), and a
    memmove of later rows where the slot had none."""
    cdef int64_t start, stop, seq
    cdef Bar bar
    cdef double closed_volume
    cdef int32_t closed_base
    if level.kind == INTRADAY:
        start = slot_in(region, level.step_ns, ts, &stop)
    elif level.kind == DAY:
        start, stop = grid.open_ns, grid.close_ns
    else:
        start, stop = grid.span_start, grid.span_stop
    if not _fold(level, grid, region, parent, start, stop, all_aligned, &bar, &closed_volume, &closed_base):
        return
    if level.kind != EXTENDED:
        bar.ts = start
    seq = ring_find(&level.ring, start)
    if seq < level.ring.next_seq and level.ring.ts[seq - level.ring.origin] < stop:
        ring_replace(&level.ring, seq, &bar)
    else:
        ring_insert(&level.ring, seq, &bar)
        if region.regular:
            gaps_mark_present(&level.gaps, ordinal_in(level.gaps.table, region, start))
        elif level.extended != NULL:
            extended_mark(level.extended, start)
    if seq == level.ring.next_seq - 1:
        level.bar, level.slot_stop, level.region = bar, stop, region
        level.closed_volume, level.closed_base = closed_volume, closed_base


cdef void level_rebuild_rows(Level* level, const GridData* grid, const int64_t* ts, const int64_t* place, int64_t n,
                             const Ring* parent, bint on_grid) noexcept nogil:
    """`level_rebuild` of all slots of an INTRADAY level in which base rows have changed: those of
    the ascending times whose `place` is not negative, none of them newer than the newest slot.
    `on_grid`: no base row is beside its slot.

    No row of the level moves twice: O(n log rows + rows), and the rows of those slots."""
    cdef Ring* ring = &level.ring
    cdef const Region* region = find_region(grid, ts[0])
    cdef int64_t i, seq, start = INT64_MAX, stop = INT64_MIN, n_new = 0, end, to
    cdef Sweep sweep = sweep_begin(&level.gaps)
    cdef Sweep extended
    cdef double closed_volume
    cdef int32_t closed_base
    cdef bint exists
    cdef Bar bar
    if level.extended != NULL:
        extended = sweep_begin(&level.extended.gaps)
    for i in range(n):
        if place[i] < 0 or ts[i] < stop:
            continue
        while ts[i] >= region.stop:
            region += 1
        start = slot_in(region, level.step_ns, ts[i], &stop)
        seq = ring_find(ring, start)
        if seq < ring.next_seq and ring.ts[seq - ring.origin] < stop:
            continue
        n_new += 1
        if region.regular:
            sweep_add(&sweep, ordinal_in(level.gaps.table, region, start))
        elif level.extended != NULL:
            seq = extended_ordinal(level.extended, start)
            if seq >= 0:
                sweep_add(&extended, <int32_t>seq)
    sweep_end(&sweep)
    if level.extended != NULL:
        sweep_end(&extended)
    ring_begin_change(ring)
    end = ring.next_seq - ring.origin
    to, start = end + n_new, INT64_MAX
    # Each slot has a row that is new, so the fold below sets these; the compiler cannot know.
    bar, closed_volume, closed_base = Bar(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0), 0.0, 0
    i = n
    while i > 0:
        i -= 1
        if place[i] < 0 or ts[i] >= start:
            continue
        while ts[i] < region.start:
            region -= 1
        start = slot_in(region, level.step_ns, ts[i], &stop)
        _fold_columns(level, region, parent, start, stop, on_grid and region.regular, &bar, &closed_volume,
                      &closed_base)
        bar.ts = start
        seq = _first_at_or_after(ring.ts, end, start)  # rows up to there are where they were
        exists = seq < end and ring.ts[seq] < stop
        ring_carry(ring, seq + exists, end, to)
        to -= end - seq - exists + 1
        end = seq
        ring_write(ring, to, &bar)
        if to == ring.next_seq + n_new - 1 - ring.origin:
            level.bar, level.slot_stop, level.region = bar, stop, region
            level.closed_volume, level.closed_base = closed_volume, closed_base
    store(&ring.next_seq, ring.next_seq + n_new)
    ring.n_moves += n_new
    ring_end_change(ring)
