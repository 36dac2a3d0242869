"""The exported document as bytes, in one pass over native state into one writer.

    document -> symbol -> series -> rows           each level reserves what it may need, then writes without checks

The layout is that of `sessiondata.export.document`, key for key; the text of numbers, strings and times is `_text`'s.
The block is the writer's and is copied out when it is complete: no partial document escapes.

Row text is bounded (a time, four prices, a volume), so room is reserved for a block of rows at once.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, strlen

import numpy as np

from sessiondata._gaps cimport Gaps, gaps_count, gaps_list, gaps_missing, gaps_present
from sessiondata._grid cimport expected_at, ordinal_start
from sessiondata._ring cimport Ring, ring_oldest
from sessiondata._store cimport SymbolCore
from sessiondata._symbol cimport symbol_as_of
from sessiondata._text cimport (
    F64_BYTES, I64_BYTES, ISO_BYTES, STRING_BYTES, STRING_FACTOR, ByteWriter, reserve, write_f64, write_i64, write_iso,
    write_string, write_time_of_day, write_volume,
)
from sessiondata._time cimport floor_div

from sessiondata.export import shown_quality


cdef enum:
    TIME_OF_DAY = 0
    ISO = 1
    EPOCH_MS = 2
    EPOCH_NS = 3
    ROW_BLOCK = 64                                   # rows that are reserved for at once
    ROW_BYTES = ISO_BYTES + 5 * F64_BYTES + 16
    GAP_BYTES = 2 * (ISO_BYTES + 2) + I64_BYTES + 64
    FIXED_BYTES = 512                                # literals and numbers of one piece of the document


cdef struct TimeStyle:
    int kind
    int64_t midnight_ns       # local midnight of the session's date, for TIME_OF_DAY
    int32_t n_offsets
    const int64_t* from_ns    # n_offsets: since when each UTC offset holds, ascending
    const int64_t* offset_ns


cdef class Style:
    """How times are written in one document.

    Parameters
    ----------
    kind : {"time", "iso", "epoch_ms", "epoch_ns"}
        "time" is resolved already: the time of day is unambiguous.
    midnight_ns : int
        Local midnight, for "time".
    from_ns, offset_ns : ndarray of int64
        UTC offsets in force.
    """

    cdef TimeStyle data
    cdef const int64_t[::1] _from_ns, _offset_ns

    def __cinit__(self, str kind, int64_t midnight_ns, const int64_t[::1] from_ns, const int64_t[::1] offset_ns):
        self.data.kind = ("time", "iso", "epoch_ms", "epoch_ns").index(kind)
        self.data.midnight_ns = midnight_ns
        self._from_ns, self._offset_ns = from_ns, offset_ns
        self.data.n_offsets = <int32_t>from_ns.shape[0]
        self.data.from_ns, self.data.offset_ns = &from_ns[0], &offset_ns[0]


cdef inline char* _write_time(char* out, int64_t ts, const TimeStyle* style) noexcept nogil:
    """A time in the session's span as a JSON value; ISO_BYTES + 2 at most."""
    cdef int32_t i
    if style.kind == EPOCH_NS:
        return write_i64(out, ts)
    if style.kind == EPOCH_MS:
        return write_i64(out, floor_div(ts, 1_000_000))
    out[0] = c'"'
    if style.kind == TIME_OF_DAY:
        out = write_time_of_day(out + 1, ts - style.midnight_ns)
    else:
        i = style.n_offsets - 1
        while i > 0 and ts < style.from_ns[i]:
            i -= 1
        out = write_iso(out + 1, ts, style.offset_ns[i])
    out[0] = c'"'
    return out + 1


cdef inline char* _write_literal(char* out, const char* text) noexcept nogil:
    cdef size_t n = strlen(text)
    memcpy(out, text, n)
    return out + n


cdef inline char* _write_row(char* out, const Ring* ring, int64_t at, const TimeStyle* style, int* price_hint,
                             int* volume_hint) noexcept nogil:
    """`[time,open,high,low,close,volume],` of one physical row; ROW_BYTES at most."""
    out[0] = c"["
    out = _write_time(out + 1, ring.ts[at], style)
    out[0] = c","
    out = write_f64(out + 1, ring.open[at], price_hint)
    out[0] = c","
    out = write_f64(out + 1, ring.high[at], price_hint)
    out[0] = c","
    out = write_f64(out + 1, ring.low[at], price_hint)
    out[0] = c","
    out = write_f64(out + 1, ring.close[at], price_hint)
    out[0] = c","
    out = write_volume(out + 1, ring.volume[at], volume_hint)
    out[0], out[1] = c"]", c","
    return out + 2


cdef int _rows(ByteWriter writer, const Ring* ring, const TimeStyle* style) except -1:
    """All live rows, with commas between."""
    cdef int64_t at = ring_oldest(ring) - ring.origin, stop = ring.next_seq - ring.origin, block
    cdef int price_hint = 2, volume_hint = 2
    cdef char* out
    if at == stop:
        return 0
    while at < stop:
        block = at + ROW_BLOCK if at + ROW_BLOCK < stop else stop
        reserve(writer, ROW_BLOCK * ROW_BYTES)
        out = writer.data + writer.size
        while at < block:
            out = _write_row(out, ring, at, style, &price_hint, &volume_hint)
            at += 1
        writer.size = out - writer.data
    writer.size -= 1  # the comma behind the last row
    return 0


cdef int _tracked_gaps(ByteWriter writer, const Gaps* gaps, int32_t expected, const TimeStyle* style) except -1:
    """`"gaps":{...},` of a tracker, nothing where there is no gap."""
    cdef int32_t n = gaps_count(gaps, expected), i
    cdef int32_t[:, ::1] ranges
    cdef char* out
    if n == 0:
        return 0
    ranges = np.empty((2, n), np.int32)
    gaps_list(gaps, expected, &ranges[0, 0], &ranges[1, 0])
    reserve(writer, FIXED_BYTES + n * GAP_BYTES)
    out = write_i64(_write_literal(writer.data + writer.size, b'"gaps":{"gap_count":'), n)
    out = write_i64(_write_literal(out, b',"missing_bars":'), gaps_missing(gaps, expected))
    out = _write_literal(out, b',"ranges":[')
    for i in range(n):
        out = _write_time(_write_literal(out, b'{"start_time":'), ordinal_start(gaps.table, ranges[0, i]), style)
        out = _write_time(_write_literal(out, b',"end_time":'), ordinal_start(gaps.table, ranges[1, i] - 1), style)
        out = write_i64(_write_literal(out, b',"bar_count":'), ranges[1, i] - ranges[0, i])
        out = _write_literal(out, b"},")
    writer.size = _write_literal(out - 1, b"]},") - writer.data
    return 0


cdef int _literal(ByteWriter writer, const char* text) except -1:
    reserve(writer, strlen(text))
    writer.size = _write_literal(writer.data + writer.size, text) - writer.data
    return 0


cdef int _bytes(ByteWriter writer, bytes ready) except -1:
    reserve(writer, len(ready))
    memcpy(writer.data + writer.size, PyBytes_AS_STRING(ready), len(ready))
    writer.size += len(ready)
    return 0


cdef int _string(ByteWriter writer, str text) except -1:
    cdef Py_ssize_t n
    cdef const char* utf8 = PyUnicode_AsUTF8AndSize(text, &n)
    reserve(writer, STRING_BYTES + STRING_FACTOR * n)
    writer.size = write_string(writer.data + writer.size, utf8, n) - writer.data
    return 0


cdef int _float(ByteWriter writer, double x) except -1:
    cdef int hint = 2
    reserve(writer, F64_BYTES)
    writer.size = write_f64(writer.data + writer.size, x, &hint) - writer.data
    return 0


cdef int _series(ByteWriter writer, SymbolCore core, Py_ssize_t k, dict pinned_gaps, dict pinned_quality,
                 const TimeStyle* style) except -1:
    """`{"count":...,"data":[...]}` of one series."""
    cdef Gaps* gaps = core.tracker(k)
    cdef Ring* ring = core.ring(k)
    cdef bint started = core.symbol.grid != NULL
    cdef int32_t expected = expected_at(gaps.table, symbol_as_of(&core.symbol)) if started else 0
    cdef int64_t present = gaps_present(gaps, expected) if started else 0
    cdef char* out
    reserve(writer, FIXED_BYTES)
    out = writer.data + writer.size
    out = write_i64(_write_literal(out, b'{"count":'), ring.next_seq - ring_oldest(ring) if started else 0)
    out = write_i64(_write_literal(out, b',"total_count":'), ring.next_seq if started else 0)
    out = _write_literal(out, b',"generated":true' if k else b',"generated":false')
    if core.is_forming(k):
        out = _write_literal(out, b',"forming":true')
    writer.size = _write_literal(out, b',"quality":') - writer.data
    if k in pinned_quality:
        _float(writer, shown_quality(pinned_quality[k]))
    else:
        _float(writer, 10_000 * present // expected / 100.0 if expected else 100.0)
    _literal(writer, b",")
    if k in pinned_gaps:
        _bytes(writer, pinned_gaps[k])
    elif started:
        _tracked_gaps(writer, gaps, expected, style)
    _literal(writer, b'"columns":["timestamp","open","high","low","close","volume"],"data":[')
    if started:
        _rows(writer, ring, style)
    _literal(writer, b"]}")
    return 0


cdef int _symbol(ByteWriter writer, SymbolCore core, dict pinned_gaps, dict pinned_quality,
                 const TimeStyle* style) except -1:
    """`"NAME":{"session":{...},"historical":{...}}` of one symbol."""
    cdef Py_ssize_t k
    cdef int hint = 2
    cdef double volume = 0.0
    bar = core.session_bar(False)
    _string(writer, core.name)
    _literal(writer, b':{"session":{"volume":')
    if bar is not None:
        volume = bar[0]
    reserve(writer, F64_BYTES)
    writer.size = write_volume(writer.data + writer.size, volume, &hint) - writer.data
    _literal(writer, b',"high":')
    _literal(writer, b"null") if bar is None else _float(writer, bar[1])
    _literal(writer, b',"low":')
    _literal(writer, b"null") if bar is None else _float(writer, bar[2])
    _literal(writer, b',"data":{')
    for k in range(len(core.intervals)):
        _literal(writer, b',"' if k else b'"')
        _literal(writer, core.intervals[k].encode())
        _literal(writer, b'":')
        _series(writer, core, k, pinned_gaps, pinned_quality, style)
    _literal(writer, b'}},"historical":{"loaded":false}}')
    return 0


def write_document(bytes meta, list symbols, Style style not None):
    """The complete document.

    Parameters
    ----------
    meta : bytes
        The `meta` object as JSON.
    symbols : list of (SymbolCore, pinned_gaps, pinned_quality)
        By series number: pinned gaps as the ready member ``b'"gaps":{...},'`` (their times may lie anywhere, so Python
        writes them), pinned quality as float.
    style : Style

    Returns
    -------
    bytes
    """
    cdef ByteWriter writer = ByteWriter()
    cdef SymbolCore core
    cdef bint first = True
    _literal(writer, b'{"meta":')
    _bytes(writer, meta)
    _literal(writer, b',"symbols":{')
    for core, pinned_gaps, pinned_quality in symbols:
        if not first:
            _literal(writer, b",")
        first = False
        _symbol(writer, core, pinned_gaps, pinned_quality, &style.data)
    _literal(writer, b"}}")
    return writer.take()
