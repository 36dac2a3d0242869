# The delta of a symbol to which only bars in order have come.

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy

from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.cursor cimport Head, Label, Visit
from sessiondata._native.out.rows cimport ROW_BYTES, write_number
from sessiondata._native.out.style cimport TimeStyle
from sessiondata._native.out.text cimport TIME_BYTES, scale_column, write_cents, write_literal, write_volume
from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.symbol.symbol cimport Symbol


cdef enum:
    HEAD_BYTES = 288      # of a series, up to its rows, without gaps
    # bytes copied in one piece: mostly all of a series' head
    COPIED = 176
    SERIES_BYTES = HEAD_BYTES + COPIED + 2 * ROW_BYTES + 64  # to reserve for one series in order


cdef struct SeriesText:
    # How a series of the symbol before began, and its newest row: most symbols are alike in that,
    # except for the prices.
    const Label* label
    const TimeStyle* style    # of the row's time
    int64_t count
    int64_t total
    int64_t ts                # of the row
    int32_t quality
    bint forming
    Py_ssize_t n_head         # bytes up to the first row
    Py_ssize_t n              # and with `["09:30:00",`
    char text[HEAD_BYTES + TIME_BYTES + COPIED]


cdef inline char* write_label(char* out, const Label* label) noexcept nogil:
    memcpy(out, label.text, sizeof(label.text))
    return out + label.n


cdef inline char* write_metrics(char* out, const Symbol* symbol) noexcept nogil:
    """`VOLUME,"high":...,"low":...,"data":{` of a symbol whose levels have been folded."""
    # the session's bar
    cdef const Level* day = &symbol.levels[symbol.n_levels - 2] if symbol.grid != NULL else NULL
    cdef int hint = 2
    cdef uint32_t cents[2]
    if day == NULL or day.ring.next_seq == 0:
        return write_literal(out, b'0,"high":null,"low":null,"data":{')
    if scale_column(&day.bar.high, 2, 100.0, cents):  # and the low, which stands behind it
        out = write_literal(write_volume(out, day.bar.volume, &hint), b',"high":')
        out = write_cents(write_literal(write_cents(out, cents[0]), b'"low":'), cents[1])
        return write_literal(out, b'"data":{')
    out = write_literal(write_volume(out, day.bar.volume, &hint), b',"high":')
    out = write_literal(write_number(out, day.bar.high), b',"low":')
    return write_literal(write_number(out, day.bar.low), b',"data":{')


cdef char* symbol_in_order(char* out, SymbolCore live, Head* head, SeriesText* texts, Visit* visit,
                           TimeStyle* style) noexcept nogil
