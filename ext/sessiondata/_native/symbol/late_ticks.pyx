"""Late trades or quotes in blocks: the morning of a feed that began at noon.

    ticks, ascending
      late_ticks          too old? in a filled slot? no price? in order, as each finds the ring
      _fold               each slot with late ticks is folded once, of the ring's ticks and these
      _finish             base ring and levels in one pass (`symbol/late`), or slot by slot where
                          rows may be lost
      ticks_insert_rows   each piece of the ring of ticks moves once

All of it, counters and notes of edits included, is what the same ticks one by one leave behind;
only that one by one each of them moves all ticks behind it, and folds its slot again. O(ticks of
the ring + n log n), where one by one it is their product.

A full ring loses its oldest tick with each that comes, and what has been lost decides which are too
old. So the ring keeps its rows until all is decided, and `Merge` says what it would hold by then:
of two ascending lists, its own and the late ones stored so far, whatever follows their heads. Base
rows are folded before the ring moves for the same reason: a slot may have lost ticks at the end
that were there when its last late one came.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t

from sessiondata._native.symbol.feed cimport QUOTE_BARS_NONE, feed_ring, lacks_side, price_of
from sessiondata._native.symbol.fill cimport fed_until, is_filled
from sessiondata._native.slots.grid cimport Region, find_region, next_slot_in
from sessiondata._native.symbol.late cimport LateRows, late_fits, late_place
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, ring_find_next, ring_oldest
from sessiondata._native.symbol.symbol cimport Symbol, symbol_is_too_old, symbol_note_edit
from sessiondata._native.symbol.symbol cimport symbol_place_late, symbol_place, symbol_set_base_stop
from sessiondata._native.rows.ticks cimport (
    INPUT_QUOTES, INPUT_TICKS, Tick, TickCounters, TickRing, ticks_find_next, ticks_insert_rows,
    ticks_oldest,
)


cdef enum:                # in `LateTicks.place`
    _DROPPED = 0          # too old
    _KEPT = 1             # in no base row: there is no price, or a bar has filled the slot
    _FOLDED = 2


cdef struct Merge:
    # What the ring would hold if the late ones had been put in one by one so far.
    int64_t next_seq
    int64_t evicted_ts
    int64_t at            # physical row of the oldest of its own rows that it still would
    int64_t late          # and number of the oldest late one


cdef struct Slot:
    # The base slot of the late ticks that are being looked at.
    const Region* region
    int64_t start         # ns
    int64_t stop          # ns; INT64_MIN: none yet
    int64_t first         # number of its first late tick
    int64_t n_folded      # late ticks of it that base row and levels have yet to learn of
    int64_t seq           # where its base row stands, or would
    int64_t near          # its first tick in the ring, or one before
    bint exists           # that row
    bint covered          # by a bar that has filled the slot
    bint too_old          # as far as base rows say
    bint is_newest        # it is newer than all base rows: quotes without a price have come since


cdef inline void _read(const LateTicks* ticks, int kind, int64_t i, Tick* out_tick) noexcept nogil:
    cdef int k
    out_tick.ts, out_tick.exchange = ticks.ts[i], 0
    for k in range(4):
        out_tick.value[k] = ticks.value[k][i] if k < (2 if kind == INPUT_TICKS else 4) else 0.0


cdef inline void _skip_dropped(Merge* merge, const int64_t* place, int64_t stop) noexcept nogil:
    while merge.late < stop and place[merge.late] == _DROPPED:
        merge.late += 1


cdef inline int64_t _lost_ts(Merge* merge, const TickRing* ring, const LateTicks* ticks, int64_t i) noexcept nogil:
    """Time of the newest tick that would be lost by then if tick `i` were stored; INT64_MIN if
    none."""
    cdef int64_t own
    if merge.next_seq < ring.capacity:
        return merge.evicted_ts
    own = ring.ts[merge.at]  # its newest row is newer than all late ones, so there is one
    _skip_dropped(merge, ticks.place, i)
    return ticks.ts[merge.late] if merge.late < i and ticks.ts[merge.late] < own else own


cdef inline void _keep(Merge* merge, const TickRing* ring, const LateTicks* ticks, int64_t i, int64_t lost_ts,
                       int what) noexcept nogil:
    """Store tick `i`; `_lost_ts` has said what is lost by that."""
    ticks.place[i] = what
    if merge.next_seq >= ring.capacity:
        if merge.late < i and ticks.ts[merge.late] < ring.ts[merge.at]:
            merge.late += 1
        else:
            merge.at += 1
        merge.evicted_ts = lost_ts
    merge.next_seq += 1


cdef inline void _add(Bar* bar, double price, double size) noexcept nogil:
    if bar.n_base == 0:
        bar.open = bar.high = bar.low = bar.close = price
        bar.volume, bar.n_base = size, 1
        return
    bar.high = price if price > bar.high else bar.high
    bar.low = price if price < bar.low else bar.low
    bar.close = price
    bar.volume += size


cdef void _fold(const Symbol* symbol, int kind, const TickRing* ring, const LateTicks* ticks, Slot* slot,
                int64_t stop, Bar* out_bar) noexcept nogil:
    """Fold a slot from the ring's ticks and the late ones before number `stop`, which come behind
    those of their time.
    """
    cdef int64_t at = ticks_find_next(ring, slot.near, slot.start), i = slot.first
    cdef int64_t end = ticks_find_next(ring, at, slot.stop) - ring.origin
    cdef Tick tick
    slot.near, at = at, at - ring.origin
    tick.value[2] = tick.value[3] = 0.0
    out_bar[0] = Bar(slot.start, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    while at < end or i < stop:
        if i == stop or (at < end and ring.ts[at] <= ticks.ts[i]):
            tick.value[0], tick.value[1] = ring.value[0][at], ring.value[1][at]
            if kind == INPUT_QUOTES:
                tick.value[2], tick.value[3] = ring.value[2][at], ring.value[3][at]
            at += 1
            if lacks_side(symbol, kind, &tick):
                continue
        else:
            i += 1
            if ticks.place[i - 1] != _FOLDED:
                continue
            tick.value[0], tick.value[1] = ticks.value[0][i - 1], ticks.value[1][i - 1]
        _add(out_bar, price_of(kind, symbol.quote_bars, tick.value[0], tick.value[1]),
             tick.value[1] if kind == INPUT_TICKS else 0.0)


cdef void _begin(const Symbol* symbol, int64_t ts, int64_t i, Slot* slot) noexcept nogil:
    """Look at the slot of a tick, number `i`, that is later than the slot before."""
    if slot.stop == INT64_MIN or ts >= slot.region.stop:
        slot.region = find_region(symbol.grid, ts)
    slot.start = next_slot_in(slot.region, symbol.step_ns, ts, &slot.stop)
    slot.first, slot.n_folded = i, 0
    slot.seq = ring_find_next(&symbol.base, slot.seq, slot.start)
    slot.exists = (slot.seq < symbol.base.next_seq
                   and symbol.base.ts[slot.seq - symbol.base.origin] == slot.start)
    slot.covered = is_filled(symbol, slot.region, slot.start)
    slot.is_newest = slot.start > symbol.last_ts
    slot.too_old = not slot.covered and not slot.is_newest and symbol_is_too_old(
        symbol, slot.region, slot.start, slot.exists)


cdef void _begin_newest(Symbol* symbol, int kind, const TickRing* ring, const LateTicks* ticks, Slot* slot,
                        int64_t stop) noexcept nogil:
    """Store the row of a slot that is newer than all others, with its first late tick that has a
    price; `stop` is behind that."""
    cdef Bar bar
    _fold(symbol, kind, ring, ticks, slot, stop, &bar)
    bar.n_base = 0
    symbol_place(symbol, &bar)  # there is room for it
    symbol_set_base_stop(symbol, slot.stop)
    symbol.next_slot_ts, symbol.newest_stop = INT64_MAX, fed_until(symbol, ring.last_ts)
    symbol.changes -= 1  # that of the tick
    slot.seq, slot.exists, slot.is_newest, slot.n_folded = symbol.base.next_seq - 1, True, False, 0
    slot.too_old = symbol_is_too_old(symbol, slot.region, slot.start, True)


cdef void _finish(Symbol* symbol, int kind, const TickRing* ring, const LateTicks* ticks, Slot* slot, int64_t stop,
                  const BaseRows* room, LateRows* rows) noexcept nogil:
    """Make a slot's row of what there is by late tick `stop`: add it to `rows`, or, of NULL, place
    it at once."""
    cdef int64_t _k
    cdef Bar bar
    if slot.n_folded == 0:
        return
    _fold(symbol, kind, ring, ticks, slot, stop, &bar)
    # One by one each tick but the first of a new row corrects that row.
    symbol.counters.corrected += slot.n_folded - 1
    for _k in range(slot.n_folded - 1):
        symbol_note_edit(symbol, slot.start)
    if rows == NULL:
        symbol_place_late(symbol, slot.region, slot.seq, slot.exists, &bar)
    else:
        symbol.counters.corrected += slot.exists
        symbol_note_edit(symbol, slot.start)
        room.ts[rows.n], room.place[rows.n] = slot.start, 2 * slot.seq + slot.exists
        room.value[0][rows.n], room.value[1][rows.n], room.value[2][rows.n] = bar.open, bar.high, bar.low
        room.value[3][rows.n], room.value[4][rows.n] = bar.close, bar.volume
        rows.n += 1
    slot.n_folded = 0


cdef int64_t _count_new(const Symbol* symbol, int kind, const LateTicks* ticks) noexcept nogil:
    """Slots with late ticks that have no base row: as many rows there may be more."""
    cdef const Ring* base = &symbol.base
    cdef const Region* region = find_region(symbol.grid, ticks.ts[0])
    cdef int64_t i, start, stop = INT64_MIN, n_new = 0, seq = ring_oldest(base)
    for i in range(ticks.n):
        if ticks.ts[i] < stop:
            continue
        if ticks.ts[i] >= region.stop:
            region = find_region(symbol.grid, ticks.ts[i])
        start = next_slot_in(region, symbol.step_ns, ticks.ts[i], &stop)
        seq = ring_find_next(base, seq, start)
        n_new += seq == base.next_seq or base.ts[seq - base.origin] != start
    return n_new


cdef int64_t late_ticks(Symbol* symbol, int kind, const LateTicks* ticks, const BaseRows* room) noexcept nogil:
    """Take late ticks as one by one in their order; there is room for them (`feed_reserve`).
    Returns how many are stored."""
    cdef TickRing* ring = feed_ring(symbol, kind)
    cdef TickCounters* counters = &symbol.tick_counters[kind == INPUT_QUOTES]
    cdef bint makes_bars = kind == INPUT_TICKS or symbol.quote_bars != QUOTE_BARS_NONE
    cdef Merge merge = Merge(ring.next_seq, ring.evicted_ts, ticks_oldest(ring) - ring.origin, 0)
    cdef Slot slot = Slot(NULL, INT64_MIN, INT64_MIN, 0, 0, ring_oldest(&symbol.base), ticks_oldest(ring), False,
                          False, False, False)
    cdef LateRows late
    cdef LateRows* rows = NULL
    cdef int64_t i, lost_ts, stored = 0
    cdef bint has_price, is_folded
    cdef Tick tick
    if makes_bars and late_fits(symbol, ticks.n, _count_new(symbol, kind, ticks)):
        late = LateRows(
            Columns(room.ts, room.value[0], room.value[1], room.value[2], room.value[3], room.value[4], NULL),
            room.place, 0,
        )
        rows = &late
    for i in range(ticks.n):
        ticks.place[i] = _DROPPED
        lost_ts = _lost_ts(&merge, ring, ticks, i)
        has_price = False
        if makes_bars:
            _read(ticks, kind, i, &tick)
            has_price = not lacks_side(symbol, kind, &tick)
        if has_price and ticks.ts[i] >= slot.stop:
            if slot.stop != INT64_MIN:
                _finish(symbol, kind, ring, ticks, &slot, i, room, rows)
            _begin(symbol, ticks.ts[i], i, &slot)
        # A slot that has lost ticks cannot be folded again, nor one of a level that has lost base
        # rows.
        is_folded = has_price and not slot.covered
        if (slot.start <= lost_ts or slot.too_old) if is_folded else ticks.ts[i] <= lost_ts:
            counters.too_old += 1
            continue
        _keep(&merge, ring, ticks, i, lost_ts, _FOLDED if is_folded else _KEPT)
        stored += 1
        counters.empty_side += makes_bars and not has_price
        counters.covered += has_price and slot.covered
        if is_folded:
            slot.n_folded += 1
            if slot.is_newest:
                if rows != NULL:  # from here on all rows are the newest when they come
                    if rows.n:
                        late_place(symbol, rows)
                    rows = NULL
                _begin_newest(symbol, kind, ring, ticks, &slot, i + 1)
    if slot.stop != INT64_MIN:
        _finish(symbol, kind, ring, ticks, &slot, ticks.n, room, rows)
    if rows != NULL and rows.n:
        late_place(symbol, rows)
    if stored == 0:
        return 0
    ticks_insert_rows(ring, ticks.ts, ticks.value, ticks.exchange, ticks.place, ticks.n)
    counters.late += stored
    ring.updated = 1
    symbol.n_edits += stored
    symbol.changes += stored
    return stored
