# Trades and quotes of a symbol: storing them, and growing base rows from them.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.rows.aggregate cimport level_merge, level_accepts
from sessiondata._native.rows.ring cimport Bar, Ring, ring_begin_change, ring_end_change
from sessiondata._native.base.status cimport ERR_NOT_FINITE, ERR_SIZE, STORED
from sessiondata._native.symbol.symbol cimport Symbol
from sessiondata._native.rows.ticks cimport INPUT_QUOTES, INPUT_TICKS, SUM_LIMIT, Tick, TickRing
from sessiondata._native.rows.ticks cimport ticks_push


cdef enum:
    QUOTE_BARS_NONE = 0
    QUOTE_BARS_MID = 1
    QUOTE_BARS_BID = 2
    QUOTE_BARS_ASK = 3


cdef inline TickRing* feed_ring(const Symbol* symbol, int kind) noexcept nogil:
    """Ring of INPUT_TICKS or INPUT_QUOTES; NULL before the first of them."""
    return symbol.ticks if kind == INPUT_TICKS else symbol.quotes


cdef inline double price_of(int kind, int quote_bars, double first, double second) noexcept nogil:
    """What a trade, or a quote that makes bars, adds to a bar."""
    if kind == INPUT_TICKS or quote_bars == QUOTE_BARS_BID:
        return first
    # of huge ones the sum overflows
    return second if quote_bars == QUOTE_BARS_ASK else 0.5 * first + 0.5 * second


cdef inline int check_trade(const Tick* tick) noexcept nogil:
    """0, or the status of the first rule about values that a trade breaks."""
    # x - x is 0 for finite x and NaN for infinities and NaN, for which no comparison holds.
    if tick.value[1] >= tick.value[0] - tick.value[0] and not tick.value[1] >= SUM_LIMIT:
        return 0
    return check_trade_cold(tick.value[0], tick.value[1])


cdef inline bint _is_empty(double price, double size, double other) noexcept nogil:
    """Whether a side of a quote is empty: a price or a size of 0, or a price of -1 beside a
    positive one. Feeds say "none" by -1; where prices may be negative, too, the other side of a
    quote at -1 is above 0 by chance only."""
    return price == 0.0 or size == 0.0 or (price == -1.0 and other > 0.0)


cdef inline bint lacks_side(const Symbol* symbol, int kind, const Tick* tick) noexcept nogil:
    """Whether a quote that makes bars has no price for them: a side that they are made of is empty.
    (What a feed says by NaN or a negative size breaks a rule.)"""
    if kind == INPUT_TICKS or symbol.quote_bars == QUOTE_BARS_NONE:
        return False
    if symbol.quote_bars != QUOTE_BARS_ASK and _is_empty(tick.value[0], tick.value[2], tick.value[1]):
        return True
    return symbol.quote_bars != QUOTE_BARS_BID and _is_empty(tick.value[1], tick.value[3], tick.value[0])


cdef inline int check_quote(const Tick* tick) noexcept nogil:
    """0, or the status of the first rule about values that a quote breaks. A bid above the ask
    breaks none."""
    if not ((tick.value[0] - tick.value[0]) + (tick.value[1] - tick.value[1]) + (tick.value[2] - tick.value[2])
            + (tick.value[3] - tick.value[3]) == 0.0):
        return ERR_NOT_FINITE
    return ERR_SIZE if tick.value[2] < 0.0 or tick.value[3] < 0.0 else 0


cdef inline void base_write(Symbol* symbol, double high, double low, double close, double volume) noexcept nogil:
    """The newest base row has grown: write it, and fold it once more into the roots."""
    cdef Ring* base = &symbol.base
    cdef int64_t at = base.next_seq - 1 - base.origin
    cdef int32_t i
    cdef Bar bar
    ring_begin_change(base)
    base.high[at], base.low[at], base.close[at], base.volume[at] = high, low, close, volume
    if at >= base.capacity:
        at -= base.capacity
        base.high[at], base.low[at], base.close[at], base.volume[at] = high, low, close, volume
    ring_end_change(base)
    bar.high, bar.low, bar.close, bar.volume, bar.n_base = high, low, close, volume, 1
    i = symbol.root
    while i >= 0:
        if level_accepts(&symbol.levels[i], symbol.region):
            level_merge(&symbol.levels[i], &bar, False)
        i = symbol.levels[i].next
    if symbol.extended_root >= 0 and not symbol.region.regular:
        level_merge(&symbol.levels[symbol.extended_root], &bar, False)
    symbol.grown = symbol.bars_updated = 1


cdef inline void base_grow(Symbol* symbol, double price, double size) noexcept nogil:
    """Add a trade to the newest base row."""
    cdef const Ring* base = &symbol.base
    cdef int64_t at = base.next_seq - 1 - base.origin
    cdef double high = base.high[at], low = base.low[at]
    base_write(symbol, price if price > high else high, price if price < low else low, price, base.volume[at] + size)


cdef inline int feed_trade(Symbol* symbol, const Tick* tick) noexcept nogil:
    """Check and store one trade, and everything it causes; returns a status. A session must have
    been started.

    O(roots) within the newest base row."""
    cdef int status = check_trade(tick)
    if status:
        return status
    if symbol.input_kind != INPUT_TICKS or not symbol.ticks.last_ts <= tick.ts < symbol.grow_stop:
        return feed_cold(symbol, INPUT_TICKS, tick)
    ticks_push(symbol.ticks, tick)
    base_grow(symbol, tick.value[0], tick.value[1])
    symbol.newest_stop = tick.ts
    symbol.ticks.updated = 1
    symbol.n_edits += 1
    symbol.changes += 1
    return STORED


cdef inline int feed_quote(Symbol* symbol, const Tick* tick) noexcept nogil:
    """Check and store one quote, and everything it causes; returns a status. A session must have
    been started."""
    cdef int status = check_quote(tick)
    cdef TickRing* ring = symbol.quotes
    if status:
        return status
    if symbol.quote_bars != QUOTE_BARS_NONE or ring == NULL or not ring.last_ts <= tick.ts < symbol.grid.span_stop:
        return feed_cold(symbol, INPUT_QUOTES, tick)
    ticks_push(ring, tick)
    ring.updated = 1
    symbol.n_edits += 1
    symbol.changes += 1
    return STORED


cdef int check_trade_cold(double price, double size) noexcept nogil
cdef int feed_cold(Symbol* symbol, int kind, const Tick* tick) noexcept nogil
cdef int feed_make_ring(Symbol* symbol, int kind) noexcept nogil
cdef int feed_reserve(Symbol* symbol, int kind, const int64_t* ts, int64_t n) noexcept nogil
cdef int check_tick(const Symbol* symbol, int kind, const Tick* tick) noexcept nogil
cdef int64_t check_ticks(const Symbol* symbol, int kind, const int64_t* ts, const double** values, int64_t n,
                         int* out_status, bint* out_in_order) noexcept nogil
cdef int64_t feed_extend(Symbol* symbol, int kind, const int64_t* ts, const double** values, const int64_t* exchange,
                         int64_t n) noexcept nogil
cdef bint feed_check(const Symbol* symbol) noexcept nogil
