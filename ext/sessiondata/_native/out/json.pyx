"""The exported document as bytes, in one pass over native state into one bytes object.

    document -> symbol -> series -> block of rows    each level reserves what it may need, then writes without checks

The layout is that of `sessiondata.export.document.document`, key for key; the text of numbers,
strings and times is `out/text`'s.

A block of rows is written in two steps: first its columns become small whole numbers (cents,
volumes), which is vector code, then these become text by tables, row by row. What is neither in a
block is written value by value.

Rejected: a cache from the bits of a price to its text (10 ns a row instead of 12 where all prices
repeat, 24 instead of 12 where many do not), AVX2 by run-time dispatch (12.7 instead of 12), a
branch for each style of time in `write_time`.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from libc.stdint cimport INT64_MAX, int16_t, int32_t, int64_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.out.cursor cimport FORMING, PINNED, TAIL, Change, Cursor, Head, Label
from sessiondata._native.out.cursor cimport Sent, Visit, pinned_hundredths
from sessiondata._native.objects.days cimport Days, snapshot_of, still
from sessiondata._native.slots.gaps cimport Gaps, gaps_count, gaps_explained, gaps_list
from sessiondata._native.slots.gaps cimport gaps_missing
from sessiondata._native.slots.grid cimport ordinal_start
from sessiondata._native.symbol.evidence cimport Evidence
from sessiondata._native.base.guard cimport peek, peek_ints, peek_pointer, peek_values
from sessiondata._native.symbol.layout cimport series_gaps, series_ring
from sessiondata._native.slots.marks cimport Retries, retries_of
from sessiondata._native.base.prefetch cimport prefetch, prefetch_span
from sessiondata._native.rows.ring cimport Bar, Ring, ring_oldest, ring_prefetch, ring_read
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.symbol.symbol cimport (
    MAX_LEVELS, Symbol, symbol_watermark, symbol_enter, symbol_fold_levels, symbol_leave, symbol_flush,
)
from sessiondata._native.out.text cimport (
    F64_BYTES, I64_BYTES, STRING_BYTES, STRING_FACTOR, TIME_BYTES, DayText, bits_of, day_holds, scale_column, set_day,
    store4, write_cents, write_f64, write_fine, write_i64, write_literal, write_string, write_time, write_u64,
    write_volume,
)
from sessiondata._native.out.writer cimport ByteWriter, reserve, write_bytes
from sessiondata._native.rows.ticks cimport Tick, TickRing, ticks_oldest, ticks_read
from sessiondata._native.base.time cimport floor_div

from sessiondata.copying import refuse_copy


cdef enum:
    TIME_OF_DAY = 0
    ISO = 1
    EPOCH_MS = 2
    EPOCH_NS = 3
    ROW_BLOCK = 64                                   # rows that are reserved for at once
    HEAD_BYTES = 288                                 # of a series, up to its rows, without gaps
    ROW_BYTES = TIME_BYTES + 5 * F64_BYTES + 16
    # of a series that is in turn, in one piece: mostly all of its head
    COPIED = 176
    SERIES_BYTES = HEAD_BYTES + COPIED + 2 * ROW_BYTES + 64  # of one that is in turn
    GAP_BYTES = 2 * TIME_BYTES + I64_BYTES + 64
    RETRY_BYTES = TIME_BYTES + I64_BYTES + 64
    SYMBOL_BYTES = 448                               # of a SymbolCore: what is read of it
    # of a Symbol: what tells whether it has changed
    SCANNED_BYTES = 88
    LEVEL_BYTES = 192                                # of a Level
    # symbols found ahead of the one that is written; a power of two
    QUEUE = 16
    # how far ahead what lies scattered is asked for
    AHEAD = 12
    # of asking all of Python, which changes meanwhile
    TRIES = 8
    # literals and numbers of one piece of the document
    FIXED_BYTES = 512


cdef struct TimeStyle:
    int kind
    int32_t n_offsets
    const int64_t* from_ns    # n_offsets: since when each UTC offset holds, ascending
    const int64_t* offset_ns
    DayText day               # of the time written last, unless `kind` is an epoch


cdef class Style:
    """How times are written in one document.

    Parameters
    ----------
    kind : {"time", "iso", "epoch_ms", "epoch_ns"}
        "time" is resolved already: the time of day is unambiguous.
    from_ns, offset_ns : ndarray of int64
        UTC offsets in force.
    format_time : callable
        Called with int ns, returns the JSON of a time that may lie anywhere: when a gap was asked
        for again.
    """

    cdef TimeStyle data
    cdef const int64_t[::1] _from_ns, _offset_ns
    cdef object _format
    cdef dict _formatted            # times that were asked for -> JSON

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, str kind, const int64_t[::1] from_ns, const int64_t[::1] offset_ns, format_time):
        self._format, self._formatted = format_time, {}
        self.data.kind = ("time", "iso", "epoch_ms", "epoch_ns").index(kind)
        self._from_ns, self._offset_ns = from_ns, offset_ns
        self.data.n_offsets = <int32_t>from_ns.shape[0]
        self.data.from_ns, self.data.offset_ns = &from_ns[0], &offset_ns[0]
        self.data.day.length_ns = 0

    cdef bytes anytime(self, int64_t ts):
        """JSON of a time that may lie anywhere. Runs Python code unless the time has been
        learnt."""
        cdef bytes sent = self._formatted.get(ts)
        if sent is None:
            sent = self._formatted[ts] = self._format(ts)
        return sent

    cdef int learn(self, SymbolCore core) except -1:
        """Have at hand the times at which gaps of a symbol have been asked for again, whoever asks
        meanwhile."""
        cdef Evidence evidence
        cdef const Retries* retries
        cdef int32_t k, i
        cdef set times
        while core._memory is not None and core._memory.evidence is not None:
            evidence, times = core._memory.evidence, set()
            for k in range(evidence.n_trackers):
                retries = &evidence.marks[k].retries
                for i in range(retries.n):
                    times.add(retries.last_ns[i])
            times.difference_update(self._formatted)
            if not times:
                break
            for ts in times:
                self.anytime(ts)
        return 0


cdef void _turn_day(TimeStyle* style, int64_t ts) noexcept nogil:
    """Set the day of a time, as far as one UTC offset holds."""
    cdef DayText* day = &style.day
    cdef int32_t i = style.n_offsets - 1
    cdef uint64_t ns
    while i > 0 and ts < style.from_ns[i]:
        i -= 1
    set_day(day, ts, style.offset_ns[i], style.kind == ISO)
    ns = <uint64_t>ts - day.midnight_ns
    if i > 0 and <uint64_t>ts - <uint64_t>style.from_ns[i] < ns:
        day.from_ns = ns - (<uint64_t>ts - <uint64_t>style.from_ns[i])
        day.length_ns -= day.from_ns
    if i + 1 < style.n_offsets and <uint64_t>style.from_ns[i + 1] - <uint64_t>ts < day.from_ns + day.length_ns - ns:
        day.length_ns = ns - day.from_ns + (<uint64_t>style.from_ns[i + 1] - <uint64_t>ts)


cdef inline char* _write_time(char* out, int64_t ts, TimeStyle* style) noexcept nogil:
    """A time in the session's span as a JSON value, and a comma; TIME_BYTES at most."""
    if style.kind >= EPOCH_MS:
        out = write_i64(out, ts if style.kind == EPOCH_NS else floor_div(ts, 1_000_000))
        out[0] = c","
        return out + 1
    if not day_holds(&style.day, ts):
        _turn_day(style, ts)
    return write_time(out, ts, &style.day)


cdef inline char* _write_price(char* out, double x, int* hint) noexcept nogil:
    """A float and a comma."""
    out = write_f64(out, x, hint)
    out[0] = c","
    return out + 1


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
            out = _write_time(out, ts[i], style)
        else:
            if not day_holds(&day, ts[i]):
                _turn_day(style, ts[i])
                day = style.day
            out = write_time(out, ts[i], &day)
        if cents:
            out = write_cents(write_cents(write_cents(write_cents(out, open[i]), high[i]), low[i]), close[i])
        elif fine:
            out = write_fine(write_fine(write_fine(write_fine(out, open[i]), high[i]), low[i]), close[i])
        else:
            out = _write_price(_write_price(out, ring.open[at + i], price_hint), ring.high[at + i], price_hint)
            out = _write_price(_write_price(out, ring.low[at + i], price_hint), ring.close[at + i], price_hint)
        if whole:
            out = write_u64(out, volume[i])
        else:
            out = write_volume(out, ring.volume[at + i], volume_hint)
        store4(out, c"]" | c"," << 8 | c"[" << 16)
        out += 3
    return out


cdef int _rows(ByteWriter writer, const Ring* ring, int64_t first, int64_t end, TimeStyle* style) except -1:
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


cdef char* _write_retries(char* out, const Gaps* gaps, int32_t start, int32_t stop, Style style) except NULL:
    """`"retry_count":...,"last_retry":...,` of a gap, nothing if it was never asked for again."""
    cdef int32_t count
    cdef int64_t last_ns
    cdef bytes last
    retries_of(&gaps.marks.retries, start, stop, &count, &last_ns)
    if count == 0:
        return out
    last = style.anytime(last_ns)
    out = write_literal(write_i64(write_literal(out, b',"retry_count":'), count), b',"last_retry":')
    memcpy(out, PyBytes_AS_STRING(last), len(last))
    return out + len(last)


cdef int _tracked_gaps(ByteWriter writer, const Gaps* gaps, int32_t expected, Style times) except -1:
    """`"gaps":{...},` of a tracker, nothing where there is no gap."""
    cdef int32_t n = gaps_count(gaps, expected), i
    cdef TimeStyle* style = &times.data
    cdef bint retried = gaps.marks != NULL and gaps.marks.retries.n > 0
    cdef int32_t* start
    cdef int32_t* stop
    cdef int64_t ts
    cdef char* out
    if n == 0:
        return 0
    reserve(writer, FIXED_BYTES + n * (GAP_BYTES + RETRY_BYTES if retried else GAP_BYTES))
    start = <int32_t*>malloc(2 * n * sizeof(int32_t))
    if start == NULL:
        raise MemoryError("no memory for the gaps")
    try:
        stop = start + n
        gaps_list(gaps, expected, start, stop)
        out = write_i64(write_literal(writer.data + writer.size, b'"gaps":{"gap_count":'), n)
        out = write_i64(write_literal(out, b',"missing_bars":'), gaps_missing(gaps, expected))
        out = write_literal(out, b',"ranges":[')
        for i in range(n):
            ts = ordinal_start(gaps.table, start[i])
            out = _write_time(write_literal(out, b'{"start_time":'), ts, style)
            ts += (stop[i] - 1 - start[i]) * gaps.table.step_ns  # a gap lies in one segment
            out = _write_time(write_literal(out, b'"end_time":'), ts, style)
            out = write_i64(write_literal(out, b'"bar_count":'), stop[i] - start[i])
            if retried:
                out = _write_retries(out, gaps, start[i], stop[i], times)
            out = write_literal(out, b"},")
        writer.size = write_literal(out - 1, b"]},") - writer.data
    finally:
        free(start)
    return 0


cdef inline char* _write_any_f64(char* out, double x) noexcept nogil:
    cdef int hint = 2
    return write_f64(out, x, &hint)


cdef inline char* _write_values(char* out, const Bar* bar) noexcept nogil:
    """`open,high,low,close,volume]` of one bar."""
    cdef uint32_t cents[4]
    cdef uint32_t volume
    cdef int hint = 2
    if scale_column(&bar.open, 4, 100.0, cents):  # the four prices stand side by side
        out = write_cents(write_cents(write_cents(write_cents(out, cents[0]), cents[1]), cents[2]), cents[3])
    else:
        out = _write_price(_write_price(out, bar.open, &hint), bar.high, &hint)
        out = _write_price(_write_price(out, bar.low, &hint), bar.close, &hint)
    if scale_column(&bar.volume, 1, 1.0, &volume):
        out = write_u64(out, volume)
    else:
        hint = 2
        out = write_volume(out, bar.volume, &hint)
    out[0] = c"]"
    return out + 1


cdef inline char* _write_row(char* out, const Bar* bar, TimeStyle* style) noexcept nogil:
    """`[time,open,high,low,close,volume]` of one bar; ROW_BYTES at most."""
    out[0] = c"["
    return _write_values(_write_time(out + 1, bar.ts, style), bar)


cdef int _changed_rows(ByteWriter writer, Symbol* symbol, Py_ssize_t k, const Change* change,
                       TimeStyle* style) except -1:
    """The rows that a consumer lacks, in time order, with commas between."""
    cdef const Ring* ring = series_ring(symbol, k)
    cdef int32_t i
    cdef Bar row
    if change.n_edited == 0 and change.first == change.stop - 1:
        reserve(writer, ROW_BYTES)
        writer.size = _write_row(writer.data + writer.size, &change.newest, style) - writer.data
        return 0
    if k > 0:
        symbol_flush(symbol, <int32_t>k - 1)
    for i in range(change.n_edited):
        ring_read(ring, change.edited[i], &row)
        reserve(writer, ROW_BYTES)
        writer.size = _write_row(writer.data + writer.size, &row, style) - writer.data
        writer.data[writer.size] = c","
        writer.size += 1
    _rows(writer, ring, change.first, change.stop, style)
    if change.n_edited > 0 and change.first == change.stop:
        writer.size -= 1
    return 0


cdef inline char* _write_label(char* out, const Label* label) noexcept nogil:
    memcpy(out, label.text, sizeof(label.text))
    return out + label.n


cdef int _series(ByteWriter writer, Cursor cursor, SymbolCore core, Head* head, Py_ssize_t k, const Visit* visit,
                 dict pinned_gaps, dict pinned_quality, Style style) except -1:
    """`"NAME":{"count":...,"data":[...]},` of one series, as far as its consumer lacks it."""
    cdef Change change
    cdef Symbol* symbol = &core.symbol
    cdef Sent* sent = &head.series[k]
    cdef bint pinned = pinned_gaps is not None and k in pinned_gaps
    cdef Py_ssize_t before
    cdef char* out
    cursor.step(core, sent, k, visit, pinned, -1 if pinned_quality is None else pinned_hundredths(pinned_quality, k),
                &change)
    if not change.sent:
        return 0
    reserve(writer, 2 * FIXED_BYTES)
    out = _write_label(writer.data + writer.size, &head.labels[k])
    out = write_i64(out, 0 if symbol.grid == NULL else sent.total - ring_oldest(series_ring(symbol, k)))
    out = write_i64(write_literal(out, b',"total_count":'), sent.total)
    out = write_literal(out, b',"generated":true' if k else b',"generated":false')
    if sent.flags & FORMING:
        out = write_literal(out, b',"forming":true')
    out = write_cents(write_literal(out, b',"quality":'), sent.quality)
    writer.size = before = out - writer.data
    if change.gaps:
        if pinned:
            write_bytes(writer, pinned_gaps[k])
        elif symbol.grid != NULL:
            _tracked_gaps(writer, series_gaps(symbol, k), sent.expected, style)
        reserve(writer, FIXED_BYTES)
        if not visit.whole and writer.size == before:
            writer.size = write_literal(writer.data + writer.size, b'"gaps":null,') - writer.data
    out = writer.data + writer.size
    if change.replace:
        out = write_literal(out, b'"replace":true,')
    out = write_literal(out, b'"columns":["timestamp","open","high","low","close","volume"],"data":[')
    writer.size = out - writer.data
    if change.n_edited or change.first < change.stop:
        _changed_rows(writer, symbol, k, &change, &style.data)
    reserve(writer, FIXED_BYTES)
    writer.size = write_literal(writer.data + writer.size, b"]},") - writer.data
    return 0


cdef struct SeriesText:
    # How a series of the symbol before began, and its newest row: symbols are mostly alike in that,
    # but for the prices.
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


cdef void _begin_series(SeriesText* text, bint derived, TimeStyle* style) noexcept nogil:
    """`"NAME":{"count":...,"data":[` without gaps, and the newest row up to its prices."""
    cdef char* end = write_u64(_write_label(text.text, text.label), text.count)
    end = write_u64(write_literal(end, b',"total_count":'), text.total)
    end = write_literal(end, b',"generated":true' if derived else b',"generated":false')
    if text.forming:
        end = write_literal(end, b',"forming":true')
    end = write_cents(write_literal(end, b',"quality":'), text.quality)
    end = write_literal(end, b'"columns":["timestamp","open","high","low","close","volume"],"data":[')
    text.n_head = end - text.text
    end[0] = c"["
    text.n = _write_time(end + 1, text.ts, style) - text.text


cdef inline char* _copy_text(char* out, const char* text, Py_ssize_t n) noexcept nogil:
    """`n` bytes of a SeriesText, of which more are there: of a fixed length they are copied without
    a call."""
    memcpy(out, text, COPIED)
    if n > COPIED:
        memcpy(out + COPIED, text + COPIED, n - COPIED)
    return out + n


cdef inline char* _write_metrics(char* out, const Symbol* symbol) noexcept nogil:
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
    out = write_literal(_write_any_f64(out, day.bar.high), b',"low":')
    return write_literal(_write_any_f64(out, day.bar.low), b',"data":{')


cdef inline bint _is_in_order(const Ring* ring, const Gaps* gaps, const Sent* sent) noexcept nogil:
    """Whether nothing has happened to a series but bars in turn, and of these it has at most one
    new row."""
    cdef int32_t missing = gaps.n_absent
    if gaps.marks != NULL:
        missing -= gaps_explained(gaps, gaps.frontier)
    return (missing == sent.missing and <uint64_t>(ring.next_seq - sent.total) < 2 and sent.total != 0
            and sent.flags & (TAIL | PINNED) == 0)


cdef inline char* _series_in_order(char* out, const Symbol* symbol, Sent* sent, Py_ssize_t k, const Label* label,
                                   SeriesText* text, int64_t as_of, bint was_in_order, TimeStyle* style) noexcept nogil:
    """What `_series` writes of a series that is in turn; it then counts as sent. `was_in_order`:
    its symbol's newest bar was the one that time had come to when it was sent before."""
    cdef const Ring* ring
    cdef const Gaps* gaps
    cdef const Bar* newest
    cdef bint forming = False, newest_differs
    cdef int32_t expected, present, quality = 10_000
    cdef int64_t total, count
    cdef Bar row, former
    if k == 0:
        ring, gaps, newest = &symbol.base, &symbol.gaps, &row
        total, count = ring.next_seq, ring.next_seq - ring_oldest(ring)
        ring_read(ring, total - 1, &row)
    else:
        ring, gaps, newest = &symbol.levels[k - 1].ring, &symbol.levels[k - 1].gaps, &symbol.levels[k - 1].bar
        total = count = ring.next_seq
        forming = as_of < symbol.levels[k - 1].slot_stop
    expected, present = gaps.frontier - forming, gaps.frontier - gaps.n_absent - forming
    if expected > present:
        quality = <int32_t>(10_000 * <int64_t>present // expected)
    newest_differs = total != sent.total or bits_of(sent.values[4]) != bits_of(newest.volume) or (
        memcmp(sent.values, &newest.open, 4 * sizeof(double)) != 0)
    sent.expected = expected
    if not newest_differs and quality == sent.quality and forming == (sent.flags & FORMING != 0):
        return out
    if (text.label != label or text.count != count or text.total != total or text.quality != quality
            or text.forming != forming or text.ts != newest.ts or text.style != style):
        text.label, text.count, text.total, text.quality = label, count, total, quality
        text.forming, text.ts, text.style = forming, newest.ts, style
        _begin_series(text, k > 0, style)
    if not newest_differs:
        out = _copy_text(out, text.text, text.n_head)
    else:
        # The row before a new one has not changed since it was sent if its slot was over then, by
        # its own bars.
        if k > 0 and total != sent.total and (sent.flags & FORMING or not was_in_order):
            ring_read(ring, total - 2, &former)
            if memcmp(sent.values, &former.open, 5 * sizeof(double)) != 0:
                out = _write_row(_copy_text(out, text.text, text.n_head), &former, style)
                out[0] = c","
                out = _copy_text(out + 1, text.text + text.n_head, text.n - text.n_head)
            else:
                out = _copy_text(out, text.text, text.n)
        else:
            out = _copy_text(out, text.text, text.n)
        out = _write_values(out, newest)
        sent.total, sent.newest_ts = total, newest.ts
        sent.values[0], sent.values[1], sent.values[2] = newest.open, newest.high, newest.low
        sent.values[3], sent.values[4] = newest.close, newest.volume
    sent.quality = <int16_t>quality
    sent.flags = (sent.flags & ~FORMING) | (FORMING if forming else 0)
    return write_literal(out, b"]},")


cdef bint _ticks_grew(const TickRing* tape, const Head* head, int which) noexcept nogil:
    """Whether a consumer lacks trades (0) or quotes (1)."""
    return tape != NULL and tape.next_seq > 0 and tape.next_seq != head.n_ticks[which]


cdef char* _symbol_in_order(char* out, SymbolCore live, Head* head, SeriesText* texts, Visit* visit,
                            TimeStyle* style) noexcept nogil:
    """The session of a symbol up to its trades, if nothing has happened to it but bars in turn, and
    few since the consumer was sent it: the commonest case, a third of the work of `symbol/symbol`.
    It then counts as sent. NULL, and nothing has changed, where it is another case; the place that
    was given where there is nothing to tell.

    No object is made and nothing is asked of Python, so this is done in the guard."""
    cdef Symbol* symbol = &live.symbol
    cdef uintptr_t* inside
    cdef int64_t as_of
    cdef bint was_in_order, is_in_order, changed
    cdef Py_ssize_t k
    cdef char* start
    cdef char* begin = out
    if (symbol.grid == NULL or head.session != live.session_id or head.n_pin_edits != live.n_pin_edits
            or head.n_past_edits != live.n_past_edits):
        return NULL
    inside = symbol_enter(symbol)
    as_of = symbol_watermark(symbol)
    is_in_order = head.n_edits == symbol.n_edits and symbol.next_slot_ts != INT64_MAX and as_of == symbol.newest_stop
    if is_in_order:
        symbol_fold_levels(symbol)
        for k in range(head.n_series):
            if head.selected >> k & 1 and not _is_in_order(series_ring(symbol, k), series_gaps(symbol, k),
                                                           &head.series[k]):
                is_in_order = False
                break
    visit.with_ticks[0] = _ticks_grew(symbol.ticks, head, 0)
    visit.with_ticks[1] = _ticks_grew(symbol.quotes, head, 1)
    if (visit.with_ticks[0] or visit.with_ticks[1]) and symbol.guard != NULL:
        is_in_order = False  # they are written later, and are to be of the same moment
    if not is_in_order:
        symbol_leave(inside)
        return NULL
    was_in_order = head.as_of == head.last_ts + symbol.step_ns
    changed = head.last_ts != symbol.last_ts
    head.last_ts, head.as_of = symbol.last_ts, as_of
    start = out = _write_metrics(out, symbol)
    for k in range(head.n_series):
        if head.selected >> k & 1:
            out = _series_in_order(out, symbol, &head.series[k], k, &head.labels[k], &texts[k], as_of, was_in_order,
                                   style)
    if visit.with_ticks[0]:
        head.n_ticks[0] = symbol.ticks.next_seq
    if visit.with_ticks[1]:
        head.n_ticks[1] = symbol.quotes.next_seq
    symbol_leave(inside)
    return out if changed or out > start or visit.with_ticks[0] or visit.with_ticks[1] else begin


cdef int _buffer(ByteWriter writer, const Symbol* symbol, bint quotes, TimeStyle* style) except -1:
    """`"ticks":{...},` or `"quotes":{...},`: how many there are, and the latest; nothing where
    there are none."""
    cdef const TickRing* ring = symbol.quotes if quotes else symbol.ticks
    cdef int64_t count, total
    cdef int hint = 2
    cdef const char* exchange
    cdef Py_ssize_t n = 0
    cdef char* out
    cdef Tick tick
    if ring == NULL or ring.next_seq == 0:
        return 0
    count, total = ring.next_seq - ticks_oldest(ring), ring.next_seq
    ticks_read(ring, total - 1, &tick)
    reserve(writer, FIXED_BYTES + STRING_BYTES + STRING_FACTOR * 8)
    out = write_literal(writer.data + writer.size, b'"quotes":{"count":' if quotes else b'"ticks":{"count":')
    out = write_i64(out, count)
    out = write_i64(write_literal(out, b',"total_count":'), total)
    out = _write_time(write_literal(out, b',"latest":{"timestamp":'), tick.ts, style)
    if quotes:
        out = _write_price(write_literal(out, b'"bid":'), tick.value[0], &hint)
        out = _write_price(write_literal(out, b'"ask":'), tick.value[1], &hint)
        out = write_volume(write_literal(out, b'"bid_size":'), tick.value[2], &hint)
        out = write_volume(write_literal(out, b',"ask_size":'), tick.value[3], &hint)
    else:
        out = _write_price(write_literal(out, b'"price":'), tick.value[0], &hint)
        out = write_volume(write_literal(out, b'"size":'), tick.value[1], &hint)
        exchange = <const char*>&tick.exchange
        while n < 8 and exchange[n]:
            n += 1
        out = write_string(write_literal(out, b',"exchange":'), exchange, n)
    writer.size = write_literal(out, b"}},") - writer.data
    return 0


cdef int _historical(ByteWriter writer, list pieces) except -1:
    """`,"historical":{...}` from behind the session on. Days that are over are text already, and
    spliced."""
    cdef Py_ssize_t n = FIXED_BYTES
    cdef bytes piece
    cdef char* out
    for piece in pieces:
        n += len(piece)
    reserve(writer, n)
    out = write_literal(writer.data + writer.size, b',"historical":{')
    for piece in pieces:
        memcpy(out, PyBytes_AS_STRING(piece), len(piece))
        out += len(piece)
    writer.size = write_literal(out, b"}") - writer.data
    return 0


cdef inline char* _write_name(ByteWriter writer, Cursor cursor, const Head* head) noexcept:
    """`"NAME":{`, for which there is room. The writer does not move on."""
    memcpy(writer.data + writer.size, cursor.names.data + head.name, head.n_name)
    return write_literal(writer.data + writer.size + head.n_name, b":{")


cdef int _symbol(ByteWriter writer, Cursor cursor, Py_ssize_t i, bint delta, SeriesText* texts, dict pinned,
                 dict foreign, object source, Style style) except -1:
    """`"NAME":{"session":{...},"historical":{...}},` of one symbol, as far as its consumer lacks
    it; 1 if it lacks something."""
    cdef SymbolCore live = <SymbolCore>cursor.cores[i], core
    cdef Head* head = &cursor.heads[i]
    cdef Py_ssize_t k, before = writer.size, start
    cdef dict pinned_gaps = None, pinned_quality = None
    cdef list past = None
    cdef bytes zone = None
    cdef bint is_pinned = bool(pinned) and live in pinned
    cdef int64_t asked = -1, pin_edits = 0, past_edits = 0
    cdef int tries = 0
    cdef char* out
    cdef char* session = NULL
    cdef Visit visit
    if foreign and live in foreign:
        style, zone = source.style(live)
    visit.whole = visit.past_changed = False
    if delta and not cursor.millis and not is_pinned:
        reserve(writer, 2 * FIXED_BYTES + head.n_name + head.n_series * SERIES_BYTES)
        out = write_literal(_write_name(writer, cursor, head), b'"session":{"volume":')
        session = _symbol_in_order(out, live, head, texts, &visit, &style.data)
        if session == out:
            return 0
        core = live
    if session != NULL:
        writer.size = session - writer.data
    else:
        # All of Python is asked first: other threads run meanwhile, and may change what it has
        # said.
        while asked != live.n_pin_edits + live.n_past_edits + live.session_id and tries < TRIES:
            asked, tries = live.n_pin_edits + live.n_past_edits + live.session_id, tries + 1
            pin_edits, past_edits = live.n_pin_edits, live.n_past_edits
            if foreign and live in foreign:
                style, zone = source.style(live)
            if pinned:
                pinned_gaps, pinned_quality = source.pins(live) if live in pinned else (None, None)
            if not delta or cursor.lacks_past(i):
                past = _past(live, source)
            style.learn(live)
        # From here on none of it runs. A copy is sent where compiled code may write, as writing
        # takes longer.
        #
        # rounding a pinned quality is Python
        core = still(live) if pinned_gaps is None else snapshot_of(live)
        cursor.visit(i, core, not delta, &visit)
        if head.n_pin_edits != pin_edits or head.n_past_edits != past_edits:
            # A function of an indicator changes history each time it is called. What it said last
            # is sent, and the next delta looks again.
            head.n_pin_edits, head.n_past_edits = pin_edits, past_edits
            head.n_edits -= 1
        reserve(writer, FIXED_BYTES + head.n_name)
        out = _write_name(writer, cursor, head)
        if visit.whole:
            if delta:
                out = write_literal(out, b'"replace":true,')
            if zone is not None:
                writer.size = out - writer.data
                write_bytes(writer, zone)
                reserve(writer, FIXED_BYTES)
                out = writer.data + writer.size
        out = _write_metrics(write_literal(out, b'"session":{"volume":'), &core.symbol)
        writer.size = start = out - writer.data
        for k in range(head.n_series):
            if head.selected >> k & 1:
                _series(writer, cursor, core, head, k, &visit, pinned_gaps, pinned_quality, style)
        if writer.size == start and not (visit.whole or visit.changed or visit.with_ticks[0] or visit.with_ticks[1]):
            writer.size = before
            return 0
    if visit.with_ticks[0]:
        _buffer(writer, &core.symbol, False, &style.data)
    if visit.with_ticks[1]:
        _buffer(writer, &core.symbol, True, &style.data)
    reserve(writer, FIXED_BYTES)
    writer.size -= writer.data[writer.size - 1] == c","  # behind the last member
    writer.size = write_literal(writer.data + writer.size, b"}}") - writer.data
    if visit.whole or visit.past_changed:
        _historical(writer, past)
        reserve(writer, 2)
    writer.size = write_literal(writer.data + writer.size, b"},") - writer.data
    return 1


cdef list _NO_HISTORY = [b'"loaded":false']


cdef list _past(SymbolCore core, object source):
    """The members of `historical` in pieces. Most symbols of many stores have none, and are not
    asked for them."""
    cdef object days = core.days
    cdef list history = None
    # None: it has left
    if days is not None and (source.all_past or (<Days>days).version or (<Days>days).has_values):
        history = source.past(core)
    return _NO_HISTORY if history is None else history


cdef struct Queue:
    # Symbols that are to be written next, found ahead of the writer.
    Py_ssize_t scanned     # symbols that have been looked at
    Py_ssize_t n           # how many of them are to be written
    int32_t at[QUEUE]      # their numbers: the one to be written as number j at j % QUEUE


cdef void _scan(Cursor cursor, Queue* queue, Py_ssize_t i, bint delta) noexcept:
    """Have some symbols in the queue behind number `i` of those that are written, as far as there
    are any."""
    cdef list cores = cursor.cores
    cdef Py_ssize_t n_cores = PyList_GET_SIZE(cores), scanned = queue.scanned
    while queue.n <= i + AHEAD and scanned < n_cores:
        if scanned + QUEUE < n_cores:
            prefetch_span(&(<SymbolCore>PyList_GET_ITEM(cores, scanned + QUEUE)).symbol, SCANNED_BYTES)
        if not delta or cursor.has_changed(scanned):
            queue.at[queue.n % QUEUE] = <int32_t>scanned
            queue.n += 1
        scanned += 1
    queue.scanned = scanned


cdef void _look_ahead(list cores, const Queue* queue, Py_ssize_t i, bint delta) noexcept:
    """Fetch what lies scattered of symbols a few ahead of number `i` of those to be written, each
    part when what points to it is there. Others may be writing to them: what is asked for in vain
    does no harm.

    Of many symbols with few rows nothing is in a near cache, and waiting takes longer than writing:
    1.3 us a symbol instead of 2.3."""
    cdef Py_ssize_t k
    cdef Symbol* symbol
    cdef const Level* levels
    cdef const Ring* ring
    cdef int64_t at
    if i + AHEAD < queue.n:
        prefetch_span(<void*>PyList_GET_ITEM(cores, queue.at[(i + AHEAD) % QUEUE]), SYMBOL_BYTES)
    if i + 5 < queue.n:
        symbol = &(<SymbolCore>PyList_GET_ITEM(cores, queue.at[(i + 5) % QUEUE])).symbol
        if symbol.grid != NULL:
            levels = <const Level*>peek_pointer(<void**>&symbol.levels)
            for k in range(symbol.n_levels - 1):
                prefetch_span(&levels[k], LEVEL_BYTES)
            if delta:
                at = peek(&symbol.base.next_seq) - peek(&symbol.base.origin) - 1
                prefetch(peek_ints(&symbol.base.ts) + at)
                prefetch(peek_values(&symbol.base.open) + at)
                prefetch(peek_values(&symbol.base.high) + at)
                prefetch(peek_values(&symbol.base.low) + at)
                prefetch(peek_values(&symbol.base.close) + at)
                prefetch(peek_values(&symbol.base.volume) + at)
    if not delta and i + 2 < queue.n:
        symbol = &(<SymbolCore>PyList_GET_ITEM(cores, queue.at[(i + 2) % QUEUE])).symbol
        if symbol.grid != NULL and symbol.guard == NULL:
            for k in range(symbol.n_levels):
                ring = series_ring(symbol, k)
                ring_prefetch(ring, ring_oldest(ring))


# Sizes of the last document and of the last delta, and a sixteenth: the next one is likely to be
# like it.
cdef Py_ssize_t _wanted[2]
_wanted[0] = _wanted[1] = 0


def write_document(bytes meta, Cursor cursor not None, bint delta, object source, Style style not None, into=None):
    """The complete document of a cursor's symbols, or what has changed of it.

    Parameters
    ----------
    meta : bytes
        The `meta` object as JSON.
    cursor : Cursor
        Started, or (with `delta`) going on; it counts everything as sent.
    source : sessiondata.export.document.Source
        Asked for what stands beside native state, for those symbols only that have some.
    style : Style
        Of symbols with the store's calendar.
    into : writable, contiguous buffer, optional

    Returns
    -------
    bytes, or int
        The document; its length, if it was written into a buffer.

    Raises
    ------
    BufferTooSmallError
        The document has no room there.
    """
    cdef ByteWriter writer = ByteWriter(_wanted[delta], into)
    cdef list cores = cursor.cores
    cdef dict pinned = source.pinned, foreign = source.foreign
    cdef Py_ssize_t i = 0, n_sent = 0
    cdef Queue queue
    cdef SeriesText texts[MAX_LEVELS]
    memset(texts, 0, sizeof(texts))
    queue.scanned = queue.n = 0
    write_bytes(writer, b'{"meta":')
    write_bytes(writer, meta)
    write_bytes(writer, b',"symbols":{')
    while True:
        _scan(cursor, &queue, i, delta)
        if i == queue.n:
            break
        if i % 16 == 0:
            PyErr_CheckSignals()  # thousands of symbols take a while
        _look_ahead(cores, &queue, i, delta)
        n_sent += _symbol(writer, cursor, queue.at[i % QUEUE], delta, texts, pinned, foreign, source, style)
        i += 1
    writer.size -= n_sent > 0  # the comma behind the last symbol
    write_bytes(writer, b"}}")
    _wanted[delta] = writer.size + (writer.size >> 4)
    return writer.take() if into is None else writer.put()


# ---- parts of documents

def write_series(SymbolCore core not None, Py_ssize_t k, dict pinned_gaps, dict pinned_quality, Style style not None):
    """The member of one series in a document. Pins by series number: gaps as the ready member
    ``b'"gaps":{...},'`` (their times may lie anywhere, so Python writes them), quality as float."""
    cdef ByteWriter writer = ByteWriter()
    cdef Cursor cursor = Cursor()
    cdef Visit visit
    cdef bytes text
    cursor.start([core], None, False)
    cursor.visit(0, core, True, &visit)
    _series(writer, cursor, core, &cursor.heads[0], k, &visit, pinned_gaps, pinned_quality, style)
    text = writer.take()
    return text[len(core.intervals[k]) + 3:len(text) - 1]  # behind `"NAME":`, before the comma


def write_rows(const int64_t[::1] ts, const double[::1] open, const double[::1] high, const double[::1] low,
               const double[::1] close, const double[::1] volume, Style style not None):
    """``[time,open,high,low,close,volume],[...]``: rows with commas between."""
    cdef ByteWriter writer = ByteWriter(ts.shape[0] * 64)
    cdef Ring ring
    memset(&ring, 0, sizeof(Ring))
    ring.capacity = ring.next_seq = ts.shape[0]
    if ring.next_seq:
        ring.ts = <int64_t*>&ts[0]
        ring.open, ring.high, ring.low = <double*>&open[0], <double*>&high[0], <double*>&low[0]
        ring.close, ring.volume = <double*>&close[0], <double*>&volume[0]
    _rows(writer, &ring, 0, ring.next_seq, &style.data)
    return writer.take()
