"""A symbol of trades or quotes: they are the parents of its base rows.

    trade -> check -> in the newest base slot?  push; grow row and roots   (feed_trade, inline)
                      a later slot?             push; a new base row       (feed_cold)
                      older than the newest?    insert; fold its slot      (_place_late)
                      a slot that a bar filled? push or insert, no fold    (`symbol/fill`)
    arrays -> check all -> in order: rows by runs of one slot (symbol_extend), copy  (feed_extend)

A base row is the fold of the ticks in its slot in time order, of equal times in order of arrival;
as a derived bar is of base rows. So whatever the order in which ticks come, the row is the same, to
the last bit of its volume.

What says that a slot has elapsed differs from bars. A bar that has come is whole, and proves that
its time has passed; a trade proves no more than its own time. So `newest_stop` is the newest
trade's time (or the end of a filled row that is newer: that slot had elapsed when it was filled),
the newest row is forming until its slot's end, `base_stop`, and no arrival is needed to close it:
the grid and the clock do. The fast path of bars is shut for such a symbol because `next_slot_ts`
stays INT64_MAX; nothing there asks for its input kind.

Quotes go the same way where they make bars, by their mid, bid or ask and without volume; else they
are only kept.

Rejected: folding ticks into bars beside the store and appending these (the bar in progress would be
unreadable, and a late trade would have to find all others of its slot), a level 0 below the base
(its ring would have as many rows as the base ring, twice).

The file is a little long because what one tick does and what arrays of them do share every step.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint64_t

from sessiondata._native.symbol.fill cimport fed_until, is_filled, is_newest_filled
from sessiondata._native.slots.grid cimport Region, find_region, slot_start_in, slot_stop_in
from sessiondata._native.symbol.layout cimport block_add
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport ring_find, ring_oldest, ring_read
from sessiondata._native.base.status cimport (
    ERR_LATER_SESSION, ERR_MEMORY, ERR_NAT, ERR_INPUT_KIND, ERR_UNIT, LATE, OTHER_SESSION, TOO_OLD,
)
from sessiondata._native.symbol.symbol cimport (
    Block, first_at_or_after, is_before_all, symbol_extend, symbol_is_too_old, symbol_note_change, symbol_place,
    symbol_place_late, symbol_reserve, symbol_set_base_stop,
)
from sessiondata._native.rows.ticks cimport (
    INPUT_BARS, INPUT_NONE, SUMMANDS, TickCounters, ticks_bytes, ticks_check, ticks_extend, ticks_find, ticks_init,
    ticks_insert, ticks_oldest,
)
from sessiondata._native.base.time cimport NAT


cdef enum:
    HEADER = 64           # bytes of a block kept for the Block
    PIECE = 512           # rows that are made before they are stored: 24 KiB of stack


cdef inline bint _makes_bars(const Symbol* symbol, int kind) noexcept nogil:
    return kind == INPUT_TICKS or symbol.quote_bars != QUOTE_BARS_NONE


cdef inline double _size_of(int kind, double second) noexcept nogil:
    return second if kind == INPUT_TICKS else 0.0  # a quote trades nothing


cdef inline TickCounters* _counters(Symbol* symbol, int kind) noexcept nogil:
    return &symbol.tick_counters[kind == INPUT_QUOTES]


# --- memory ---

cdef int feed_make_ring(Symbol* symbol, int kind) noexcept nogil:
    """Give the symbol its ring, in a block of its own that lives as long as the session; 0 or
    ERR_MEMORY."""
    cdef int64_t capacity = symbol.tick_capacity if kind == INPUT_TICKS else symbol.quote_capacity
    cdef int64_t n_bytes = HEADER + <int64_t>sizeof(TickRing) + 64 + ticks_bytes(capacity, kind == INPUT_QUOTES)
    cdef Block* block = block_add(symbol, n_bytes)
    cdef TickRing* ring
    cdef char* start
    if block == NULL:
        return ERR_MEMORY
    ring = <TickRing*>(<char*>block + HEADER)
    start = <char*>(ring + 1)
    start += (64 - (<int64_t>start & 63)) & 63
    ticks_init(ring, <uint8_t*>start, capacity, kind == INPUT_QUOTES)
    if kind == INPUT_TICKS:
        symbol.ticks = ring
    else:
        symbol.quotes = ring
    return 0


cdef int feed_reserve(Symbol* symbol, int kind, const int64_t* ts, int64_t n) noexcept nogil:
    """Make sure that `n` ascending ticks of the span can be stored; 0, or ERR_MEMORY and nothing
    has changed."""
    cdef int status = 0
    if _makes_bars(symbol, kind):
        # Rows on regular slots have room in any block, so that they need none (n_new) of their own.
        status = symbol_reserve(symbol, ts, n, 0)
    if status == 0 and feed_ring(symbol, kind) == NULL:
        status = feed_make_ring(symbol, kind)
    return status


# --- one ---

cdef int check_trade_cold(double price, double size) noexcept nogil:
    """The rule that a trade breaks whose price is not finite, or whose size is not, is negative or
    has no finite sums.
    """
    return ERR_SIZE if (price - price) + (size - size) == 0.0 else ERR_NOT_FINITE


cdef int check_tick(const Symbol* symbol, int kind, const Tick* tick) noexcept nogil:
    """0, or the status of the first rule that a trade or quote breaks; before a session any date
    will do."""
    cdef int status = check_trade(tick) if kind == INPUT_TICKS else check_quote(tick)
    if status:
        return status
    if tick.ts == NAT:
        return ERR_NAT
    return ERR_LATER_SESSION if symbol.grid != NULL and tick.ts >= symbol.grid.span_stop else 0


cdef int feed_cold(Symbol* symbol, int kind, const Tick* tick) noexcept nogil:
    """Any trade or quote (values checked) that does not just go on in the newest base row."""
    cdef bint makes_bars = _makes_bars(symbol, kind)
    cdef TickRing* ring
    cdef const Region* region
    cdef double price
    cdef int status
    cdef Bar bar
    if makes_bars and symbol.input_kind != INPUT_NONE and symbol.input_kind != kind:
        return ERR_INPUT_KIND
    status = check_tick(symbol, kind, tick)
    if status:
        return status
    if tick.ts >= symbol.grid.span_start:
        status = feed_reserve(symbol, kind, &tick.ts, 1)
        if status:
            return status
    elif is_before_all(symbol, tick.ts):
        return ERR_UNIT
    ring = feed_ring(symbol, kind)
    if tick.ts < symbol.grid.span_start:
        _counters(symbol, kind).other_session += 1
        return OTHER_SESSION
    if tick.ts < ring.last_ts:
        return _place_late(symbol, kind, ring, tick)
    if makes_bars and lacks_side(symbol, kind, tick):
        _counters(symbol, kind).empty_side += 1
        symbol.input_kind = kind
        symbol.next_slot_ts, symbol.newest_stop = INT64_MAX, fed_until(symbol, tick.ts)
        symbol.changes += 1
    elif makes_bars:
        price = price_of(kind, symbol.quote_bars, tick.value[0], tick.value[1])
        if tick.ts < symbol.base_stop:
            base_grow(symbol, price, _size_of(kind, tick.value[1]))
            symbol.changes += 1
        else:
            region = find_region(symbol.grid, tick.ts)
            bar = Bar(slot_start_in(region, symbol.step_ns, tick.ts), price, price, price, price,
                      _size_of(kind, tick.value[1]), 0)
            if bar.ts > symbol.last_ts:
                symbol_place(symbol, &bar)  # the newest row, and there is room for it: it is stored
                symbol_set_base_stop(symbol, slot_stop_in(region, symbol.step_ns, tick.ts))
            elif _join_behind(symbol, kind, region, &bar):
                symbol.changes += 1
            else:
                _counters(symbol, kind).too_old += 1
                return TOO_OLD
        symbol.input_kind = kind
        symbol.next_slot_ts, symbol.newest_stop = INT64_MAX, fed_until(symbol, tick.ts)
    else:
        symbol.changes += 1
    if makes_bars:
        symbol_note_change(symbol)
    ticks_push(ring, tick)
    ring.updated = 1
    symbol.n_edits += 1
    return STORED


cdef bint _join_behind(Symbol* symbol, int kind, const Region* region, Bar* bar) noexcept nogil:
    """The newest tick, as a bar of its slot, where a row that a bar has filled is newer than that
    slot, or is of it. False, and nothing has changed, if it could not be folded exactly."""
    cdef int64_t seq
    cdef Bar row
    cdef bint exists
    if is_filled(symbol, region, bar.ts):
        _counters(symbol, kind).covered += 1
        return True
    seq = ring_find(&symbol.base, bar.ts)
    ring_read(&symbol.base, seq, &row)  # last_ts > bar.ts, so there is a row at seq
    exists = row.ts == bar.ts
    if symbol_is_too_old(symbol, region, bar.ts, exists):
        return False
    if exists:  # of older ticks: the ring may have lost them, but this one only goes on
        bar.open, bar.volume = row.open, row.volume + bar.volume
        bar.high = bar.high if bar.high > row.high else row.high
        bar.low = bar.low if bar.low < row.low else row.low
    symbol_place_late(symbol, region, seq, exists, bar)
    return True


cdef inline bint _row_lacks_side(const Symbol* symbol, int kind, const TickRing* ring, int64_t at) noexcept nogil:
    cdef Tick tick
    if kind == INPUT_TICKS:
        return False
    tick.value[0], tick.value[1] = ring.value[0][at], ring.value[1][at]
    tick.value[2], tick.value[3] = ring.value[2][at], ring.value[3][at]
    return lacks_side(symbol, kind, &tick)


cdef void _fold_slot(const Symbol* symbol, int kind, const TickRing* ring, int64_t start, int64_t stop,
                     Bar* out_bar) noexcept nogil:
    """Fold all ticks in [start, stop) into a base row. Without one that has a price its n_base
    is 0."""
    cdef int64_t at = ticks_find(ring, start) - ring.origin, end = ticks_find(ring, stop) - ring.origin
    cdef double price
    while at < end and _row_lacks_side(symbol, kind, ring, at):
        at += 1
    out_bar[0] = Bar(start, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    if at >= end:
        return
    price = price_of(kind, symbol.quote_bars, ring.value[0][at], ring.value[1][at])
    out_bar[0] = Bar(start, price, price, price, price, _size_of(kind, ring.value[1][at]), 1)
    at += 1
    while at < end:
        if _row_lacks_side(symbol, kind, ring, at):
            at += 1
            continue
        price = price_of(kind, symbol.quote_bars, ring.value[0][at], ring.value[1][at])
        out_bar.high = price if price > out_bar.high else out_bar.high
        out_bar.low = price if price < out_bar.low else out_bar.low
        out_bar.close = price
        out_bar.volume += _size_of(kind, ring.value[1][at])
        at += 1


cdef int _place_late(Symbol* symbol, int kind, TickRing* ring, const Tick* tick) noexcept nogil:
    """A trade or quote (checked, of the span, with room) older than the newest. O(log rows + ticks
    after it), and one slot of each level."""
    cdef int64_t evicted_ts = ring.evicted_ts, start, stop, seq
    cdef const Region* region
    cdef bint exists, covered, is_newest
    cdef Bar bar
    if ring.next_seq >= ring.capacity:  # the insertion would push the oldest row out
        evicted_ts = ring.ts[ticks_oldest(ring) - ring.origin]
    if not _makes_bars(symbol, kind) or lacks_side(symbol, kind, tick):
        if tick.ts <= evicted_ts:
            _counters(symbol, kind).too_old += 1
            return TOO_OLD
        ticks_insert(ring, tick)
        _counters(symbol, kind).empty_side += _makes_bars(symbol, kind)
    else:
        region = find_region(symbol.grid, tick.ts)
        start = slot_start_in(region, symbol.step_ns, tick.ts)
        stop = slot_stop_in(region, symbol.step_ns, tick.ts)
        seq = ring_find(&symbol.base, start)
        exists = seq < symbol.base.next_seq and symbol.base.ts[seq - symbol.base.origin] == start
        covered = is_filled(symbol, region, start)
        # A slot that has lost ticks cannot be folded again, nor one of a level that has lost base
        # rows.
        is_newest = start > symbol.last_ts  # only quotes without a price have come since
        if tick.ts <= evicted_ts if covered else (
                start <= evicted_ts or (not is_newest and symbol_is_too_old(symbol, region, start, exists))):
            _counters(symbol, kind).too_old += 1
            return TOO_OLD
        ticks_insert(ring, tick)
        if covered:
            _counters(symbol, kind).covered += 1
        else:
            _fold_slot(symbol, kind, ring, start, stop, &bar)
            if is_newest:
                bar.n_base = 0
                symbol_place(symbol, &bar)
                symbol_set_base_stop(symbol, stop)
                symbol.next_slot_ts, symbol.newest_stop = INT64_MAX, fed_until(symbol, ring.last_ts)
                symbol.changes -= 1  # counted below
            else:
                symbol_place_late(symbol, region, seq, exists, &bar)
    _counters(symbol, kind).late += 1
    ring.updated = 1
    symbol.n_edits += 1
    symbol.changes += 1
    return LATE


# --- many ---

cdef extern from *:
    """
    #include <cstdint>
    #include <cstring>
    static inline std::uint64_t sd_tick_bits(double x) { std::uint64_t bits; std::memcpy(&bits, &x, 8); return bits; }
    """
    uint64_t double_bits "sd_tick_bits"(double x) noexcept nogil


cdef int64_t check_ticks(const Symbol* symbol, int kind, const int64_t* ts, const double** values, int64_t n,
                         int* out_status, bint* out_in_order) noexcept nogil:
    """First row that breaks a rule (out_status says which), or -1; and whether no row is older than
    one before it, or than the newest there is."""
    cdef const TickRing* ring = feed_ring(symbol, kind)
    cdef const double* first = values[0]
    cdef const double* second = values[1]
    cdef const double* third = values[2]
    cdef const double* fourth = values[3]
    cdef uint64_t not_zero, negative, backwards = 0, span_start = <uint64_t>symbol.grid.span_start
    cdef uint64_t span_stop = <uint64_t>symbol.grid.span_stop
    cdef int64_t i = 0, j, stop
    cdef double total
    cdef bint in_order = n == 0 or ring == NULL or ts[0] >= ring.last_ts
    cdef Tick tick
    out_status[0] = 0
    tick.value[2] = tick.value[3] = 0.0
    if _makes_bars(symbol, kind) and symbol.input_kind != INPUT_NONE and symbol.input_kind != kind:
        out_status[0] = ERR_INPUT_KIND
        return 0
    while i < n:
        stop = i + 256 if i + 256 < n else n
        # Whole blocks without a branch; a suspicious one is looked at row by row (see `check_rows`
        # of bars).
        not_zero = negative = 0
        if kind == INPUT_TICKS:
            for j in range(i, stop):
                total = first[j] + second[j] * SUMMANDS
                not_zero |= double_bits(total - total)
                negative |= double_bits(second[j]) | (span_stop - 1 - <uint64_t>ts[j]) | (<uint64_t>ts[j] - span_start)
        else:
            for j in range(i, stop):
                total = first[j] + second[j] + third[j] + fourth[j]
                not_zero |= double_bits(total - total)
                negative |= (double_bits(third[j]) | double_bits(fourth[j]) | (span_stop - 1 - <uint64_t>ts[j])
                             | (<uint64_t>ts[j] - span_start))
        if not_zero or negative >> 63:
            for j in range(i, stop):
                tick.ts, tick.value[0], tick.value[1] = ts[j], first[j], second[j]
                if kind == INPUT_QUOTES:
                    tick.value[2], tick.value[3] = third[j], fourth[j]
                out_status[0] = check_tick(symbol, kind, &tick)
                if out_status[0]:
                    return j
                if j > 0 and ts[j] < ts[j - 1]:
                    in_order = False  # the difference of a time far before the span may wrap
        for j in range(i + (i == 0), stop):
            backwards |= <uint64_t>ts[j] - <uint64_t>ts[j - 1]
        i = stop
    out_in_order[0] = in_order and not backwards >> 63
    return -1


cdef int64_t _grow_newest(Symbol* symbol, int kind, const int64_t* ts, const double* first, const double* second,
                          int64_t n) noexcept nogil:
    """Add those of the ascending ticks that lie in the newest base slot to its row; returns how
    many."""
    cdef const Ring* base = &symbol.base
    cdef int64_t at = base.next_seq - 1 - base.origin, i = 0
    cdef double high, low, close, volume
    if n == 0 or ts[0] >= symbol.base_stop:
        return 0
    high, low, close, volume = base.high[at], base.low[at], base.close[at], base.volume[at]
    while i < n and ts[i] < symbol.base_stop:
        close = price_of(kind, symbol.quote_bars, first[i], second[i])
        high = close if close > high else high
        low = close if close < low else low
        volume += _size_of(kind, second[i])
        i += 1
    base_write(symbol, high, low, close, volume)
    return i


cdef int64_t _make_rows(Symbol* symbol, int kind, const int64_t* ts, const double* first, const double* second,
                        int64_t n) noexcept nogil:
    """Make and store base rows of ascending ticks after the newest slot; returns how many rows."""
    cdef int64_t row_ts[PIECE]
    cdef double open[PIECE]
    cdef double high[PIECE]
    cdef double low[PIECE]
    cdef double close[PIECE]
    cdef double volume[PIECE]
    cdef Columns made = Columns(&row_ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
    cdef const Region* region = symbol.region
    cdef int64_t i = 0, rows = 0, total = 0, start
    cdef int64_t stop = symbol.base_stop if symbol.base_stop != INT64_MIN else INT64_MAX
    cdef double most, least, price, size
    cdef int quote_bars = symbol.quote_bars
    while i < n:
        if ts[i] >= region.stop:
            region = find_region(symbol.grid, ts[i])
            stop = INT64_MAX
        # the slot after the last one: no division
        if stop <= ts[i] and ts[i] - stop < symbol.step_ns:
            start = stop
            stop = start + symbol.step_ns if start + symbol.step_ns < region.stop else region.stop
        else:
            start = slot_start_in(region, symbol.step_ns, ts[i])
            stop = slot_stop_in(region, symbol.step_ns, ts[i])
        price = most = least = price_of(kind, quote_bars, first[i], second[i])
        row_ts[rows], open[rows], size = start, price, _size_of(kind, second[i])
        i += 1
        while i < n and ts[i] < stop:
            price = price_of(kind, quote_bars, first[i], second[i])
            most = price if price > most else most
            least = price if price < least else least
            size += _size_of(kind, second[i])
            i += 1
        high[rows], low[rows], close[rows], volume[rows] = most, least, price, size
        rows += 1
        if rows == PIECE or i == n:
            symbol_extend(symbol, &made, rows)
            total += rows
            rows = 0
    symbol_set_base_stop(symbol, stop)
    return total


cdef bint _any_lacks_side(const Symbol* symbol, const double** values, int64_t n) noexcept nogil:
    """Whether one of some quotes has no price for the bars that they make."""
    cdef uint64_t found = 0
    cdef int64_t i
    if symbol.quote_bars == QUOTE_BARS_NONE:
        return False
    for i in range(n):
        # `lacks_side` without a branch
        found |= ((symbol.quote_bars != QUOTE_BARS_ASK) & (
                      (values[0][i] == 0.0) | (values[2][i] == 0.0) | (values[0][i] == -1.0) & (values[1][i] > 0.0))
                  | (symbol.quote_bars != QUOTE_BARS_BID) & (
                      (values[1][i] == 0.0) | (values[3][i] == 0.0) | (values[1][i] == -1.0) & (values[0][i] > 0.0)))
    return found != 0


cdef int64_t feed_extend(Symbol* symbol, int kind, const int64_t* ts, const double** values, const int64_t* exchange,
                         int64_t n) noexcept nogil:
    """Take checked ticks in order, none older than the newest. Returns how many were stored (those
    before the span are counted as of another session), or ERR_MEMORY and nothing has changed."""
    cdef int64_t skipped = first_at_or_after(ts, n, symbol.grid.span_start), grown, rows, stored = 0
    cdef const double* rest[4]
    cdef TickRing* ring
    cdef bint one_by_one
    cdef int status = 0
    cdef int i
    cdef Tick tick
    if n > skipped:
        status = feed_reserve(symbol, kind, ts + skipped, n - skipped)
        if status:
            return status
    _counters(symbol, kind).other_session += skipped
    if n == skipped:
        return 0
    ring = feed_ring(symbol, kind)
    ts += skipped
    n -= skipped
    for i in range(4):
        rest[i] = values[i] + skipped if values[i] != NULL else NULL
    exchange = exchange + skipped if exchange != NULL else NULL
    # Where a bar has filled the newest row, those that are not newer than its slot go one by one;
    # so do all quotes of a batch in which one has no price.
    one_by_one = kind == INPUT_QUOTES and _any_lacks_side(symbol, rest, n)
    while n > 0 and (one_by_one or (
            _makes_bars(symbol, kind) and symbol.base_stop == INT64_MIN and slot_start_in(
                find_region(symbol.grid, ts[0]), symbol.step_ns, ts[0]) <= symbol.last_ts)):
        tick.ts, tick.exchange = ts[0], exchange[0] if exchange != NULL else 0
        for i in range(4):
            if rest[i] != NULL:
                tick.value[i] = rest[i][0]
                rest[i] += 1
            else:
                tick.value[i] = 0.0
        stored += feed_cold(symbol, kind, &tick) == STORED
        ts += 1
        exchange = exchange + 1 if exchange != NULL else NULL
        n -= 1
    if n == 0:
        return stored
    rows = 0
    if _makes_bars(symbol, kind):
        symbol.input_kind = kind
        grown = _grow_newest(symbol, kind, ts, rest[0], rest[1], n)
        if grown < n:
            rows = _make_rows(symbol, kind, ts + grown, rest[0] + grown, rest[1] + grown, n - grown)
        symbol.next_slot_ts, symbol.newest_stop = INT64_MAX, fed_until(symbol, ts[n - 1])
        symbol_note_change(symbol)
    ticks_extend(ring, ts, rest, exchange, n)
    ring.updated = 1
    symbol.n_edits += 1
    symbol.changes += n - rows  # symbol_extend has counted the rows
    return stored + n


cdef bint feed_check(const Symbol* symbol) noexcept nogil:
    """True if the invariants of rings hold, and the base rows whose ticks are all there are their
    fold, but for those that bars have filled; for tests."""
    cdef const TickRing* ring
    cdef const Ring* base = &symbol.base
    cdef const Region* region
    cdef int64_t seq, at
    cdef Bar bar
    if symbol.ticks != NULL and not ticks_check(symbol.ticks):
        return False
    if symbol.quotes != NULL and not ticks_check(symbol.quotes):
        return False
    if symbol.input_kind == INPUT_BARS:
        return symbol.base_stop == INT64_MIN
    if symbol.next_slot_ts != INT64_MAX:
        return False
    ring = NULL
    if symbol.input_kind != INPUT_NONE:
        ring = feed_ring(symbol, symbol.input_kind)
        if symbol.newest_stop != fed_until(symbol, ring.last_ts):
            return False
    if symbol.base_stop != INT64_MIN and (
            ring == NULL or (symbol.input_kind == INPUT_TICKS and symbol.base_stop <= ring.last_ts)):
        return False
    if (symbol.base_stop == INT64_MIN) != (base.next_seq == 0 or is_newest_filled(symbol)):
        return False
    for seq in range(ring_oldest(base), base.next_seq):
        at = seq - base.origin
        region = find_region(symbol.grid, base.ts[at])
        if is_filled(symbol, region, base.ts[at]):
            continue
        if ring == NULL:  # it has no input kind, so whatever stands there has been filled
            return False
        if base.ts[at] <= ring.evicted_ts:
            continue
        _fold_slot(symbol, symbol.input_kind, ring, base.ts[at], slot_stop_in(region, symbol.step_ns, base.ts[at]),
                   &bar)
        if not (bar.n_base == 1 and base.open[at] == bar.open and base.high[at] == bar.high and base.low[at] == bar.low
                and base.close[at] == bar.close and base.volume[at] == bar.volume):
            return False
    return True
