"""Rows of a ring as JSON: `[time,open,high,low,close,volume],[...]`.

    columns of a block -> small whole numbers (cents, volumes) -> text by tables, row by row

The first step is vector code. A column that has a value which is no such number is written value by
value, in that block alone.

Rejected: a cache from the bits of a price to its text (10 ns a row instead of 12 where all prices
repeat, 24 instead of 12 where many do not), AVX2 by run-time dispatch (12.7 instead of 12).
"""

from sessiondata._native.out.style cimport EPOCH_MS, style_set_day
from sessiondata._native.out.text cimport DayText, day_holds, store4, write_fine, write_time
from sessiondata._native.out.writer cimport reserve


cdef enum:
    ROW_BLOCK = 64        # rows that are reserved for at once


cdef char* _write_block(char* out, const Ring* ring, int64_t at, int64_t n, TimeStyle* style, int* price_hint,
                        int* volume_hint) noexcept nogil:
    """`time,open,high,low,close,volume],[` of n <= ROW_BLOCK physical rows; ROW_BYTES each at
    most."""
    cdef uint32_t open[ROW_BLOCK]
    cdef uint32_t high[ROW_BLOCK]
    cdef uint32_t low[ROW_BLOCK]
    cdef uint32_t close[ROW_BLOCK]
    cdef uint32_t volume[ROW_BLOCK]
    cdef bint cents = (
        scale_column(ring.open + at, n, 100.0, open) and scale_column(ring.high + at, n, 100.0, high)
        and scale_column(ring.low + at, n, 100.0, low) and scale_column(ring.close + at, n, 100.0, close)
    )
    cdef bint fine = not cents and (  # currencies: five decimals
        scale_column(ring.open + at, n, 1e5, open) and scale_column(ring.high + at, n, 1e5, high)
        and scale_column(ring.low + at, n, 1e5, low) and scale_column(ring.close + at, n, 1e5, close)
    )
    cdef bint whole = scale_column(ring.volume + at, n, 1.0, volume)
    cdef bint clock = style.kind < EPOCH_MS
    # a copy of which no pointer is taken, so that it stays in registers
    cdef DayText day = style.day
    cdef const int64_t* ts = ring.ts + at
    cdef int64_t i
    for i in range(n):
        if not clock:
            out = write_timestamp(out, ts[i], style)
        else:
            if not day_holds(&day, ts[i]):
                style_set_day(style, ts[i])
                day = style.day
            out = write_time(out, ts[i], &day)
        if cents:
            out = write_cents(write_cents(write_cents(write_cents(out, open[i]), high[i]), low[i]), close[i])
        elif fine:
            out = write_fine(write_fine(write_fine(write_fine(out, open[i]), high[i]), low[i]), close[i])
        else:
            out = write_price(write_price(out, ring.open[at + i], price_hint), ring.high[at + i], price_hint)
            out = write_price(write_price(out, ring.low[at + i], price_hint), ring.close[at + i], price_hint)
        if whole:
            out = write_u64(out, volume[i])
        else:
            out = write_volume(out, ring.volume[at + i], volume_hint)
        store4(out, c"]" | c"," << 8 | c"[" << 16)
        out += 3
    return out


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
        out = _write_block(writer.data + writer.size, ring, at, n, style, &price_hint, &volume_hint)
        writer.size = out - writer.data
        at += n
    writer.size -= 2  # `,[` behind the last row
    return 0
