# Rows of bars as JSON: a stretch of a ring, or one bar.

from libc.stdint cimport int64_t, uint32_t

from sessiondata._native.out.style cimport TimeStyle, write_timestamp
from sessiondata._native.out.text cimport F64_BYTES, TIME_BYTES, scale_column, write_cents, write_f64, write_u64
from sessiondata._native.out.text cimport write_volume
from sessiondata._native.out.writer cimport ByteWriter
from sessiondata._native.rows.ring cimport Bar, Ring


cdef enum:
    ROW_BYTES = TIME_BYTES + 5 * F64_BYTES + 16      # to reserve for one row


cdef inline char* write_price(char* out, double x, int* hint) noexcept nogil:
    """A float and a comma."""
    out = write_f64(out, x, hint)
    out[0] = c","
    return out + 1


cdef inline char* write_number(char* out, double x) noexcept nogil:
    cdef int hint = 2
    return write_f64(out, x, &hint)


cdef inline char* write_values(char* out, const Bar* bar) noexcept nogil:
    """`open,high,low,close,volume]` of one bar."""
    cdef uint32_t cents[4]
    cdef uint32_t volume
    cdef int hint = 2
    if scale_column(&bar.open, 4, 100.0, cents):  # the four prices stand side by side
        out = write_cents(write_cents(write_cents(write_cents(out, cents[0]), cents[1]), cents[2]), cents[3])
    else:
        out = write_price(write_price(out, bar.open, &hint), bar.high, &hint)
        out = write_price(write_price(out, bar.low, &hint), bar.close, &hint)
    if scale_column(&bar.volume, 1, 1.0, &volume):
        out = write_u64(out, volume)
    else:
        hint = 2
        out = write_volume(out, bar.volume, &hint)
    out[0] = c"]"
    return out + 1


cdef inline char* write_row(char* out, const Bar* bar, TimeStyle* style) noexcept nogil:
    """`[time,open,high,low,close,volume]` of one bar; ROW_BYTES at most."""
    out[0] = c"["
    return write_values(write_timestamp(out + 1, bar.ts, style), bar)


cdef int add_rows(ByteWriter writer, const Ring* ring, int64_t first, int64_t end, TimeStyle* style) except -1
