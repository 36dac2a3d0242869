"""Rows of a ring as JSON: `[time,open,high,low,close,volume],[...]`.

    columns of a block -> small whole numbers (cents, volumes) -> text by tables, row by row

The first step is vector code. A column that has a value which is no such number is written value by
value, in that block alone.

Rejected: a cache from the bits of a price to its text (10 ns a row instead of 12 where all prices
repeat, 24 instead of 12 where many do not), AVX2 by run-time dispatch (12.7 instead of 12).
"""

from sessiondata._native.out.digits cimport NO_KEY, Binade, write_four
from sessiondata._native.out.style cimport EPOCH_MS, style_set_day
from sessiondata._native.out.text cimport DayText, day_holds, store4, write_fine, write_time
from sessiondata._native.out.writer cimport reserve


cdef enum:
    ROW_BLOCK = 64        # rows that are reserved for at once
    # How the prices of a block are written.
    CENTS = 0
    FINE = 1              # five decimals: currencies
    ONE_BY_ONE = 2


cdef struct Block:
    # Columns of a block as whole numbers, where they are such.
    uint32_t open[ROW_BLOCK]
    uint32_t high[ROW_BLOCK]
    uint32_t low[ROW_BLOCK]
    uint32_t close[ROW_BLOCK]
    uint32_t volume[ROW_BLOCK]


cdef bint _scale_prices(const Ring* ring, int64_t at, int64_t n, double scale, Block* block) noexcept nogil:
    return (
        scale_column(ring.open + at, n, scale, block.open) and scale_column(ring.high + at, n, scale, block.high)
        and scale_column(ring.low + at, n, scale, block.low) and scale_column(ring.close + at, n, scale, block.close)
    )


cdef inline char* _write_block(char* out, const Ring* ring, int64_t at, int64_t n, const Block* block, bint clock,
                               int prices, bint whole, TimeStyle* style, int* price_hint,
                               int* volume_hint) noexcept nogil:
    """`time,open,high,low,close,volume],[` of n <= ROW_BLOCK physical rows; ROW_BYTES each at
    most. `clock`: times are no epochs; `whole`: volumes are in the block."""
    # a copy of which no pointer is taken, so that it stays in registers
    cdef DayText day = style.day
    cdef Binade binade
    cdef const int64_t* ts = ring.ts + at
    cdef int64_t i
    binade.key = NO_KEY
    for i in range(n):
        if not clock:
            out = write_timestamp(out, ts[i], style)
        else:
            if not day_holds(&day, ts[i]):
                style_set_day(style, ts[i])
                day = style.day
            out = write_time(out, ts[i], &day)
        if prices == CENTS:
            out = write_cents(write_cents(out, block.open[i]), block.high[i])
            out = write_cents(write_cents(out, block.low[i]), block.close[i])
        elif prices == FINE:
            out = write_fine(write_fine(out, block.open[i]), block.high[i])
            out = write_fine(write_fine(out, block.low[i]), block.close[i])
        elif price_hint[0] == 17:
            out = write_four(out, ring.open[at + i], ring.high[at + i], ring.low[at + i], ring.close[at + i],
                             &binade)
        else:
            out = write_price(write_price(out, ring.open[at + i], price_hint), ring.high[at + i], price_hint)
            out = write_price(write_price(out, ring.low[at + i], price_hint), ring.close[at + i], price_hint)
        if whole:
            out = write_u64(out, block.volume[i])
        else:
            out = write_volume(out, ring.volume[at + i], volume_hint)
        store4(out, c"]" | c"," << 8 | c"[" << 16)
        out += 3
    return out


cdef char* _write_rows(char* out, const Ring* ring, int64_t at, int64_t n, TimeStyle* style, int* price_hint,
                       int* volume_hint) noexcept nogil:
    cdef Block block
    cdef bint whole = scale_column(ring.volume + at, n, 1.0, block.volume)
    cdef int prices = ONE_BY_ONE
    # After prices of full precision a look at the next one mostly saves trying all.
    if price_hint[0] != 17 or scale_column(ring.open + at, 1, 100.0, block.open) or scale_column(
            ring.open + at, 1, 1e5, block.open):
        if _scale_prices(ring, at, n, 100.0, &block):
            prices = CENTS
        elif _scale_prices(ring, at, n, 1e5, &block):
            prices = FINE
    # the commonest case has a loop of its own
    if style.kind < EPOCH_MS and prices == CENTS and whole:
        return _write_block(out, ring, at, n, &block, True, CENTS, True, style, price_hint, volume_hint)
    return _write_block(out, ring, at, n, &block, style.kind < EPOCH_MS, prices, whole, style, price_hint, volume_hint)


cdef int add_rows(ByteWriter writer, const Ring* ring, int64_t first, int64_t end, TimeStyle* style) except -1:
    """The live rows [first, end), by sequence, with commas between."""
    cdef int64_t at = first - ring.origin, stop = end - ring.origin, n
    cdef int price_hint = 2, volume_hint = 2
    cdef char* out
    if at == stop:
        return 0
    reserve(writer, 1)
    writer.data[writer.size] = c"["
    writer.size += 1
    while at < stop:
        n = stop - at if stop - at < ROW_BLOCK else ROW_BLOCK
        reserve(writer, n * ROW_BYTES)
        out = _write_rows(writer.data + writer.size, ring, at, n, style, &price_hint, &volume_hint)
        writer.size = out - writer.data
        at += n
    writer.size -= 2  # `,[` behind the last row
    return 0
